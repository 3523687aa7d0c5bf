"""How far transfers are: bars on a terminal, a line now and then in a log."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from time import monotonic
from typing import Any, Protocol

log = logging.getLogger(__name__)

OURS = logging.getLogger("lobate")
EVERY_S = 15.0
"""Seconds between two lines about one file."""
MB = 1e6


class Progress(Protocol):
    """What is told of transfers; several threads tell at once."""

    def at(self, name: str, size: int, total: int | None) -> None:
        """``size`` bytes of ``name`` are here, of ``total`` where that is known."""


class Quiet:
    """Says nothing."""

    def at(self, name: str, size: int, total: int | None) -> None:
        """Say nothing."""


class Lines:
    """Writes a line about each file now and then."""

    def __init__(self, title: str, every_s: float = EVERY_S) -> None:
        self._title, self._every_s = title, every_s
        self._said: dict[str, float] = {}
        self._lock = Lock()

    def at(self, name: str, size: int, total: int | None) -> None:
        """Write a line, unless one about this file was written a moment ago."""
        now = monotonic()
        with self._lock:
            if now - self._said.setdefault(name, now) < self._every_s:
                return
            self._said[name] = now
        share = f" of {total / MB:.1f} MB ({100 * size / total:.0f} %)" if total else " MB"
        log.info("%s: %s: %.1f%s", self._title, name, size / MB, share)


class Bars:
    """Moves a bar for each file; ``shown`` opens and closes them."""

    def __init__(self, bars: Any) -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}
        self._lock = Lock()

    def at(self, name: str, size: int, total: int | None) -> None:
        """Move the file's bar."""
        with self._lock:
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task(name, total=total)
        self._bars.update(self._tasks[name], completed=size, total=total)


@contextmanager
def shown(title: str) -> Iterator[Progress]:
    """Give what shows progress: bars on a terminal, lines where there is a log, as in a job beside others."""
    if not sys.stderr.isatty() or any(isinstance(one, logging.FileHandler) for one in OURS.handlers):
        yield Lines(title)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as RichProgress

    columns = (TextColumn(f"{title} {{task.description}}", markup=False), BarColumn(), DownloadColumn())
    with RichProgress(
        *columns, TransferSpeedColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as bars:
        yield Bars(bars)
