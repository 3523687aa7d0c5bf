"""Mistakes with one cause in many files, told once with their number."""

from __future__ import annotations

import re
from collections.abc import Sequence

FEW = 3
"""So many mistakes of one cause are told one by one."""
NAMED = 5
MISTAKE = re.compile(r"Setting (?P<setting>.+?): (?P<text>.*)", re.S)
FILES = re.compile(r"\S*/[^\s,;:]+|[^\s,;:(]+\.[A-Za-z][A-Za-z0-9]{1,6}\b")
"""Paths and names of files in a message."""


def once_for_each_cause(mistakes: Sequence[str]) -> list[str]:
    """Return mistakes, sorted, with those together that differ only in setting and files.

    The first of them stands for all, with the number of the others and the settings of some. A missing file is a cause of its own.
    """
    groups: dict[str, list[str]] = {}
    for mistake in mistakes:
        match = MISTAKE.match(mistake)
        cause = FILES.sub("...", match["text"]) if match else mistake
        groups.setdefault(cause, []).append(mistake)
    return sorted(told for group in groups.values() for told in (group if len(group) <= FEW else [_together(group)]))


def _together(group: Sequence[str]) -> str:
    settings = [match["setting"] for mistake in group[1:] if (match := MISTAKE.match(mistake))]
    more = ", ..." if len(settings) > NAMED else ""
    return f"{group[0]} The same holds for {len(settings)} others: {', '.join(settings[:NAMED])}{more}."
