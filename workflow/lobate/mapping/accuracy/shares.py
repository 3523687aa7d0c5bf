"""Intervals of a share of independent draws."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

LEVEL = 0.95
"""Confidence level of every interval and of every limit."""


Estimate = dict[str, float | None]
"""``value`` with the ends of its interval, ``low`` and ``high``; None where the sample gives no such number."""


def two_sided_z(level: float = LEVEL) -> float:
    """Return the normal quantile of a two-sided interval, 1.96 at 95 %."""
    return NormalDist().inv_cdf((1 + level) / 2)


def wilson(positive: float, draws: float, level: float = LEVEL) -> tuple[float, float]:
    """Return the interval of Wilson (1927) for a share; it is never of width zero, and (0, 1) without draws.

    ``positive`` of ``draws`` are positive; both may be effective numbers, which are no integers. Source: E. B. Wilson,
    Probable inference, the law of succession, and statistical inference, doi:10.1080/01621459.1927.10502953.
    """
    if draws <= 0:
        return 0.0, 1.0
    z, share = two_sided_z(level), positive / draws
    centre = (share + z * z / (2 * draws)) / (1 + z * z / draws)
    half = z / (1 + z * z / draws) * sqrt(share * (1 - share) / draws + z * z / (4 * draws * draws))
    low = 0.0 if positive <= 0 else max(0.0, centre - half)
    return low, 1.0 if positive >= draws else min(1.0, centre + half)


def weighted_share(positive: npt.ArrayLike, weights: npt.ArrayLike) -> Estimate:
    """Return the weighted share of positive draws (n,), bool, with a Wilson interval at the effective number of draws.

    ``weights`` (n,) are one over the inclusion probabilities. The effective number is (sum w)^2 / sum w^2 (Kish 1965, Survey
    Sampling, section 11.7). The gain of the strata is not counted, so the interval is rather too wide.
    """
    flags, weight = np.asarray(positive, dtype=bool), np.asarray(weights, dtype=float)
    if not len(flags):
        return {"value": None, "low": 0.0, "high": 1.0}
    share = float(weight[flags].sum() / weight.sum())
    effective = float(weight.sum() ** 2 / (weight**2).sum())
    low, high = wilson(share * effective, effective)
    return {"value": share, "low": low, "high": high}


def clustered_share(positive: npt.ArrayLike, counts: npt.ArrayLike) -> Estimate:
    """Return the share of positive objects, ``positive`` of ``counts`` in each of k sampled clusters, both (k,).

    The interval is Wilson's at the number of objects over the design effect: the variance of the ratio estimator
    (Cochran 1977, Sampling Techniques, section 6.4, without finite population correction) over that of independent
    objects, at least 1. If all objects are alike, a cluster counts as one draw: the design effect is sum c^2 / sum c.
    """
    found, count = np.asarray(positive, dtype=float), np.asarray(counts, dtype=float)
    total = count.sum()
    if not total:
        return {"value": None, "low": 0.0, "high": 1.0}
    share = found.sum() / total
    if 0 < share < 1 and len(count) > 1:
        variance = len(count) / (len(count) - 1) * ((found - share * count) ** 2).sum() / total**2
        effect = variance / (share * (1 - share) / total)
    else:
        effect = (count**2).sum() / total
    effective = total / max(1.0, effect)
    low, high = wilson(share * effective, effective)
    return {"value": float(share), "low": low, "high": high}
