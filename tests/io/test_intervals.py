"""The jackknife over blocks of ground: where there is an interval, and how often it covers what is true."""

from __future__ import annotations

import numpy as np
import pytest

from lobate.io.intervals import MIN_BLOCKS, jackknife, rate_intervals, with_interval


def test_fewer_blocks_than_the_limit_give_their_values():
    few = jackknife(np.array([1, 2, 3, 4]), np.array([4, 4, 4, 4]))
    assert few == {"blocks": 4, "values": [0.25, 0.5, 0.75, 1.0]}
    assert "low" in jackknife(np.arange(1, MIN_BLOCKS + 1), np.full(MIN_BLOCKS, 10))


def test_blocks_without_anything_do_not_count():
    with_empty = jackknife(np.array([1, 2, 3, 4, 5, 0, 0]), np.array([9, 9, 9, 9, 9, 0, 0]))
    assert with_empty == jackknife(np.array([1, 2, 3, 4, 5]), np.full(5, 9))


@pytest.mark.parametrize("parts", [np.zeros(8), np.full(8, 10)])
def test_where_all_blocks_agree_on_none_or_all_there_is_no_width_of_zero(parts):
    assert "low" not in jackknife(parts, np.full(8, 10))


@pytest.mark.parametrize("blocks", [5, 9, 20])
def test_it_covers_what_is_true(blocks):
    """Blocks of unequal size, each with its own share round 0.8: the interval holds the ratio of all ground."""
    random = np.random.default_rng(blocks)
    held = 0
    for _ in range(2000):
        wholes = random.integers(200, 3000, blocks)
        parts = random.binomial(wholes, random.beta(16, 4, blocks))
        own = jackknife(parts, wholes)
        held += own["low"] <= 0.8 <= own["high"]
    assert 0.92 <= held / 2000 <= 0.98


def test_a_wider_spread_gives_a_wider_interval():
    wholes = np.full(10, 100)
    narrow = jackknife(np.array([78, 80, 82, 79, 81] * 2), wholes)
    wide = jackknife(np.array([60, 99, 70, 95, 76] * 2), wholes)
    assert narrow["low"] > wide["low"]
    assert narrow["high"] < wide["high"]


def test_the_rates_of_a_confusion_have_their_own_wholes():
    hits, false_alarms, misses = np.array([4, 9]), np.array([4, 1]), np.array([0, 6])
    rates = rate_intervals(hits, false_alarms, misses)
    assert {name: rate["values"] for name, rate in rates.items()} == {
        "iou": [0.5, 0.5625],
        "precision": [0.5, 0.9],
        "recall": [0.6, 1.0],
    }


@pytest.mark.parametrize(
    ("value", "interval", "words"),
    [
        (None, {"blocks": 0, "values": []}, "not defined"),
        (0.81234, None, "0.812"),
        (0.81234, {"blocks": 6, "low": 0.7044, "high": 0.8966}, "0.81 (95 %: 0.70 to 0.90)"),
        (0.81234, {"blocks": 90, "low": 0.8101, "high": 0.8144}, "0.812 (95 %: 0.810 to 0.814)"),
        (0.81234, {"blocks": 4, "values": [0.7] * 4}, "0.812 (no interval: 4 groups)"),
        (0.81234, {"blocks": 1, "values": [0.8]}, "0.812 (no interval: 1 group)"),
    ],
)
def test_a_number_has_no_more_digits_than_its_interval_allows(value, interval, words):
    assert with_interval(value, interval) == words
