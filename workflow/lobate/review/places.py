"""Which row of the decisions a place has: by its outlines, since the numbers of detections change with each training."""

from __future__ import annotations

from collections.abc import Iterable
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


ROUNDING_DEG = 2e-7
"""Degrees by which the text of an outline that was shown may differ from it."""


def find_place(book: Book, decision: Decision, match_iou: float) -> int | None:
    """Return the number of the row that a decision is about, None for a place without one."""
    if decision.new:
        return None
    if decision.row is not None:
        return decision.row if book.row(LAYER, decision.row) else None
    named = book.rows(LAYER, "detection = ?", [decision.detection]) if decision.detection else []
    near = book.rows_near(LAYER, decision.outline, decision.seen)
    return _best_place(decision, named, match_iou) or _best_place(decision, near, SAME_PLACE_IOU)


def _best_place(decision: Decision, rows: Iterable[tuple[int, Row]], least_iou: float) -> int | None:
    """Return the number of the row that shares most with a decision, None where none shares enough."""
    fitting = [(share, -number) for number, row in rows if (share := _best_iou(decision, row)) >= least_iou]
    return -max(fitting)[1] if fitting else None


def pair_places(rows: gpd.GeoDataFrame, decisions: gpd.GeoDataFrame, match_iou: float) -> dict[int, int]:
    """Return position in ``decisions`` -> position in ``rows`` of the same place, one to one.

    Both have ``decision`` (a detection's name), ``geometry`` and ``seen``. Candidates of a round pair among themselves.
    """
    pairs: dict[int, int] = {}
    rounds = [np.array([round_of(name) for name in frame["decision"]], dtype=int) for frame in (rows, decisions)]
    for number in np.unique(rounds[1]):
        ours, theirs = (np.flatnonzero(some == number) for some in rounds)
        same = _unchanged(rows, decisions, ours, theirs)
        pairs.update(same)
        ours, theirs = np.setdiff1d(ours, [*same.values()]), np.setdiff1d(theirs, [*same])
        if len(ours) and len(theirs):
            found = match_decisions(rows.iloc[ours], decisions.iloc[theirs], match_iou)
            pairs.update(zip(theirs[found["right"]].tolist(), ours[found["left"]].tolist(), strict=True))
    return pairs


def _unchanged(
    rows: gpd.GeoDataFrame, decisions: gpd.GeoDataFrame, ours: np.ndarray, theirs: np.ndarray
) -> dict[int, int]:
    """Return the pairs of one name whose outline was shown to a person just like that: no overlay is needed to see it."""
    shown = {rows["decision"].iloc[place]: place for place in ours[::-1] if rows["seen"].iloc[place] is not None}
    names = [(position, shown[name]) for position in theirs if (name := decisions["decision"].iloc[position]) in shown]
    if not names:
        return {}
    positions, places = np.array(names).T
    left, right = (
        np.asarray(decisions.geometry.values)[positions],
        np.asarray(rows["seen"].values, dtype=object)[places],
    )
    same = shapely.equals_exact(shapely.normalize(left), shapely.normalize(right), tolerance=ROUNDING_DEG)
    pairs = dict(zip(positions[same].tolist(), places[same].tolist(), strict=True))
    return pairs if len(set(pairs.values())) == len(pairs) else {}


def round_of(detection: object) -> int:
    """Return the round of a candidate of mining by its name, 0 for any other decision."""
    found = CANDIDATE.fullmatch(detection) if isinstance(detection, str) else None
    return int(found[1]) if found else 0


def _best_iou(decision: Decision, row: Row) -> float:
    """Return the best IoU of the outlines, or of those that were shown; 0 for a detection and a candidate, or two rounds."""
    if round_of(decision.detection) != round_of(row["detection"]):
        return 0.0
    seen = parse_wkt(row["seen"])
    pairs = [(decision.outline, row["geometry"]), (decision.seen, seen)]
    return max((_iou(*pair) for pair in pairs if None not in pair), default=0.0)


def _iou(left: shapely.Geometry, right: shapely.Geometry) -> float:
    return float(iou(left, right)) if left.is_valid and right.is_valid else 0.0
