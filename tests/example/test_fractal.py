import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lobate.example.fractal import fractal, smoothstep


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
