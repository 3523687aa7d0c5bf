"""The drawing tools: always valid, areas right, holes and parts kept, stair-cased outlines smoothed within one per cent."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.features import shapes
from rasterio.transform import from_origin
from scipy.ndimage import gaussian_filter
from shapely.geometry import LineString, MultiPolygon, Point, Polygon, box

from lobate.errors import UserError
from lobate.review import editing
from lobate.review.outlines import checked_polygon

STEP = 10.0
EASY = settings(max_examples=40, deadline=None)


def stairs(seed: int) -> shapely.Geometry:
    """The outlines of a smooth random field on pixels, as one outline with parts and holes."""
    field = gaussian_filter(np.random.default_rng(seed).normal(size=(60, 60)), 3 + seed % 4)
    mask = (field > np.quantile(field, 0.6)).astype(np.uint8)
    found = [
        shapely.geometry.shape(one) for one, _ in shapes(mask, mask == 1, transform=from_origin(5e5, 4e6, STEP, STEP))
    ]
    large = [one for one in found if one.area > 30 * STEP**2]
    return large[0] if len(large) == 1 else MultiPolygon(large)


outlines = st.integers(0, 10_000).map(stairs)


def counts(outline: shapely.Geometry) -> tuple[int, int]:
    parts = shapely.get_parts(outline)
    return len(parts), int(shapely.get_num_interior_rings(parts).sum())


@EASY
@given(outlines)
def test_smoothing_keeps_area_parts_and_holes_and_saves_vertices(outline):
    smooth = editing.smooth(outline, STEP)
    assert smooth.is_valid
    assert counts(smooth) == counts(outline)
    assert abs(smooth.area / outline.area - 1) <= 0.01
    assert shapely.get_num_coordinates(smooth) < 0.6 * shapely.get_num_coordinates(outline)
    assert shapely.hausdorff_distance(smooth, outline) < 2 * STEP


@EASY
@given(outlines, st.floats(0.5, 60))
def test_simplified_outlines_stay_near_and_whole(outline, tolerance):
    simple = editing.simplify(outline, tolerance)
    assert simple.is_valid
    assert counts(simple) == counts(outline)
    assert shapely.get_num_coordinates(simple) <= shapely.get_num_coordinates(outline)
    assert shapely.hausdorff_distance(simple, outline) <= tolerance + 1e-6


@EASY
@given(outlines, st.floats(0, 180), st.floats(-0.4, 0.4))
def test_pieces_of_a_split_are_the_outline_again(outline, angle, shift):
    west, south, east, _ = outline.bounds
    turned = shapely.affinity.rotate(LineString([(west - 900, south), (east + 900, south)]), angle)
    line = shapely.affinity.translate(
        turned, *(np.array(outline.centroid.coords[0]) - turned.centroid.coords[0]) + shift * (east - west)
    )
    if shapely.intersection(line, outline).length < STEP:
        return
    pieces = editing.split(outline, line)
    assert len(pieces) >= 2
    assert all(piece.is_valid for piece in pieces)
    assert sum(piece.area for piece in pieces) == pytest.approx(outline.area, rel=1e-9)
    assert [piece.area for piece in pieces] == sorted((piece.area for piece in pieces), reverse=True)
    assert sum(counts(piece)[0] for piece in pieces) > counts(outline)[0]
    whole = editing.merge(pieces)
    assert whole.is_valid
    assert whole.symmetric_difference(outline).area < 1e-6 * outline.area
    assert counts(whole) == counts(outline)


@EASY
@given(outlines, st.floats(0, 4000))
def test_filled_holes_are_the_small_ones(outline, most):
    filled = editing.fill_holes(outline, most)
    holes = [Polygon(ring).area for part in shapely.get_parts(outline) for ring in part.interiors]
    assert filled.is_valid
    assert filled.area == pytest.approx(outline.area + sum(area for area in holes if area <= most), rel=1e-9)
    assert counts(editing.fill_holes(outline))[1] == 0


@EASY
@given(outlines, st.integers(0, 10_000), st.floats(0.1, 25))
def test_snapped_outlines_are_valid_and_no_vertex_goes_far(outline, seed, tolerance):
    other = shapely.affinity.translate(stairs(seed), 3, 4)
    snapped = editing.snap(outline, [other], tolerance)
    assert snapped.is_valid
    assert counts(snapped) == counts(outline)
    corners = shapely.points(shapely.get_coordinates(snapped))
    assert shapely.distance(corners, outline.boundary).max() <= tolerance + 1e-6


def test_a_neighbour_is_snapped_to_without_a_sliver():
    other, near = box(0, 0, 100, 100), box(103, 0, 200, 99)
    snapped = editing.snap(near, [other], 5)
    assert snapped.distance(other) == 0
    assert snapped.intersection(other).area == 0
    assert editing.snap(near, [other], 1).equals(near)


def test_a_line_that_ends_inside_says_where():
    with pytest.raises(UserError, match=r"it ends inside, at 50\.0 50\.0"):
        editing.split(box(0, 0, 100, 100), LineString([(-10, 50), (50, 50)]))
    with pytest.raises(UserError, match="does not cross it"):
        editing.split(box(0, 0, 100, 100), LineString([(200, 0), (200, 50)]))
    with pytest.raises(UserError, match="has no length"):
        editing.split(box(0, 0, 100, 100), LineString([(1, 1), (1, 1)]))


def test_a_part_that_is_not_cut_stays_with_the_nearest_piece():
    outline = MultiPolygon([box(0, 0, 100, 100), box(0, 120, 20, 140)])
    pieces = editing.split(outline, LineString([(-10, 50), (110, 50)]))
    assert [counts(piece) for piece in pieces] == [(2, 0), (1, 0)]


def test_a_hole_is_split_with_its_outline():
    ring = Point(0, 0).buffer(100).difference(Point(0, 0).buffer(40))
    pieces = editing.split(ring, LineString([(-200, 0), (200, 0)]))
    assert [counts(piece) for piece in pieces] == [(1, 0), (1, 0)]


def test_gaps_are_closed_where_that_is_wanted():
    outlines = [box(0, 0, 100, 100), box(104, 0, 200, 100)]
    assert counts(editing.merge(outlines)) == (2, 0)
    whole = editing.merge(outlines, gap_m=5)
    assert counts(whole) == (1, 0)
    assert whole.area == pytest.approx(20_000, rel=1e-3)
    assert counts(editing.merge(outlines, gap_m=3)) == (2, 0)


def test_rings_and_parts_go_by_their_numbers():
    outline = MultiPolygon([box(0, 0, 100, 100) - box(10, 10, 20, 20) - box(30, 30, 50, 50), box(200, 0, 210, 10)])
    sizes = [Polygon(ring).area for ring in outline.geoms[0].interiors]
    assert editing.delete_ring(outline, 0, 1).area == pytest.approx(outline.area + sizes[0])
    assert counts(editing.delete_ring(outline, 1, 0)) == (1, 2)
    assert counts(editing.delete_part(outline, 0)) == (1, 0)
    for wrong in (
        lambda: editing.delete_part(outline, 2),
        lambda: editing.delete_ring(outline, 0, 3),
        lambda: editing.delete_part(box(0, 0, 1, 1), 0),
    ):
        with pytest.raises(UserError):
            wrong()


def test_an_invalid_outline_says_where():
    with pytest.raises(UserError, match="self-intersection at 5 5"):
        checked_polygon(Polygon([(0, 0), (10, 10), (10, 0), (0, 10)]), "The outline")
    with pytest.raises(UserError, match="without coordinates"):
        checked_polygon(Polygon([(0, 0), (10, np.nan), (10, 0)]), "The outline")


def test_measures_are_geodesic():
    found = editing.measures(box(5e5, 4e6, 5e5 + 1000, 4e6 + 1000), "EPSG:32644")
    assert found.area_m2 == pytest.approx(1e6 / 0.9996**2, rel=1e-5)
    assert found.length_m == pytest.approx(4000 / 0.9996, rel=1e-5)
    assert found.vertices == 5
