"""Intervals of a ratio over ground: the jackknife over groups of outlines, or over blocks of ground.

Pixels beside each other are no independent draws; groups of outlines that touch, or blocks of ground, nearly are. One
group is left out at a time. The variance of the ratio is taken on the logit scale, and the interval uses Student's t with
one degree of freedom less than there are groups (Efron and Tibshirani 1993, chapter 11). ``tests/io/test_intervals.py``
simulates how often it covers what is true.
"""

from __future__ import annotations

from typing import Any

import numpy as np

MIN_BLOCKS = 5
"""With fewer blocks there is no interval: their values are given instead."""

LEVEL = 0.95


def jackknife(parts: np.ndarray, wholes: np.ndarray) -> dict[str, Any]:
    """Return the interval of ``sum(parts) / sum(wholes)``, both (blocks,); blocks with an empty whole do not count.

    ``low`` and ``high`` with ``blocks``, their number; or ``values``, those of the blocks, where there are fewer than
    ``MIN_BLOCKS``, or where all agree on 0 or 1.
    """
    counted = wholes > 0
    parts, wholes = parts[counted].astype(float), wholes[counted].astype(float)
    blocks = len(parts)
    if blocks < MIN_BLOCKS or not 0 < parts.sum() < wholes.sum():
        return {"blocks": blocks, "values": [round(float(value), 4) for value in np.sort(parts / wholes)]}
    left_out = (parts.sum() - parts) / (wholes.sum() - wholes)
    with np.errstate(divide="ignore"):
        logits = np.log(left_out) - np.log1p(-left_out)
    if not np.isfinite(logits).all():  # one block holds all that is found, or all that is not
        return {"blocks": blocks, "values": [round(float(value), 4) for value in np.sort(parts / wholes)]}
    low, high = _logit_interval(parts.sum() / wholes.sum(), logits)
    return {"blocks": blocks, "low": round(low, 4), "high": round(high, 4)}


def rate_intervals(hits: np.ndarray, false_alarms: np.ndarray, misses: np.ndarray) -> dict[str, dict[str, Any]]:
    """Return the intervals of IoU, precision and recall from the pixels of each group or block, all (blocks,)."""
    return {
        "iou": jackknife(hits, hits + false_alarms + misses),
        "precision": jackknife(hits, hits + false_alarms),
        "recall": jackknife(hits, hits + misses),
    }


def with_interval(value: float | None, interval: dict[str, Any] | None, of: str = "groups") -> str:
    """Return a rate with its interval, at most the digits that this allows, or why there is none; ``of`` names the blocks."""
    if value is None:
        return "not defined"
    if not interval:
        return f"{value:.3f}"
    low, high = interval.get("low"), interval.get("high")
    if low is None or high is None:
        count = interval["blocks"]
        why = f"{count} {of[:-1] if count == 1 and of == 'groups' else of}"
        return f"{value:.3f} (no interval: {why})"
    digits = digits_of(interval)
    return f"{value:.{digits}f} (95 %: {low:.{digits}f} to {high:.{digits}f})"


def digits_of(interval: dict[str, Any] | None) -> int:
    """Return the digits that an interval allows: two, or three where it is narrower than 0.01 or where there is none."""
    low, high = ((interval or {}).get(end) for end in ("low", "high"))
    return 3 if low is None or high is None or high - low < 0.01 else 2


def rounded(value: float | None, interval: dict[str, Any] | None = None) -> float | None:
    """Return a rate with the digits that its interval allows; counts and None as they are."""
    return round(value, digits_of(interval)) if isinstance(value, float) else value


def area_in_words(km2: float | None, unknown: str = "not known") -> str:
    """Return an area in km2 with three digits, or fewer where it is small; an outline's edge allows no more."""
    if km2 is None:
        return unknown
    decimals = 0 if km2 >= 100 else 1 if km2 >= 10 else 2 if km2 >= 0.1 else 3
    return f"{km2:,.{decimals}f}"


def range_digits(low: float | None, high: float | None, at_most: int = 4) -> int:
    """Return the decimals that a value's range allows: the last one is about a tenth of it or more."""
    if low is None or high is None or not np.isfinite(high - low) or high <= low:
        return at_most
    return int(min(at_most, max(0, np.ceil(-np.log10(high - low)))))


def _logit_interval(estimate: float, logits: np.ndarray) -> tuple[float, float]:
    count = len(logits)
    error = np.sqrt((count - 1) / count * ((logits - logits.mean()) ** 2).sum())
    return logit_interval(estimate, float(error), count - 1)


def logit_interval(estimate: float, error: float, degrees: int) -> tuple[float, float]:
    """Return the interval of a ratio between 0 and 1 whose logit has this standard ``error``, with Student's t."""
    from scipy.stats import t

    centre = np.log(estimate) - np.log1p(-estimate)
    reach = float(t.ppf((1 + LEVEL) / 2, degrees)) * error
    low, high = (1 / (1 + np.exp(-(centre + sign * reach))) for sign in (-1, 1))
    return float(low), float(high)
