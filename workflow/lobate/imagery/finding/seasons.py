"""Date ranges by season and year: July and August of 2018, or a southern summer over New Year."""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from itertools import pairwise

Days = tuple[date, date]
"""First and last day."""


def seasons(years: list[int], months: list[int]) -> list[Days]:
    """Return the days of the same months of several years, one range for months that follow one another, in order.

    Months in the order they pass: in [12, 1, 2] January and February are those of the next year.
    """
    return sorted(
        (date(year + begin // 12, begin % 12 + 1, 1), _last_day(year + end // 12, end % 12 + 1))
        for year in years
        for begin, end in _runs(months)
    )


def within(day: date, ranges: list[Days]) -> bool:
    """Whether a day lies in one of the ranges."""
    return any(first <= day <= last for first, last in ranges)


def _runs(months: list[int]) -> list[tuple[int, int]]:
    """Return first and last of each unbroken run of months, counted from January of the year the season begins in."""
    counted = [month - 1 for month in months]
    turn = next((place for place, (one, next_one) in enumerate(pairwise(counted), 1) if next_one < one), len(counted))
    counted = sorted([*counted[:turn], *(month + 12 for month in counted[turn:])])
    begins = [month for month in counted if month - 1 not in counted]
    ends = [month for month in counted if month + 1 not in counted]
    return list(zip(begins, ends, strict=True))


def _last_day(year: int, month: int) -> date:
    return date(year, month, monthrange(year, month)[1])
