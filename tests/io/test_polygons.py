"""The polygonal part of geometries, and the repair of invalid ones."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from lobate.io.polygons import make_valid, polygonal, polygons_in, share_inside, subtract


def test_only_polygons_are_left_of_an_overlay():
    box, line = shapely.box(0, 0, 1, 1), shapely.LineString([(0, 0), (3, 3)])
    mixed = np.array([box, shapely.GeometryCollection([box, line]), line, shapely.GeometryCollection()], dtype=object)
    assert [one.area for one in polygonal(mixed)] == [1, 1, 0, 0]
    assert {one.geom_type for one in polygonal(mixed)} == {"Polygon"}


def test_polygons_and_multipolygons_stay_as_they_are():
    touching = shapely.MultiPolygon([shapely.box(1, 0, 2, 1), shapely.box(0, 0, 1, 0.5)])
    shapes = np.array([touching, shapely.box(0, 0, 1, 1), None], dtype=object)
    assert list(polygonal(shapes)[:2]) == list(shapes[:2])
    assert polygonal(shapes)[2].equals(shapely.Polygon())
    assert shapes[2] is None


def test_polygons_come_out_of_collections_of_collections_in_their_order():
    boxes = [shapely.box(place, 0, place + 1, 1) for place in range(3)]
    inner = shapely.GeometryCollection([shapely.MultiPolygon([boxes[0], boxes[2]]), shapely.Point(0, 0)])
    nested = shapely.GeometryCollection([inner, shapely.LineString([(0, 0), (1, 1)]), boxes[1]])
    assert list(polygons_in(nested)) == [boxes[0], boxes[2], boxes[1]]
    assert list(polygons_in(shapely.LineString([(0, 0), (1, 1)]))) == []
    assert list(polygons_in(None)) == []


def test_only_invalid_geometries_are_repaired_and_missing_ones_stay():
    bow_tie, flat = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), shapely.Polygon([(0, 0), (1, 1), (2, 2)])
    shapes = np.array([shapely.box(0, 0, 1, 1), bow_tie, None, flat], dtype=object)
    box, triangles, missing, empty = make_valid(shapes)
    assert box is shapes[0]
    assert (triangles.geom_type, triangles.area, triangles.is_valid) == ("MultiPolygon", 0.5, True)
    assert missing is None
    assert empty.is_empty
    assert shapes[1] is bow_tie


def boxes(*places):
    return np.array([shapely.box(*place) for place in places], dtype=object)


def test_overlapping_cover_counts_once():
    assert share_inside(boxes((0, 0, 4, 1)), boxes((0, 0, 1, 1), (0, 0, 2, 1))) == pytest.approx([0.5])
    assert share_inside(boxes(), boxes((0, 0, 1, 1))).shape == (0,)
    assert share_inside(boxes((0, 0, 1, 1)), boxes()) == pytest.approx([0.0])


def test_what_is_subtracted_leaves_polygons_only():
    whole, touched, gone, apart = subtract(
        boxes((0, 0, 2, 2), (5, 0, 6, 1), (8, 0, 9, 1), (20, 0, 21, 1)), boxes((1, 0, 2, 2), (6, 0, 7, 1), (8, 0, 9, 1))
    )
    assert (whole.area, touched.area, gone.area, apart.area) == (2, 1, 0, 1)
    assert {shape.geom_type for shape in (whole, touched, gone, apart)} == {"Polygon"}
    assert subtract(boxes((0, 0, 1, 1)), boxes())[0].area == 1


places = st.lists(st.tuples(*[st.integers(0, 6)] * 2, st.integers(1, 3)), max_size=8)


@given(places, places)
def test_share_and_rest_are_those_of_the_whole_union(left, right):
    ours, cover = (boxes(*[(x, y, x + side, y + side) for x, y, side in some]) for some in (left, right))
    union = shapely.union_all(cover)
    common = shapely.area(shapely.intersection(ours, union))
    assert share_inside(ours, cover) == pytest.approx(common / np.maximum(shapely.area(ours), 1e-9))
    assert shapely.area(subtract(ours, cover)) == pytest.approx(shapely.area(ours) - common, abs=1e-9)
