"""Imports, signatures and code digests of the package's modules, parsed from their source without importing them.

Parsing a few hundred modules takes seconds, and every job needs the results. So they are cached beside the bytecode.
An entry's key is the digest of the source; the file's name holds the version of Python and the digest of this module.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from lobate.io.atomic import atomic_write
from lobate.io.digest import file_digest, text_digest

PACKAGE = "lobate"
ROOT = Path(__file__).parents[1]
MARKER_NAMES = ("Input", "Output", "Setting")
BLOCKS = ("body", "orelse", "handlers", "cases", "finalbody")
"""Fields of statements that hold statements, or the parts of ``try`` and ``match`` that hold them."""
MAX_ENTRIES = 2000
"""Entries in the cache file; the oldest are dropped beyond that."""


class Import(NamedTuple):
    """An import as it is written: the number of dots before the name, the name, and the names imported from it."""

    level: int
    name: str
    parts: list[str]


class ParsedFunction(NamedTuple):
    """A function with marked parameters.

    ``parameters`` are triples of name, marker ("Input", "Output", "Setting" or "") and whether it is a list.
    ``substitutes`` holds the names of the condition and the stand-in of ``run_instead_if``, or is empty.
    """

    parameters: list[tuple[str, str, bool]]
    substitutes: list[str]


class ParsedModule(NamedTuple):
    """The parsed content of a module.

    ``code`` is a digest without comments, docstrings and formatting. ``imports`` are those at the top and inside
    functions. ``functions`` are those with marked parameters, by name.
    """

    code: str
    imports: list[Import]
    functions: dict[str, ParsedFunction]


class AstCache:
    """Parsed modules of the package in the folder ``root``, cached in a file there."""

    def __init__(self, root: Path) -> None:
        own = file_digest(Path(__file__))[:16]
        self.file = root / "__pycache__" / f"parsed.{sys.implementation.cache_tag}.{own}.json"
        self.modules = _read_entries(self.file)
        self._saved = len(self.modules)

    def parse(self, source: Path) -> ParsedModule:
        """Return the content of the module in the file ``source``."""
        digest = file_digest(source)
        if digest not in self.modules:
            self.modules[digest] = _parse(source.read_bytes())
        return self.modules[digest]

    def save(self) -> None:
        """Add new entries to the cache file, unless the folder is not writable; other processes may do so meanwhile."""
        if len(self.modules) == self._saved:
            return
        with suppress(OSError):  # an installation of another user, a full disk: the next process parses again
            self.file.parent.mkdir(exist_ok=True)
            entries = [*(_read_entries(self.file) | self.modules).items()][-MAX_ENTRIES:]
            with atomic_write(self.file) as part:
                part.write_text(json.dumps(dict(entries)), encoding="utf-8")
        self._saved = len(self.modules)


def _read_entries(file: Path) -> dict[str, ParsedModule]:
    try:
        entries = json.loads(file.read_bytes())
        return {digest: _module_from_json(*fields) for digest, fields in entries.items()}
    except (OSError, ValueError, TypeError, AttributeError):  # no file yet, or a damaged one
        return {}


def _module_from_json(code: str, imports: list[Any], functions: dict[str, Any]) -> ParsedModule:
    parsed = {
        name: ParsedFunction([(*parameter,) for parameter in parameters], substitutes)
        for name, (parameters, substitutes) in functions.items()
    }
    return ParsedModule(code, [Import(*fields) for fields in imports], parsed)


def _parse(text: bytes) -> ParsedModule:
    tree = ast.parse(text)
    statements = _statements(tree)
    imports = [imported for node in statements for imported in _imports_of(node)]
    functions = {
        node.name: function
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and (function := _parse_function(node))
    }
    _remove_docstrings(statements)
    return ParsedModule(text_digest(ast.unparse(tree)), imports, functions)


def _statements(tree: ast.Module) -> list[ast.AST]:
    """Return the module, its statements and their parts that hold statements: a twelfth of what ``ast.walk`` visits."""
    found: list[ast.AST] = [tree]
    for node in found:  # grows meanwhile
        for field in BLOCKS:
            block = getattr(node, field, None)
            if isinstance(block, list):
                found += block
    return found


def _remove_docstrings(statements: list[ast.AST]) -> None:
    for node in statements:
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list) and block:
                code = [statement for statement in block if not _is_string_statement(statement)]
                setattr(node, field, code or [ast.Pass()])


def _imports_of(node: ast.AST) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(0, alias.name, []) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield Import(node.level, node.module or "", [alias.name for alias in node.names])


def _parse_function(node: ast.FunctionDef) -> ParsedFunction | None:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    parameters = [_parse_parameter(argument) for argument in arguments]
    substitutes = [
        name.id
        for call in node.decorator_list
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "run_instead_if"
        for name in (*call.args, *(keyword.value for keyword in call.keywords))
        if isinstance(name, ast.Name)
    ]
    has_markers = any(marker for _, marker, _ in parameters)
    return ParsedFunction(parameters, substitutes) if has_markers else None


def _parse_parameter(argument: ast.arg) -> tuple[str, str, bool]:
    """Return name, marker and whether it is a list, of ``x: Annotated[list[Path], Input(...)]`` and the like."""
    nodes = [*ast.walk(argument.annotation)] if argument.annotation else []
    marker = next(
        (
            node.func.id
            for node in nodes
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKER_NAMES
        ),
        "",
    )
    is_list = any(
        isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "list"
        for node in nodes
    )
    return argument.arg, marker, is_list


def _is_string_statement(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@cache
def source_file(module: str) -> Path | None:
    """Return the file of a module of this package, or None for any other name."""
    first, *rest = module.split(".")
    if first != PACKAGE:
        return None
    base = ROOT.joinpath(*rest)
    for file in (base / "__init__.py", base.with_suffix(".py")) if rest else (ROOT / "__init__.py",):
        if file.is_file():
            return file
    return None


@cache
def _cache() -> AstCache:
    return AstCache(ROOT)


@cache
def parsed_module(module: str) -> ParsedModule:
    """Return the parsed content of a module of the package. Raises ValueError for any other name."""
    source = source_file(module)
    if source is None:
        raise ValueError(f"{module} is not a module of {PACKAGE}")
    return _cache().parse(source)


def save_cache() -> None:
    """Save the parsed modules for later processes."""
    _cache().save()
