import numpy as np
import pytest
import rasterio.features
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from lobate.mapping.simplify import DEGREE_M, simplified

STEP = 10 / DEGREE_M


def stairs(length=40, lat=0.0, lon=0.0, pixel=STEP):
    """A right triangle drawn in pixels of ten metres at the equator: its long side is stairs."""
    mask = np.tril(np.ones((length, length), np.uint8))
    return as_outlines(mask, lon, lat, pixel)[0]


def as_outlines(mask, lon=0.0, lat=0.0, pixel=STEP):
    transform = Affine(pixel, 0, lon, 0, -pixel, lat)
    shapes = rasterio.features.shapes(mask.astype(np.uint8), mask=mask.astype(bool), transform=transform)
    return np.array([shapely.geometry.shape(one) for one, _ in shapes], dtype=object)


def test_stairs_become_a_line_within_the_tolerance():
    outline = stairs()
    (simple,), (stuck,) = simplified(np.array([outline]), 10)
    assert not stuck
    assert shapely.get_num_coordinates(simple) < 10
    assert simple.hausdorff_distance(outline) * DEGREE_M <= 10 + 1e-6
    assert simple.area == pytest.approx(outline.area, rel=0.03)


def test_metres_are_metres_far_north_too():
    """At 60 N a metre is twice as wide in degrees; a corner 8 m off a side goes at 9 m and stays at 7 m."""
    metres = np.array([(0, 0), (400, 0), (408, 150), (400, 300), (0, 300)])
    outline = shapely.Polygon(metres * [2, 1] / DEGREE_M + [80, 60])
    kept, gone = (simplified(np.array([outline]), tolerance)[0][0] for tolerance in (7, 9))
    assert kept is outline
    assert shapely.get_num_coordinates(gone) == 5


def test_interlocked_neighbours_do_not_run_into_each_other():
    """Two combs, teeth between teeth a metre apart: straightened, each would cover the other's teeth."""
    teeth = [shapely.box(20 * n, 10, 20 * n + 9, 60) for n in range(6)]
    comb = shapely.union_all([shapely.box(0, 0, 120, 10), *teeth])
    other = shapely.union_all(
        [shapely.box(0, 61, 120, 71), *(shapely.box(20 * n + 10, 11, 20 * n + 19, 61) for n in range(6))]
    )
    lone = shapely.transform(comb, lambda xy: xy + np.array([1000, 0]))
    outlines = shapely.transform(np.array([comb, other, lone]), lambda xy: xy * STEP / 10)
    assert shapely.intersects(outlines[0], outlines[1]) == np.False_
    simple, stuck = simplified(outlines, 60)
    assert stuck.tolist() == [True, True, False]
    assert simple[0] is outlines[0] and simple[1] is outlines[1]
    assert simple[2].area != outlines[2].area


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.3, 0.7), st.sampled_from([3.0, 12.0, 45.0]))
def test_any_map_stays_valid_and_apart(seed, threshold, tolerance):
    noise = np.random.default_rng(seed).random((26, 26))
    smooth = (noise[:-2, :-2] + noise[1:-1, 1:-1] + noise[2:, 2:] + noise[:-2, 2:] + noise[2:, :-2]) / 5
    outlines = as_outlines(smooth > threshold, 81, 36)
    simple, _ = simplified(outlines, tolerance)
    assert shapely.is_valid(simple).all()
    assert (shapely.area(simple) > 0).all()
    left, right = shapely.STRtree(simple).query(simple, predicate="intersects")
    once = left < right
    common = shapely.area(shapely.intersection(simple[left[once]], simple[right[once]]))
    assert (common <= 1e-6 * np.minimum(shapely.area(outlines[left[once]]), shapely.area(outlines[right[once]]))).all()


def test_nothing_is_simplified_to_nothing():
    simple, stuck = simplified(np.array([], dtype=object), 10)
    assert len(simple) == len(stuck) == 0
