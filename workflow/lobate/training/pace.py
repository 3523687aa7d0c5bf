"""How far a training is and how long it will take: a bar on a terminal, a line in the log every minute."""

from __future__ import annotations

import logging
import sys
import time
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lobate.settings.training import Schedule
from lobate.training.team import ALONE, Team

log = logging.getLogger(__name__)


class Progressing(Protocol):
    """What is told of: steps done, and the mean loss of the last ones."""

    iteration: int

    @property
    def mean_loss(self) -> float | None:
        """Mean loss since the last look."""


class Pace:
    """Tells now and then how far the training is; wall clock goes to the log and the terminal only."""

    EVERY_S = 60

    def __init__(self, schedule: Schedule, round: int, course: Progressing, team: Team = ALONE) -> None:
        self.schedule, self.round, self.leads = schedule, round, team.leads
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        console = Console(stderr=True)
        self.bar = Progress(*columns, console=console, disable=not (sys.stderr.isatty() and team.leads))
        self.task = self.bar.add_task(f"round {round}", total=schedule.iterations, completed=course.iteration)
        self.restart(course)

    def __enter__(self) -> Pace:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def restart(self, course: Progressing) -> None:
        """Begin to measure anew."""
        self.start, self.since = course.iteration, time.monotonic()

    def due(self, course: Progressing) -> bool:
        """Move the bar, and return whether it is time to tell."""
        self.bar.update(self.task, completed=course.iteration)
        return self.leads and time.monotonic() - self.since > self.EVERY_S

    def images_per_s(self, course: Progressing) -> float:
        """Return how many patches a second went through the network since it was last measured anew."""
        steps = course.iteration - self.start
        return self.schedule.batch * steps / max(time.monotonic() - self.since, 1e-9)

    def tell(self, course: Progressing) -> None:
        """Write one line to the log."""
        steps, loss = course.iteration - self.start, course.mean_loss
        pace = max(time.monotonic() - self.since, 1e-9) / max(steps, 1)
        told = "unknown" if loss is None else f"{loss:.4f}"
        self.bar.update(self.task, completed=course.iteration, description=f"round {self.round}, loss {told}")
        log.info(
            "round %d, iteration %d of %d: loss %s, %.1f images/s, %.0f s left",
            *(self.round, course.iteration, self.schedule.iterations, told),
            *(self.schedule.batch / pace, (self.schedule.iterations - course.iteration) * pace),
        )
