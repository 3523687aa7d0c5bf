"""How long the other side is waited for, and how often it is asked again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic

MIN_BYTES_PER_S = 1024
"""Bytes a second; a connection that brings less over a whole time-out counts as cut."""


class RetryableError(Exception):
    """One try failed in a way that may pass.

    ``retry_after_s``: seconds that the server wants to be left alone; ``made_progress``: whether the try brought the transfer on.
    """

    def __init__(self, reason: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_s, self.made_progress = retry_after_s, False


@dataclass(frozen=True)
class RetryPolicy:
    """How often, and how long, the other side is waited for."""

    tries: int = 5
    timeout_s: float = 60.0
    first_wait_s: float = 1.0
    max_wait_s: float = 120.0

    def wait_s(self, failures: int, retry_after_s: float) -> float:
        """Return how long to wait after so many failures in a row, at least as long as the server asked, within reason."""
        return min(max(self.first_wait_s * 2 ** (failures - 1), retry_after_s), self.max_wait_s)


class StallGuard:
    """Finds out that a connection has slowed down to a drip."""

    def __init__(self, window_s: float) -> None:
        self._window_s, self._since, self._bytes = window_s, monotonic(), 0

    def check(self, count: int) -> None:
        """Count bytes that came; Trouble when they were too few over a whole window."""
        self._bytes += count
        passed = monotonic() - self._since
        if passed < self._window_s:
            return
        if self._bytes < MIN_BYTES_PER_S * passed:
            raise RetryableError(f"only {self._bytes} bytes came in {passed:.0f} s")
        self._since, self._bytes = monotonic(), 0


def parse_retry_after(text: str) -> float:
    """Return the seconds that ``Retry-After`` asks for, as a number or as a date; 0 where it says nothing."""
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0
