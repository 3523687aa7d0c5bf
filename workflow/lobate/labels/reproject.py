"""Reprojection between EPSG:4326 and a grid's CRS: polygons to the grid, the grid's bounds to degrees."""

from __future__ import annotations

import numpy as np
import shapely
from pyproj import Transformer
from rasterio.warp import transform_bounds

from lobate.io.grid import LONLAT, Grid


def lonlat_boxes(grid: Grid, margin_m: float = 0.0) -> list[shapely.Polygon]:
    """Return the bounds in degrees of the grid and a margin round it: one box, or two where it straddles the antimeridian."""
    margin = margin_m / grid.resolution_m * max(grid.resolution)
    left, bottom, right, top = grid.bounds
    outer = left - margin, bottom - margin, right + margin, top + margin
    west, south, east, north = transform_bounds(grid.crs, LONLAT, *outer, densify_pts=21)
    if west <= east:
        return [shapely.box(west, south, east, north)]
    return [shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)]


def to_crs(shapes: np.ndarray, grid: Grid) -> np.ndarray:
    """Return polygons in EPSG:4326 in the grid's CRS; one that cannot be projected becomes empty."""
    transformer = Transformer.from_crs(LONLAT, grid.crs, always_xy=True)
    projected = shapely.transform(shapes, lambda xy: np.column_stack(transformer.transform(*xy.T)))
    projected[~np.isfinite(shapely.bounds(projected)).all(axis=1)] = shapely.Polygon()
    return projected
