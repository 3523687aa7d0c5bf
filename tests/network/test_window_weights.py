"""Windows cover every pixel, and their weights sum to one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobate.network.window_weights import layout_windows


@st.composite
def axes(draw):
    window = draw(st.integers(1, 70))
    overlap = draw(st.integers(0, window - 1))
    return draw(st.integers(1, 400)), window, overlap, draw(st.sampled_from(["ramp", "crop"]))


def total(axis):
    total = np.zeros(axis.size)
    for start, weight in zip(axis.starts, axis.weights, strict=True):
        total[start : start + axis.length] += weight
    return total


@given(axes())
@settings(deadline=None)
def test_every_pixel_has_weight_one(arguments):
    size, window, overlap, blend = arguments
    axis = layout_windows(size, window, overlap, blend)
    np.testing.assert_allclose(total(axis), 1, atol=1e-6)
    assert axis.length == min(size, window)
    assert axis.starts[0] == 0 and axis.starts[-1] + axis.length == size
    assert (np.diff(axis.starts) > 0).all()
    assert (axis.starts[:-1] + axis.length - axis.starts[1:] >= overlap).all()


@given(axes())
@settings(deadline=None)
def test_settled_pixels_are_no_later_window_s(arguments):
    size, window, overlap, blend = arguments
    axis = layout_windows(size, window, overlap, blend)
    settled = [axis.settled(number) for number in range(len(axis))]
    assert settled == [*axis.starts[1:], size]


def test_ramp_is_never_zero_and_full_at_true_borders():
    axis = layout_windows(100, 40, 10, "ramp")
    assert axis.starts.tolist() == [0, 30, 60]
    assert (axis.weights > 0).all()
    assert (axis.weights[0, :30] == 1).all() and (axis.weights[-1, 10:] == 1).all()
    assert axis.weights[0, -1] < 1e-6 and axis.weights[1, 0] < 1e-6
    np.testing.assert_allclose(axis.weights[0, 30:], axis.weights[1, 9::-1], rtol=1e-5)


def test_crop_takes_each_pixel_from_the_nearest_middle():
    axis = layout_windows(70, 40, 10, "crop")
    assert axis.weights[0].tolist() == [1] * 35 + [0] * 5
    assert axis.weights[1].tolist() == [0] * 5 + [1] * 35


def test_an_image_smaller_than_a_window_is_one_window():
    axis = layout_windows(17, 480, 160)
    assert (len(axis), axis.length, axis.weights.tolist()) == (1, 17, [[1.0] * 17])


def test_an_overlap_as_large_as_the_window_makes_no_progress():
    with pytest.raises(ValueError, match="cannot overlap"):
        layout_windows(100, 32, 32)
