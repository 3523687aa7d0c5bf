from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from lobate.example.landforms import (
    DEBRIS_GLACIER,
    LAKE,
    RELIEF,
    ROCK_GLACIER,
    SOLIFLUCTION,
    VILLAGE,
    add_relief,
    blob_shape,
    flow_line,
    front_steepness,
    furrows,
    tongue_shape,
)


def tongue_of(kind):
    line = np.stack([np.arange(80.0) + 30, np.full(80, 60.0)], axis=1)
    return tongue_shape(kind, line, np.full(80, 14.0), 0.5, np.random.default_rng(1))


def blob_of(kind):
    return blob_shape(kind, (60, 60), 15, np.array([1.0, 0.0]), np.random.default_rng(1))


@pytest.fixture
def surface():
    plane = 5000 - 3.0 * np.arange(160)[:, None] + np.zeros((160, 120))
    return (plane + np.random.default_rng(0).normal(0, 1, plane.shape)).astype(np.float32)


@pytest.mark.parametrize("kind", sorted(RELIEF))
def test_only_the_neighbourhood_changes_and_the_input_stays(surface, kind):
    body = (tongue_of if kind in (ROCK_GLACIER, DEBRIS_GLACIER) else blob_of)(kind)
    before = surface.copy()
    relief = add_relief(surface, [body])
    assert np.array_equal(surface, before)
    away = np.ones(surface.shape, dtype=bool)
    away[body.window] = False
    assert np.array_equal(relief[away], surface[away])
    assert not np.array_equal(relief[body.window][body.mask], surface[body.window][body.mask])


def test_a_rock_glacier_stands_above_its_ground(surface):
    body = tongue_of(ROCK_GLACIER)
    raised = (add_relief(surface, [body]) - surface)[body.window]
    deep = body.edge_distance > 5
    assert 8 < raised[deep].mean() < 30
    assert abs(raised[body.edge_distance < -3]).mean() < 1


def test_furrows_cross_the_tongue_and_are_bent_downslope():
    body = tongue_of(ROCK_GLACIER)
    waves = furrows(body)
    middle = np.argmin(np.abs(body.across[40]))
    signs = np.diff(np.sign(waves[body.along[:, middle] > 0, middle]))
    assert 15 < np.count_nonzero(signs) < 45, "80 pixels of waves of about 5 pixels"
    phase = body.along + 0.7 * body.across**2 / 14
    assert phase[45, middle + 10] > phase[45, middle]


def test_the_front_is_the_rim_of_the_lower_part():
    front = front_steepness(tongue_of(ROCK_GLACIER)) > 0.5
    body = tongue_of(ROCK_GLACIER)
    assert body.along[front].min() > 0.5 * body.length
    assert body.edge_distance[front].max() < 4


def test_a_lake_is_level(surface):
    body = blob_of(LAKE)
    relief = add_relief(surface, [body])[body.window]
    assert np.ptp(relief[body.edge_distance > 2]) < 1


def test_fine_debris_is_smoother_than_the_ground(surface):
    body = blob_of(VILLAGE)
    relief = add_relief(surface, [body])[body.window]
    rough = [np.abs(ndimage.laplace(part))[body.edge_distance > 4].mean() for part in (relief, surface[body.window])]
    assert rough[0] < rough[1] / 2
    assert SOLIFLUCTION in RELIEF


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def straight_tongue(rng, wobble=0.0, widths=8.0):
    line = np.stack([np.arange(60.0) + 40, np.full(60, 70.0)], axis=1)
    return tongue_shape(ROCK_GLACIER, line, np.full(60, widths), wobble, rng)


def test_a_flow_line_goes_down_and_ends_on_level_ground():
    rows = np.minimum(np.arange(100), 70)[:, None]
    valley = -3.0 * rows + np.zeros((100, 60))
    line = flow_line(valley, (10, 30), 200)
    assert 55 <= len(line) <= 65
    assert np.allclose(line[:, 1], 30)
    assert np.allclose(np.diff(line[:, 0]), 1)


def test_a_flow_line_ends_at_the_edge_of_the_world():
    slope = -3.0 * np.arange(40)[:, None] + np.zeros((40, 40))
    assert len(flow_line(slope, (5, 20), 500)) < 40


def test_a_tongue_carries_its_own_coordinates(rng):
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


def test_edge_distance_is_the_distance_to_the_edge(rng):
    body = straight_tongue(rng)
    assert (body.edge_distance > 0).sum() == body.mask.sum()
    assert abs(body.edge_distance.max() - 8) <= 1
    assert np.abs(np.diff(body.edge_distance, axis=0)).max() <= 1.5


def test_a_tongue_cut_to_pieces_is_none(rng):
    assert straight_tongue(rng, wobble=40.0, widths=2.0) is None


def test_blob_lies_round_its_centre(rng):
    body = blob_shape(LAKE, (100, 120), 12, np.array([1.0, 0.0]), rng)
    assert body.outline.centroid.distance(body.outline.centroid.__class__(120.5, 100.5)) < 8
    assert 0.4 < body.mask.sum() / (np.pi * 12**2) < 2.5


def test_the_generator_is_the_bodys_own(rng):
    body = straight_tongue(rng)
    assert body.rng().random() == body.rng().random()
