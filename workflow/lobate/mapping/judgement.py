"""What is known about each detection: right, wrong, unknown, or left out of the scores.

An inventory is incomplete, so a detection without an outline is not wrong for that. It is

- `right` if it matches a reference outline, or a person accepted it or mended its outline;
- `wrong` if a person rejected it, if it overlaps a reference outline without matching it, or if it lies on ground that a
  person mapped completely;
- `left out` if half of it or more lies on outlines that were removed from the labels, since nobody can judge it;
- `unknown` in all other cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely

from lobate.io.decisions import decided_outlines
from lobate.io.polygons import share_inside
from lobate.mapping.matching import MIN_OVERLAP, overlaps_any
from lobate.mapping.overlay import common_areas

MOSTLY = 0.5
"""Least share of a detection that lies on ground of a kind, and of the smaller outline at which a decision is about it."""


@dataclass(frozen=True)
class Decisions:
    """The outlines that a person accepted, mended (or drew) and rejected, (n,) each, EPSG:4326."""

    accepted: np.ndarray
    edited: np.ndarray
    rejected: np.ndarray

    @classmethod
    def read(cls, views: Sequence[Path]) -> Decisions:
        """Read views of decisions files; without any nothing is decided."""
        return cls(*(decided_outlines(views, status) for status in ("accepted", "edited", "rejected")))

    def of(self, detections: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return which detections (n,) are confirmed, rejected, and inside a confirmed outline of another detection.

        A confirmed outline is about the detection that shares most with it. A rejected one is about all detections that
        lie mostly in it, unless they are a small part of it: a reviewer who rejects a blob has not judged what is later
        found in it. Where reviewers disagree nothing is decided.
        """
        confirmed, inside = _confirmed(detections, np.concatenate([self.accepted, self.edited]))
        detection, outline, common = common_areas(detections, self.rejected)
        about = (common >= MOSTLY * shapely.area(detections[detection])) & (
            common >= MIN_OVERLAP * shapely.area(self.rejected[outline])
        )
        rejected = np.zeros(len(detections), dtype=bool)
        rejected[detection[about]] = True
        return confirmed & ~rejected, rejected & ~confirmed, inside & ~rejected & ~confirmed


def _confirmed(detections: np.ndarray, outlines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which detections (n,) a confirmed outline is about, and which others lie mostly inside one."""
    detection, outline, common = common_areas(detections, outlines)
    areas = shapely.area(detections[detection])
    about = common >= MOSTLY * np.minimum(areas, shapely.area(outlines[outline]))
    first = np.lexsort((detection, -common))
    best = first[np.unique(outline[first], return_index=True)[1]]
    confirmed, inside = np.zeros(len(detections), dtype=bool), np.zeros(len(detections), dtype=bool)
    confirmed[detection[best[about[best]]]] = True
    inside[detection[common >= MOSTLY * areas]] = True
    return confirmed, inside & ~confirmed


@dataclass(frozen=True)
class Judgement:
    """Masks (n,) of the detections: ``accepted`` or mended and ``rejected`` by a person, ``overlapping`` a reference outline,
    on completely ``mapped`` ground, and ``removed``, on outlines that were removed or inside those that a person accepted.
    """

    accepted: np.ndarray
    rejected: np.ndarray
    overlapping: np.ndarray
    mapped: np.ndarray
    removed: np.ndarray

    @classmethod
    def of(
        cls,
        outlines: np.ndarray,
        expected: np.ndarray,
        removed: np.ndarray,
        decisions: Decisions,
        complete: np.ndarray | None,
    ) -> Judgement:
        """Judge detections (``outlines``, (n,)) by reference (``expected``) and ``removed`` outlines.

        ``complete``: areas in which all landforms are outlined; None: all ground is such. All in EPSG:4326.
        """
        mapped = np.ones(len(outlines), bool) if complete is None else share_inside(outlines, complete) >= MOSTLY
        accepted, rejected, inside = decisions.of(outlines)
        on_removed = (share_inside(outlines, removed) >= MOSTLY) | inside
        return cls(accepted, rejected, overlaps_any(outlines, expected), mapped, on_removed)

    def status(self, matched: np.ndarray) -> np.ndarray:
        """Return the status of each detection, (n,) of str; ``matched`` (n,) marks those that match a reference outline."""
        return self._status(matched, self.mapped | self.overlapping)

    def account(self, known: np.ndarray) -> np.ndarray:
        """Return the paper's account of each detection, (n,) of str: known, new, or as `status`, whatever the IoU."""
        status = self._status(self.overlapping, self.mapped)
        return np.where(known, "known", np.where(status == "right", "new", status))

    def _status(self, is_landform: np.ndarray, is_none: np.ndarray) -> np.ndarray:
        right = (is_landform & ~self.rejected) | self.accepted
        left_out, wrong = self.removed & ~self.rejected, self.rejected | is_none
        return np.select([right, left_out, wrong], ["right", "left out", "wrong"], "unknown")
