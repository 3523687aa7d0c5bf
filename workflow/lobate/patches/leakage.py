"""Leakage: how much of the validation ground training has seen, which flatters a validation IoU."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from lobate.errors import UserError
from lobate.io.grid import WGS84
from lobate.patches.overlap import overlapping
from lobate.patches.pool import Pool
from lobate.patches.split_methods import Sides


def leakage_report(
    pool: Pool, splits: dict[str, Sides | UserError], folds: list[np.ndarray], used: str
) -> dict[str, Any]:
    """Return the content of leakage.json: measures of each split, or why it is impossible, and of each fold's sides."""
    measured: dict[str, Any] = {
        method: {"impossible": str(split)} if isinstance(split, UserError) else measure_leakage(pool, split[0])
        for method, split in splits.items()
    }
    return measured | {"used": used} | ({"folds": [measure_leakage(pool, sides) for sides in folds]} if folds else {})


def measure_leakage(pool: Pool, sides: np.ndarray) -> dict[str, Any]:
    """Return the number of patches on each side, and three measures of leakage.

    - leaked_share: share of the validation ground (the union of its footprints) inside training footprints, 0 to 1.
    - polygons_on_both_sides: outlines with patches on both sides.
    - nearest_m: shortest distance from a validation to a training footprint, in metres; 0 where they overlap.
    """
    training, validation = sides == "training", sides == "validation"
    shared = overlapping(pool.overlap, validation) & training
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
    """Return a ratio of areas in the cylindrical equal-area projection: x = longitude, y = sin(latitude)."""
    equal_area = shapely.transform(
        pool.footprints.geometry.to_numpy(), lambda xy: np.c_[xy[:, 0], np.degrees(np.sin(np.radians(xy[:, 1])))]
    )
    ground, seen = shapely.union_all(equal_area[validation]), shapely.union_all(equal_area[shared])
    return round(float(shapely.area(shapely.intersection(ground, seen)) / shapely.area(ground)), 4)


def _nearest_m(pool: Pool, training: np.ndarray, validation: np.ndarray) -> float:
    """Return the geodesic length of the shortest line, found in a plane with degrees of equal length."""
    outlines = pool.footprints.geometry.to_numpy()
    squeeze = float(np.cos(np.radians(shapely.bounds(outlines)[:, [1, 3]].mean())))
    plane = shapely.transform(outlines, lambda xy: xy * [squeeze, 1.0])
    start, end = shapely.STRtree(plane[training]).query_nearest(plane[validation], all_matches=False)
    lines = shapely.shortest_line(plane[validation][start], plane[training][end])
    ends = shapely.get_coordinates(lines).reshape(-1, 4) / [squeeze, 1.0, squeeze, 1.0]
    return round(float(WGS84.inv(*ends.T)[2].min()), 1)
