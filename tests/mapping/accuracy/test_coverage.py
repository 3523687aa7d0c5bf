"""How often the intervals hold, in 10,000 draws from the embedded example's map and from harder populations.

The example's counts were made by the command in truth.py. Counts of a stratum's sample are hypergeometric, so no pixel has to be
drawn; each combination of counts is estimated once.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import pytest

from lobate.mapping.accuracy.draw import allocate
from lobate.mapping.accuracy.pixel_intervals import PixelCounts, landform_area, producers_accuracy, users_accuracy
from lobate.mapping.accuracy.shares import clustered_share, two_sided_z, weighted_share

PIXELS = (74_646, 30_767, 1_769_815)
LANDFORM = (68_549, 2_145, 588)
"""Pixels of the example's map in the strata detected, near and rest, and landform among them by the truth."""
DRAWS = 10_000
USERS = LANDFORM[0] / PIXELS[0]
PRODUCERS = LANDFORM[0] / sum(LANDFORM)


@dataclass(frozen=True)
class Ends:
    """Lower and upper ends of all draws' intervals, both (DRAWS,); infinite where there is no such end."""

    low: np.ndarray
    high: np.ndarray

    def cover(self, truth: float) -> float:
        return float(((self.low <= truth) & (truth <= self.high)).mean())

    @property
    def width(self) -> float:
        return float(np.median(self.high - self.low))


def drawn_counts(sampled: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct counts of landform (k, 3) of many samples, and how many samples have each (k,)."""
    rng = np.random.default_rng(sum(sampled))
    strata = zip(LANDFORM, PIXELS, sampled, strict=True)
    counts = [rng.hypergeometric(landform, size - landform, number, DRAWS) for landform, size, number in strata]
    return np.unique(np.column_stack(counts), axis=0, return_counts=True)


def intervals(sampled: tuple[int, int, int]) -> list[Ends]:
    """Return the ends of user's accuracy, producer's accuracy and area of many samples."""
    distinct, times = drawn_counts(sampled)
    samples = [PixelCounts(PIXELS, sampled, tuple(map(int, found))) for found in distinct]
    return [
        collect([estimator(counts) for counts in samples], times)
        for estimator in (users_accuracy, producers_accuracy, landform_area)
    ]


def collect(estimates: list[dict], times: np.ndarray | int = 1) -> Ends:
    low = [-np.inf if estimate["low"] is None else estimate["low"] for estimate in estimates]
    high = [np.inf if estimate["high"] is None else estimate["high"] for estimate in estimates]
    return Ends(np.repeat(low, times), np.repeat(high, times))


def normal_widths(sampled: tuple[int, int, int]) -> list[float]:
    """Return the widths of the three normal intervals whose variance is the true one."""
    shares = np.array(LANDFORM) / PIXELS
    variances = np.array(PIXELS) ** 2 * shares * (1 - shares) / sampled
    found, missed = LANDFORM[0], sum(LANDFORM[1:])
    by_total = np.array([missed, -found, -found]) / sum(LANDFORM) ** 2
    spreads = [sqrt(variances[0]) / PIXELS[0], sqrt((by_total**2 * variances).sum()), sqrt(variances.sum())]
    return [2 * two_sided_z() * spread for spread in spreads]


def test_intervals_hold_and_are_not_much_wider_than_they_must_be():
    sampled = (100, 200, 1000)
    ends = intervals(sampled)
    covers = [end.cover(truth) for end, truth in zip(ends, (USERS, PRODUCERS, sum(LANDFORM)), strict=True)]
    assert all(0.93 <= cover <= 0.97 for cover in covers), covers
    ratios = [end.width / normal for end, normal in zip(ends, normal_widths(sampled), strict=True)]
    assert all(ratio <= most for ratio, most in zip(ratios, (1.3, 3, 1.3), strict=True)), ratios


def test_a_small_sample_gives_limits_of_omission_and_area_and_they_hold():
    users, producers, area = intervals((50, 50, 100))
    assert users.cover(USERS) >= 0.93
    assert np.isinf(producers.high).all() and np.isinf(area.low).all()
    assert producers.cover(PRODUCERS) >= 0.95 and area.cover(sum(LANDFORM)) >= 0.95


def test_the_plain_formula_does_not_hold():
    """The reason for the other estimators: where no missed pixel is seen, the plain interval has hardly any width."""
    sampled = (100, 200, 1000)
    distinct, times = drawn_counts(sampled)
    shares = distinct / sampled
    totals = np.array(PIXELS) * shares
    variances = np.array(PIXELS) ** 2 * shares * (1 - shares) / (np.array(sampled) - 1)
    found, missed = totals[:, 0], totals[:, 1:].sum(axis=1)
    gradient = np.column_stack([missed, -found, -found]) / (found + missed)[:, None] ** 2
    half = two_sided_z() * np.sqrt((gradient**2 * variances).sum(axis=1))
    holds = np.abs(found / (found + missed) - PRODUCERS) <= half
    assert (holds * times).sum() / DRAWS < 0.93


@pytest.mark.parametrize(
    ("sizes", "real", "total"),
    [
        ((13, 3, 7, 5, 2, 8), (13, 3, 7, 5, 2, 8), 38),
        ((60, 40, 50, 50, 20, 80), (30, 35, 40, 48, 18, 80), 100),
        ((60, 40, 50, 50, 20, 80), (50, 38, 49, 50, 20, 80), 50),
        ((200, 100, 3, 3, 3, 3), (120, 80, 1, 3, 2, 3), 40),
        ((900, 800, 1000, 700, 600, 1000), (700, 750, 900, 690, 580, 1000), 100),
    ],
    ids=["the example's 38", "many wrong", "few wrong", "two large classes", "a large map"],
)
def test_shares_of_detections_hold(sizes, real, total):
    rng = np.random.default_rng(3)
    drawn = allocate(sizes, total)
    counts = [rng.hypergeometric(r, n - r, k, DRAWS) for r, n, k in zip(real, sizes, drawn, strict=True)]
    distinct, times = np.unique(np.column_stack(counts), axis=0, return_counts=True)
    weights = np.repeat(np.array(sizes) / drawn, drawn)
    estimates = [
        weighted_share(np.concatenate([np.arange(k) < found for k, found in zip(drawn, row, strict=True)]), weights)
        for row in distinct
    ]
    assert collect(estimates, times).cover(sum(real) / sum(sizes)) >= 0.93


@pytest.mark.parametrize(("alike", "share"), [(0.0, 0.05), (0.0, 0.3), (0.5, 0.3)])
def test_shares_of_landforms_in_squares_hold(alike, share):
    """178 squares as in the example, 40 of them drawn; ``alike``: share of the squares in which all landforms share a fate."""
    rng = np.random.default_rng(4)
    counts = rng.poisson(1.2, 178)
    missed = np.where(rng.random(178) < alike, counts * (rng.random(178) < share), rng.binomial(counts, share))
    chosen = [rng.choice(178, 40, replace=False) for _ in range(DRAWS)]
    estimates = [clustered_share((counts - missed)[rows], counts[rows]) for rows in chosen]
    assert collect(estimates).cover(1 - missed.sum() / counts.sum()) >= 0.93
