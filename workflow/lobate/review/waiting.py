"""What waits for a person: detections that nobody decided, conflicts, and decisions that no run has taken up yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lobate.inventory.decisions import read_decisions
from lobate.inventory.detections import ATTRIBUTES
from lobate.io.vector import read_polygons
from lobate.review.decisions_file import DecisionsFile, KeptDecision
from lobate.review.items import DETECTIONS, Item, read_lists
from lobate.review.matching import Told, match
from lobate.settings import Region


@dataclass(frozen=True)
class Waiting:
    """Numbers of detections, of those that wait, of conflicts, and of decisions that are ``new`` since the last run."""

    detections: int
    waiting: int
    conflicts: int
    new: int

    def words(self) -> str:
        """Return it in words."""
        decided = self.detections - self.waiting
        parts = [f"{decided:,} of {self.detections:,} detections decided"]
        parts += [f"{self.conflicts:,} in conflict"] * bool(self.conflicts)
        parts += [f"{self.new:,} not in the inventory yet"] * bool(self.new)
        return ", ".join(parts)

    def waits_for_you(self, command: str) -> str:
        """Return what to do about the detections that wait, with the command that opens them; empty where none waits."""
        if not self.waiting:
            return ""
        return f"{self.waiting:,} detection{' waits' if self.waiting == 1 else 's wait'} for you: {command}"


def count_waiting(region: Region, decisions: Path) -> Waiting | None:
    """Return what waits in a region, None before its first map. Raises UserError for files that another program made."""
    if not detections_path(region).exists():
        return None
    items = read_lists(region)[DETECTIONS]
    lay_other_files(region, decisions, items)
    rows = DecisionsFile(decisions, region.inventory.match_iou).rows()
    lay(rows, items, region.inventory.match_iou)
    waiting = sum(item.status == "pending" for item in items)
    return Waiting(len(items), waiting, sum(bool(row.statements) for row in rows), _count_new(region, items))


def named_decisions(region: Region) -> list[Path]:
    """Return the files of decisions that the configuration names."""
    named = region.inventory.decisions or []
    return [Path(path) for path in ([named] if isinstance(named, str) else named)]


def is_read_by_workflow(region: Region, decisions: Path) -> bool:
    """Whether the configuration names a file of decisions, so that the workflow reads it."""
    return any(path.resolve() == decisions.resolve() for path in named_decisions(region))


def detections_path(region: Region) -> Path:
    """Return the file of the filtered detections."""
    return Path("results", region.region, "mapping", "detections.gpkg")


def lay(rows: Sequence[KeptDecision], items: Sequence[Item], match_iou: float) -> list[KeptDecision]:
    """Lay rows of the file of decisions over the items that their outlines fit; return the rows that fit none."""
    free = [item for item in items if item.row is None and item.origin is not None]
    places = match([Told(row.detection, row.seen, row.outline) for row in rows], free, match_iou)
    for row, position in zip(rows, places, strict=True):
        if position is not None:
            free[position].lay(row)
    return [row for row, position in zip(rows, places, strict=True) if position is None]


def lay_other_files(region: Region, decisions: Path, items: Sequence[Item]) -> list[Path]:
    """Lay the decisions of other files that the configuration names under those of ``decisions``; return these files.

    They are shown as decided, and are not changed: each reviewer may have a file of their own.
    """
    others = [path for path in named_decisions(region) if path.exists() and path.resolve() != decisions.resolve()]
    for path in others:
        rows = read_decisions(path)
        rows = rows[rows["status"] != "pending"].reset_index(drop=True)
        outlines = np.asarray(rows.geometry.values, dtype=object)
        names = [_text(name) or None for name in rows["decision"]]
        told = [Told(*row) for row in zip(names, rows["seen"], outlines, strict=True)]
        free = [item for item in items if item.elsewhere is None]
        for row, position in enumerate(match(told, free, region.inventory.match_iou)):
            if position is not None:
                said = {name: _text(rows[name][row]) for name in (*ATTRIBUTES, "reviewer", "remark") if name in rows}
                words = {name: said.get(name) or None for name in ATTRIBUTES}
                who = said["reviewer"] or path.name
                free[position].lay_elsewhere(rows["status"][row], words, who, said["remark"], outlines[row])
    return others


def _text(value: object) -> str:
    return "" if pd.isna(value) else str(value)


def _count_new(region: Region, items: Sequence[Item]) -> int:
    """Return the number of decided detections whose status the last run did not have."""
    path = Path("results", region.region, "inventory", "reviewed.gpkg")
    if not path.exists():
        return sum(item.status != "pending" for item in items)
    applied = {
        str(name): str(status)
        for layer in ("reviewed", "rejected")
        for frame in [read_polygons(path, layer)]
        for name, status in zip(frame["detection"], frame["status"], strict=True)
    }
    return sum(item.status != applied.get(item.id, item.status) for item in items)
