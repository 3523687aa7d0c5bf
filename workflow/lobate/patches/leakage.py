"""How much of the validation ground training has seen: what flatters a validation IoU, measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from lobate.errors import Mistake
from lobate.grid import WGS84
from lobate.patches.methods import METHODS, Sides
from lobate.patches.overlap import neighbours
from lobate.patches.pool import Pool
from lobate.settings.patches import Split

COMPARED = ("random", "grouped")


def protocols(pool: Pool, settings: Split) -> dict[str, Sides | Mistake]:
    """Split by the method that is set, and by random and grouped for comparison; one of these may be impossible.

    Raises Mistake when the method that is set is.
    """
    found: dict[str, Sides | Mistake] = {settings.method: METHODS[settings.method](pool, settings)}
    for method in set(COMPARED) - {settings.method}:
        try:
            found[method] = METHODS[method](pool, settings)
        except Mistake as mistake:
            found[method] = mistake
    return found


def report(pool: Pool, found: dict[str, Sides | Mistake], folds: list[np.ndarray], used: str) -> dict[str, Any]:
    """Measure each protocol, or say why it is impossible, and each fold (its sides) where there are any."""
    measured: dict[str, Any] = {
        method: {"impossible": str(one)} if isinstance(one, Mistake) else measure(pool, one[0])
        for method, one in found.items()
    }
    return measured | {"used": used} | ({"folds": [measure(pool, sides) for sides in folds]} if folds else {})


def measure(pool: Pool, sides: np.ndarray) -> dict[str, Any]:
    """Return the counts of each side and three measures of what they share.

    - leaked_share: share of the validation ground (the union of its footprints) inside training footprints, 0 to 1.
    - polygons_on_both_sides: outlines with patches on both sides.
    - nearest_m: shortest way from a validation to a training footprint, in metres; 0 where they overlap.
    """
    training, validation = sides == "training", sides == "validation"
    shared = neighbours(pool.overlap, validation) & training
    polygons = pool.polygons
    return {
        "patches": len(pool),
        "training": int(training.sum()),
        "validation": int(validation.sum()),
        "dropped": int((sides == "dropped").sum()),
        "leaked_share": _leaked_share(pool, validation, shared),
        "polygons_on_both_sides": len(np.intersect1d(polygons[training], polygons[validation])),
        "nearest_m": 0.0 if shared.any() else _nearest_m(pool, training, validation),
    }


def _leaked_share(pool: Pool, validation: np.ndarray, shared: np.ndarray) -> float:
    """Areas on the cylinder of equal area: x = longitude, y = sin(latitude)."""
    flat = shapely.transform(
        pool.footprints.geometry.to_numpy(), lambda xy: np.c_[xy[:, 0], np.degrees(np.sin(np.radians(xy[:, 1])))]
    )
    ground, seen = shapely.union_all(flat[validation]), shapely.union_all(flat[shared])
    return round(float(shapely.area(shapely.intersection(ground, seen)) / shapely.area(ground)), 4)


def _nearest_m(pool: Pool, training: np.ndarray, validation: np.ndarray) -> float:
    """Geodesic length of the shortest line, which is looked for in a plane with degrees of equal length."""
    outlines = pool.footprints.geometry.to_numpy()
    squeeze = float(np.cos(np.radians(shapely.bounds(outlines)[:, [1, 3]].mean())))
    plane = shapely.transform(outlines, lambda xy: xy * [squeeze, 1.0])
    one, other = shapely.STRtree(plane[training]).query_nearest(plane[validation], all_matches=False)
    lines = shapely.shortest_line(plane[validation][one], plane[training][other])
    ends = shapely.get_coordinates(lines).reshape(-1, 4) / [squeeze, 1.0, squeeze, 1.0]
    return round(float(WGS84.inv(*ends.T)[2].min()), 1)
