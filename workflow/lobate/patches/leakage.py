"""Leakage: how much of one side's ground another side has seen, which flatters an IoU; for all pairs of sides."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.errors import UserError
from lobate.io.grid import WGS84
from lobate.io.reserved import IN_GAP, ON_TEST
from lobate.patches.overlap import overlapping
from lobate.patches.pool import Pool
from lobate.patches.split_methods import Sides

LOST = {"on_test_ground": ON_TEST, "in_the_gap": IN_GAP}
"""Count in leakage.json -> the reason in the footprints' layer ``removed``."""


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
    return {
        "patches": len(pool),
        "training": int(training.sum()),
        "validation": int(validation.sum()),
        "dropped": int((sides == "dropped").sum()),
        **measure_pair(pool, training, validation),
    }


def measure_pair(pool: Pool, seen: np.ndarray, judged: np.ndarray) -> dict[str, Any]:
    """Return the three measures of leakage from the patches ``seen`` to those ``judged``; both are (n,) of bool, not empty."""
    shared = overlapping(pool.overlap, judged) & seen
    polygons = pool.polygons
    return {
        "leaked_share": _leaked_share(pool, judged, shared),
        "polygons_on_both_sides": len(np.intersect1d(polygons[seen], polygons[judged])),
        "nearest_m": 0.0 if shared.any() else _nearest_m(pool, seen, judged),
    }


def measure_test_side(
    layer: gpd.GeoDataFrame, test: gpd.GeoDataFrame, removed: pd.DataFrame, gap_km: float
) -> dict[str, Any]:
    """Return what leakage.json holds of the test side: its size, what it and the gap cost, and the leakage of each pair.

    ``layer``: the split, ``test``: the footprints of the test side, both in EPSG:4326; ``removed``: what `crop-patches` left
    out of the other sides. A pair ``a/b`` measures the ground of b that a has seen.
    """
    pool = Pool(gpd.GeoDataFrame(pd.concat([layer[test.columns], test], ignore_index=True), crs=layer.crs), 0)
    sides = np.array([*layer["side"], *["test"] * len(test)], dtype=object)
    pairs = {
        f"{seen}/{judged}": measure_pair(pool, sides == seen, sides == judged)
        for seen, judged in combinations(("training", "validation", "test"), 2)
    }
    counts = {name: int((removed["reason"] == reason).sum()) for name, reason in LOST.items()}
    outlines = test["polygon"].nunique()
    return {"patches": len(test), "outlines": outlines, "gap_km": gap_km, "left_out": counts, "pairs": pairs}


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
