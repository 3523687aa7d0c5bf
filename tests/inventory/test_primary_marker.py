"""The primary marker: inside, off the rim, and steady when the outline moves."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from lobate.inventory.primary_marker import primary_marker
from lobate.io.grid import WGS84

DEGREE = 111_319.49
"""Metres to a degree near the equator, where degrees are alike in both directions."""


def degrees(outline):
    """Move an outline in metres to degrees at 0 N 80 E."""
    return shapely.transform(outline, lambda metres: metres / DEGREE + [80, 0])


def marker(outline) -> Point:
    """Return the marker of an outline in metres, in metres."""
    longitude, latitude = primary_marker(degrees(outline))
    return Point((longitude - 80) * DEGREE, latitude * DEGREE)


def depth(outline) -> float:
    return shapely.maximum_inscribed_circle(outline, tolerance=0.1).length


def tongue(width=100.0, length=900.0, bend=60.0):
    line = LineString([(0, 0), (length / 2, bend), (length, 0)])
    return line.buffer(width / 2)


def test_a_compact_outline_has_its_marker_at_the_centroid():
    assert marker(box(0, 0, 400, 300)).distance(Point(200, 150)) < 2


def test_where_the_centroid_is_outside_the_nearest_deep_point_counts():
    """A horseshoe's centroid lies in its mouth."""
    shoe = Point(0, 0).buffer(300).difference(box(-150, -400, 150, 200))
    place = marker(shoe)
    assert not shoe.contains(shoe.centroid)
    assert shoe.exterior.distance(place) == pytest.approx(depth(shoe) / 2, rel=0.1)


def test_holes_have_a_rim_too():
    ring = Point(0, 0).buffer(300, quad_segs=64).difference(Point(0, 0).buffer(150, quad_segs=64))
    assert ring.boundary.distance(marker(ring)) == pytest.approx(75 / 2, rel=0.1)


def test_the_deepest_part_of_several_counts():
    parts = MultiPolygon([box(0, 0, 400, 400), box(500, 0, 560, 400)])
    assert parts.geoms[0].contains(marker(parts))


def test_an_outline_thinner_than_rounding_still_has_a_marker():
    sliver = Polygon([(80, 36), (80.01, 36), (80.01, 36 + 1e-12)])
    assert np.isfinite(primary_marker(sliver)).all()


corners = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=2, max_size=6, unique=True)


@given(corners, st.integers(3, 20))
def test_it_lies_inside_and_half_as_deep_as_the_deepest(points, width):
    outline = LineString([(10 * x, 10 * y) for x, y in points]).buffer(5 * width)
    place = marker(outline)
    assert outline.contains(place)
    assert outline.boundary.distance(place) > 0.45 * depth(outline)


def test_the_deepest_point_of_a_tongue_jumps_and_the_marker_does_not():
    """Two bulges of nearly one width: which is the deeper changes by metres."""
    left, right = (
        tongue().union(Point(0, 0).buffer(one)).union(Point(900, 0).buffer(other))
        for one, other in ((64, 60), (60, 64))
    )
    pole = [Point(shapely.get_coordinates(shapely.maximum_inscribed_circle(shape))[0]) for shape in (left, right)]
    assert pole[0].distance(pole[1]) > 800
    assert marker(left).distance(marker(right)) < 20


def test_metres_are_meant_and_not_degrees():
    """At 60 N a degree of longitude is half as long: depth in degrees would take the wrong rim."""
    outline = box(80, 60, 80.01, 60.005)
    longitude, latitude = primary_marker(outline)
    assert WGS84.inv(longitude, latitude, 80.005, 60.0025)[2] < 5
