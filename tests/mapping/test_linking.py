"""Pairs of detections across tiles, their overlap on shared ground, and the bodies they form."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from lobate.mapping.linking import component_ids, cross_tile_pairs, overlap_ratio

WEST, EAST = shapely.box(0, 0, 11, 10), shapely.box(10, 0, 20, 10)


def test_only_outlines_of_different_tiles_that_touch_are_paired():
    outlines = np.array([shapely.box(9, 1, 11, 2), shapely.box(10, 1, 12, 2), shapely.box(10, 1, 11, 3)])
    left, right = cross_tile_pairs(outlines, np.array([0, 1, 1]))
    assert (left.tolist(), right.tolist()) == ([0, 0], [1, 2])


def test_nothing_pairs_with_nothing():
    left, right = cross_tile_pairs(np.array([], dtype=object), np.array([], dtype=int))
    assert len(left) == len(right) == len(component_ids(0, (left, right))) == 0


def test_halves_of_a_body_agree_fully_however_narrow_the_shared_strip():
    halves = np.array([shapely.box(2, 4, 11, 6), shapely.box(10, 4, 18, 6)])
    share = overlap_ratio(halves, np.array([0, 1]), np.array([WEST, EAST]), (np.array([0]), np.array([1])))
    assert share == [1.0]


def test_a_body_that_crosses_the_seam_to_and_fro_agrees_by_its_best_piece():
    """Each sees two pieces in the strip and connects only one of them with the other's."""
    one = shapely.MultiPolygon([shapely.box(8, 1, 11, 4), shapely.box(8, 6, 11, 6.1)])
    other = shapely.MultiPolygon([shapely.box(10, 6, 14, 6.1), shapely.box(10, 7, 14, 9)])
    share = overlap_ratio(
        np.array([one, other]), np.array([0, 1]), np.array([WEST, EAST]), (np.array([0]), np.array([1]))
    )
    assert share == [1.0]


def test_neighbours_that_graze_agree_little():
    outlines = np.array([shapely.box(10.2, 1, 10.6, 2), shapely.box(10.55, 1, 10.95, 2)])
    share = overlap_ratio(outlines, np.array([0, 1]), np.array([WEST, EAST]), (np.array([0]), np.array([1])))
    assert np.isclose(share, 0.125)


@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=40))
def test_bodies_are_the_connected_components_numbered_by_their_first_member(count, edges):
    edges = [(a % count, b % count) for a, b in edges]
    links = tuple(np.array([edge[side] for edge in edges], dtype=int) for side in (0, 1))
    body = component_ids(count, links)
    expected = list(range(count))
    for _ in range(count):
        for a, b in edges:
            expected[a] = expected[b] = min(expected[a], expected[b])
    assert body.tolist() == [sorted(set(expected)).index(root) for root in expected]


def test_one_body_overlapped_by_thousands_takes_no_square_of_time():
    """A lobed body of 20,000 vertices in one tile, thousands of small ones on it and in its gaps in the other: what is
    overlaid is counted in vertices, and must not be those of the large one times the number of small ones."""
    angle = np.linspace(0, 2 * np.pi, 20_000, endpoint=False)
    radius = np.where(np.arange(20_000) // 50 % 2, 0.9, 0.6)
    large = shapely.Polygon(radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(-0.9, 0.9, 60), np.linspace(-0.9, 0.9, 60)))
    small = shapely.box(x - 0.004, y - 0.004, x + 0.004, y + 0.004)
    outlines, tile = np.array([large, *small], dtype=object), np.array([0] + [1] * len(small))
    overlaid = []
    with pytest.MonkeyPatch.context() as patch:
        plain = shapely.intersection

        def counting(left, right):
            overlaid.append(shapely.get_num_coordinates(left).sum() + shapely.get_num_coordinates(right).sum())
            return plain(left, right)

        patch.setattr(shapely, "intersection", counting)
        pairs = cross_tile_pairs(outlines, tile)
        share = overlap_ratio(outlines, tile, np.array([shapely.box(-1, -1, 1, 1)] * 2), pairs)
    assert len(pairs[0]) > 2_000
    assert sum(overlaid) < 300 * len(pairs[0]) + 20 * 20_000
    some = small[pairs[1][::50] - 1]
    np.testing.assert_allclose(share[::50], shapely.area(plain(large, some)) / shapely.area(some), atol=1e-9)


def test_tiles_that_abut_share_a_line_and_thousands_of_bodies_at_it():
    west, east = shapely.box(0, 0, 10, 10), shapely.box(10, 0, 20, 10)
    long_one = shapely.box(9, 0, 10, 10)
    small = shapely.box(10, np.arange(0, 10, 0.01), 10.5, np.arange(0, 10, 0.01) + 0.005)
    corner = shapely.box(8, 10, 10, 11)
    outlines, tile = np.array([long_one, *small, corner], dtype=object), np.array([0] + [1] * len(small) + [1])
    pairs = cross_tile_pairs(outlines, tile)
    share = overlap_ratio(outlines, tile, np.array([west, east]), pairs)
    assert len(share) == len(small) + 1
    assert (share[:-1] == 1).all()
