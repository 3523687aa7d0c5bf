"""Progress of long jobs: bars on a terminal, a line now and then in a log.

A terminal gets bars, unless a log file takes the lines. A pipe or the output of a cluster job gets lines.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

log = logging.getLogger(__name__)

LINES_PER_TASK = 10
"""Number of log lines about a whole task, where no interval is set."""

MB = 1e6


class Task:
    """Amount done of one task, and its pace since it began or since ``restart``."""

    def __init__(self, name: str, description: str, show: Callable[[Task], None]) -> None:
        self.name, self.description, self._show = name, description, show
        self.total: float | None = None
        self.done = 0.0
        self.bar: TaskID | None = None
        self.restart()

    def restart(self) -> None:
        """Measure the pace, and the time to the next line, from here on."""
        self._logged, self._logged_at = self.done, time.monotonic()
        self._begin()

    def _begin(self) -> None:
        self._done_at_start, self._started_at = self.done, time.monotonic()

    def start(self, done: float, total: float | None) -> None:
        """Measure the pace from ``done`` of ``total`` on."""
        self.done, self.total = done, total
        self._begin()
        self._show(self)

    def update(self, done: float) -> None:
        """Set the amount done, and show it."""
        self.done = done
        self._show(self)

    def is_due(self, every_s: float | None) -> bool:
        """Return whether a line is due, ``every_s`` after the last one or at each tenth; a due line counts as written."""
        if every_s is None:
            due = self._tenths(self.done) > self._tenths(self._logged)
            self._logged = self.done
            return due
        due = time.monotonic() - self._logged_at >= every_s
        if due:
            self._logged_at = time.monotonic()
        return due

    def _tenths(self, done: float) -> int:
        return int(LINES_PER_TASK * done // (self.total or 1))

    @property
    def elapsed_s(self) -> float:
        """Seconds since the measurement of the pace began."""
        return max(time.monotonic() - self._started_at, 1e-9)

    @property
    def rate(self) -> float:
        """Amount done per second."""
        return (self.done - self._done_at_start) / self.elapsed_s

    @property
    def remaining(self) -> float:
        """Amount not yet done; 0 where the total is unknown."""
        return max((self.total or 0) - self.done, 0)

    @property
    def remaining_s(self) -> float:
        """Seconds that the remaining amount takes at this pace."""
        return self.elapsed_s * self.remaining / max(self.done - self._done_at_start, 1)


class Progress:
    """A context that shows a job's tasks as bars or log lines; threads may share it.

    ``line`` returns the text of a log line. A line is written every ``every_s`` seconds, or at each tenth of a task.
    ``title`` stands before the name at each bar. ``unit`` is the unit of the amounts; "bytes" are shown as MB. ``bars``
    are shown on a terminal without a log file ("auto"), on any terminal ("always") or "never".
    """

    def __init__(
        self,
        line: Callable[[Task], str] | None = None,
        *,
        title: str = "",
        every_s: float | None = None,
        unit: str = "",
        bars: Literal["auto", "always", "never"] = "auto",
    ) -> None:
        self._line, self._every_s, self._unit, self._show_bars = line or summary, every_s, unit, bars
        self._title = title
        self._tasks: dict[str, Task] = {}
        self._bars: RichProgress | None = None
        self._lock = Lock()

    def __enter__(self) -> Progress:
        wanted = self._show_bars == "always" or (self._show_bars == "auto" and not _has_log_file())
        if wanted and sys.stderr.isatty():
            self._bars = _new_bars(self._unit)
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def task(self, name: str, total: float | None, done: float = 0) -> Task:
        """Return the task of this name; a task that starts again keeps its bar and the time of its last line."""
        with self._lock:
            if name not in self._tasks:
                self._tasks[name] = Task(name, f"{self._title} {name}".strip(), self._show)
        self._tasks[name].start(done, total)
        return self._tasks[name]

    def _show(self, task: Task) -> None:
        with self._lock:
            if self._bars is not None:
                self._update_bar(self._bars, task)
            elif task.is_due(self._every_s):
                log.info("%s", self._line(task))

    def _update_bar(self, bars: RichProgress, task: Task) -> None:
        if task.bar is None:
            task.bar = bars.add_task(task.description, total=task.total, pace="")
        bars.update(
            task.bar, description=task.description, completed=task.done, total=task.total, pace=pace(task, self._unit)
        )


def _has_log_file() -> bool:
    return any(isinstance(handler, logging.FileHandler) for handler in logging.getLogger("lobate").handlers)


def _new_bars(unit: str) -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as RichProgress

    return RichProgress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn() if unit == "bytes" else MofNCompleteColumn(),
        TextColumn("{task.fields[pace]}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )


def pace(task: Task, unit: str) -> str:
    """Return the rate and the remaining time of a task, as far as they can be estimated."""
    rate = f"{task.rate / MB:.1f} MB/s" if unit == "bytes" else f"{task.rate:.1f} {unit}/s"
    left = f"about {duration(task.remaining_s)} left" if task.remaining and task.rate else ""
    return ", ".join(filter(None, (rate if unit else "", left)))


def summary(task: Task) -> str:
    """Return the line about a task: the share done, and the time left or spent."""
    percent = int(100 * task.done // (task.total or 1))
    time_left = f"about {duration(task.remaining_s)} left" if task.remaining else f"in {duration(task.elapsed_s)}"
    return f"{percent} % of the {task.name} done, {time_left}."


def duration(seconds: float) -> str:
    """Return a time in a unit that suits its length: 40 s, 3 min, 2 h 05 min."""
    minutes, hours = round(seconds / 60), round(seconds / 60) // 60
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if hours < 2 else f"{hours} h {minutes % 60:02d} min"
