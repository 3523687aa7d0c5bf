"""Intervals of a landform's user's accuracy, producer's accuracy and area, from counts in three strata of pixels.

The strata lie inside the map's two classes: `detected` is mapped as landform, all others are not. Landform outside `detected` is
rare, so most samples see few of its pixels or none. The normal formula then gives an interval that is far too narrow, or of
width zero.

Tried on the embedded example's map, 10,000 draws (tests/mapping/accuracy/test_coverage.py): the intervals cover 93 to 97 % at
100, 200 and 1,000 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np

from lobate.mapping.accuracy.shares import LEVEL, Estimate, two_sided_z, wilson

COARSE_SHARE = 0.05
"""A sampled pixel stands for so many pixels of its stratum. Where they are more than this share of the landform, one more find would
change the result as much: such a sample gives limits only."""
POSTERIOR_DRAWS = 10_000
POSTERIOR_SEED = 2014
"""Fixed: the same counts give the same interval."""
HALF_COUNT = 0.5


@dataclass(frozen=True)
class PixelCounts:
    """Three numbers for the strata `detected`, `near` and `rest`, each (3,): all pixels, sampled ones, and landform among these.

    A stratum without pixels has zeros.
    """

    sizes: tuple[int, int, int]
    sampled: tuple[int, int, int]
    landform: tuple[int, int, int]

    @property
    def area(self) -> float:
        """The unbiased estimate of the landform's area, in pixels."""
        return sum(
            size * found / drawn
            for size, drawn, found in zip(self.sizes, self.sampled, self.landform, strict=True)
            if drawn
        )

    @property
    def is_coarse(self) -> bool:
        """Whether the sample outside `detected` is too small for an interval of producer's accuracy and area.

        This looks at how much landform is estimated, not at whether any was missed.
        """
        weights = [size / drawn for size, drawn in zip(self.sizes[1:], self.sampled[1:], strict=True) if drawn]
        return max(weights, default=0) > COARSE_SHARE * self.area


def users_accuracy(counts: PixelCounts) -> Estimate:
    """Return the share of detected pixels that are landform, with Wilson's interval."""
    found, drawn = counts.landform[0], counts.sampled[0]
    low, high = wilson(found, drawn)
    return {"value": found / drawn if drawn else None, "low": low, "high": high}


def producers_accuracy(counts: PixelCounts) -> Estimate:
    """Return the share of landform pixels that are detected; its upper end is None where the sample is coarse.

    The value is Stehman's (2014). The interval is that of the logit after half a count of landform and of background is added
    in each stratum (Haldane 1956, doi:10.1111/j.1469-1809.1955.tb01285.x; Anscombe 1956), by the delta method:
    the logit is the log of detected landform less the log of missed landform, which are independent.
    """
    area = counts.area
    value = counts.sizes[0] * counts.landform[0] / counts.sampled[0] / area if area and counts.sampled[0] else None
    if counts.is_coarse:
        return {"value": None, "low": _lower_limit(counts), "high": None}
    totals, variances = _adjusted_totals(counts)
    missed = sum(totals[1:])
    if not missed:  # the map detects every pixel
        return {"value": value, "low": 1.0, "high": 1.0}
    logit = log(totals[0] / missed)
    half = two_sided_z() * sqrt(variances[0] / totals[0] ** 2 + sum(variances[1:]) / missed**2)
    return {"value": value, "low": _inverse_logit(logit - half), "high": _inverse_logit(logit + half)}


def _adjusted_totals(counts: PixelCounts) -> tuple[list[float], list[float]]:
    """Return the landform pixels of each stratum with half a count added, and their variances, both (3,)."""
    totals, variances = [0.0] * 3, [0.0] * 3
    for number, (size, drawn, found) in enumerate(zip(counts.sizes, counts.sampled, counts.landform, strict=True)):
        if size:
            share = (found + HALF_COUNT) / (drawn + 2 * HALF_COUNT)
            totals[number] = size * share
            variances[number] = size**2 * share * (1 - share) / (drawn + 2 * HALF_COUNT)
    return totals, variances


def _inverse_logit(value: float) -> float:
    return 1 / (1 + exp(-value))


def landform_area(counts: PixelCounts) -> Estimate:
    """Return the landform's area in pixels; where the sample is coarse, only its upper limit.

    The value is the unbiased estimate. The interval holds the middle 95 % of draws from each stratum's posterior: Beta(c + 1/2,
    n - c + 1/2) after c landform pixels of n, the prior of Jeffreys (1946, doi:10.1098/rspa.1946.0056). The draws of the
    strata are added. This prior's interval of a single share keeps its level: Brown, Cai and DasGupta (2001),
    doi:10.1214/ss/1009213286.
    """
    if counts.is_coarse:
        return {"value": None, "low": None, "high": float(np.quantile(sum(_upper_draws(counts)), LEVEL))}
    draws = sum(_posterior(counts, (HALF_COUNT, HALF_COUNT, HALF_COUNT), HALF_COUNT))
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {"value": counts.area, "low": float(low), "high": float(high)}


def _lower_limit(counts: PixelCounts) -> float:
    """Return the lower limit of producer's accuracy at 95 %: all the landform that may have been missed is counted."""
    detected, *missed = _upper_draws(counts)
    return float(np.quantile(detected / (detected + sum(missed)), 1 - LEVEL))


def _upper_draws(counts: PixelCounts) -> list[np.ndarray]:
    """Return draws of each stratum's landform pixels whose upper quantiles outside `detected` are safe limits.

    There they are draws of Beta(c + 1, n - c), whose quantiles are the exact upper limits of Clopper and Pearson (1934,
    doi:10.1093/biomet/26.4.404); with none of n it is the rule of three, 3 / n.
    """
    return _posterior(counts, (HALF_COUNT, 1.0, 1.0), 0.0)


def _posterior(counts: PixelCounts, of_landform: tuple[float, float, float], of_rest: float) -> list[np.ndarray]:
    """Return draws of the landform pixels of each stratum (3 arrays), with these counts added to those of the sample."""
    draws = []
    for number, (size, drawn, found) in enumerate(zip(counts.sizes, counts.sampled, counts.landform, strict=True)):
        generator = np.random.default_rng([POSTERIOR_SEED, number])
        other = drawn - found + (of_rest if number else HALF_COUNT)
        shares = (
            generator.beta(found + of_landform[number], other, POSTERIOR_DRAWS) if other else np.ones(POSTERIOR_DRAWS)
        )
        draws.append(size * shares)
    return draws


def stratum_share(drawn: int, found: int) -> Estimate:
    """Return the share of a stratum that is landform, with Wilson's interval; without a find its low end is None.

    So a stratum in which no missed pixel was seen has an upper limit, and never an interval of width zero.
    """
    low, high = wilson(found, drawn)
    return {"value": found / drawn if drawn and found else None, "low": low if found else None, "high": high}
