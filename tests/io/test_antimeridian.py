from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.affinity import translate
from shapely.geometry import MultiPolygon, Polygon, box

from lobate.io.antimeridian import PolarRingError, cut_at_antimeridian, joined, lonlat_bounds, to_lonlat
from lobate.io.grid import WGS84
from lobate.io.vector import geodesic_measures

CUT = MultiPolygon([box(179, 10, 180, 12), box(-180, 10, -178, 12)])


@pytest.mark.parametrize(
    "written",
    [
        CUT,
        box(179, 10, 182, 12),
        box(-181, 10, -178, 12),
        Polygon([(179, 10), (-178, 10), (-178, 12), (179, 12)]),
        Polygon([(-178, 12), (179, 12), (179, 10), (-178, 10)]),
        translate(box(179, 10, 182, 12), 360),
    ],
)
def test_every_way_of_writing_it_becomes_the_same_two_parts(written):
    assert cut_at_antimeridian(written).equals(CUT)


def test_holes_stay_holes_on_their_side():
    shell = [(179, 10), (-178, 10), (-178, 13), (179, 13)]
    hole = [(-179.5, 11), (-179, 11), (-179, 12), (-179.5, 12)]
    assert cut_at_antimeridian(Polygon(shell, [hole])).area == pytest.approx(9 - 0.5)
    across = [(179.5, 11), (-179.5, 11), (-179.5, 12), (179.5, 12)]
    assert cut_at_antimeridian(Polygon(shell, [across])).area == pytest.approx(9 - 1)


def test_the_whole_world_is_no_crossing():
    assert cut_at_antimeridian(box(-180, -90, 180, 90)).equals(box(-180, -90, 180, 90))


def test_a_ring_round_a_pole_is_refused():
    with pytest.raises(PolarRingError):
        cut_at_antimeridian(Polygon([(lon, 80) for lon in range(-170, 180, 20)]))


def test_a_bow_tie_is_mended_and_lines_are_dropped():
    assert cut_at_antimeridian(Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])).area == pytest.approx(0.5)
    mixed = shapely.GeometryCollection([box(0, 0, 1, 1), shapely.LineString([(5, 5), (6, 6)])])
    assert cut_at_antimeridian(mixed).equals(box(0, 0, 1, 1))
    assert cut_at_antimeridian(Polygon()).is_empty


@given(st.floats(-180, 180), st.floats(-80, 70), st.floats(0.01, 170), st.floats(0.01, 9), st.integers(-1, 1))
def test_area_is_kept_wherever_a_box_lies_and_however_it_is_written(west, south, width, height, turns):
    ground = cut_at_antimeridian(translate(box(west, south, west + width, south + height), 360 * turns))
    assert ground.area == pytest.approx(width * height, rel=1e-6)
    assert ground.bounds[0] >= -180
    assert ground.bounds[2] <= 180
    corners = shapely.get_coordinates(box(west, south, west + width, south + height))
    jumping = Polygon([((x + 180) % 360 - 180, y) for x, y in corners])
    assert cut_at_antimeridian(jumping).area == pytest.approx(width * height, rel=1e-6)


CRS_ACROSS = ["EPSG:32601", "EPSG:32660", "EPSG:3832", "EPSG:4326"]


@pytest.mark.parametrize("crs", CRS_ACROSS)
def test_outlines_of_any_system_come_between_180_west_and_180_east(crs):
    drawn = gpd.GeoSeries([box(179.99, 66, 180.01, 66.01), box(10, 45, 10.1, 45.1)], index=[4, 7], crs=4326)
    if crs != "EPSG:4326":
        drawn = drawn.to_crs(crs)
    found = to_lonlat(drawn)
    assert list(found.index) == [4, 7]
    assert found.crs.to_epsg() == 4326
    west, east = shapely.get_parts(found[4])[np.argsort(shapely.bounds(shapely.get_parts(found[4]))[:, 0])]
    assert west.bounds == pytest.approx((-180, 66, -179.99, 66.01), abs=1e-4)
    assert east.bounds == pytest.approx((179.99, 66, 180, 66.01), abs=1e-4)
    whole = joined(np.array(found.values, dtype=object))
    assert whole[0].geom_type == "Polygon"
    assert whole[0].bounds == pytest.approx((179.99, 66, 180.01, 66.01), abs=1e-4)
    assert whole[1].equals(found[7])


def test_longitudes_of_the_pacific_and_frames_keep_their_fields():
    drawn = gpd.GeoDataFrame(
        {"id": ["a", "b", "c"]}, geometry=[box(190, 10, 191, 11), None, box(20, 1, 21, 2)], crs=4326
    )
    found = to_lonlat(drawn)
    assert list(found["id"]) == ["a", "b", "c"]
    assert found.geometry[0].equals(box(-170, 10, -169, 11))
    assert found.geometry[1] is None
    assert found.geometry[2] is drawn.geometry[2]


def test_a_ring_round_a_pole_and_what_is_not_on_earth_stay_as_they_are():
    ring = Polygon([(lon, 80) for lon in range(-170, 180, 20)])
    odd = [ring, box(500_000, 4e6, 500_010, 4e6 + 10), Polygon([(0, 0), (np.inf, 0), (0, 1)]), Polygon()]
    found = to_lonlat(gpd.GeoSeries(odd, crs=4326))
    assert all(one is other for one, other in zip(found, odd, strict=True))


def test_boxes_across_go_the_short_way_round():
    cut = cut_at_antimeridian(box(179, 65, 181, 66))
    assert lonlat_bounds(np.array([cut])) == (179, 65, -179, 66)
    assert lonlat_bounds(np.array([cut, box(170, 60, 171, 61)])) == (170, 60, -179, 66)
    assert lonlat_bounds(np.array([box(-170, 0, -169, 1), box(100, 0, 101, 1)])) == (100, 0, -169, 1)
    assert lonlat_bounds(np.array([box(-20, 0, -19, 1), box(20, 0, 21, 1)])) == (-20, 0, 21, 1)


@given(st.floats(160, 200), st.floats(-60, 60), st.floats(0.001, 0.5))
def test_measures_do_not_see_the_antimeridian(west, south, side):
    whole = Polygon([(west, south), (west + side, south), (west + side, south + side), (west, south + side)])
    expected = WGS84.geometry_area_perimeter(whole)
    area, perimeter = geodesic_measures(to_lonlat(gpd.GeoSeries([whole], crs=4326)))
    assert area[0] == pytest.approx(abs(expected[0]), rel=1e-3)  # the cut's new vertices lie on chords in degrees
    assert perimeter[0] == pytest.approx(expected[1], rel=1e-3)
