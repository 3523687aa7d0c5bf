"""When a round is said to have learnt nothing."""

from __future__ import annotations

import numpy as np
import pytest

from lobate.training.learnt import all_landform_iou, compare_losses, constant_loss, learnt_nothing


def best(iou, threshold=0.5):
    return {"validation": {"iou": {"landform": iou}, "threshold": threshold}}


FEW = {"blocks": 2, "values": [0.1, 0.2]}
"""Too few groups for an interval."""
GOOD = {"steps": 0.1, "evaluation": 0.08, "constant": 0.35}
"""Losses of a training that has learnt."""


def pixels(share):
    return np.array([[round(1000 * (1 - share)), round(1000 * share)], [0, 0]])


def test_a_map_of_landform_everywhere_has_the_share_of_the_landform():
    assert all_landform_iou(np.array([[60, 20], [20, 0]])) == 0.2
    assert all_landform_iou(np.array([[60, 0]])) is None


@pytest.mark.parametrize(("iou", "share"), [(0.786, 0.77), (0.0, 0.1), (0.15, 0.1), (0.004, 0.004)])
def test_an_iou_that_such_a_map_reaches_too_is_nothing(iou, share):
    assert f"{share:.3f} of a map that calls all ground landform" in learnt_nothing(best(iou), pixels(share), GOOD, FEW)


@pytest.mark.parametrize(("iou", "share"), [(0.87, 0.77), (0.88, 0.1), (0.16, 0.1)])
def test_more_than_that_is_something(iou, share):
    assert learnt_nothing(best(iou), pixels(share), GOOD, FEW) is None


@pytest.mark.parametrize(("low", "something"), [(0.05, False), (0.1, False), (0.11, True)])
def test_with_an_interval_all_of_it_must_lie_above_such_a_map(low, something):
    said = learnt_nothing(best(0.3), pixels(0.1), GOOD, {"blocks": 6, "low": low, "high": 0.6})
    assert (said is None) == something
    assert something or "IoU of 0.30 (95 %: " in said


@pytest.mark.parametrize("threshold", [0.05, 0.95])
def test_a_threshold_at_its_limit_is_nothing(threshold):
    assert "at the limit" in learnt_nothing(best(0.6, threshold), pixels(0.1), GOOD, FEW)
    assert learnt_nothing(best(0.6, 0.1), pixels(0.1), GOOD, FEW) is None


def test_where_no_validation_patch_shows_the_landform_nothing_is_said():
    assert learnt_nothing(best(None), pixels(0.1), GOOD, FEW) is None
    assert learnt_nothing(best(0.0), np.array([[100, 0]]), GOOD, FEW) is None


def losses(steps, evaluation, constant=0.35):
    return {"steps": steps, "evaluation": evaluation, "constant": constant}


def test_the_loss_of_a_constant_is_the_entropy_of_the_weighted_shares():
    share = np.array([[50, 10], [40, 0]])
    assert constant_loss(share) == pytest.approx(-(0.9 * np.log(0.9) + 0.1 * np.log(0.1)), abs=1e-6)
    assert constant_loss(share, [1.0, 9.0]) == pytest.approx(np.log(2), abs=1e-6)
    assert constant_loss(np.array([[0, 10]])) == 0


@pytest.mark.parametrize(
    ("steps", "evaluation"),
    [(0.38, 0.78), (0.1, 0.36), (0.1, 0.3), (0.34, 0.351)],
)
def test_a_loss_far_above_that_of_the_steps_is_nothing_however_high_the_iou(steps, evaluation):
    assert f"{evaluation:.3f}" in learnt_nothing(best(0.9), pixels(0.1), losses(steps, evaluation), FEW)


@pytest.mark.parametrize(
    ("steps", "evaluation"),
    [(0.38, 0.22), (0.1, 0.2), (0.1, 0.05), (0.34, 0.34), (0.5, 0.3), (None, 0.1), (0.1, None)],
)
def test_a_loss_that_keeps_what_the_steps_learnt_is_something(steps, evaluation):
    assert learnt_nothing(best(0.9), pixels(0.1), losses(steps, evaluation), FEW) is None


def test_a_side_of_one_class_is_no_measure_of_loss():
    assert learnt_nothing(best(0.9), pixels(0.1), losses(0.1, 0.05, 0.0), FEW) is None


def test_losses_are_compared_with_the_class_weights_of_the_training():
    found = {"step_loss": 0.25, "training": {"weighted_loss": 0.5}}
    assert compare_losses(found, np.array([[90, 10]]), [1.0, 9.0]) == losses(0.25, 0.5, round(float(np.log(2)), 6))
