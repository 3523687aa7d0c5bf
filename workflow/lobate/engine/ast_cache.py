"""What the package's modules say, read from their text and not by importing them.

Parsing a few hundred modules takes seconds, and every job asks. So the findings are kept beside the bytecode, under the
digest of the text: a changed text, another Python or a change of this module is never taken for the same.
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
MAX_ENTRIES = 2000
"""Texts remembered; beyond, the oldest are forgotten."""


class Import(NamedTuple):
    """An import as it is written: the dots before the name, the name, and what is taken from it."""

    level: int
    name: str
    parts: list[str]


class ParsedFunction(NamedTuple):
    """A function with marked parameters, as written.

    ``parameters`` are triples of name, marker ("Input", "Output", "Setting" or "") and whether it is a list;
    ``substitutes`` names the condition and the stand-in of ``run_instead_if``, or is empty.
    """

    parameters: list[tuple[str, str, bool]]
    substitutes: list[str]


class ParsedModule(NamedTuple):
    """What a module's text says.

    ``code``: a digest without comments, docstrings and formatting; ``imports``: at the top or inside a function;
    ``functions``: those with marked parameters.
    """

    code: str
    imports: list[Import]
    functions: dict[str, ParsedFunction]


class AstCache:
    """What the modules of the package in the folder ``root`` say."""

    def __init__(self, root: Path) -> None:
        own = file_digest(Path(__file__))[:16]
        self.file = root / "__pycache__" / f"parsed.{sys.implementation.cache_tag}.{own}.json"
        self.known = _read_entries(self.file)
        self.kept = len(self.known)

    def parse(self, source: Path) -> ParsedModule:
        """Return what the module in the file ``source`` says."""
        text = file_digest(source)
        if text not in self.known:
            self.known[text] = _parse(source.read_bytes())
        return self.known[text]

    def save(self) -> None:
        """Write what is new, where the folder lets itself be written; other processes may do the same meanwhile."""
        if len(self.known) == self.kept:
            return
        with suppress(OSError):  # an installation of another user, a full disk: it costs time only
            self.file.parent.mkdir(exist_ok=True)
            with atomic_write(self.file) as part:
                part.write_text(
                    json.dumps(dict([*(_read_entries(self.file) | self.known).items()][-MAX_ENTRIES:])),
                    encoding="utf-8",
                )
        self.kept = len(self.known)


def _read_entries(file: Path) -> dict[str, ParsedModule]:
    try:
        known = json.loads(file.read_bytes())
        return {text: _module_from_json(*fields) for text, fields in known.items()}
    except (OSError, ValueError, TypeError, AttributeError):  # none yet, or damaged
        return {}


def _module_from_json(code: str, imports: list[Any], functions: dict[str, Any]) -> ParsedModule:
    texts = {name: ParsedFunction([(*row,) for row in rows], others) for name, (rows, others) in functions.items()}
    return ParsedModule(code, [Import(*fields) for fields in imports], texts)


def _parse(text: bytes) -> ParsedModule:
    tree = ast.parse(text)
    imports = [written for node in ast.walk(tree) for written in _imports_of(node)]
    functions = {
        node.name: function
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and (function := _parse_function(node))
    }
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                setattr(
                    node,
                    field,
                    [one for one in block if not _is_string_statement(one)] or ([ast.Pass()] if block else []),
                )
    return ParsedModule(text_digest(ast.unparse(tree)), imports, functions)


def _imports_of(node: ast.AST) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(0, alias.name, []) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield Import(node.level, node.module or "", [alias.name for alias in node.names])


def _parse_function(node: ast.FunctionDef) -> ParsedFunction | None:
    listed = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    parameters = [_parse_parameter(argument) for argument in listed]
    substitutes = [
        name.id
        for call in node.decorator_list
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "run_instead_if"
        for name in (*call.args, *(keyword.value for keyword in call.keywords))
        if isinstance(name, ast.Name)
    ]
    marked = any(marker for _, marker, _ in parameters)
    return ParsedFunction(parameters, substitutes) if marked else None


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
    """Return the file of a module of this package, None for anything else."""
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
    """Return what a module of the package says. Raises ValueError for any other."""
    source = source_file(module)
    if source is None:
        raise ValueError(f"{module} is no module of {PACKAGE}")
    return _cache().parse(source)


def save_cache() -> None:
    """Keep the findings for later processes."""
    _cache().save()
