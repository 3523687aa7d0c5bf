"""Numbers of a run as text for people. A number that a run could not tell is said to be unknown, and never printed as None."""

from __future__ import annotations

from typing import Any

UNKNOWN = "not known"


def known(value: Any, form: str = "{}", unknown: str = UNKNOWN) -> str:
    """Return a value as text in a format such as ``{:.2f}``; ``unknown`` for None."""
    return unknown if value is None else form.format(value)


def percent(share: float | None) -> str:
    """Return a share in per cent with one decimal."""
    return known(None if share is None else 100 * share, "{:.1f} %")


def span(low: float | None, high: float | None, form: str = "{}") -> str:
    """Return a range as ``low to high``; "" where an end is not known."""
    return "" if low is None or high is None else f"{form.format(low)} to {form.format(high)}"
