"""What a module's text says: its code as one digest, and what it imports.

Parsing a few hundred modules takes seconds, and every job asks. So what was found is remembered beside the bytecode,
under the digest of the text; a changed text, another Python or a change of this module is never taken for the same.
"""

from __future__ import annotations

import ast
import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from lobate.digests import file_digest, text_digest

LIMIT = 2000
"""Texts remembered; beyond, the oldest are forgotten."""


class Import(NamedTuple):
    """An import as it is written: the dots before the name, the name, and what is taken from it."""

    level: int
    name: str
    parts: list[str]


class Parsed(NamedTuple):
    """``code``: a digest without comments, docstrings and formatting; ``imports``: at the top or inside a function."""

    code: str
    imports: list[Import]


class Memory:
    """What the modules of the package in the folder ``root`` say."""

    def __init__(self, root: Path) -> None:
        own = file_digest(Path(__file__))[:16]
        self.file = root / "__pycache__" / f"parsed.{sys.implementation.cache_tag}.{own}.json"
        self.known = _read(self.file)
        self.kept = len(self.known)

    def parse(self, source: Path) -> Parsed:
        """Return what the module in the file ``source`` says."""
        text = file_digest(source)
        if text not in self.known:
            self.known[text] = _parse(source.read_bytes())
        return self.known[text]

    def keep(self) -> None:
        """Write what is new, where the folder lets itself be written; other processes may do the same meanwhile."""
        if len(self.known) == self.kept:
            return
        part = self.file.with_suffix(f".{os.getpid()}")
        try:
            self.file.parent.mkdir(exist_ok=True)
            part.write_text(json.dumps(dict([*(_read(self.file) | self.known).items()][-LIMIT:])), encoding="utf-8")
            part.replace(self.file)
        except OSError:  # an installation of another user, a full disk: it costs time only
            with suppress(OSError):
                part.unlink()
        self.kept = len(self.known)


def _read(file: Path) -> dict[str, Parsed]:
    try:
        known = json.loads(file.read_bytes())
        return {text: Parsed(code, [Import(*one) for one in imports]) for text, (code, imports) in known.items()}
    except (OSError, ValueError, TypeError, AttributeError):  # none yet, or damaged
        return {}


def _parse(text: bytes) -> Parsed:
    tree = ast.parse(text)
    imports = [found for node in ast.walk(tree) for found in _imports(node)]
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                setattr(node, field, [one for one in block if not _is_text(one)] or ([ast.Pass()] if block else []))
    return Parsed(text_digest(ast.unparse(tree)), imports)


def _imports(node: ast.AST) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(0, alias.name, []) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield Import(node.level, node.module or "", [alias.name for alias in node.names])


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
