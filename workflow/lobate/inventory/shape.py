"""Length and width of an outline, in the plane of metres round its middle.

The length is the extent of the outline along the straight line from its upper to its lower end,

    L = max(v . u) - min(v . u) over the vertices v,   u = (h - l) / |h - l|,

where h and l are the centroids of the highest and the lowest tenth of its cells. The width is area / L, the mean width
across that line. Where the ends are unknown (no DEM) or nearer to each other than a cell, L is the longer side of the
smallest rotated rectangle round the outline.
"""

from __future__ import annotations

import numpy as np
import shapely

from lobate.grid import WGS84

TENTH = 0.1

Point = tuple[float, float]


def to_plane(lonlat: np.ndarray, centre: Point) -> np.ndarray:
    """Return (n, 2) metres east and north of ``centre`` in the azimuthal equidistant plane, from (n, 2) degrees."""
    start = np.broadcast_to(centre, lonlat.shape)
    azimuth, _, distance = WGS84.inv(start[:, 0], start[:, 1], lonlat[:, 0], lonlat[:, 1])
    return np.column_stack([distance * np.sin(np.radians(azimuth)), distance * np.cos(np.radians(azimuth))])


def ends(x: np.ndarray, y: np.ndarray, elevation: np.ndarray, cover: np.ndarray) -> tuple[Point, Point]:
    """Return the centroids of the highest and of the lowest tenth of the cells, weighted by their covered part."""
    order = np.argsort(elevation, kind="stable")
    below = np.cumsum(cover[order]) / cover.sum()
    low = elevation <= elevation[order][np.searchsorted(below, TENTH)]  # equals go together, or the ends lean to a side
    high = elevation >= elevation[order][np.searchsorted(below, 1 - TENTH)]
    top, bottom = (
        (float(np.average(x[part], weights=cover[part])), float(np.average(y[part], weights=cover[part])))
        for part in (high, low)
    )
    return top, bottom


def length_along(outline: shapely.Geometry, highest: Point, lowest: Point) -> float:
    """Extent in metres of an outline in degrees along the line from ``highest`` to ``lowest`` (degrees)."""
    vertices, (top, bottom) = _in_plane(outline, highest, lowest)
    direction = (top - bottom) / np.hypot(*(top - bottom))
    along = vertices @ direction
    return float(along.max() - along.min())


def longer_side(outline: shapely.Geometry) -> float:
    """Longer side in metres of the smallest rotated rectangle round an outline in degrees."""
    vertices, _ = _in_plane(outline)
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(shapely.MultiPoint(vertices)))
    return float(np.hypot(*np.diff(corners, axis=0).T).max())


def _in_plane(outline: shapely.Geometry, *points: Point) -> tuple[np.ndarray, np.ndarray]:
    middle = outline.centroid
    both = np.vstack([shapely.get_coordinates(outline), np.reshape(points, (-1, 2))])
    plane = to_plane(both, (middle.x, middle.y))
    return plane[: len(plane) - len(points)], plane[len(plane) - len(points) :]
