"""Decisions about squares near 36 N 80 E, for the tests of what is kept."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from shapely.geometry import Polygon
from tests.inventory.conftest import square

from lobate.review.decisions_file import Decision, DecisionsFile

ANNA, BEN = "Anna", "Ben"


def said(number: int, status: str = "accepted", outline: Polygon | None = None, **others: object) -> Decision:
    """A decision about the detection of this number, whose outline is a square."""
    shown = square(number)
    return Decision(f"d{number}", status, outline or shown, shown, **others)  # type: ignore[arg-type]


def statuses(file: DecisionsFile) -> dict[str | None, str]:
    return {row.detection: row.status for row in file.rows()}


def in_process(
    code: str, *arguments: object, start: Callable[..., object] = subprocess.run, **options: object
) -> object:
    """Run code in a Python of its own, with the decisions of this module at hand."""
    head = "import sys; from pathlib import Path; from tests.review.kept import *; path = Path(sys.argv[1])\n"
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root / 'workflow'}{os.pathsep}{root}"}
    command = [sys.executable, "-c", head + code, *map(str, arguments)]
    return start(command, env=environment, cwd=root, text=True, **options)
