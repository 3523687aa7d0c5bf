"""The estimators against published examples, against scipy, and against all samples of a small population."""

from __future__ import annotations

from itertools import combinations, product
from math import exp, log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from lobate.mapping.accuracy.pixel_intervals import (
    PixelCounts,
    landform_area,
    producers_accuracy,
    stratum_share,
    users_accuracy,
)
from lobate.mapping.accuracy.shares import clustered_share, weighted_share, wilson
from lobate.mapping.accuracy.stratified import StratifiedSample, area_share, overall_accuracy
from lobate.mapping.accuracy.stratified import producers_accuracy as stehman_producers
from lobate.mapping.accuracy.stratified import users_accuracy as stehman_users

STEHMAN = {
    "stratum": np.repeat([0, 1, 2, 3], 10),
    "mapped": np.array([*"AAAAAAABBB", *"ABBBBBBBBB", *"BBCCCCCCBB", *"DDDDDDDDDD"]),
    "reference": np.array([*"AAAAACBABC", *"ABBBBBAABB", *"CCCCCDDBBA", *"DDDDDDDCCB"]),
}
"""The numerical example of Stehman (2014), pages 4932 to 4936: strata of 40,000, 30,000, 20,000 and 10,000 pixels, ten drawn of each."""

OLOFSSON = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
"""The error matrix of Olofsson et al. (2014), section 5: deforestation, forest gain, stable forest, stable non-forest."""
OLOFSSON_PIXELS = np.array([200_000, 150_000, 3_200_000, 6_450_000])


def test_the_published_example_of_strata_that_are_not_the_maps_classes():
    sample = StratifiedSample(STEHMAN["stratum"], np.array([40_000, 30_000, 20_000, 10_000]))
    mapped, reference = STEHMAN["mapped"], STEHMAN["reference"]
    published = [
        (area_share(sample, reference, "A"), 0.35, 0.082),
        (area_share(sample, reference, "C"), 0.20, 0.064),
        (overall_accuracy(sample, mapped, reference), 0.63, 0.085),
        (stehman_users(sample, mapped, reference, "B"), 0.574, 0.125),
        (stehman_producers(sample, mapped, reference, "B"), 0.794, None),
        (sample.mean((mapped == "B") & (reference == "C")), 0.08, None),
    ]
    for estimate, value, error in published:
        assert estimate.value == pytest.approx(value, abs=5e-4)
        assert error is None or estimate.error == pytest.approx(error, abs=5e-4)


def test_the_published_example_of_strata_that_are_the_maps_classes():
    mapped = np.repeat(np.repeat(np.arange(4), 4), OLOFSSON.ravel())
    reference = np.repeat(np.tile(np.arange(4), 4), OLOFSSON.ravel())
    sample = StratifiedSample(mapped, OLOFSSON_PIXELS)
    assert overall_accuracy(sample, mapped, reference).value == pytest.approx(0.95, abs=5e-3)
    for number, (users, producers) in enumerate(zip((0.88, 0.73, 0.93, 0.96), (0.75, 0.85, 0.93, 0.96), strict=True)):
        assert stehman_users(sample, mapped, reference, number).value == pytest.approx(users, abs=5e-3)
        assert stehman_producers(sample, mapped, reference, number).value == pytest.approx(producers, abs=5e-3)
    hectares = OLOFSSON_PIXELS.sum() * 0.09
    deforested = area_share(sample, reference, 0)
    assert deforested.value * hectares == pytest.approx(21_158, abs=1)
    assert 1.96 * deforested.error * hectares == pytest.approx(6_158, abs=1)


def test_mean_and_its_variance_over_all_samples_of_a_small_population():
    """The estimator's mean is the truth, and the mean of its variance is its variance: enumerated, not derived."""
    population = [np.array([0.0, 1, 1, 0, 0]), np.array([1.0, 1, 0, 1])]
    sizes, drawn = np.array([5, 4]), (3, 2)
    values, variances = [], []
    for first, second in product(combinations(range(5), drawn[0]), combinations(range(4), drawn[1])):
        answers = np.concatenate([population[0][list(first)], population[1][list(second)]])
        estimate = StratifiedSample(np.repeat([0, 1], drawn), sizes).mean(answers)
        values.append(estimate.value)
        variances.append(estimate.error**2)
    assert np.mean(values) == pytest.approx(np.concatenate(population).mean())
    assert np.mean(variances) == pytest.approx(np.var(values))


def test_the_ratios_variance_is_that_of_many_samples():
    rng = np.random.default_rng(0)
    sizes, drawn = np.array([3000, 6000]), 300
    x = [rng.random(size) < 0.6 for size in sizes]
    y = [has & (rng.random(len(has)) < 0.8) for has in x]
    values, errors = [], []
    for _ in range(2000):
        rows = [rng.choice(size, drawn, replace=False) for size in sizes]
        sample = StratifiedSample(np.repeat([0, 1], drawn), sizes)
        ratio = sample.ratio(*(np.concatenate([part[row] for part, row in zip(s, rows, strict=True)]) for s in (y, x)))
        values.append(ratio.value)
        errors.append(ratio.error)
    truth = sum(part.sum() for part in y) / sum(part.sum() for part in x)
    assert np.mean(values) == pytest.approx(truth, abs=2e-3)
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.05)


