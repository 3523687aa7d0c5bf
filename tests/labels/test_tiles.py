"""The best tile of a polygon."""

from __future__ import annotations

import geopandas as gpd
import shapely
from affine import Affine
from rasterio.crs import CRS

from lobate.grid import Grid
from lobate.labels.tiles import best_tiles, lonlat_boxes


def utm(zone, left, top, size=1000, metres=10.0):
    return Grid(size, size, Affine(metres, 0, left, 0, -metres, top), CRS.from_epsg(32600 + zone))


def in_utm(zone, *boxes):
    return gpd.GeoSeries([shapely.box(*one) for one in boxes], crs=32600 + zone).to_crs(4326)


def test_tiles_of_two_zones_share_a_polygon_by_cover():
    tiles = {"W": utm(44, 700_000, 4_000_000, 8000), "E": utm(45, 200_000, 4_000_000, 6000)}
    on_both = in_utm(45, (230_000, 3_970_000, 231_000, 3_971_000))
    alone = {name: best_tiles(on_both, {name: tiles[name]})[0] for name in tiles}
    assert alone == {"W": "W", "E": "E"}
    assert best_tiles(on_both, tiles)[0] in tiles
    assert best_tiles(in_utm(44, (779_200, 3_970_000, 780_200, 3_971_000)), tiles)[0] == "E"


def test_equal_tiles_are_taken_by_name_whatever_their_order():
    grid = utm(44, 500_000, 4_000_000)
    shapes = in_utm(44, (503_000, 3_994_000, 504_000, 3_995_000))
    assert best_tiles(shapes, {"B": grid, "A": grid})[0] == best_tiles(shapes, {"A": grid, "B": grid})[0] == "A"


def test_ground_on_no_tile_has_none():
    shapes = in_utm(44, (100_000, 100_000, 101_000, 101_000), (503_000, 3_994_000, 504_000, 3_995_000))
    assert best_tiles(shapes, {"A": utm(44, 500_000, 4_000_000)}).tolist() == [None, "A"]


def test_a_tile_over_the_antimeridian_is_two_boxes_and_sees_both_sides():
    tile = utm(1, 360_000, 7_500_000, 6000)
    assert len(lonlat_boxes(tile)) == 2
    shapes = gpd.GeoSeries(
        [shapely.box(179.9, 67.3, 179.95, 67.35), shapely.box(-179.8, 67.3, -179.7, 67.35)], crs=4326
    )
    assert best_tiles(shapes, {"A": tile}).tolist() == ["A", "A"]
