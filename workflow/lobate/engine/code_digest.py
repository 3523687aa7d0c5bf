"""One digest of all code that a verb can reach, and the versions of the libraries that this code imports.

Snakemake does not see imported modules. Here a digest covers a module and every module of this package that it imports,
at the top or inside a function, and so on. Comments, docstrings and formatting are left out. Modules of settings and
signatures are left out too: their values are in the recipe itself. A package's files of other languages (the scripts of
a page) belong to its `__init__`, byte by byte.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

from lobate.engine.ast_cache import PACKAGE, Import, parsed_module, save_cache, source_file
from lobate.io.digest import file_digest, text_digest

WITHOUT_BEHAVIOUR = (f"{PACKAGE}.settings", f"{PACKAGE}.engine.signature")
OTHER_LANGUAGES = (".js", ".css", ".html")
DISTRIBUTIONS = {"PIL": "pillow", "markdown_it": "markdown-it-py", "yaml": "PyYAML"}
"""Import name -> distribution, where the two differ: a search for the distribution takes most of a second."""


@cache
def code_digest(modules: frozenset[str]) -> str:
    """Return the digest of all code that these modules can reach."""
    digest = text_digest("\n".join(f"{name} {_module_digest(name)}" for name in sorted(reachable_modules(modules))))
    save_cache()
    return digest


@cache
def libraries(modules: frozenset[str]) -> dict[str, str]:
    """Return distribution -> version of all third-party libraries in the code that these modules can reach."""
    names = {name.partition(".")[0] for module in reachable_modules(modules) for name in _imported_names(module)}
    third_party = sorted(name for name in names if name != PACKAGE and name not in sys.stdlib_module_names)
    return dict(sorted(version for name in third_party if (version := _installed_version(name))))


def digest_again(modules: frozenset[str]) -> str:
    """Return `code_digest` of the files as they are now, in a process that has digested them before."""
    for cached in (code_digest, reachable_modules, _imported_names, parsed_module):
        cached.cache_clear()
    return code_digest(modules)


@cache
def reachable_modules(modules: frozenset[str]) -> frozenset[str]:
    """Return the modules that these modules import, directly or not, and themselves."""
    reachable: set[str] = set()
    queue = set(modules)
    while queue:
        module = queue.pop()
        reachable.add(module)
        imported = {name for name in _imported_names(module) if source_file(name) and not _is_without_behaviour(name)}
        queue |= imported - reachable
    return frozenset(reachable)


def _is_without_behaviour(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in WITHOUT_BEHAVIOUR)


def _module_digest(module: str) -> str:
    return text_digest(parsed_module(module).code + "".join(_other_language_digests(module)))


def _other_language_digests(module: str) -> Iterator[str]:
    """Yield name and digest of each file of another language in a package's folder; nothing for a plain module."""
    return (f"\n{file.name} {file_digest(file)}" for file in _other_language_files(module))


def _other_language_files(module: str) -> list[Path]:
    source = source_file(module)
    if source is None or source.name != "__init__.py":
        return []
    return sorted(file for file in source.parent.iterdir() if file.suffix in OTHER_LANGUAGES)


def files_of_module(module: str) -> list[Path]:
    """Return all files that a module's digest covers."""
    source = source_file(module)
    return [*([source] if source else []), *_other_language_files(module)]


@cache
def _imported_names(module: str) -> frozenset[str]:
    """Return the full names that a module imports, and the packages above them; some are no modules but attributes."""
    names = {name for imported in parsed_module(module).imports for name in _possible_modules(imported, module)}
    return frozenset(parent for name in names for parent in _with_parents(name)) - {module}


def _possible_modules(imported: Import, module: str) -> Iterator[str]:
    base = _absolute_name(imported, module)
    yield base
    yield from (f"{base}.{part}" for part in imported.parts)


def _absolute_name(imported: Import, module: str) -> str:
    if not imported.level:
        return imported.name
    source = source_file(module)
    drop = imported.level - (source is not None and source.name == "__init__.py")
    parts = module.split(".")
    return ".".join(parts[: len(parts) - drop] + ([imported.name] if imported.name else []))


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    yield from (".".join(parts[: n + 1]) for n in range(len(parts)))


@cache
def _installed_version(name: str) -> tuple[str, str] | None:
    distribution = DISTRIBUTIONS.get(name, name)
    try:
        return distribution, metadata.version(distribution)
    except metadata.PackageNotFoundError:
        distributions = metadata.packages_distributions().get(name)
        return (distributions[0], metadata.version(distributions[0])) if distributions else None
