"""The mapped ground: every pixel with data, no other, in any CRS."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS

from lobate.errors import UserError
from lobate.io.grid import Grid
from lobate.io.ground import mapped_ground
from lobate.io.mask_values import PROBABILITY_NODATA
from lobate.io.raster import BLOCK
from lobate.io.vector import geodesic_area_m2

SIDE = 16
"""Pixels in the side of a square hole that is large enough to count; blocks begin at its multiples."""


def write(path, values, epsg=32644, origin=(500_000, 4_000_000), pixel=10.0):
    transform = Affine(pixel, 0, origin[0], 0, -pixel, origin[1])
    profile = Grid(*values.shape, transform, CRS.from_epsg(epsg)).profile()
    with rasterio.open(path, "w", driver="GTiff", dtype="uint8", count=1, **profile) as target:
        target.write(values, 1)
    return path


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.sampled_from([0.0, 0.02, 0.5, 0.98, 1.0]))
def test_it_has_the_pixels_with_data_and_no_others(tmp_path_factory, seed, share):
    random = np.random.default_rng(seed)
    holes = random.random(((BLOCK + 64) // SIDE, (BLOCK + 32) // SIDE)) < share
    values = np.where(np.kron(holes, np.ones((SIDE, SIDE))), PROBABILITY_NODATA, 0).astype("uint8")
    path = write(tmp_path_factory.mktemp("map") / "map.tif", values)
    ground = mapped_ground([path])
    assert ground.is_valid.all()
    assert set(ground["pixel_m"]) <= {10.0}
    assert ground.to_crs(32644).area.sum() / 100 == pytest.approx((values != PROBABILITY_NODATA).sum(), abs=0.5)
    rows, columns = random.integers(0, values.shape[0], 200), random.integers(0, values.shape[1], 200)
    centres = gpd.GeoSeries.from_xy(500_005 + 10 * columns, 3_999_995 - 10 * rows, crs=32644).to_crs(4326)
    inside = np.isin(np.arange(200), shapely.STRtree(centres).query(ground.geometry, predicate="intersects")[1])
    assert (inside == (values[rows, columns] != PROBABILITY_NODATA)).all()


def test_blocks_meet_without_gaps_where_edges_are_not_straight(tmp_path):
    """Far from the central meridian and in the north, an edge of a block bends in longitude and latitude."""
    values = np.zeros((3 * BLOCK, 3 * BLOCK), dtype="uint8")
    values[BLOCK + 100 : BLOCK + 110, BLOCK + 100 : BLOCK + 110] = PROBABILITY_NODATA
    ground = mapped_ground([write(tmp_path / "map.tif", values, epsg=32633, origin=(780_000, 8_600_000))])
    whole = ground.union_all()
    exact = shapely.Polygon(shapely.geometry.polygon.orient(whole).exterior) if whole.geom_type == "Polygon" else whole
    gaps = geodesic_area_m2(gpd.GeoSeries([exact.difference(whole)], crs=4326))[0] - 100 * 100
    assert len(ground) == 9
    assert abs(gaps) < 200  # of 236 km2


@pytest.mark.parametrize("value", [0, PROBABILITY_NODATA])
def test_holes_and_islands_of_a_few_pixels_belong_to_the_ground_around(tmp_path, value):
    values = np.full((BLOCK, BLOCK), value, dtype="uint8")
    other = PROBABILITY_NODATA - value
    values[100:108, 100:112], values[300:310, 300:310] = other, other  # 96 and 100 pixels
    area = mapped_ground([write(tmp_path / "map.tif", values)]).to_crs(32644).area.sum() / 100
    assert area == pytest.approx(100 if value else BLOCK**2 - 100, abs=0.5)


def test_noise_makes_no_millions_of_vertices(tmp_path):
    noise = np.random.default_rng(0).random((BLOCK, BLOCK)) < 0.3
    ground = mapped_ground([write(tmp_path / "map.tif", np.where(noise, PROBABILITY_NODATA, 0).astype("uint8"))])
    assert shapely.get_num_coordinates(ground.geometry.values).sum() < 200


@pytest.mark.parametrize("rest", [1, 9, 10, 11])
def test_a_corner_smaller_than_what_counts_is_ground(tmp_path, rest):
    values = np.zeros((BLOCK + rest, BLOCK + rest), dtype="uint8")
    values[0, 0] = values[-1, -1] = PROBABILITY_NODATA
    area = mapped_ground([write(tmp_path / "map.tif", values)]).to_crs(32644).area.sum() / 100
    assert area == pytest.approx((BLOCK + rest) ** 2, abs=1.5)


def test_nothing_mapped_is_no_ground(tmp_path):
    assert mapped_ground([]).empty
    assert mapped_ground([write(tmp_path / "map.tif", np.full((9, 9), PROBABILITY_NODATA, "uint8"))]).empty


def test_a_raster_across_the_180th_meridian_is_named(tmp_path):
    path = write(
        tmp_path / "far.tif", np.zeros((50, 50), "uint8"), epsg=32601, origin=(340_000, 7_300_000), pixel=1000.0
    )
    with pytest.raises(UserError, match=r"far\.tif lies across the 180th meridian"):
        mapped_ground([path])
