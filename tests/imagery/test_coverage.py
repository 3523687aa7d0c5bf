from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod, Transformer
from shapely.affinity import translate
from shapely.geometry import MultiPolygon, box

from lobate.imagery.finding.coverage import EqualAreaMap, count_in_words, measure_coverage

GEOD = Geod(ellps="WGS84")


def share(part, whole):
    """The share by geodesic areas, apart from the code."""
    fine = [shapely.segmentize(one, 0.05) for one in (part, whole)]
    return abs(GEOD.geometry_area_perimeter(fine[0])[0] / GEOD.geometry_area_perimeter(fine[1])[0])


@pytest.mark.parametrize("south", [0, 46, 75, -34])
def test_shares_are_those_of_the_ground_not_of_degrees(south):
    area = box(10, south, 11, south + 4)
    covered = measure_coverage(area, [box(9, south - 1, 12, south + 1), box(9, south - 1, 10.5, south + 2)])
    once = share(box(10, south + 1, 10.5, south + 2), area) + share(box(10.5, south, 11, south + 1), area)
    assert covered.shares()[2] == pytest.approx(share(box(10, south, 10.5, south + 1), area), abs=2e-5)
    assert covered.shares()[1] == pytest.approx(once, abs=2e-5)
    never = share(box(10, south + 2, 11, south + 4), area) + share(box(10.5, south + 1, 11, south + 2), area)
    assert covered.shares()[0] == pytest.approx(never, abs=2e-5)


def test_areas_are_square_metres():
    area = box(10, 46, 11, 47)
    expected, _ = GEOD.geometry_area_perimeter(shapely.segmentize(area, 0.05))
    assert measure_coverage(area, [area]).areas_m2().sum() == pytest.approx(expected, rel=1e-5)


def test_nothing_covers_nothing():
    covered = measure_coverage(box(10, 46, 11, 47), [])
    assert covered.shares() == {0: 1.0}
    assert covered.gaps().area == pytest.approx(covered.areas_m2().sum())


def test_a_full_cover_has_no_gap_even_where_neighbours_only_touch():
    area = box(10, 46, 11, 47)
    halves = [box(9, 45, 10.5000001, 48), box(10.5, 45, 12, 48)]
    covered = measure_coverage(area, halves)
    assert covered.gaps().is_empty
    assert covered.largest_gaps() == []
    assert covered.shares()[1] == pytest.approx(1, abs=1e-5)


def test_gaps_are_told_largest_first_with_a_place_inside():
    area = box(10, 46, 12, 47)
    covered = measure_coverage(area, [box(10.2, 46, 11, 47), box(11.5, 46, 12, 47)])
    (large, place), (small, other) = covered.largest_gaps()
    assert large == pytest.approx(GEOD.geometry_area_perimeter(box(11, 46, 11.5, 47))[0], rel=1e-3)
    assert small < large
    assert 11 < place[0] < 11.5
    assert 10 < other[0] < 10.2
    assert 46 < place[1] < 47


def test_the_antimeridian_is_nothing_special():
    area = MultiPolygon([box(179, -18, 180, -16), box(-180, -18, -179, -16)])
    west, east = box(178, -19, 180, -15), MultiPolygon([box(179.5, -19, 180, -15), box(-180, -19, -179.5, -15)])
    covered = measure_coverage(area, [west, east])
    inland = measure_coverage(
        translate(box(-1, -18, 1, -16), 20),
        [translate(box(-2, -19, 0, -15), 20), translate(box(-0.5, -19, 0.5, -15), 20)],
    )
    assert covered.shares() == pytest.approx(inland.shares(), abs=1e-5)
    ((_, (lon, _)),) = covered.largest_gaps()
    assert -179.5 < lon < -179


def test_the_middle_of_the_map_is_the_middle_of_the_area():
    middle = EqualAreaMap.around(box(10, 46, 12, 47)).project(box(10, 46, 12, 47)).centroid
    assert np.hypot(middle.x, middle.y) < 50


BOXES = st.lists(
    st.tuples(st.integers(-2, 12), st.integers(-2, 12), st.integers(1, 8), st.integers(1, 8)).map(
        lambda one: box(10 + one[0] / 10, 46 + one[1] / 10, 10 + (one[0] + one[2]) / 10, 46 + (one[1] + one[3]) / 10)
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=20)
@given(BOXES)
def test_counts_are_those_of_a_grid_counted_by_hand(footprints):
    area = box(10, 46, 11, 47)
    covered = measure_coverage(area, footprints)
    centres = [(10.05 + x / 10, 46.05 + y / 10) for x in range(10) for y in range(10)]
    by_hand = [sum(footprint.contains(shapely.Point(*place)) for footprint in footprints) for place in centres]
    there = Transformer.from_crs(4326, covered.map.crs, always_xy=True)
    places = [shapely.Point(*there.transform(*place)) for place in centres]
    cell = [int(np.flatnonzero(shapely.contains(covered.cells, place))[0]) for place in places]
    assert covered.counts[cell].tolist() == by_hand
    assert sum(covered.shares().values()) == pytest.approx(1)


def test_numbers_of_scenes_in_words():
    assert [count_in_words(count) for count in (0, 1, 2, 6)] == ["no scene", "1 scene", "2 scenes", "6 scenes or more"]
    assert measure_coverage(box(10, 46, 11, 47), [box(10, 46, 11, 47)] * 9).shares() == {6: 1.0}
