"""Outlines of the same ground: duplicates of one class, and negatives that overlap positives.

Neighbours come from one tree of bounding boxes, queried for many polygons at once, but never for all pairs at once. Areas of
overlapping outlines are compared in degrees: their ratio is that on the ground.

A duplicate has the vertices of an earlier outline of its class, or an IoU over 0.95 with it. Many outlines over one place,
drawn by many people, must not cost all pairs. Equal vertices are found by their bytes. An overlay is computed only for pairs
within three bounds. With IoU > s,

- areas differ by less than the factor s,
- centroids differ by at most (1 - s) of the sum of both extents, along each axis,
- the integrals of any function of size at most 1 over both differ by at most the area that is in one of them only, which
  is at most (1 - s) / (1 + s) of the sum of both areas. Waves are such functions, and their integrals over a polygon are a
  closed sum over its vertices.

The first two bounds do for scattered outlines. In heaps the third pays: for 50,000 outlines in 40 heaps (the benchmark
clean_50k_heaps_s) the search takes 13 s with waves and 63 s without. Outlines that repeat an earlier one are dropped before
they are compared, so many duplicates at one place cost one round.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.errors import UserError
from lobate.io.polygons import polygons_in
from lobate.labels.table import abbreviate, area_m2

DUPLICATE_IOU = 0.95
"""Two outlines of one class with a higher IoU are duplicates."""
IOU_ROUNDING = 1e-9
"""Duplicates with an IoU of 1 but for this are exact."""
MAX_SHARE_IN_POSITIVES = 0.5
"""A negative with a greater share of it inside positives is removed; a smaller share is cut away."""
FIRST_BATCH, BATCH_GROWTH = 2, 4
"""Number of positives that are subtracted from a negative at first, and the factor for each later step."""
QUERY_BLOCK = 256
"""Polygons in one query of the tree."""
GROUP_OFFSET = 1e4
"""Degrees in the search tree between the outlines of one class and size and those of the next."""
MAX_WITHOUT_WAVES = 3
"""With more neighbours than this, the bound on waves is tested before any overlay."""
MAX_COMPARED, MAX_COMPARED_PER_VERTEX = 100_000_000, 20
"""Vertices in all overlays, at most: this many (50,000 pairs of outlines of 1,000 vertices), or so many for each vertex."""
ROUNDING = 1e-6
"""Relative slack in the bound on waves."""
WAVELENGTHS = tuple(2.0**-octave for octave in range(4, 14))
"""Wavelengths in degrees, from ten kilometres to ten metres."""
DIRECTIONS = np.array([(1, 0), (0, 1), (1, 1), (1, -1)])
"""Directions of the waves; the diagonal ones have shorter wavelengths."""


def remove_duplicates(rows: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the rows with a reason for each that repeats an earlier kept one of its class (IoU over 0.95)."""
    kept = np.flatnonzero(rows["reason"] == "")
    reason, names = rows["reason"].to_numpy(copy=True), rows["polygon"].to_numpy()
    shapes = np.array(rows.geometry.values, dtype=object)[kept]
    for earlier, later, iou in find_duplicates(shapes, rows["class"].to_numpy()[kept]):
        near = "" if iou > 1 - IOU_ROUNDING else f"near (IoU {iou:.3f}) "
        reason[kept[later]] = f"duplicate: {near}of {names[kept[earlier]]}"
    return rows.assign(reason=reason)


def cut_negatives(rows: gpd.GeoDataFrame, min_area_m2: float) -> gpd.GeoDataFrame:
    """Return the rows with the positives cut out of the negatives that they overlap.

    A negative with more than half of it inside positives is removed. Of any other, the part inside is cut away and gets a
    row of its own: the negative's id and ``.cut``, with its reason. Overlaps under ``min_area_m2`` are slips of the hand and
    stay: positives are burned over negatives anyway.
    """
    shapes, names = np.array(rows.geometry.values, dtype=object), rows["polygon"].to_numpy()
    reason, area = rows["reason"].to_numpy(copy=True), rows["area_m2"].to_numpy()
    kept, positive = reason == "", (rows["class"] == "positive").to_numpy()
    cut: list[int] = []
    pieces: list[dict[str, object]] = []
    for row, over in _overlapping_positives(shapes, np.flatnonzero(kept & ~positive), np.flatnonzero(kept & positive)):
        left, overlapping = _subtract(shapes[row], shapes[over])
        share = 1 - left.area / shapes[row].area
        positives = abbreviate(sorted(names[over[overlapping]]))
        if share > MAX_SHARE_IN_POSITIVES:
            reason[row] = f"lies mostly in positives: {positives}"
        elif share > 0 and share * area[row] >= min_area_m2:
            words = f"part that lies in positives, cut away: {positives}"
            common = _drop_lines(shapely.difference(shapes[row], left))
            pieces.append({"polygon": f"{names[row]}.cut", "geometry": common, "reason": words})
            shapes[row] = left
            cut.append(row)
    return _append_pieces(rows.assign(reason=reason, geometry=shapes), cut, pieces)


