"""A detection's place on its tile: the grid's pixels, and the polynomials between them and longitude and latitude.

Within a few kilometres longitude and latitude are polynomials of second order in pixel coordinates, to millimetres: so a
page can draw outlines on pixels, and take what a person drew back to the ground, without a projection library.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from affine import Affine
from pyproj import Transformer
from rasterio.crs import CRS
from shapely import Geometry

from lobate.grid import LONLAT, Grid

POINTS = 9
"""Along each axis, so many points are fitted."""
NOWHERE_DEG = 1e-4
"""Side of a pixel where no image shows the ground."""


@dataclass(frozen=True)
class Frame:
    """A window of a grid in pixels, (left, top, right, bottom) as columns and rows, that holds an outline with a margin."""

    grid: Grid
    window: tuple[int, int, int, int]

    @classmethod
    def around(cls, outline: Geometry, grid: Grid, margin: float, least: int) -> Frame:
        """Return the window round an outline (in EPSG:4326): ``margin`` times its size, at least ``least`` pixels, more."""
        left, top, right, bottom = pixel_bounds(outline, grid)
        more = max(least, margin * max(right - left, bottom - top))
        window = np.floor([left - more, top - more, right + more + 1, bottom + more + 1]).astype(int)
        return cls(grid, tuple(window.tolist()))

    def polynomials(self) -> dict[str, dict[str, Any]]:
        """Return ``to_ground`` (pixel -> longitude, latitude) and ``to_pixel``, as `outline.js` takes them."""
        left, top, right, bottom = self.window
        columns, rows = (
            one.ravel() for one in np.meshgrid(np.linspace(left, right, POINTS), np.linspace(top, bottom, POINTS))
        )
        ground = np.column_stack(
            _transformer(self.grid.crs.to_wkt()).transform(*(self.grid.transform @ (columns, rows)))
        )
        pixels = np.column_stack([columns, rows])
        return {"to_ground": _fitted(pixels, ground), "to_pixel": _fitted(ground, pixels)}


def nowhere(outline: Geometry) -> Grid:
    """Return a grid in degrees for an outline that no image shows."""
    west, _, _, north = outline.bounds
    return Grid(1, 1, Affine(NOWHERE_DEG, 0, west, 0, -NOWHERE_DEG, north), CRS.from_epsg(4326))


def pixel_bounds(outline: Geometry, grid: Grid) -> tuple[float, float, float, float]:
    """Return first column, first row, last column and last row of an outline in EPSG:4326; they may lie off the grid."""
    west, south, east, north = outline.bounds
    xs, ys = _transformer(grid.crs.to_wkt()).transform(
        *np.array([(west, south), (west, north), (east, south), (east, north)]).T, direction="INVERSE"
    )
    columns, rows = ~grid.transform @ (np.asarray(xs), np.asarray(ys))
    return columns.min(), rows.min(), columns.max(), rows.max()


@cache
def _transformer(crs: str) -> Transformer:
    return Transformer.from_crs(crs, LONLAT, always_xy=True)


def _fitted(given: np.ndarray, wanted: np.ndarray) -> dict[str, Any]:
    """Return the polynomial that takes ``given`` (n, 2) to ``wanted`` (n, 2) with the least squares."""
    origin, scale = given.mean(axis=0), float(np.ptp(given, axis=0).max() / 2)
    u, v = ((given - origin) / scale).T
    terms = np.column_stack([np.ones_like(u), u, v, u * u, u * v, v * v])
    x, y = np.linalg.lstsq(terms, wanted, rcond=None)[0].T
    return {"origin": _short(origin), "scale": _short([scale])[0], "x": _short(x), "y": _short(y)}


def _short(numbers: Any) -> list[float]:
    """Return numbers to 13 digits, so that the last bits of an arithmetic unit do not show."""
    return [float(f"{number:.13g}") for number in numbers]
