"""The words of the command line about a model that learnt nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterable

RED, PLAIN = "\033[31m", "\033[0m"


def nothing_lines(reasons: Iterable[str | None]) -> list[str]:
    """Return a line for each reason why a model learnt nothing, in red on a terminal."""
    lines = [
        f"  THE MODEL LEARNT NOTHING: {reason}. No number below says anything about landforms."
        for reason in reasons
        if reason
    ]
    return [f"{RED}{line}{PLAIN}" if sys.stdout.isatty() else line for line in lines]