def _overlapping_positives(
    shapes: np.ndarray, negatives: np.ndarray, positives: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each negative with the positives near it (their bounding boxes intersect), as row numbers."""
    for places, others in neighbour_pairs(shapely.STRtree(shapes[positives]), shapes[negatives, np.newaxis]):
        yield from ((negatives[place], positives[near]) for place, near in group_pairs(places, others))


def _subtract(shape: shapely.Geometry, others: np.ndarray) -> tuple[shapely.Geometry, np.ndarray]:
    """Return a shape less the others, and which of them overlap it; it stops when more than half is gone.

    The others with the largest common bounding box are subtracted first, in growing batches. Those that no longer touch the
    rest are skipped: in a heap that is most of them.
    """
    waiting = np.lexsort((np.arange(len(others)), -_shared_box_area(shape, others)))
    overlapping: list[np.ndarray] = []
    left, size = shape, FIRST_BATCH
    while len(waiting) and left.area >= (1 - MAX_SHARE_IN_POSITIVES) * shape.area:
        if overlapping:
            shapely.prepare(left)
            waiting = waiting[shapely.intersects(left, others[waiting])]
        batch, waiting, size = waiting[:size], waiting[size:], size * BATCH_GROWTH
        overlapping.append(batch[shapely.intersects(left, others[batch]) & ~shapely.touches(left, others[batch])])
        left = _drop_lines(shapely.difference(left, shapely.union_all(others[overlapping[-1]])))
    return left, np.concatenate([*overlapping, np.zeros(0, dtype=int)])


def _shared_box_area(shape: shapely.Geometry, others: np.ndarray) -> np.ndarray:
    """Return the area of the intersection of each other bounding box with that of a shape, (n,)."""
    west, south, east, north = shapely.bounds(others).T
    left, low, right, high = shape.bounds
    width = np.clip(np.minimum(east, right) - np.maximum(west, left), 0, None)
    height = np.clip(np.minimum(north, high) - np.maximum(south, low), 0, None)
    return width * height


def _append_pieces(rows: gpd.GeoDataFrame, cut: list[int], pieces: list[dict[str, object]]) -> gpd.GeoDataFrame:
    """Return the rows with new areas for the rows ``cut``, and the pieces cut from them as further rows."""
    if not cut:
        return rows
    area = rows["area_m2"].to_numpy(copy=True)
    area[cut] = area_m2(rows.geometry.iloc[cut])
    added = rows.iloc[cut].assign(**{name: [piece[name] for piece in pieces] for name in pieces[0]})
    return pd.concat([rows.assign(area_m2=area), added.assign(area_m2=area_m2(added.geometry))], ignore_index=True)


def _drop_lines(shape: shapely.Geometry) -> shapely.Geometry:
    """Return the polygons of an overlay's result, without the lines and points where outlines only touch."""
    polygons = polygons_in(shape)
    return polygons[0] if len(polygons) == 1 else shapely.multipolygons(polygons)


def find_duplicates(shapes: np.ndarray, kinds: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """Yield (earlier, later, IoU) for each polygon that repeats an earlier one of its kind; the earlier one is no duplicate."""
    codes = pd.factorize(kinds)[0]
    first = _first_of_equal(shapes, codes)
    distinct = np.flatnonzero(first == np.arange(len(shapes)))
    pairs = _near_duplicates(shapes[distinct], codes[distinct])
    near = {distinct[later]: (distinct[earlier], iou) for earlier, later, iou in pairs}
    for later, equal in enumerate(first):
        earlier, iou = near.get(equal, (equal, 1.0))
        if earlier != later:
            yield earlier, later, iou


def _first_of_equal(shapes: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return for each polygon the first of its kind with the same vertices, (n,)."""
    table = pd.DataFrame(
        {"bytes": shapely.to_wkb(shapely.normalize(shapes)), "code": codes, "place": range(len(codes))}
    )
    return table.groupby(["bytes", "code"], sort=False)["place"].transform("first").to_numpy()


def _near_duplicates(shapes: np.ndarray, codes: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """Yield (earlier, later, IoU) for each polygon with an IoU over the limit with an earlier one that is no duplicate.

    Raises UserError for a heap of large outlines that are nearly duplicates: each pair costs an overlay.
    """
    area, vertices, compared = shapely.area(shapes), shapely.get_num_coordinates(shapes), 0
    moments = cache(lambda: fourier_moments(shapes))
    duplicate = np.zeros(len(shapes), dtype=bool)
    for place, later in _later_neighbours(shapes, codes, area, duplicate):
        others = later[~duplicate[later]]
        if duplicate[place] or not len(others):
            continue
        if len(others) > MAX_WITHOUT_WAVES:
            others = others[_moments_agree(moments(), area, place, others)]
        compared += int(len(others) * vertices[place] + vertices[others].sum())
        if compared > max(MAX_COMPARED, MAX_COMPARED_PER_VERTEX * vertices.sum()):
            raise _heap_error(shapes[place], len(others))
        iou = _iou(shapes[place], shapes[others], area[place], area[others])
        for repeated in np.flatnonzero(iou > DUPLICATE_IOU):
            duplicate[others[repeated]] = True
            yield place, others[repeated], iou[repeated]


def _heap_error(shape: shapely.Geometry, others: int) -> UserError:
    place = shapely.centroid(shape)
    return UserError(
        f"Outlines of many vertices lie over one another, and are alike without being duplicates: one at {place.x:.4f} "
        f"{place.y:.4f} must be compared with {others:,} others, and comparing all pairs would take hours. Keep one outline of "
        "each place, or simplify them, for instance in QGIS with Simplify."
    )


def _moments_agree(moments: np.ndarray, area: np.ndarray, place: int, others: np.ndarray) -> np.ndarray:
    """Return for which others no wave's integral differs by more than between duplicates, (m,) of bool."""
    bound = (1 - DUPLICATE_IOU) / (1 + DUPLICATE_IOU) * (area[others] + area[place]) * (1 + ROUNDING)
    return (np.abs(moments[others] - moments[place]) <= bound[:, np.newaxis]).all(axis=1)


def _later_neighbours(
    shapes: np.ndarray, codes: np.ndarray, area: np.ndarray, dropped: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each polygon that has later ones of its kind with about its area and centroid, and these.

    In the tree, polygons of other kinds and sizes are shifted by whole ``GROUP_OFFSET`` degrees. Each polygon is compared
    with its own size and the two beside it.
    """
    x, y = shapely.get_coordinates(shapely.centroid(shapes)).T
    west, south, east, north = shapely.bounds(shapes).T
    width, height = (1 - DUPLICATE_IOU) * (east - west), (1 - DUPLICATE_IOU) * (north - south)
    size = np.floor(np.log(area) / -np.log(DUPLICATE_IOU))

    def boxes(step: int) -> np.ndarray:
        left, low = x + GROUP_OFFSET * (size + step), y + GROUP_OFFSET * codes
        return shapely.box(left - width, low - height, left + width, low + height)

    queries = np.column_stack([boxes(step) for step in (-1, 0, 1)])
    for places, others in neighbour_pairs(shapely.STRtree(boxes(0)), queries, dropped):
        later = (others > places) & _similar_areas(area[others], area[places])
        yield from group_pairs(places[later], others[later])


def _similar_areas(areas: np.ndarray, area: np.ndarray) -> np.ndarray:
    return np.minimum(areas, area) > DUPLICATE_IOU * np.maximum(areas, area)


def _iou(shape: shapely.Geometry, others: np.ndarray, area: float, areas: np.ndarray) -> np.ndarray:
    common = shapely.area(shapely.intersection(shape, others))
    return common / (area + areas - common)


def fourier_moments(shapes: np.ndarray) -> np.ndarray:
    """Return the integrals of exp(-i k x) over each polygon for all waves k, complex (n, waves), in square degrees.

    By Green's theorem: the sum over edges p -> q of i (k x (q - p)) / |k|^2 exp(-i k (p + q) / 2) sinc(k (q - p) / 2).
    """
    polygons, owner = shapely.get_parts(shapely.orient_polygons(shapes), return_index=True)
    rings, polygon = shapely.get_rings(polygons, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    within = ring[1:] == ring[:-1]
    start, edge = points[:-1][within], np.diff(points, axis=0)[within]
    owner = owner[polygon][ring[:-1][within]]
    return np.column_stack([_fourier_moment(start, edge, owner, len(shapes), wave) for wave in _wave_vectors()])


def _wave_vectors() -> np.ndarray:
    return np.concatenate([2 * np.pi / length * DIRECTIONS for length in WAVELENGTHS])


def _fourier_moment(start: np.ndarray, edge: np.ndarray, owner: np.ndarray, count: int, wave: np.ndarray) -> np.ndarray:
    along, middle = edge @ wave, (start + edge / 2) @ wave
    across = (wave[0] * edge[:, 1] - wave[1] * edge[:, 0]) / (wave @ wave)
    size = across * np.sinc(along / (2 * np.pi))
    real, imaginary = (np.bincount(owner, size * part, count) for part in (np.sin(middle), np.cos(middle)))
    return real + 1j * imaginary


def neighbour_pairs(
    tree: shapely.STRtree, boxes: np.ndarray, dropped: np.ndarray | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs (places, others), sorted, block by block: which boxes of the tree intersect those of each place.

    ``boxes`` (n, k) holds k boxes for each of n places. The caller may mark places as ``dropped`` (n,) between blocks; they
    are not queried any more.
    """
    for start in range(0, len(boxes), QUERY_BLOCK):
        block = np.arange(start, min(start + QUERY_BLOCK, len(boxes)))
        block = block if dropped is None else block[~dropped[block]]
        rows, others = tree.query(boxes[block].ravel())
        places = block[rows // boxes.shape[1]]
        order = np.lexsort((others, places))
        yield places[order], others[order]


def group_pairs(places: np.ndarray, others: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each place with its others; places must be sorted."""
    if len(places):
        ends = np.flatnonzero(np.diff(places, prepend=-1, append=-1))
        yield from ((places[first], others[first:last]) for first, last in pairwise(ends))
