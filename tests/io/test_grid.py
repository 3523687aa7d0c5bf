"""Shapes, sizes and windows of pixel grids."""

from __future__ import annotations

import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS

from lobate.io.grid import Grid

UTM = Grid(200, 100, Affine(10, 0, 500000, 0, -10, 4000000), CRS.from_epsg(32644))


def test_places_and_sizes():
    assert UTM.bounds == (500000, 3998000, 501000, 4000000)
    assert UTM.resolution == (10, 10)
    assert UTM.footprint.area == 2e6
    assert UTM.resolution_m == pytest.approx(10 / 0.9996, rel=1e-4)


def test_degrees_become_metres():
    degrees = Grid(10, 10, Affine(0.001, 0, 80, 0, -0.001, 60), CRS.from_epsg(4326))
    # at 60 N a degree of longitude is half as long as at the equator
    assert degrees.resolution_m == pytest.approx((55.8 * 111.4) ** 0.5, rel=0.01)


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 80), st.integers(1, 80))
def test_crop_keeps_the_ground(row, col, height, width):
    part = UTM.crop(row, col, height, width)
    assert part.shape == (height, width)
    assert part.transform @ (0, 0) == UTM.transform @ (col, row)
    assert part.crop(-row, -col, *UTM.shape).same_as(UTM)


def test_same_as_tells_a_shift_of_a_hundredth_pixel():
    assert not UTM.same_as(UTM.crop(0, 0, 200, 99))
    shifted = Grid(200, 100, Affine(10, 0, 500000.1, 0, -10, 4000000), UTM.crs)
    assert not UTM.same_as(shifted)
