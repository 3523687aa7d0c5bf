"""Retries: which failures are tried again, how long to wait between attempts, and when a connection has stalled."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic

from lobate.errors import UserError

RETRYABLE = {403, 408, 425, 429}
"""HTTP status codes of refusals that may pass. A 403 may mean that a signature has expired."""
SERVER_ERROR = 500
MIN_BYTES_PER_S = 1024
"""A connection that is slower over a whole time-out counts as cut."""


class RetryableError(Exception):
    """One attempt failed in a way that may pass.

    ``retry_after_s``: seconds for which the server asks not to be called; ``made_progress``: whether the attempt brought
    enough bytes for the count of failures to start again.
    """

    def __init__(self, reason: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after_s, self.made_progress = retry_after_s, False


class KeyRefusedError(RetryableError):
    """An archive refused a token, which is renewed; ``final`` is raised where it refuses the next one too."""

    def __init__(self, reason: str, final: UserError) -> None:
        super().__init__(reason)
        self.final = final


@dataclass(frozen=True)
class RetryPolicy:
    """Number of attempts, time-out, and exponential backoff."""

    tries: int = 5
    timeout_s: float = 60.0
    first_wait_s: float = 1.0
    max_wait_s: float = 120.0

    def wait_s(self, failures: int, retry_after_s: float) -> float:
        """Return the seconds to wait after so many failures in a row: at least what the server asks, at most the maximum."""
        return min(max(self.first_wait_s * 2 ** (failures - 1), retry_after_s), self.max_wait_s)


class StallGuard:
    """Detects a connection that has slowed down to almost nothing."""

    def __init__(self, window_s: float) -> None:
        self._window_s, self._since, self._bytes = window_s, monotonic(), 0

    def check(self, count: int) -> None:
        """Count received bytes. Raises RetryableError when a whole window brought too few."""
        self._bytes += count
        passed = monotonic() - self._since
        if passed < self._window_s:
            return
        if self._bytes < MIN_BYTES_PER_S * passed:
            raise RetryableError(f"only {self._bytes} bytes came in {passed:.0f} s")
        self._since, self._bytes = monotonic(), 0


def is_retryable(status: int) -> bool:
    """Whether an HTTP status may be another one after a while."""
    return status in RETRYABLE or status >= SERVER_ERROR


def parse_retry_after(text: str) -> float:
    """Return the seconds in a ``Retry-After`` header, which holds a number or a date; 0 for anything else."""
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0
