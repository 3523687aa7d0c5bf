"""Large outlines are subdivided into cells, and overlays by cells are those of the whole outlines."""

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from lobate.mapping.overlay import MAX_VERTICES, common_areas, subdivide


def star(vertices, seed=0):
    """A ragged polygon round (0, 0)."""
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    radius = 100 + np.random.default_rng(seed).uniform(0, 30, vertices)
    return shapely.Polygon(radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1))


@settings(max_examples=10, deadline=None)
@given(st.lists(st.sampled_from([5, 200, 1500, 3000]), max_size=3))
def test_cells_make_up_the_outlines(sizes):
    outlines = np.array([star(size, seed) for seed, size in enumerate(sizes)], dtype=object)
    parts, owner = subdivide(outlines)
    assert (shapely.get_num_coordinates(parts) <= MAX_VERTICES).all()
    for number, outline in enumerate(outlines):
        mine = parts[owner == number]
        assert np.isclose(shapely.area(mine).sum(), outline.area, rtol=1e-12)
        assert shapely.symmetric_difference(shapely.union_all(mine), outline).area < 1e-6 * outline.area


def test_a_small_outline_is_its_own_cell():
    outlines = np.array([shapely.box(0, 0, 1, 1), shapely.Point(3, 3).buffer(1)], dtype=object)
    parts, owner = subdivide(outlines)
    assert owner.tolist() == [0, 1]
    assert all(part is outline for part, outline in zip(parts, outlines, strict=True))


def test_common_areas_are_those_of_all_pairs_that_share_ground():
    ones = np.array([star(2000), shapely.box(200, 0, 210, 10), shapely.box(500, 0, 501, 1)], dtype=object)
    others = np.array([shapely.box(0, 0, 205, 5), star(1500, 1), shapely.box(210, 0, 220, 10)], dtype=object)
    one, other, area = common_areas(ones, others)
    assert list(zip(one, other, strict=True)) == [(0, 0), (0, 1), (1, 0)]  # a side in common is no ground
    expected = shapely.area(shapely.intersection(ones[one], others[other]))
    np.testing.assert_allclose(area, expected, rtol=1e-9)
    assert [len(some) for some in common_areas(ones[:0], others)] == [0, 0, 0]
