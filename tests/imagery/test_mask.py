"""The mask and how it grows."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from lobate.imagery.mask import grown


@settings(max_examples=60, deadline=None)
@given(
    masked=array_shapes(min_dims=2, max_dims=2, max_side=14).flatmap(lambda shape: arrays(bool, shape)),
    radius=st.floats(0, 20),
)
def test_it_grows_by_a_disc(masked, radius):
    rows, cols = np.indices(masked.shape)
    expected = np.zeros_like(masked)
    for row, col in np.argwhere(masked):
        expected |= (rows - row) ** 2 + (cols - col) ** 2 <= radius**2
    assert np.array_equal(grown(masked, radius), expected)
