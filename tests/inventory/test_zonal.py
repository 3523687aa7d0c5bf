"""Slope and aspect of planes with a closed form, in a projection, in degrees and in Web Mercator; voids and edges."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.io import MemoryFile
from shapely.geometry import box

from lobate.inventory import zonal
from lobate.inventory.zonal import cell_coverage, cells_under
from lobate.io.dem import cell_size_m
from lobate.io.grid import WGS84, Grid

UTM = Grid(40, 50, Affine(30, 0, 500_000, 0, -30, 4_000_000), CRS.from_epsg(32644))


@contextmanager
def dem(elevation: np.ndarray, grid: Grid = UTM, nodata: float | None = None, dtype: str = "float32"):
    with MemoryFile() as memory:
        with memory.open(driver="GTiff", count=1, dtype=dtype, nodata=nodata, **grid.profile()) as raster:
            raster.write(elevation.astype(dtype), 1)
        with memory.open() as raster:
            yield raster


def plane(grid: Grid, east: float, north: float, dx: float, dy: float, base: float = 4000) -> np.ndarray:
    rows, cols = np.mgrid[: grid.height, : grid.width]
    return base + east * dx * cols - north * dy * rows


def test_plane_in_a_projection_falls_to_the_west():
    with dem(plane(UTM, east=0.5, north=0, dx=30, dy=30)) as raster:
        cells = cells_under(raster, box(500_300, 3_999_400, 500_600, 3_999_700))
    assert cells.cover.sum() == pytest.approx(100)
    assert cells.slope == pytest.approx(np.degrees(np.arctan(0.5 * 0.9996)), abs=0.01)
    assert cells.aspect == pytest.approx(270, abs=0.05)  # downslope, true north: on the central meridian


def test_plane_in_degrees_uses_metres_on_the_ellipsoid():
    grid = Grid(30, 30, Affine(1 / 1200, 0, -69.6, 0, -1 / 1200, -32.9), CRS.from_epsg(4326))
    dx = WGS84.inv(-69.6, -32.91, -69.6 + 1 / 1200, -32.91)[2]
    dy = WGS84.inv(-69.6, -32.91, -69.6, -32.91 + 1 / 1200)[2]
    with dem(plane(grid, east=0, north=-0.3, dx=dx, dy=dy), grid) as raster:
        cells = cells_under(raster, box(-69.595, -32.915, -69.585, -32.91))
    assert cells.slope == pytest.approx(np.degrees(np.arctan(0.3)), abs=0.01)
    assert np.all((cells.aspect < 0.01) | (cells.aspect > 359.99))
    width, height, _ = cell_size_m(grid)
    assert width[12, 0] == pytest.approx(dx, rel=1e-4)
    assert height[12, 0] == pytest.approx(dy, rel=1e-4)


def test_plane_in_web_mercator_is_not_flattened():
    grid = Grid(40, 40, Affine(30, 0, 8_900_000, 0, -30, 4_300_000), CRS.from_epsg(3857))  # 36 N: scale 1 / cos 36
    with dem(plane(grid, east=0.5, north=0, dx=30, dy=30), grid) as raster:
        slope = cells_under(raster, box(8_900_300, 4_299_400, 8_900_600, 4_299_700)).slope
    assert np.tan(np.radians(slope)) == pytest.approx(0.5 / np.cos(np.radians(36)), rel=0.02)


def test_grid_north_is_turned_to_true_north():
    grid = Grid(40, 40, Affine(30, 0, 700_000, 0, -30, 4_000_000), CRS.from_epsg(32644))  # 2.2 degrees east of 81 E
    with dem(plane(grid, east=0, north=0.4, dx=30, dy=30), grid) as raster:
        aspect = cells_under(raster, box(700_300, 3_999_400, 700_600, 3_999_700)).aspect
    lon0, lat0, lon1, lat1 = *_lonlat(grid, 10, 10), *_lonlat(grid, 10, 20)
    assert aspect == pytest.approx(WGS84.inv(lon0, lat0, lon1, lat1)[0] % 360, abs=0.05)


def _lonlat(grid, col, row):
    (lon,), (lat,) = rasterio.warp.transform(
        grid.crs, "EPSG:4326", *([coordinate] for coordinate in grid.transform @ (col, row))
    )
    return lon, lat


@pytest.mark.parametrize(("nodata", "void"), [(-32768, -32768), (None, -9999), (0, 0)])
def test_voids_are_unknown_not_zero(nodata, void):
    elevation = np.full(UTM.shape, 4000)
    elevation[10, 10] = void
    with dem(elevation, nodata=nodata, dtype="int16") as raster:
        cells = cells_under(raster, box(500_240, 3_999_600, 500_420, 3_999_780))
    assert np.isnan(cells.elevation).sum() == 1
    assert np.nanmin(cells.elevation) == 4000
    assert np.isnan(cells.slope).sum() == 9
    assert cells.on_dem.all()


def test_cells_beyond_the_edge_are_told_from_voids():
    with dem(np.full(UTM.shape, 4000)) as raster:
        cells = cells_under(raster, box(499_940, 3_999_940, 500_060, 4_000_060))
        beyond = cells_under(raster, box(400_000, 3_000_000, 400_100, 3_000_100))
    assert cells.on_dem.sum() == 4
    assert np.isnan(cells.elevation[~cells.on_dem]).all()
    assert not beyond.on_dem.any()
    assert beyond.cover.sum() == pytest.approx((100 / 30) ** 2)


def test_bands_of_rows_change_nothing(monkeypatch):
    elevation = np.random.default_rng(1).uniform(4000, 5000, UTM.shape)
    outline = box(500_110, 3_999_000, 501_000, 3_999_910)
    with dem(elevation) as raster:
        whole = cells_under(raster, outline)
        monkeypatch.setattr(zonal, "MAX_CELLS", 100)
        parts = cells_under(raster, outline)
    for name in ("x", "y", "cover", "elevation", "slope", "aspect"):
        assert getattr(parts, name) == pytest.approx(getattr(whole, name), rel=1e-6, abs=1e-4), name


def test_coverage_of_partial_cells():
    cover = cell_coverage(UTM.crop(0, 0, 2, 2), box(500_015, 3_999_955, 500_060, 4_000_000))
    assert cover == pytest.approx(np.array([[0.5, 1], [0.25, 0.5]]))
