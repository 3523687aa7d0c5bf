"""Measures of leakage, and the report of all splits."""

from __future__ import annotations

import numpy as np
import pytest

from lobate.errors import UserError
from lobate.io.vector import LONLAT
from lobate.patches.leakage import leakage_report, measure_leakage
from lobate.patches.pool import Pool
from lobate.patches.split_methods import split_by_protocols
from lobate.settings.patches import Split

from .conftest import make_footprints


def pool(windows, **options) -> Pool:
    return Pool(make_footprints(windows, **options).to_crs(LONLAT), 0)


def test_shared_ground_is_counted_once():
    some = pool([(0, 0, 40, 40), (0, 20, 40, 40), (0, 20, 40, 20), (0, 30, 40, 40)], polygons=["a", "b", "c", "a"])
    found = measure_leakage(some, np.array(["validation", "training", "training", "training"]))
    assert found["leaked_share"] == pytest.approx(0.5, abs=1e-3)
    assert found["nearest_m"] == 0
    assert found["polygons_on_both_sides"] == 1
    assert (found["patches"], found["training"], found["validation"], found["dropped"]) == (4, 3, 1, 0)


def test_apart_is_0_and_the_way_between_in_metres():
    some = pool([(0, 0, 20, 20), (30, 40, 20, 20), (10, 10, 20, 20)])
    found = measure_leakage(some, np.array(["validation", "training", "dropped"]))
    assert found["leaked_share"] == 0
    assert found["nearest_m"] == pytest.approx(np.hypot(100, 200), rel=2e-3)
    assert found["dropped"] == 1


def test_validation_ground_all_seen_is_1():
    some = pool([(10, 10, 20, 20), (0, 0, 60, 60)])
    assert measure_leakage(some, np.array(["validation", "training"]))["leaked_share"] == 1


def test_an_impossible_comparison_says_why():
    some, settings = pool([(0, 0, 20, 20)] * 3), Split(method="random")
    found = leakage_report(some, split_by_protocols(some, settings), [], "random")
    assert found["used"] == "random"
    assert found["random"]["leaked_share"] == 1
    assert "overlap so closely" in found["grouped"]["impossible"]


def test_an_impossible_method_is_a_mistake():
    with pytest.raises(UserError, match="overlap so closely"):
        split_by_protocols(pool([(0, 0, 20, 20)] * 3), Split())


def test_each_fold_is_measured():
    some, settings = pool([(0, 0, 20, 20), (40, 40, 20, 20)]), Split(method="random")
    sides = [np.array(["validation", "training"]), np.array(["training", "validation"])]
    folds = leakage_report(some, split_by_protocols(some, settings), sides, "random")["folds"]
    assert [(fold["training"], fold["validation"]) for fold in folds] == [(1, 1), (1, 1)]
