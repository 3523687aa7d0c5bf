"""Horn's slopes of planes with a closed form, sizes of cells on the ground, and voids."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.io import MemoryFile

from lobate.errors import UserError
from lobate.io.dem import cell_size_m, check_dem, horn_gradient, read_elevation
from lobate.io.grid import Grid


@given(east=st.floats(-2, 2), north=st.floats(-2, 2))
def test_horn_is_exact_on_a_plane(east, north):
    x, y = np.meshgrid(np.arange(6.0), np.arange(5.0, 0, -1))
    found = horn_gradient(3 * east * x + 7 * north * y, 3.0, 7.0)
    assert found[0] == pytest.approx(np.full((3, 4), east), abs=1e-9)
    assert found[1] == pytest.approx(np.full((3, 4), north), abs=1e-9)


def test_slope_is_unknown_beside_a_void():
    height = np.zeros((5, 5))
    height[2, 2] = np.nan
    east, north = horn_gradient(height, 1.0, 1.0)
    assert np.isnan(np.hypot(east, north)[[0, 0, 1, 2, 2], [0, 2, 0, 0, 2]]).all()


def test_cells_in_degrees_have_their_sides_in_metres():
    """A degree at 36 N: 90,164 m along the parallel, 110,962 m along the meridian (WGS84)."""
    grid = Grid(1, 1, Affine(0.001, 0, 81, 0, -0.001, 36.0005), CRS.from_epsg(4326))
    width, height, turn = cell_size_m(grid)
    assert (width.item(), height.item()) == (pytest.approx(90.164, abs=1e-2), pytest.approx(110.962, abs=2e-2))
    assert turn == 0


NORTH_UP = Affine(30, 0, 500_000, 0, -30, 4_000_000)


def opened(values, transform=NORTH_UP):
    memory = MemoryFile()
    profile = {"driver": "GTiff", "count": 1, "dtype": "int16", "crs": "EPSG:32644", "transform": transform}
    with memory.open(height=values.shape[0], width=values.shape[1], **profile) as raster:
        raster.write(values.astype("int16"), 1)
    return memory.open()


def test_voids_and_ground_beyond_the_edge_are_unknown():
    values = np.full((4, 4), 4000)
    values[1, 1], values[2, 2] = -32768, -9999
    with opened(values) as dem:
        found = read_elevation(dem, -1, -1, 6, 6)
    assert np.isfinite(found).sum() == 14
    assert np.isnan(found[0]).all()
    assert np.isnan(found[[2, 3], [2, 3]]).all()


@pytest.mark.parametrize("transform", [Affine(30, 0, 0, 0, 30, 0), Affine.rotation(10) @ Affine(1, 0, 81, 0, -1, 36)])
def test_dem_that_is_not_north_up_is_a_mistake(transform):
    with opened(np.zeros((5, 5)), transform) as dem, pytest.raises(UserError, match="rotated or upside down"):
        check_dem(dem)
