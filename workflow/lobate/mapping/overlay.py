"""Overlays of very large outlines, which are subdivided into cells first.

The time of an overlay grows with the vertices of both outlines. Where thousands of outlines meet one of a hundred thousand
vertices, each is overlaid with the cells that it meets only.
"""

from __future__ import annotations

import numpy as np
import shapely

from lobate.io.polygons import POLYGONAL

MAX_VERTICES = 256
"""Of a cell; few outlines that follow pixels have more."""

MAX_DEPTH = 40
"""Of the subdivision by halves."""


def subdivide(polygons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return cells that make up ``polygons`` (n,), of at most `MAX_VERTICES` vertices, and the polygon's index of each."""
    owner, cells, owners = np.arange(len(polygons)), [], []
    for _ in range(MAX_DEPTH):
        large = shapely.get_num_coordinates(polygons) > MAX_VERTICES
        cells.append(polygons[~large])
        owners.append(owner[~large])
        polygons, half = shapely.get_parts(_halves(polygons[large]), return_index=True)
        has_area = np.isin(shapely.get_type_id(polygons), POLYGONAL)
        polygons, owner = polygons[has_area], np.tile(owner[large], 2)[half[has_area]]
        if not len(polygons):
            break
    return np.concatenate([*cells, polygons]), np.concatenate([*owners, owner])


def common_areas(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return sorted index arrays of all pairs of outlines (n,) and (m,) that overlap, and the area common to each."""
    left_cells, left_owner = subdivide(left)
    right_cells, right_owner = subdivide(right)
    i, j = shapely.STRtree(right_cells).query(left_cells)
    area = shapely.area(shapely.intersection(left_cells[i], right_cells[j]))
    pairs = np.stack([left_owner[i], right_owner[j]], axis=1)[area > 0]
    pairs, pair = np.unique(pairs, axis=0, return_inverse=True)
    return pairs[:, 0], pairs[:, 1], np.bincount(pair, area[area > 0], len(pairs))


def _halves(polygons: np.ndarray) -> np.ndarray:
    """Return both halves (2n,) of polygons, cut across the longer side of their bounds: all first halves, then all second."""
    left, bottom, right, top = shapely.bounds(polygons).reshape(-1, 4).T
    wide = right - left > top - bottom
    middle_x, middle_y = np.where(wide, (left + right) / 2, right), np.where(wide, top, (bottom + top) / 2)
    first = shapely.box(left, bottom, middle_x, middle_y)
    second = shapely.box(np.where(wide, middle_x, left), np.where(wide, bottom, middle_y), right, top)
    return shapely.intersection(np.tile(polygons, 2), np.concatenate([first, second]))
