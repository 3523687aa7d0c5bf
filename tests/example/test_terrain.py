import numpy as np
import pytest

from lobate.example.terrain import PIXEL, heights, illumination, slope


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
    plane = np.arange(20)[:, None] * PIXEL * 0.3 + np.zeros((20, 20))
    assert np.allclose(slope(plane), 0.3)


@pytest.mark.parametrize(("azimuth", "towards"), [(0, (1, 0)), (180, (-1, 0)), (90, (0, -1)), (270, (0, 1))])
def test_slopes_that_look_at_the_sun_are_brighter(azimuth, towards):
    """A slope that rises along ``towards`` (row, col) looks the other way."""
    rows, cols = np.mgrid[:20, :20] * PIXEL * 0.4
    sunny = illumination(rows * towards[0] + cols * towards[1], azimuth, 50)
    shady = illumination(-rows * towards[0] - cols * towards[1], azimuth, 50)
    level = np.sin(np.radians(50))
    assert shady.max() < level < sunny.min()
    assert np.allclose(illumination(np.zeros((5, 5)), azimuth, 50), level)
