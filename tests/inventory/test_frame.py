"""Pixels and ground agree to millimetres within a page's pictures, anywhere on Earth."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from affine import Affine
from pyproj import Transformer
from rasterio.crs import CRS

from lobate.grid import Grid
from lobate.inventory.frame import Frame, nowhere, pixel_bounds


def applied(fit, points):
    """What `polynomial` of outline.js does."""
    u, v = ((np.asarray(points) - fit["origin"]) / fit["scale"]).T
    terms = np.column_stack([np.ones_like(u), u, v, u * u, u * v, v * v])
    return np.column_stack([terms @ fit["x"], terms @ fit["y"]])


@pytest.mark.parametrize(
    ("crs", "x", "y"),
    [(32644, 600_000, 3_990_000), (32719, 350_000, 6_600_000), (32633, 250_000, 8_700_000), (3413, -500_000, -900_000)],
)
def test_polynomials_are_the_projection(crs, x, y):
    grid = Grid(1000, 1000, Affine(10, 0, x, 0, -10, y), CRS.from_epsg(crs))
    to_ground = Transformer.from_crs(crs, 4326, always_xy=True)
    middle = shapely.Point(to_ground.transform(x + 5000, y - 5000)).buffer(0.01)
    frame = Frame.around(middle, grid, 0.5, 50)
    fits, (left, top, right, bottom) = frame.polynomials(), frame.window
    rng = np.random.default_rng(0)
    pixels = rng.uniform([left, top], [right, bottom], (200, 2))
    metres = np.column_stack(grid.transform @ tuple(pixels.T))
    ground = applied(fits["to_ground"], pixels)
    back = np.column_stack(Transformer.from_crs(4326, crs, always_xy=True).transform(*ground.T))
    assert np.abs(back - metres).max() < 0.05, "metres"
    assert np.abs(applied(fits["to_pixel"], ground) - pixels).max() < 0.01, "pixels"


def test_window_holds_the_outline_with_its_margin():
    grid = Grid(100, 100, Affine(1, 0, 0, 0, -1, 50), CRS.from_epsg(4326))
    outline = shapely.box(10, 20, 20, 30)
    assert np.allclose(pixel_bounds(outline, grid), (10, 20, 20, 30))
    assert Frame.around(outline, grid, 0.5, 2).window == (5, 15, 26, 36)
    assert Frame.around(outline, grid, 0.1, 7).window == (3, 13, 28, 38)


def test_without_an_image_there_is_a_grid_all_the_same():
    outline = shapely.box(80, 36, 80.01, 36.01)
    fits = Frame.around(outline, nowhere(outline), 1, 10).polynomials()
    assert np.allclose(applied(fits["to_ground"], applied(fits["to_pixel"], [(80.004, 36.002)])), (80.004, 36.002))
