import numpy as np
import pytest

from lobate.example.bodies import LAKE, ROCK_GLACIER, descent, patch, tongue


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def straight_tongue(rng, wobble=0.0, widths=8.0):
    way = np.stack([np.arange(60.0) + 40, np.full(60, 70.0)], axis=1)
    return tongue(ROCK_GLACIER, way, np.full(60, widths), wobble, rng)


def test_descent_goes_down_and_ends_on_level_ground():
    rows = np.minimum(np.arange(100), 70)[:, None]
    valley = -3.0 * rows + np.zeros((100, 60))
    way = descent(valley, (10, 30), 200)
    assert 55 <= len(way) <= 65
    assert np.allclose(way[:, 1], 30)
    assert np.allclose(np.diff(way[:, 0]), 1)


def test_descent_ends_at_the_edge_of_the_world():
    slope = -3.0 * np.arange(40)[:, None] + np.zeros((40, 40))
    assert len(descent(slope, (5, 20), 500)) < 40


def test_tongue_knows_its_own_coordinates(rng):
    body = straight_tongue(rng)
    rows, cols = np.nonzero(body.mask)
    assert body.along[rows, cols].min() == 0
    assert body.along[rows, cols].max() == 59
    assert abs(np.abs(body.across[rows, cols]).max() - 8) < 1
    left, right = body.across[30, : 70 - body.col], body.across[30, 71 - body.col :]
    assert np.sign(left).max() != np.sign(right).max()


def test_outline_is_one_polygon_of_the_masks_area(rng):
    body = straight_tongue(rng, wobble=1.5)
    assert body.outline.geom_type == "Polygon"
    assert body.outline.is_valid
    assert body.outline.area == body.mask.sum()
    assert not body.outline.interiors
    row, col = np.argwhere(body.mask)[0]
    assert body.outline.bounds[1] == row + body.row
    assert body.window[0].start == body.row
    assert body.outline.buffer(0.01).contains_properly(body.outline)
    assert col + body.col <= body.outline.bounds[2]


def test_inside_is_the_distance_to_the_edge(rng):
    body = straight_tongue(rng)
    assert (body.inside > 0).sum() == body.mask.sum()
    assert abs(body.inside.max() - 8) <= 1
    assert np.abs(np.diff(body.inside, axis=0)).max() <= 1.5


def test_a_tongue_cut_to_pieces_is_none(rng):
    assert straight_tongue(rng, wobble=40.0, widths=2.0) is None


def test_patch_lies_round_its_centre(rng):
    body = patch(LAKE, (100, 120), 12, np.array([1.0, 0.0]), rng)
    assert body.outline.centroid.distance(body.outline.centroid.__class__(120.5, 100.5)) < 8
    assert 0.4 < body.mask.sum() / (np.pi * 12**2) < 2.5


def test_random_is_the_bodys_own(rng):
    body = straight_tongue(rng)
    assert body.random().random() == body.random().random()
