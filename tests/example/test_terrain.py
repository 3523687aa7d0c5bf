from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobate.example.terrain import PIXEL_M, fractal, heights, illumination, slope, smoothstep


@pytest.fixture(scope="module")
def surface():
    return heights((360, 420), np.random.default_rng(0))


def test_heights_are_those_of_a_mountain_range(surface):
    assert surface.shape == (360, 420)
    assert surface.dtype == np.float32
    assert 4000 < surface.min() < surface.max() < 6500
    assert surface.max() - surface.min() > 300
    assert 10 < np.degrees(np.arctan(np.median(slope(surface, 3)))) < 35


def test_heights_follow_from_the_generator(surface):
    assert np.array_equal(surface, heights((360, 420), np.random.default_rng(0)))
    assert not np.array_equal(surface, heights((360, 420), np.random.default_rng(1)))


def test_water_finds_its_way_out(surface):
    """The range drains to north and south: the middle is higher than both edges."""
    rows = surface.mean(axis=1)
    assert rows[120:240].max() > max(rows[:10].mean(), rows[-10:].mean()) + 100


def test_slope_of_a_plane_is_its_gradient():
    plane = np.arange(20)[:, None] * PIXEL_M * 0.3 + np.zeros((20, 20))
    assert np.allclose(slope(plane), 0.3)


@pytest.mark.parametrize(("azimuth", "towards"), [(0, (1, 0)), (180, (-1, 0)), (90, (0, -1)), (270, (0, 1))])
def test_slopes_that_look_at_the_sun_are_brighter(azimuth, towards):
    """A slope that rises along ``towards`` (row, col) looks the other way."""
    rows, cols = np.mgrid[:20, :20] * PIXEL_M * 0.4
    sunny = illumination(rows * towards[0] + cols * towards[1], azimuth, 50)
    shady = illumination(-rows * towards[0] - cols * towards[1], azimuth, 50)
    level = np.sin(np.radians(50))
    assert shady.max() < level < sunny.min()
    assert np.allclose(illumination(np.zeros((5, 5)), azimuth, 50), level)


def test_fractal_is_standardised_and_repeatable():
    field = fractal((40, 50), np.random.default_rng(1), 2.5)
    assert field.shape == (40, 50)
    assert field.dtype == np.float32
    assert abs(field.mean()) < 1e-5
    assert abs(field.std() - 1) < 1e-4
    assert np.array_equal(field, fractal((40, 50), np.random.default_rng(1), 2.5))


def test_a_larger_power_is_smoother():
    rough, smooth = (fractal((64, 64), np.random.default_rng(2), power) for power in (1.0, 3.5))
    assert np.abs(np.diff(smooth)).mean() < np.abs(np.diff(rough)).mean() / 2


def test_cells_leave_out_short_waves():
    waves = np.abs(np.fft.rfft2(fractal((64, 64), np.random.default_rng(3), 1.0, cells=8)))
    assert waves[32, 0] < 1e-2 * waves.max()


@given(st.floats(-10, 10), st.floats(-5, 5), st.floats(0.1, 5))
def test_smoothstep_rises_from_0_to_1(value, low, width):
    share = smoothstep(np.array(value), low, low + width)
    assert 0 <= share <= 1
    assert share <= smoothstep(np.array(value + 0.1), low, low + width) + 1e-12
    assert abs(smoothstep(np.array(low + width / 2), low, low + width) - 0.5) < 1e-6
