from __future__ import annotations

import geopandas as gpd
import pytest
import shapely
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from lobate.errors import UserError
from lobate.imagery.finding.area import query_outline, read_area


@pytest.fixture
def area(tmp_path):
    def write(shapes, crs="EPSG:4326", name="area.gpkg"):
        path = tmp_path / name
        gpd.GeoDataFrame({"n": range(len(shapes))}, geometry=list(shapes), crs=crs).to_file(path)
        return path

    return write


@pytest.mark.parametrize("name", ["a.gpkg", "a.shp", "a.geojson"])
def test_any_vector_file_and_all_its_features(area, name):
    ground = read_area(area([box(80, 35, 81, 36), box(81, 35, 82, 36)], name=name))
    assert ground.equals(box(80, 35, 82, 36))


@pytest.mark.parametrize(
    ("crs", "shape", "place"),
    [
        ("EPSG:32644", box(500000, 3900000, 540000, 3940000), (81.22, 35.42)),
        ("EPSG:32719", box(400000, 6300000, 440000, 6340000), (-69.86, -33.25)),  # south and west
        ("EPSG:3035", box(4301000, 3190000, 4341000, 3230000), (10, 52)),
    ],
)
def test_the_crs_of_the_file_is_honoured(area, crs, shape, place):
    ground = read_area(area([shape], crs=crs))
    assert (ground.centroid.x, ground.centroid.y) == pytest.approx(place, abs=0.02)


def test_a_straight_edge_of_another_crs_is_followed_along_its_curve(area):
    """A parallel-sided strip on a polar map: its long edges bow far out in longitude and latitude."""
    shape = box(-2_000_000, -1_000_000, 2_000_000, -800_000)
    ground = read_area(area([shape], crs="EPSG:3413"))
    back = gpd.GeoSeries([ground.segmentize(0.05)], crs=4326).to_crs(3413).iloc[0]
    assert back.symmetric_difference(shape).area < 0.001 * shape.area


def test_an_area_over_the_antimeridian_is_small_and_on_both_sides(area):
    utm = read_area(area([box(300000, 7200000, 900000, 7300000)], crs="EPSG:32601", name="utm.gpkg"))
    fiji = read_area(area([Polygon([(179, -18), (-179, -18), (-179, -16), (179, -16)])], name="fiji.gpkg"))
    assert fiji.area == pytest.approx(4)
    assert utm.area < 15
    for ground in (utm, fiji):
        assert ground.bounds[0] == -180
        assert ground.bounds[2] == 180
        asked = query_outline(ground)
        assert len(asked.geoms) == 2
        assert asked.area < 1.3 * ground.area


def test_the_outline_holds_the_area_with_few_corners():
    circle = Point(10, 46).buffer(0.5, 500)
    asked = query_outline(MultiPolygon([circle, box(70, 30, 71, 31)]))
    assert len(asked.geoms) == 2
    assert asked.contains(circle.buffer(-1e-6))
    comb = shapely.union_all([box(x / 10, 0, x / 10 + 0.05, 1) for x in range(100)])
    assert shapely.get_num_coordinates(query_outline(comb)) == 5


@pytest.mark.parametrize(
    ("shapes", "crs", "message"),
    [
        ([], "EPSG:4326", "is empty"),
        ([Polygon()], "EPSG:4326", "is empty"),
        ([None], "EPSG:4326", "is empty"),
        ([Point(1, 2)], "EPSG:4326", "must hold polygons"),
        ([LineString([(1, 2), (2, 3)])], "EPSG:4326", "must hold polygons"),
        ([box(500000, 3900000, 540000, 3940000)], "EPSG:4326", "whose coordinates are degrees"),
        ([box(0, 89, 1, 91)], "EPSG:4326", "lies nowhere on Earth"),
        ([box(1e9, 1e9, 2e9, 2e9)], "EPSG:32644", "coordinates are of another system"),
        ([box(80, 35, 81, 36)], "EPSG:32644", "only 0.9.* square metres.*degrees, read as metres"),
        ([box(0, 0, 1e-5, 1e-5)], "EPSG:4326", "only 1.23 square metres"),
        ([Point(0, 0).buffer(1e6)], "EPSG:3413", "goes round a pole"),
    ],
)
def test_an_area_that_is_none_is_told(area, shapes, crs, message):
    with pytest.raises(UserError, match=message) as raised:
        read_area(area(shapes, crs=crs))
    assert "\n" not in str(raised.value)


def test_one_layer_of_several_is_chosen_by_name(tmp_path):
    path = tmp_path / "areas.gpkg"
    for name, west in (("north", 80), ("south", 10)):
        gpd.GeoDataFrame(geometry=[box(west, 35, west + 1, 36)], crs=4326).to_file(path, layer=name)
    assert read_area(path, "south").equals(box(10, 35, 11, 36))
    with pytest.raises(UserError, match="several layers"):
        read_area(path)


def test_a_file_without_crs_or_layer_is_told(area, tmp_path):
    with pytest.raises(UserError, match="no coordinate reference system"):
        read_area(area([box(80, 35, 81, 36)], crs=None, name="bare.shp"))
    with pytest.raises(UserError, match="has no layer other"):
        read_area(area([box(80, 35, 81, 36)]), "other")
    with pytest.raises(UserError, match="does not exist"):
        read_area(tmp_path / "none.gpkg")
