"""Places near a grid, and areas that a person drew."""

from __future__ import annotations

import geopandas as gpd
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS

from lobate.errors import UserError
from lobate.io.grid import Grid
from lobate.io.places import near_grid, read_areas

GRID = Grid(100, 100, Affine(10, 0, 500_000, 0, -10, 4_000_000), CRS.from_epsg(32644))
BOW_TIE = shapely.Polygon([(80, 36), (80.002, 36.002), (80.002, 36), (80, 36.002)])


def test_places_near_a_grid_come_in_its_crs():
    inside, beside = (shapely.box(x, 3_999_400, x + 100, 3_999_500) for x in (500_400, 509_000))
    places = gpd.GeoSeries([inside, beside], crs=GRID.crs).to_crs(4326)
    near = near_grid(places, GRID)
    assert near.index.tolist() == [0]
    assert near.crs == GRID.crs
    assert near.iloc[0].symmetric_difference(inside).area < 1


def test_areas_are_repaired_and_in_degrees(tmp_path):
    square = gpd.GeoSeries([shapely.box(500_000, 3_990_000, 501_000, 3_991_000)], crs=32644)
    frame = gpd.GeoDataFrame(geometry=[*square, *gpd.GeoSeries([BOW_TIE], crs=4326).to_crs(32644)], crs=32644)
    frame.to_file(tmp_path / "areas.gpkg")
    areas = read_areas(tmp_path / "areas.gpkg")
    assert areas.crs.to_epsg() == 4326
    assert len(areas) == 2
    assert areas.is_valid.all()


@pytest.mark.parametrize(
    ("shape", "told"), [(shapely.Point(80, 36), "polygon"), (shapely.Polygon(), "no area"), (None, "no area")]
)
def test_a_file_without_an_area_is_a_mistake(tmp_path, shape, told):
    gpd.GeoDataFrame({"a": [1]}, geometry=[shape], crs=4326).to_file(tmp_path / "areas.gpkg")
    with pytest.raises(UserError, match=told):
        read_areas(tmp_path / "areas.gpkg")
