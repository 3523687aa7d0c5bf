"""Pixel coordinates and metres of a grid."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS

from lobate.grid import Grid
from lobate.labels.pixels import around, pixel_metres, to_pixels

UTM = CRS.from_epsg(32644)


@settings(deadline=None)
@given(
    left=st.floats(100_000, 900_000),
    top=st.floats(0, 9_000_000),
    metres=st.floats(0.5, 100),
    turn=st.sampled_from([0.0, 30.0]),
)
def test_pixel_coordinates_undo_the_transform(left, top, metres, turn):
    grid = Grid(100, 80, Affine.translation(left, top) @ Affine.rotation(turn) @ Affine.scale(metres, -metres), UTM)
    [pixels] = to_pixels(np.array([grid.footprint]), grid)
    assert shapely.get_coordinates(pixels)[:4] == pytest.approx(
        np.array([(0, 0), (80, 0), (80, 100), (0, 100)]), abs=1e-4
    )


def test_metres_of_a_pixel_in_degrees_differ_by_axis():
    grid = Grid(100, 100, rasterio.transform.from_origin(80, 60.5, 0.01, 0.01), CRS.from_epsg(4326))
    width, height = pixel_metres(grid)
    assert width == pytest.approx(0.01 * 111_320 * 0.5, rel=0.01)
    assert height == pytest.approx(0.01 * 111_412, rel=0.01)


def test_a_ring_has_the_width_asked_for():
    grid = Grid(100, 100, rasterio.transform.from_origin(500_000, 4_000_000, 10, 10), UTM)
    [ring] = around(np.array([shapely.box(20, 20, 40, 40)]), 15.0, grid)
    assert ring.bounds == pytest.approx((18.5, 18.5, 41.5, 41.5), abs=0.01)
    assert not ring.contains(shapely.Point(30, 30))
