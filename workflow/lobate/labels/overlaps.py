"""Outlines that say the same ground twice: duplicates, and negatives that reach into positives.

All pairs come from one tree of bounding boxes; the costly overlay is only worked out for the few pairs that can matter.
Areas of two overlapping outlines are compared in degrees, where their ratio is that on the ground.
"""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.labels.table import area_m2

SAME = 0.95
"""Two outlines with a higher IoU are one, drawn twice."""
MOSTLY = 0.5
"""A negative with a greater share inside positives is removed, else the share is cut away."""


def remove_duplicates(rows: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the rows with a reason for each that repeats an earlier kept one of its class (IoU over 0.95)."""
    kept = np.flatnonzero(rows["reason"] == "")
    shapes = np.array(rows.geometry.values, dtype=object)[kept]
    kind = rows["class"].to_numpy()[kept]
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    forward = (first < second) & (kind[first] == kind[second])
    first, second = first[forward], second[forward]
    area = shapely.area(shapes)
    alike = np.minimum(area[first], area[second]) > SAME * np.maximum(area[first], area[second])
    first, second = first[alike], second[alike]
    common = shapely.area(shapely.intersection(shapes[first], shapes[second]))
    iou = common / (area[first] + area[second] - common)
    found = iou > SAME
    return _with_twins(rows, kept[first[found]], kept[second[found]], iou[found])


def _with_twins(rows: gpd.GeoDataFrame, first: np.ndarray, second: np.ndarray, iou: np.ndarray) -> gpd.GeoDataFrame:
    reason, names = rows["reason"].to_numpy(copy=True), rows["polygon"].to_numpy()
    for place in np.lexsort((second, first)):
        earlier, later = first[place], second[place]
        if reason[earlier] == "" and reason[later] == "":
            near = "" if iou[place] > 1 - 1e-9 else f"near (IoU {iou[place]:.3f}) "
            reason[later] = f"duplicate: {near}of {names[earlier]}"
    return rows.assign(reason=reason)


def cut_negatives(rows: gpd.GeoDataFrame, min_area_m2: float) -> gpd.GeoDataFrame:
    """Return the rows with negatives that yield to the positives they overlap; the positive always wins.

    A negative with more than half of it inside positives is removed. Of another the part inside is cut away: it stands
    under the negative's id and ``.cut``, with its reason. Overlaps under ``min_area_m2`` are slips of the hand and stay:
    positives are burned over negatives anyway.
    """
    shapes, names = np.array(rows.geometry.values, dtype=object), rows["polygon"].to_numpy()
    reason = rows["reason"].to_numpy(copy=True)
    cut: list[int] = []
    pieces: list[dict[str, object]] = []
    for row, winners in _negatives_on_positives(rows, shapes):
        common = polygonal(shapely.intersection(shapes[row], shapely.union_all(shapes[winners])))
        whom = ", ".join(sorted(names[winners]))
        if area_m2(gpd.GeoSeries([common], crs=rows.crs))[0] < min_area_m2:
            continue
        if common.area > MOSTLY * shapes[row].area:
            reason[row] = f"lies mostly in positives: {whom}"
            continue
        shapes[row] = polygonal(shapely.difference(shapes[row], common))
        why = f"part that lies in positives, cut away: {whom}"
        pieces.append({"polygon": f"{names[row]}.cut", "geometry": common, "reason": why})
        cut.append(row)
    return _with_pieces(rows.assign(reason=reason, geometry=shapes), cut, pieces)


def _with_pieces(rows: gpd.GeoDataFrame, cut: list[int], pieces: list[dict[str, object]]) -> gpd.GeoDataFrame:
    """Return the rows, the rows ``cut`` measured anew, with what was cut from each of them below."""
    if not cut:
        return rows
    area = rows["area_m2"].to_numpy(copy=True)
    area[cut] = area_m2(rows.geometry.iloc[cut])
    apart = rows.iloc[cut].assign(**{name: [piece[name] for piece in pieces] for name in pieces[0]})
    return pd.concat([rows.assign(area_m2=area), apart.assign(area_m2=area_m2(apart.geometry))], ignore_index=True)


def _negatives_on_positives(rows: gpd.GeoDataFrame, shapes: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each kept negative that meets kept positives, with those, as row numbers."""
    kept, positive = (rows["reason"] == "").to_numpy(), (rows["class"] == "positive").to_numpy()
    positives, negatives = np.flatnonzero(kept & positive), np.flatnonzero(kept & ~positive)
    loser, winner = shapely.STRtree(shapes[positives]).query(shapes[negatives], predicate="intersects")
    order = np.lexsort((winner, loser))
    rows_met, starts = np.unique(loser[order], return_index=True)
    groups = np.split(winner[order], starts[1:])
    yield from ((negatives[row], positives[group]) for row, group in zip(rows_met, groups, strict=False))


def polygonal(shape: shapely.Geometry) -> shapely.Geometry:
    """Return the polygons of an overlay's result, without the lines and points where outlines only touch."""
    parts = shapely.get_parts(shape)
    return shapely.union_all(parts[shapely.get_dimensions(parts) == 2])
