"""How far a long job is: a bar on a terminal, a few plain lines in a log.

A log file gets lines; a terminal gets a bar unless there is a log file; anything else (a pipe, a cluster's output) gets
lines. What is left is told from the pace so far.
"""

from __future__ import annotations

import logging
import sys
import time
from types import TracebackType

log = logging.getLogger(__name__)

LINES = 10
"""Lines that a whole job leaves in a log."""

WIDTH = 30
"""Letters of a bar."""


class Progress:
    """Tells how many of ``total`` parts called ``what`` are done, while it is used as a context."""

    def __init__(self, total: int, what: str) -> None:
        self._total, self._what = total, what
        self._done = 0
        self._bar = sys.stderr.isatty() and not _in_a_file()

    def __enter__(self) -> Progress:
        self._began = time.monotonic()
        return self

    def at(self, done: int) -> None:
        """Say that ``done`` parts are behind us."""
        if self._bar:
            sys.stderr.write(f"\r\x1b[K{bar(done / self._total)} {self._words(done)}\r")
            sys.stderr.flush()
        elif LINES * done // self._total > LINES * self._done // self._total:
            log.info("%s.", self._words(done))
        self._done = done

    def _words(self, done: int) -> str:
        spent = time.monotonic() - self._began
        left = spent * (self._total - done) / max(done, 1)
        ahead = f"about {duration(left)} left" if done < self._total else f"in {duration(spent)}"
        return f"{100 * done // self._total} % of the {self._what} done, {ahead}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            sys.stderr.write("\r\x1b[K")


def _in_a_file() -> bool:
    return any(isinstance(one, logging.FileHandler) for one in logging.getLogger("lobate").handlers)


def bar(share: float) -> str:
    """Return a bar that is filled to ``share`` (0..1)."""
    filled = int(WIDTH * share)
    return f"[{'#' * filled}{'.' * (WIDTH - filled)}]"


def duration(seconds: float) -> str:
    """Return a time as a person says it: 40 s, 3 min, 2 h 05 min."""
    minutes, hours = round(seconds / 60), round(seconds / 60) // 60
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if hours < 2 else f"{hours} h {minutes % 60:02d} min"
