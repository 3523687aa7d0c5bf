"""The layers of the library can be read off its folders, and imports go down only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from lobate.engine.registry import ROOM_OF, module_of

LIBRARY = Path(__file__).parents[2] / "workflow" / "lobate"
ROOMS = ["example", "imagery", "labels", "patches", "training", "mapping", "inventory", "figures"]
LAYERS = [
    ["errors", "progress"],
    ["settings", "io"],
    ["store"],
    ["engine"],
    ["network"],
    ROOMS,
    ["review"],
    ["cli", "__main__"],
]
"""Lowest first."""
LAYER_OF = {folder: layer for layer, folders in enumerate(LAYERS) for folder in folders}


def imported_names(node: ast.AST) -> Iterator[str]:
    """Yield the full names that code imports, inside functions too, except for type checkers only."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"from {'.' * node.level} in line {node.lineno}: imports are absolute"
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from imported_names(child)


def as_path(name: str) -> str:
    """Return the file of a module or of a name in it, relative to the library; empty for what is not of the library."""
    parts = name.split(".")
    places = [Path(*parts[1:end]) for end in (len(parts), len(parts) - 1) if parts[0] == "lobate" and end > 1]
    files = (file for place in places for file in (place.with_suffix(".py"), place / "__init__.py"))
    return next((str(file) for file in files if (LIBRARY / file).exists()), "")


IMPORTS = {
    str(file.relative_to(LIBRARY)): {as_path(name) for name in imported_names(ast.parse(file.read_text()))} - {""}
    for file in sorted(LIBRARY.rglob("*.py"))
    if file != LIBRARY / "__init__.py"
}
PAIRS = [(file, other) for file, imports in IMPORTS.items() for other in sorted(imports)]


def top(file: str) -> str:
    return Path(file).parts[0].removesuffix(".py")


def circle(pairs: list[tuple[str, str]]) -> list[str]:
    """Return one circle among pairs of importing and imported, or nothing."""
    graph: dict[str, set[str]] = {}
    for importing, imported in pairs:
        graph.setdefault(importing, set()).add(imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def siblings(file: str, other: str) -> tuple[str, str] | None:
    """Return the two folders below their common one that hold two files; None where one of them lies in that itself."""
    parents = Path(file).parent.parts, Path(other).parent.parts
    for depth, (one, two) in enumerate(zip(*parents, strict=False), 1):
        if one != two:
            return "/".join(parents[0][:depth]), "/".join(parents[1][:depth])
    return None


def test_nothing_imports_from_a_layer_above():
    assert [pair for pair in PAIRS if LAYER_OF[top(pair[1])] > LAYER_OF[top(pair[0])]] == []


def test_rooms_do_not_import_each_other():
    between = [pair for pair in PAIRS if {top(file) for file in pair} <= set(ROOMS)]
    assert [pair for pair in between if top(pair[0]) != top(pair[1])] == []


def test_no_circle_between_files():
    assert circle([pair for pair in PAIRS if pair[0] != pair[1]]) == []


def test_no_circle_between_sibling_folders():
    """A room's top and its own subfolders count as one."""
    assert circle([pair for pair in (siblings(*pair) for pair in PAIRS) if pair]) == []


def test_no_verb_imports_another_verb():
    verbs = {as_path(module_of(verb)) for verb in ROOM_OF}
    assert len(verbs) == len(ROOM_OF)
    assert [pair for pair in PAIRS if verbs.issuperset(pair)] == []


def test_the_rules_see_what_they_forbid():
    code = (
        "import lobate.cli.main\nif TYPE_CHECKING:\n  import lobate.store.gc\ndef f():\n  from lobate.io import vector"
    )
    assert [as_path(name) for name in imported_names(ast.parse(code))] == ["cli/main.py", "io/vector.py"]
    assert as_path("lobate.io.vector.LONLAT") == "io/vector.py"
    assert as_path("numpy.linalg") == ""
    assert siblings("imagery/finding/items.py", "imagery/fetching/http.py") == ("imagery/finding", "imagery/fetching")
    assert siblings("imagery/finding/items.py", "imagery/pixels.py") is None
    assert circle([("a", "b"), ("b", "c"), ("c", "a")])
