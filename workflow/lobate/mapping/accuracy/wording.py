"""Estimates in words, with no more digits than their interval allows."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor, log10
from typing import Any

MOST_DECIMALS = 3
Ends = Mapping[str, Any]
"""``value``, ``low`` and ``high`` of an estimate, each a number or None."""


def in_words(estimate: Ends, unit: str = "") -> str:
    """Return an estimate as text: "0.92 (0.85 to 0.96)", or its limit alone: "at most 0.04", "at least 0.55"."""
    value, low, high = (estimate[name] for name in ("value", "low", "high"))
    behind = f" {unit}" if unit else ""
    if low is None or high is None:
        return f"{_limit(low, high)}{behind}"
    decimals = _decimals((high - low) / 2)
    interval = f"{low:.{decimals}f} to {high:.{decimals}f}"
    return f"{interval}{behind}" if value is None else f"{value:.{decimals}f} ({interval}){behind}"


def _limit(low: float | None, high: float | None) -> str:
    """Return a limit alone; it is rounded so that it still holds."""
    if high is not None:
        decimals = _decimals(high / 2)
        return f"at most {ceil(high * 10**decimals) / 10**decimals:.{decimals}f}"
    if low is None:
        return "unknown"
    decimals = _decimals((1 - low) / 2)
    return f"at least {floor(low * 10**decimals) / 10**decimals:.{decimals}f}"


def _decimals(half_width: float) -> int:
    """Return the decimals by which half an interval's width has one digit, or two from 10 to 33."""
    return MOST_DECIMALS if half_width <= 0 else min(MOST_DECIMALS, max(0, 1 - floor(log10(3 * half_width))))


def rows(estimates: Mapping[str, Any], landform: str) -> list[list[str]]:
    """Return one set of estimates as rows of a table: what it is, and its value with interval."""
    detections, pixels, squares = (estimates[part] for part in ("detections", "pixels", "landforms"))
    return [
        [f"detections that are a {landform} ({detections['sampled']} looked at)", in_words(detections["share_real"])],
        [f"user's accuracy: mapped pixels that are {landform}", in_words(pixels["users_accuracy"])],
        [f"producer's accuracy: {landform} pixels that are mapped", in_words(pixels["producers_accuracy"])],
        [
            f"area of {landform}s (the map shows {pixels['mapped_area_km2']:.1f} km2)",
            in_words(pixels["area_km2"], "km2"),
        ],
        [
            f"{landform}s in {squares['squares']} squares of 1 km that the map has ({squares['landforms']} seen, "
            f"{squares['missed']} missed)",
            in_words(squares["share_found"]),
        ],
    ]


def agreement_in_words(agreement: Mapping[str, Any]) -> str:
    """Return the agreement of two looks as a sentence."""
    return (
        f"Two looks at {agreement['places']} places, by {agreement['by']}, gave the same answer in "
        f"{in_words(agreement['share'])} of them. Accuracy cannot be told more exactly than that."
    )
