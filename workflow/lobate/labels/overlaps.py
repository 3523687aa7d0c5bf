"""Outlines that say the same ground twice: duplicates, and negatives that reach into positives.

Neighbours come from one tree of bounding boxes. Areas of overlapping outlines are compared in degrees, where their ratio
is that on the ground.
"""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.labels.neighbours import grouped, neighbours
from lobate.labels.table import area_m2, few
from lobate.labels.twins import twins

MOSTLY = 0.5
"""A negative with a greater share inside positives is removed, else the share is cut away."""
AT_ONCE, MORE = 2, 4
"""So many of the positives on a negative are taken off first, then so many times as many."""
EXACT = 1e-9


def remove_duplicates(rows: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the rows with a reason for each that repeats an earlier kept one of its class (IoU over 0.95)."""
    kept = np.flatnonzero(rows["reason"] == "")
    reason, names = rows["reason"].to_numpy(copy=True), rows["polygon"].to_numpy()
    shapes = np.array(rows.geometry.values, dtype=object)[kept]
    for earlier, later, iou in twins(shapes, rows["class"].to_numpy()[kept]):
        near = "" if iou > 1 - EXACT else f"near (IoU {iou:.3f}) "
        reason[kept[later]] = f"duplicate: {near}of {names[kept[earlier]]}"
    return rows.assign(reason=reason)


def cut_negatives(rows: gpd.GeoDataFrame, min_area_m2: float) -> gpd.GeoDataFrame:
    """Return the rows with negatives that yield to the positives they overlap; the positive always wins.

    A negative with more than half of it inside positives is removed. Of another the part inside is cut away: it stands
    under the negative's id and ``.cut``, with its reason. Overlaps under ``min_area_m2`` are slips of the hand and stay:
    positives are burned over negatives anyway.
    """
    shapes, names = np.array(rows.geometry.values, dtype=object), rows["polygon"].to_numpy()
    reason, area = rows["reason"].to_numpy(copy=True), rows["area_m2"].to_numpy()
    kept, positive = reason == "", (rows["class"] == "positive").to_numpy()
    cut: list[int] = []
    pieces: list[dict[str, object]] = []
    for row, over in _with_positives(shapes, np.flatnonzero(kept & ~positive), np.flatnonzero(kept & positive)):
        left, winners = _without(shapes[row], shapes[over])
        share = 1 - left.area / shapes[row].area
        whom = few(sorted(names[over[winners]]))
        if share > MOSTLY:
            reason[row] = f"lies mostly in positives: {whom}"
        elif share > 0 and share * area[row] >= min_area_m2:
            why = f"part that lies in positives, cut away: {whom}"
            common = polygonal(shapely.difference(shapes[row], left))
            pieces.append({"polygon": f"{names[row]}.cut", "geometry": common, "reason": why})
            shapes[row] = left
            cut.append(row)
    return _with_pieces(rows.assign(reason=reason, geometry=shapes), cut, pieces)


def _with_positives(
    shapes: np.ndarray, negatives: np.ndarray, positives: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each negative with the positives whose bounding boxes meet its own, as row numbers."""
    for places, others in neighbours(shapely.STRtree(shapes[positives]), shapes[negatives, np.newaxis]):
        yield from ((negatives[place], positives[some]) for place, some in grouped(places, others))


def _without(shape: shapely.Geometry, others: np.ndarray) -> tuple[shapely.Geometry, np.ndarray]:
    """Return what others leave of a shape, and which of them took something; it stops when more than half is gone.

    Those that reach farthest into it come first, and what no longer touches the rest is never looked at: in a heap few
    are, and of thousands under one huge shape more and more are taken off at once.
    """
    waiting = np.lexsort((np.arange(len(others)), -_common_boxes(shape, others)))
    took: list[np.ndarray] = []
    left, many = shape, AT_ONCE
    while len(waiting) and left.area >= (1 - MOSTLY) * shape.area:
        if took:
            shapely.prepare(left)
            waiting = waiting[shapely.intersects(left, others[waiting])]
        some, waiting, many = waiting[:many], waiting[many:], many * MORE
        took.append(some[shapely.intersects(left, others[some]) & ~shapely.touches(left, others[some])])
        left = polygonal(shapely.difference(left, shapely.union_all(others[took[-1]])))
    return left, np.concatenate([*took, np.zeros(0, dtype=int)])


def _common_boxes(shape: shapely.Geometry, others: np.ndarray) -> np.ndarray:
    """Return the area that each other's bounding box has in common with that of a shape."""
    west, south, east, north = shapely.bounds(others).T
    left, low, right, high = shape.bounds
    return np.clip(np.minimum(east, right) - np.maximum(west, left), 0, None) * np.clip(
        np.minimum(north, high) - np.maximum(south, low), 0, None
    )


def _with_pieces(rows: gpd.GeoDataFrame, cut: list[int], pieces: list[dict[str, object]]) -> gpd.GeoDataFrame:
    """Return the rows, the rows ``cut`` measured anew, with what was cut from each of them below."""
    if not cut:
        return rows
    area = rows["area_m2"].to_numpy(copy=True)
    area[cut] = area_m2(rows.geometry.iloc[cut])
    apart = rows.iloc[cut].assign(**{name: [piece[name] for piece in pieces] for name in pieces[0]})
    return pd.concat([rows.assign(area_m2=area), apart.assign(area_m2=area_m2(apart.geometry))], ignore_index=True)


def polygonal(shape: shapely.Geometry) -> shapely.Geometry:
    """Return the polygons of an overlay's result, without the lines and points where outlines only touch."""
    parts = shapely.get_parts(shape)
    flat = parts[shapely.get_dimensions(parts) == 2]
    return flat[0] if len(flat) == 1 else shapely.multipolygons(flat)
