"""Elevation models: elevations with voids as NaN, and gradients by Horn (1981), doi:10.1109/PROC.1981.11918.

Gradients take the size of the cells in metres on the ground.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pyproj import Proj
from rasterio.crs import CRS
from rasterio.io import DatasetReader
from rasterio.warp import transform as warp_points
from rasterio.windows import Window

from lobate.errors import UserError
from lobate.io.grid import WGS84, Grid
from lobate.io.length_units import metres_per_unit
from lobate.io.raster import scale_and_offset
from lobate.io.validity import Validity, alpha_bands

PLAUSIBLE_RANGE_M = (-500.0, 9000.0)
"""No land lies lower or higher, so -32768 and -9999 are voids even in files that do not declare them."""


@dataclass(frozen=True)
class Heights:
    """How a DEM's numbers become metres: metres = scale x number + offset, where ``validity`` allows."""

    validity: Validity
    scale: float
    offset: float

    def metres(self, numbers: np.ndarray, window: Window) -> np.ndarray:
        """Return the elevations of ``numbers``, (h, w) read from ``window``, in metres, NaN in voids."""
        heights = numbers.astype(float) * self.scale + self.offset
        heights[~self.validity.of(numbers[np.newaxis], window)] = np.nan
        heights[(heights < PLAUSIBLE_RANGE_M[0]) | (heights > PLAUSIBLE_RANGE_M[1])] = np.nan
        return heights


@lru_cache(maxsize=4)
def heights_of(dem: DatasetReader) -> Heights:
    """Return how the numbers of an open DEM become metres. Raises UserError for a unit that is not understood."""
    unit, (scale, offset) = metres_per_unit(dem), scale_and_offset(dem)
    return Heights(Validity(dem, (1,), zero_is_nodata=False), scale * unit, offset * unit)


def check_dem(dem: DatasetReader) -> None:
    """Raise UserError unless the DEM's rows run from north to south and its columns from west to east, in one band, in a known unit."""
    others = [index for index in dem.indexes[1:] if index not in alpha_bands(dem)]
    if others:
        raise UserError(
            f"The DEM {dem.name} has {len(others) + 1} bands, so it may be a picture, and it does not say which holds the elevations. "
            f"Give a file with these only, for instance by gdal_translate -b 1 {dem.name} dem.tif"
        )
    heights_of(dem)
    t = dem.transform
    if t.b or t.d or t.a <= 0 or t.e >= 0:
        raise UserError(f"The DEM {dem.name} is rotated or upside down. Warp it north-up, for instance with gdalwarp.")


def read_elevation(dem: DatasetReader, row: int, col: int, height: int, width: int) -> np.ndarray:
    """Return elevations in metres, NaN in voids and outside the raster; (height, width)."""
    elevation = np.full((height, width), np.nan)
    top, bottom = max(row, 0), min(row + height, dem.height)
    left, right = max(col, 0), min(col + width, dem.width)
    if top >= bottom or left >= right:
        return elevation
    window = Window(left, top, right - left, bottom - top)
    metres = heights_of(dem).metres(dem.read(1, window=window), window)
    elevation[top - row : bottom - row, left - col : right - col] = metres
    return elevation


def horn_gradient(
    elevation: np.ndarray, dx: np.ndarray | float, dy: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Return dz/d(east) and dz/d(north) of the inner cells by Horn's formula.

    ``elevation`` (h + 2, w + 2) in metres, north up; ``dx``, ``dy`` in metres, broadcast to (h, w). With z1 z2 z3 the row
    north of a cell and z7 z8 z9 the row south of it:
    dz/dx = ((z3 + 2 z6 + z9) - (z1 + 2 z4 + z7)) / 8 dx;  dz/dy = ((z1 + 2 z2 + z3) - (z7 + 2 z8 + z9)) / 8 dy.
    """
    z = elevation
    east = (z[:-2, 2:] + 2 * z[1:-1, 2:] + z[2:, 2:]) - (z[:-2, :-2] + 2 * z[1:-1, :-2] + z[2:, :-2])
    north = (z[:-2, :-2] + 2 * z[:-2, 1:-1] + z[:-2, 2:]) - (z[2:, :-2] + 2 * z[2:, 1:-1] + z[2:, 2:])
    return east / (8 * dx), north / (8 * dy)


def cell_size_m(grid: Grid) -> tuple[np.ndarray, np.ndarray, float]:
    """Return width and height of the cells of each row in metres, (h, 1) each, and the angle to true north in degrees.

    For a geographic CRS, they follow from the ellipsoid's radii of curvature at each row's latitude, N cos(lat) and M
    (Snyder 1987, eq. 4-18 ff.). For a projected CRS, the cell's size is divided by the projection's scale at the grid's
    centre; the angle is the meridian convergence there.
    """
    rows = np.arange(grid.height) + 0.5
    if grid.crs.is_geographic:
        latitude = np.radians(grid.transform.f + rows * grid.transform.e)[:, np.newaxis]
        curvature = 1 - WGS84.es * np.sin(latitude) ** 2
        width = np.radians(grid.resolution[0]) * np.cos(latitude) * WGS84.a / np.sqrt(curvature)
        return width, np.radians(grid.resolution[1]) * WGS84.a * (1 - WGS84.es) / curvature**1.5, 0.0
    x, y = grid.transform @ (grid.width / 2, grid.height / 2)
    (centre_lon,), (centre_lat,) = warp_points(grid.crs, CRS.from_epsg(4326), [x], [y])
    factors = Proj(grid.crs.to_wkt()).get_factors(centre_lon, centre_lat)
    metres = grid.crs.linear_units_factor[1]
    width, height = grid.resolution[0] * metres, grid.resolution[1] * metres
    return (
        np.full((grid.height, 1), width / factors.parallel_scale),
        np.full((grid.height, 1), height / factors.meridional_scale),
        factors.meridian_convergence,
    )
