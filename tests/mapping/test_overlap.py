import numpy as np
import shapely
from hypothesis import given
from hypothesis import strategies as st

from lobate.mapping.overlap import agreement, bodies, shared_pairs

WEST, EAST = shapely.box(0, 0, 11, 10), shapely.box(10, 0, 20, 10)


def test_only_outlines_of_different_tiles_that_touch_are_paired():
    outlines = np.array([shapely.box(9, 1, 11, 2), shapely.box(10, 1, 12, 2), shapely.box(10, 1, 11, 3)])
    left, right = shared_pairs(outlines, np.array([0, 1, 1]))
    assert (left.tolist(), right.tolist()) == ([0, 0], [1, 2])


def test_nothing_pairs_with_nothing():
    left, right = shared_pairs(np.array([], dtype=object), np.array([], dtype=int))
    assert len(left) == len(right) == len(bodies(0, (left, right))) == 0


def test_halves_of_a_body_agree_fully_however_narrow_the_shared_strip():
    halves = np.array([shapely.box(2, 4, 11, 6), shapely.box(10, 4, 18, 6)])
    share = agreement(halves, np.array([0, 1]), np.array([WEST, EAST]), (np.array([0]), np.array([1])))
    assert share == [1.0]


def test_a_body_that_crosses_the_seam_to_and_fro_agrees_by_its_best_piece():
    """Each sees two pieces in the strip and connects only one of them with the other's."""
    one = shapely.MultiPolygon([shapely.box(8, 1, 11, 4), shapely.box(8, 6, 11, 6.1)])
    other = shapely.MultiPolygon([shapely.box(10, 6, 14, 6.1), shapely.box(10, 7, 14, 9)])
    share = agreement(np.array([one, other]), np.array([0, 1]), np.array([WEST, EAST]), (np.array([0]), np.array([1])))
    assert share == [1.0]


def test_neighbours_that_graze_agree_little():
    outlines = np.array([shapely.box(10.2, 1, 10.6, 2), shapely.box(10.55, 1, 10.95, 2)])
    share = agreement(outlines, np.array([0, 1]), np.array([WEST, EAST]), (np.array([0]), np.array([1])))
    assert np.isclose(share, 0.125)


@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=40))
def test_bodies_are_the_connected_components_numbered_by_their_first_member(count, edges):
    edges = [(a % count, b % count) for a, b in edges]
    links = tuple(np.array([edge[side] for edge in edges], dtype=int) for side in (0, 1))
    body = bodies(count, links)
    expected = list(range(count))
    for _ in range(count):
        for a, b in edges:
            expected[a] = expected[b] = min(expected[a], expected[b])
    assert body.tolist() == [sorted(set(expected)).index(one) for one in expected]
