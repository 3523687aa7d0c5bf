"""Landform identifiers after the RGIK guideline: RGU384455N1092526W lies at 38.4455 N, 109.2526 W."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def identifier(longitude: float, latitude: float, prefix: str = "RGU") -> str:
    """Return ``prefix``, latitude x 1e4 (six digits) with N or S, longitude x 1e4 (seven digits) with E or W.

    >>> identifier(-109.2526, 38.4455)
    'RGU384455N1092526W'
    """
    north, east = round(latitude * 1e4), round(longitude * 1e4)
    return f"{prefix}{abs(north):06d}{'N' if north >= 0 else 'S'}{abs(east):07d}{'E' if east >= 0 else 'W'}"


def disambiguate_ids(identifiers: Iterable[str]) -> list[str]:
    """Return the identifiers in order; the second, third, ... of one name gets the letter b, c, ..."""
    counts: Counter[str] = Counter()
    unique = []
    for name in identifiers:
        unique.append(name + _suffix(counts[name]))
        counts[name] += 1
    return unique


def _suffix(number: int) -> str:
    """Return '' for 0, then b, c, ... z, ba, bb, ..."""
    if number == 0:
        return ""
    rest, letter = divmod(number, len(LETTERS))
    return (LETTERS[rest] if rest else "") + LETTERS[letter]
