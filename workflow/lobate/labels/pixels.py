"""Polygons in the pixel coordinates of a grid, where a band of rows is a shift by whole numbers."""

from __future__ import annotations

import numpy as np
import shapely
from rasterio.warp import transform as warp_points

from lobate.grid import LONLAT, WGS84, Grid


def to_pixels(shapes: np.ndarray, grid: Grid) -> np.ndarray:
    """Return polygons of the grid's CRS in its pixel coordinates (column, row), bit for bit as GDAL computes them."""
    c, a, b, f, d, e = _inverse(grid)
    return shapely.transform(
        shapes, lambda xy: np.column_stack([c + xy[:, 0] * a + xy[:, 1] * b, f + xy[:, 0] * d + xy[:, 1] * e])
    )


def _inverse(grid: Grid) -> tuple[float, float, float, float, float, float]:
    """Return the inverse geotransform in GDAL's order; for a grid that points north by GDAL's own shorter way."""
    t = grid.transform
    if t.b == t.d == 0:
        return -t.c / t.a, 1 / t.a, 0.0, -t.f / t.e, 0.0, 1 / t.e
    return (~t).to_gdal()


def around(shapes: np.ndarray, distance_m: float, grid: Grid) -> np.ndarray:
    """Return what lies within ``distance_m`` metres of the outlines of polygons, all in pixel coordinates."""
    size = np.array(pixel_metres(grid))
    lines = shapely.transform(shapely.boundary(shapes), lambda xy: xy * size)
    return shapely.transform(shapely.buffer(lines, distance_m), lambda xy: xy / size)


def pixel_metres(grid: Grid) -> tuple[float, float]:
    """Return width and height of the pixel at the grid's centre in metres on the ground (geodesic)."""
    col, row = grid.width / 2, grid.height / 2
    xs, ys = zip(*(grid.transform @ corner for corner in [(col, row), (col + 1, row), (col, row + 1)]), strict=True)
    lons, lats = warp_points(grid.crs, LONLAT, xs, ys)
    _, _, width = WGS84.inv(lons[0], lats[0], lons[1], lats[1])
    _, _, height = WGS84.inv(lons[0], lats[0], lons[2], lats[2])
    return width, height
