"""Traced outlines enclose exactly the pixels of their body."""

import numpy as np
import rasterio.features
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lobate.network.run_length import encode, label_components
from lobate.network.trace_rings import trace_rings

masks = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(lambda shape: arrays(bool, shape)).filter(np.any)


@given(masks)
@settings(deadline=None)
def test_areas_of_rings_add_up_to_the_pixels_of_each_body(mask):
    runs = encode(mask)
    _, body = label_components(runs)
    rings = trace_rings(runs, body)
    areas = np.bincount(rings.owner, weights=rings.area)
    assert (areas == np.bincount(body, weights=runs.lengths)).all()
    shells = np.bincount(rings.owner, weights=rings.area > 0)
    assert (shells == 1).all()
    assert (rings.area[np.unique(rings.owner, return_index=True)[1]] > 0).all()


@given(masks)
@settings(deadline=None)
def test_rings_turn_at_every_vertex_and_close(mask):
    runs = encode(mask)
    rings = trace_rings(runs, label_components(runs)[1])
    for start, stop in zip(rings.first, [*rings.first[1:], len(rings.vertices)], strict=True):
        steps = np.diff(np.vstack([rings.vertices[start:stop], rings.vertices[start]]), axis=0)
        assert ((steps != 0).sum(axis=1) == 1).all()
        assert (np.diff((steps[:, 0] == 0).astype(int)) != 0).all()


@given(masks)
@settings(deadline=None)
def test_the_lines_bound_the_mask(mask):
    runs = encode(mask)
    rings = trace_rings(runs, label_components(runs)[1])
    lines = shapely.union_all(rings.lines(rings.vertices))
    expected = shapely.union_all(
        [
            shapely.geometry.shape(polygon).boundary
            for polygon, _ in rasterio.features.shapes(mask.astype(np.uint8), mask=mask, connectivity=8)
        ]
    )
    assert lines.length == expected.length
    assert lines.symmetric_difference(expected).length == 0


def test_pixels_that_touch_at_a_corner_are_one_ring():
    mask = np.eye(3, dtype=bool)
    runs = encode(mask)
    rings = trace_rings(runs, label_components(runs)[1])
    assert (len(rings.first), rings.area.tolist()) == (1, [3])


def test_a_hole_that_touches_the_outside_at_a_corner_is_a_hole():
    mask = np.ones((4, 4), bool)
    mask[1, 1] = mask[0, 0] = False
    runs = encode(mask)
    rings = trace_rings(runs, label_components(runs)[1])
    assert rings.area.tolist() == [15, -1]
