"""Which code a verb can reach, as one digest.

Snakemake does not see imported modules. Here a module's digest covers itself and every module of this package that it
imports, at the top or inside a function, and so on; comments, docstrings and formatting do not count, because the
digest is taken of the parsed code without them. Settings and signatures hold no behaviour: what they say stands in the
recipe itself. A package's files of other languages (the scripts of a page) belong to its `__init__`, byte by byte. The
third-party libraries that this code imports are found on the way, with their versions.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata

from lobate.engine.ast_cache import PACKAGE, Import, parsed_module, save_cache, source_file
from lobate.io.digest import file_digest, text_digest

WITHOUT_BEHAVIOUR = (f"{PACKAGE}.settings", f"{PACKAGE}.engine.signature")
OTHER_LANGUAGES = (".js", ".css", ".html")
DISTRIBUTIONS = {"PIL": "pillow", "markdown_it": "markdown-it-py", "yaml": "PyYAML"}
"""Where an import's name is not its distribution's: looking for it takes most of a second."""


@cache
def code_digest(modules: frozenset[str]) -> str:
    """Return the digest of all code that these modules of the package can reach."""
    digest = text_digest("\n".join(f"{name} {_module_digest(name)}" for name in sorted(_reachable_modules(modules))))
    save_cache()
    return digest


@cache
def libraries(modules: frozenset[str]) -> dict[str, str]:
    """Return distribution -> version of the third-party libraries imported by the code these modules can reach."""
    names = {name.partition(".")[0] for module in _reachable_modules(modules) for name in _imported_names(module)}
    foreign = sorted(name for name in names if name != PACKAGE and name not in sys.stdlib_module_names)
    return dict(sorted(version for name in foreign if (version := _installed_version(name))))


@cache
def _reachable_modules(modules: frozenset[str]) -> frozenset[str]:
    found: set[str] = set()
    waiting = set(modules)
    while waiting:
        module = waiting.pop()
        found.add(module)
        waiting |= {
            name for name in _imported_names(module) if source_file(name) and not _is_without_behaviour(name)
        } - found
    return frozenset(found)


def _is_without_behaviour(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in WITHOUT_BEHAVIOUR)


def _module_digest(module: str) -> str:
    return text_digest(parsed_module(module).code + "".join(_other_language_digests(module)))


def _other_language_digests(module: str) -> Iterator[str]:
    """Yield name and digest of the files of other languages in a package's folder; none for a plain module."""
    source = source_file(module)
    if source is not None and source.name == "__init__.py":
        for file in sorted(source.parent.iterdir()):
            if file.suffix in OTHER_LANGUAGES:
                yield f"\n{file.name} {file_digest(file)}"


@cache
def _imported_names(module: str) -> frozenset[str]:
    """Return the full names a module imports, with the packages above them; names that are no modules do no harm."""
    names = {name for one in parsed_module(module).imports for name in _possible_modules(one, module)}
    return frozenset(above for name in names for above in _with_parents(name)) - {module}


def _possible_modules(one: Import, module: str) -> Iterator[str]:
    base = _absolute_name(one, module)
    yield base
    yield from (f"{base}.{part}" for part in one.parts)


def _absolute_name(one: Import, module: str) -> str:
    if not one.level:
        return one.name
    source = source_file(module)
    drop = one.level - (source is not None and source.name == "__init__.py")
    parts = module.split(".")
    return ".".join(parts[: len(parts) - drop] + ([one.name] if one.name else []))


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    yield from (".".join(parts[: n + 1]) for n in range(len(parts)))


@cache
def _installed_version(name: str) -> tuple[str, str] | None:
    distribution = DISTRIBUTIONS.get(name, name)
    try:
        return distribution, metadata.version(distribution)
    except metadata.PackageNotFoundError:
        found = metadata.packages_distributions().get(name)
        return (found[0], metadata.version(found[0])) if found else None
