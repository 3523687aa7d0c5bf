from __future__ import annotations

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.affinity import translate
from shapely.geometry import MultiPolygon, Polygon, box

from lobate.imagery.finding.antimeridian import PolarRingError, cut_at_antimeridian

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
