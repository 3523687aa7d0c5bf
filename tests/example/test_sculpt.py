import numpy as np
import pytest
from scipy import ndimage

from lobate.example.bodies import DEBRIS_GLACIER, LAKE, ROCK_GLACIER, SOLIFLUCTION, VILLAGE, patch, tongue
from lobate.example.sculpt import SHAPES, frontness, furrows, sculpt


def tongue_of(kind):
    way = np.stack([np.arange(80.0) + 30, np.full(80, 60.0)], axis=1)
    return tongue(kind, way, np.full(80, 14.0), 0.5, np.random.default_rng(1))


def patch_of(kind):
    return patch(kind, (60, 60), 15, np.array([1.0, 0.0]), np.random.default_rng(1))


@pytest.fixture
def surface():
    plane = 5000 - 3.0 * np.arange(160)[:, None] + np.zeros((160, 120))
    return (plane + np.random.default_rng(0).normal(0, 1, plane.shape)).astype(np.float32)


@pytest.mark.parametrize("kind", sorted(SHAPES))
def test_only_the_neighbourhood_changes_and_the_input_stays(surface, kind):
    body = (tongue_of if kind in (ROCK_GLACIER, DEBRIS_GLACIER) else patch_of)(kind)
    before = surface.copy()
    shaped = sculpt(surface, [body])
    assert np.array_equal(surface, before)
    away = np.ones(surface.shape, dtype=bool)
    away[body.window] = False
    assert np.array_equal(shaped[away], surface[away])
    assert not np.array_equal(shaped[body.window][body.mask], surface[body.window][body.mask])


def test_a_rock_glacier_stands_above_its_ground(surface):
    body = tongue_of(ROCK_GLACIER)
    raised = (sculpt(surface, [body]) - surface)[body.window]
    deep = body.inside > 5
    assert 8 < raised[deep].mean() < 30
    assert abs(raised[body.inside < -3]).mean() < 1


def test_furrows_cross_the_tongue_and_are_bent_downslope():
    body = tongue_of(ROCK_GLACIER)
    waves = furrows(body)
    middle = np.argmin(np.abs(body.across[40]))
    signs = np.diff(np.sign(waves[body.along[:, middle] > 0, middle]))
    assert 15 < np.count_nonzero(signs) < 45, "80 pixels of waves of about 5 pixels"
    phase = body.along + 0.7 * body.across**2 / 14
    assert phase[45, middle + 10] > phase[45, middle]


def test_the_front_is_the_rim_of_the_lower_part():
    front = frontness(tongue_of(ROCK_GLACIER)) > 0.5
    body = tongue_of(ROCK_GLACIER)
    assert body.along[front].min() > 0.5 * body.length
    assert body.inside[front].max() < 4


def test_a_lake_is_level(surface):
    body = patch_of(LAKE)
    shaped = sculpt(surface, [body])[body.window]
    assert np.ptp(shaped[body.inside > 2]) < 1


def test_fine_debris_is_smoother_than_the_ground(surface):
    body = patch_of(VILLAGE)
    shaped = sculpt(surface, [body])[body.window]
    rough = [np.abs(ndimage.laplace(part))[body.inside > 4].mean() for part in (shaped, surface[body.window])]
    assert rough[0] < rough[1] / 2
    assert SOLIFLUCTION in SHAPES
