import numpy as np
import pytest

from lobate.example.bodies import ROCK_GLACIER, patch
from lobate.example.sky import CLOUD_HIGH, NODATA, SHADOW, Sky, cloud_over, observe, swath_east_of
from lobate.example.surface import BARE, Cover

SHAPE = (160, 160)


@pytest.fixture
def ground():
    return Cover(np.full((4, *SHAPE), 0.2, np.float32), np.full(SHAPE, BARE, np.uint8))


@pytest.fixture
def body():
    return patch(ROCK_GLACIER, (80, 60), 12, np.array([1.0, 0.0]), np.random.default_rng(2))


def seen(ground, sky):
    return observe(ground, np.zeros(SHAPE), sky, np.random.default_rng(0))


def test_level_ground_gives_back_its_albedo_plus_haze(ground):
    reflectance, classes = seen(ground, Sky(130, 60, (0.02, 0.0, 0.0, 0.0)))
    assert reflectance[0].mean() == pytest.approx(0.22, abs=1e-3)
    assert reflectance[1].mean() == pytest.approx(0.2, abs=1e-3)
    assert (classes == BARE).all()


def test_a_cloud_is_bright_and_its_shadow_dark(ground, body):
    cloud = cloud_over(body, SHAPE, 25, np.random.default_rng(1))
    assert (cloud[body.window][body.mask] > 0.6).all(), "it covers the body"
    reflectance, classes = seen(ground, Sky(180, 50, (0, 0, 0, 0), cloud=cloud))
    assert (classes[body.window][body.mask] == CLOUD_HIGH).all()
    assert reflectance[2][classes == CLOUD_HIGH].mean() > 0.5
    assert reflectance[2][classes == SHADOW].mean() < 0.17
    rows = np.nonzero(classes == SHADOW)[0]
    assert rows.mean() < 80, "with the sun in the south, shadows fall to the north"


def test_nothing_is_seen_beyond_the_orbits_edge(ground, body):
    wedge = swath_east_of(body, SHAPE)
    reflectance, classes = seen(ground, Sky(130, 60, (0, 0, 0, 0), seen=wedge))
    assert np.isnan(reflectance[:, body.row : body.window[0].stop, : body.col]).all()
    assert not wedge[body.window][body.mask].any()
    assert np.array_equal(np.isnan(reflectance[0]), classes == NODATA)
    assert wedge.mean() > 0.3