@given(draws=st.integers(1, 5000), share=st.floats(0, 1))
def test_wilson_is_scipys(draws, share):
    positive = round(share * draws)
    expected = binomtest(positive, draws).proportion_ci(method="wilson")
    low, high = wilson(positive, draws)
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert low < high


def test_nothing_drawn_says_nothing():
    assert wilson(0, 0) == (0.0, 1.0)
    assert weighted_share([], []) == clustered_share([], []) == {"value": None, "low": 0.0, "high": 1.0}


def test_equal_weights_are_a_plain_share_and_unequal_ones_count_as_fewer_draws():
    flags = [True] * 30 + [False] * 10
    plain = weighted_share(flags, [2.0] * 40)
    assert (plain["value"], plain["low"], plain["high"]) == pytest.approx((0.75, *wilson(30, 40)))
    weights = [1.0] * 20 + [3.0] * 20
    unequal = weighted_share(flags, weights)
    assert unequal["value"] == pytest.approx((20 + 30) / 80)
    assert unequal["high"] - unequal["low"] > plain["high"] - plain["low"]


def test_objects_of_one_cluster_that_share_their_fate_count_as_one():
    alone = clustered_share([1] * 12, [1] * 12)
    together = clustered_share([6, 6], [6, 6])
    assert (alone["value"], together["value"]) == (1.0, 1.0)
    assert (alone["low"], together["low"]) == pytest.approx((wilson(12, 12)[0], wilson(2, 2)[0]))
    torn = clustered_share([6, 0, 6, 0], [6, 6, 6, 6])
    mixed = clustered_share([3, 3, 3, 3], [6, 6, 6, 6])
    assert torn["high"] - torn["low"] > mixed["high"] - mixed["low"]


def test_the_logit_interval_by_hand():
    counts = PixelCounts((1000, 2000, 5000), (50, 50, 500), (45, 5, 1))
    shares = [45.5 / 51, 5.5 / 51, 1.5 / 501]
    variances = [p * (1 - p) / n for p, n in zip(shares, (51, 51, 501), strict=True)]
    found, missed = 1000 * shares[0], 2000 * shares[1] + 5000 * shares[2]
    spread = sqrt(variances[0] / shares[0] ** 2 + (2000**2 * variances[1] + 5000**2 * variances[2]) / missed**2)
    ends = [1 / (1 + exp(-(log(found / missed) + side * 1.959964 * spread))) for side in (-1, 1)]
    estimate = producers_accuracy(counts)
    assert [estimate["low"], estimate["high"]] == pytest.approx(ends, abs=1e-6)
    assert estimate["value"] == pytest.approx(900 / (900 + 200 + 10))


def test_areas_interval_is_the_posteriors_and_the_same_each_time():
    counts = PixelCounts((1000, 2000, 5000), (50, 50, 500), (45, 5, 1))
    rng = np.random.default_rng(1)
    draws = sum(
        size * rng.beta(found + 0.5, drawn - found + 0.5, 400_000)
        for size, drawn, found in zip(counts.sizes, counts.sampled, counts.landform, strict=True)
    )
    area = landform_area(counts)
    assert [area["low"], area["high"]] == pytest.approx(np.quantile(draws, [0.025, 0.975]), rel=0.02)
    assert area == landform_area(counts)
    assert area["value"] == pytest.approx(900 + 200 + 10)


@pytest.mark.parametrize("missed", [0, 1])
def test_too_few_pixels_outside_the_detections_give_limits_only(missed):
    counts = PixelCounts((74_646, 30_767, 1_769_815), (50, 50, 100), (46, missed, missed))
    area, accuracy = landform_area(counts), producers_accuracy(counts)
    assert (area["value"], area["low"], accuracy["value"], accuracy["high"]) == (None, None, None, None)
    rest = 0.97 * 1_769_815 * binomtest(missed, 100).proportion_ci(0.9, "exact").high  # less the error of the draws
    assert area["high"] > 74_646 * 46 / 50 + rest
    assert accuracy["low"] < 74_646 / (74_646 + rest)


@given(
    sampled=st.tuples(*[st.integers(10, 300)] * 3),
    shares=st.tuples(*[st.sampled_from([0.0, 0.01, 0.5, 0.99, 1.0])] * 3),
)
def test_no_interval_has_width_zero(sampled, shares):
    found = tuple(round(number * share) for number, share in zip(sampled, shares, strict=True))
    counts = PixelCounts((50_000, 20_000, 900_000), sampled, found)
    for estimate in (users_accuracy(counts), producers_accuracy(counts), landform_area(counts)):
        low, high = estimate["low"], estimate["high"]
        assert low is None or high is None or low < high
        assert (low, high) != (None, None)


def test_a_stratum_without_a_find_has_an_upper_limit_only():
    share = stratum_share(200, 0)
    assert (share["value"], share["low"]) == (None, None)
    assert 0 < share["high"] < 0.03
    assert stratum_share(200, 2)["value"] == 0.01


def test_a_map_without_other_ground_misses_nothing():
    assert producers_accuracy(PixelCounts((500, 0, 0), (50, 0, 0), (40, 0, 0)))["high"] == 1.0
