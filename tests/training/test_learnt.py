"""When a round is said to have learnt nothing."""

from __future__ import annotations

import numpy as np
import pytest

from lobate.training.learnt import all_landform_iou, learnt_nothing


def best(iou, threshold=0.5):
    return {"validation": {"iou": {"landform": iou}, "threshold": threshold}}


def pixels(share):
    return np.array([[round(1000 * (1 - share)), round(1000 * share)], [0, 0]])


def test_a_map_of_landform_everywhere_has_the_share_of_the_landform():
    assert all_landform_iou(np.array([[60, 20], [20, 0]])) == 0.2
    assert all_landform_iou(np.array([[60, 0]])) is None


@pytest.mark.parametrize(("iou", "share"), [(0.786, 0.77), (0.0, 0.1), (0.15, 0.1), (0.004, 0.004)])
def test_an_iou_that_such_a_map_reaches_too_is_nothing(iou, share):
    assert f"{share:.3f} of a map that calls all ground landform" in learnt_nothing(best(iou), pixels(share))


@pytest.mark.parametrize(("iou", "share"), [(0.87, 0.77), (0.88, 0.1), (0.16, 0.1)])
def test_more_than_that_is_something(iou, share):
    assert learnt_nothing(best(iou), pixels(share)) is None


@pytest.mark.parametrize("threshold", [0.05, 0.95])
def test_a_threshold_at_its_limit_is_nothing(threshold):
    assert "at the limit" in learnt_nothing(best(0.6, threshold), pixels(0.1))
    assert learnt_nothing(best(0.6, 0.1), pixels(0.1)) is None


def test_where_no_validation_patch_shows_the_landform_nothing_is_said():
    assert learnt_nothing(best(None), pixels(0.1)) is None
    assert learnt_nothing(best(0.0), np.array([[100, 0]])) is None
