import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from lobate.mapping.cells import MOST, cells


def star(vertices, seed=0):
    """A ragged polygon round (0, 0)."""
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    radius = 100 + np.random.default_rng(seed).uniform(0, 30, vertices)
    return shapely.Polygon(radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1))


@settings(max_examples=10, deadline=None)
@given(st.lists(st.sampled_from([5, 200, 1500, 3000]), max_size=3))
def test_cells_make_up_the_outlines(sizes):
    outlines = np.array([star(size, seed) for seed, size in enumerate(sizes)], dtype=object)
    parts, owner = cells(outlines)
    assert (shapely.get_num_coordinates(parts) <= MOST).all()
    for number, outline in enumerate(outlines):
        mine = parts[owner == number]
        assert np.isclose(shapely.area(mine).sum(), outline.area, rtol=1e-12)
        assert shapely.symmetric_difference(shapely.union_all(mine), outline).area < 1e-6 * outline.area


def test_a_small_outline_is_its_own_cell():
    outlines = np.array([shapely.box(0, 0, 1, 1), shapely.Point(3, 3).buffer(1)], dtype=object)
    parts, owner = cells(outlines)
    assert owner.tolist() == [0, 1]
    assert all(part is outline for part, outline in zip(parts, outlines, strict=True))
