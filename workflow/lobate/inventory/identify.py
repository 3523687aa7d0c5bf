"""Landform identifiers after the RGIK guideline: RGU384455N1092526W lies at 38.4455 N, 109.2526 W."""

from __future__ import annotations

import re
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


def position_code(published: str) -> str | None:
    """Return the part of an identifier after its prefix, with its letters; None where it does not name a position.

    >>> position_code("RGU384455N1092526Wb")
    '384455N1092526Wb'
    """
    match = re.search(r"(?<!\d)\d{6}[NS]\d{7}[EW][a-z]*$", published)
    return match[0] if match else None


def disambiguate_ids(identifiers: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Return the identifiers in order; the second, third, ... of one name gets the letter b, c, ...

    Those in ``taken`` are left out, as they name other landforms.
    """
    used, numbers, unique = set(taken), Counter[str](), []
    for name in identifiers:
        while (candidate := name + _suffix(numbers[name])) in used:
            numbers[name] += 1
        used.add(candidate)
        unique.append(candidate)
    return unique


def _suffix(number: int) -> str:
    """Return '' for 0, then b, c, ... z, ba, bb, ..."""
    if number == 0:
        return ""
    rest, letter = divmod(number, len(LETTERS))
    return (LETTERS[rest] if rest else "") + LETTERS[letter]
