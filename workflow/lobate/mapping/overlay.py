"""Very large outlines cut into cells, so that what many small ones share with them is found piece by piece.

An overlay takes as long as both outlines are large. Where thousands of outlines meet one of a hundred thousand vertices,
only the cell that each of them meets counts.
"""

from __future__ import annotations

import numpy as np
import shapely

from lobate.io.polygons import POLYGONAL

MAX_VERTICES = 256
"""Vertices of a cell at most; few landforms drawn in pixels have more."""
DEEPEST = 40


def subdivide(polygons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return polygons that make up ``polygons`` (n,), each of `MOST` vertices at most, and the index each belongs to."""
    owner, found, owners = np.arange(len(polygons)), [], []
    for _ in range(DEEPEST):
        large = shapely.get_num_coordinates(polygons) > MAX_VERTICES
        found.append(polygons[~large])
        owners.append(owner[~large])
        polygons, which = shapely.get_parts(_halves(polygons[large]), return_index=True)
        kept = np.isin(shapely.get_type_id(polygons), POLYGONAL)
        polygons, owner = polygons[kept], np.tile(owner[large], 2)[which[kept]]
        if not len(polygons):
            break
    return np.concatenate([*found, polygons]), np.concatenate([*owners, owner])


def common_areas(ones: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return index arrays (one, other) of all outlines (n,) and (m,) that share ground, sorted, and the area they share."""
    left, of_left = subdivide(ones)
    right, of_right = subdivide(others)
    here, there = shapely.STRtree(right).query(left)
    area = shapely.area(shapely.intersection(left[here], right[there]))
    pairs = np.stack([of_left[here], of_right[there]], axis=1)[area > 0]
    pairs, which = np.unique(pairs, axis=0, return_inverse=True)
    return pairs[:, 0], pairs[:, 1], np.bincount(which, area[area > 0], len(pairs))


def _halves(polygons: np.ndarray) -> np.ndarray:
    """Return both halves (2n,) of polygons, cut across the longer side of their bounds: all the first, then the second."""
    left, bottom, right, top = shapely.bounds(polygons).reshape(-1, 4).T
    wide = right - left > top - bottom
    middle_x, middle_y = np.where(wide, (left + right) / 2, right), np.where(wide, top, (bottom + top) / 2)
    first = shapely.box(left, bottom, middle_x, middle_y)
    second = shapely.box(np.where(wide, middle_x, left), np.where(wide, bottom, middle_y), right, top)
    return shapely.intersection(np.tile(polygons, 2), np.concatenate([first, second]))
