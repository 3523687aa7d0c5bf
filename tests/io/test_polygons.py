"""The polygonal part of geometries, and the repair of invalid ones."""

from __future__ import annotations

import numpy as np
import shapely

from lobate.io.polygons import make_valid, polygonal, polygons_in


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
