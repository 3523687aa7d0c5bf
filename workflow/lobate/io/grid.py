"""The pixel grid of a raster as an immutable value: shape, affine transform and CRS.

Every operation returns a new grid. Rows come before columns, and heights before widths, everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import Any

import numpy as np
from affine import Affine
from pyproj import Geod
from rasterio.crs import CRS
from rasterio.io import DatasetReader
from rasterio.warp import transform as warp_points
from shapely.geometry import Polygon

WGS84 = Geod(ellps="WGS84")
LONLAT = "EPSG:4326"


def transform_points(transform: Affine, columns: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of points by their columns and rows; with an inverted ``transform``, column and row by x and y."""
    t = transform
    return columns * t.a + rows * t.b + t.c, columns * t.d + rows * t.e + t.f


@dataclass(frozen=True)
class Grid:
    """``height`` x ``width`` pixels; ``transform`` maps (column, row) of a pixel's corner to (x, y) in ``crs``."""

    height: int
    width: int
    transform: Affine
    crs: CRS

    @classmethod
    def from_raster(cls, raster: DatasetReader) -> Grid:
        """Return the grid of an open raster."""
        return cls(raster.height, raster.width, raster.transform, raster.crs)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, in pixels."""
        return self.height, self.width

    @property
    def footprint(self) -> Polygon:
        """The ground covered, in ``crs``."""
        corners = [(0, 0), (self.width, 0), (self.width, self.height), (0, self.height)]
        return Polygon([self.transform @ corner for corner in corners])

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right and top, in ``crs``."""
        return self.footprint.bounds

    @property
    def resolution(self) -> tuple[float, float]:
        """Width and height of a pixel, in units of ``crs``."""
        t = self.transform
        return hypot(t.a, t.d), hypot(t.b, t.e)

    @property
    def resolution_m(self) -> float:
        """Side of a pixel at the grid's centre in metres on the ground: the root of its geodesic area."""
        row, col = self.height / 2, self.width / 2
        corners = [(col, row), (col + 1, row), (col + 1, row + 1), (col, row + 1)]
        xs, ys = zip(*(self.transform @ corner for corner in corners), strict=True)
        lons, lats = warp_points(self.crs, CRS.from_epsg(4326), xs, ys)
        area, _ = WGS84.polygon_area_perimeter(lons, lats)
        return abs(area) ** 0.5

    def crop(self, row: int, col: int, height: int, width: int) -> Grid:
        """Return the grid of a window that starts at ``row``, ``col``; it may extend past this grid."""
        return Grid(height, width, self.transform @ Affine.translation(col, row), self.crs)

    def same_as(self, grid: Grid) -> bool:
        """Whether both grids have the same pixels, to a thousandth of a pixel."""
        tolerance = 1e-3 * min(self.resolution)
        return (
            self.shape == grid.shape
            and self.crs == grid.crs
            and all(abs(a - b) <= tolerance for a, b in zip(self.bounds, grid.bounds, strict=True))
        )

    def profile(self) -> dict[str, Any]:
        """Return the part of a rasterio profile that defines this grid."""
        return {"height": self.height, "width": self.width, "transform": self.transform, "crs": self.crs}
