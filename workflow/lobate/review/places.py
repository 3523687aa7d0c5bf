"""Which row of the decisions a place has: by its outlines, since the numbers of detections change with each training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely

from lobate.inventory.reviewers import iou, match_decisions
from lobate.io.decisions import CANDIDATE, LAYER
from lobate.review.history import Book, Row
from lobate.review.outlines import parse_wkt

if TYPE_CHECKING:
    from lobate.review.kept_decisions import Decision

SAME_PLACE_IOU = 0.8
"""Outlines of another name that share so much are one place, without a look at all detections."""


def find_place(book: Book, decision: Decision, match_iou: float) -> int | None:
    """Return the number of the row that a decision is about, None for a place without one."""
    if decision.new:
        return None
    if decision.row is not None:
        return decision.row if book.row(LAYER, decision.row) else None
    near = [
        (number, row)
        for number, row in book.rows_near(LAYER, decision.outline, decision.seen)
        if _is_alike(decision, row)
    ]
    scored = [(_best_iou(decision, row), row["detection"] == decision.detection, number) for number, row in near]
    fitting = [
        (share, same, number) for share, same, number in scored if share >= (match_iou if same else SAME_PLACE_IOU)
    ]
    return max(fitting, key=lambda one: (one[1], one[0], -one[2]))[2] if fitting else None


def pair_places(rows: gpd.GeoDataFrame, decisions: gpd.GeoDataFrame, match_iou: float) -> dict[int, int]:
    """Return position in ``decisions`` -> position in ``rows`` of the same place, one to one.

    Both have ``decision`` (a detection's name), ``geometry`` and ``seen``. Candidates of a round pair among themselves.
    """
    pairs: dict[int, int] = {}
    rounds = [np.array([round_of(name) for name in frame["decision"]], dtype=int) for frame in (rows, decisions)]
    for number in np.unique(rounds[1]):
        ours, theirs = (np.flatnonzero(some == number) for some in rounds)
        if len(ours):
            found = match_decisions(rows.iloc[ours], decisions.iloc[theirs], match_iou)
            pairs.update(zip(theirs[found["right"]].tolist(), ours[found["left"]].tolist(), strict=True))
    return pairs


def round_of(detection: str | None) -> int:
    """Return the round of a candidate of mining by its name, 0 for any other decision."""
    found = CANDIDATE.fullmatch(detection or "")
    return int(found[1]) if found else 0


def _is_alike(decision: Decision, row: Row) -> bool:
    """Whether both are about detections, or about candidates of one round."""
    return round_of(decision.detection) == round_of(row["detection"])


def _best_iou(decision: Decision, row: Row) -> float:
    """Return the best IoU of the outlines, or of those that were shown."""
    seen = parse_wkt(row["seen"])
    pairs = [(decision.outline, row["geometry"]), (decision.seen, seen)]
    return max((_iou(*pair) for pair in pairs if None not in pair), default=0.0)


def _iou(left: shapely.Geometry, right: shapely.Geometry) -> float:
    return float(iou(left, right)) if left.is_valid and right.is_valid else 0.0
