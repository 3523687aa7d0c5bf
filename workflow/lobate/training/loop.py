"""One training, top to bottom: draw a batch, step, look at the IoU now and then, keep the best.

Deterministic on a CPU: batch, augmentation and dropout of step i follow from (seed, round, i), so a training that goes on
from a checkpoint ends with the very weights of one that was never interrupted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from lobate.errors import Mistake
from lobate.network.batches import is_short
from lobate.network.deeplab import DeepLab
from lobate.settings.training import Schedule
from lobate.training.average import Average
from lobate.training.checkpoint import keep, kept
from lobate.training.curves import SPEED, show
from lobate.training.dataset import Batch, Sampling, ahead
from lobate.training.pace import Pace
from lobate.training.schedule import learning_rate, optimizer_of, to_training_mode
from lobate.training.sources import Data
from lobate.training.step import evaluate, train_step
from lobate.training.team import ALONE, Team

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What a training is told: data, settings, seeds (seed, round), and where the checkpoint of which recipe goes."""

    data: Data
    schedule: Schedule
    operations: tuple[str, ...]
    seeds: tuple[int, int]
    checkpoint: Path | None = None
    recipe: str = ""

    def batches(self, iteration: int, team: Team) -> list[Batch]:
        """Draw this process's share of the batch of one step, in as many parts as go through the network in turn."""
        s = self.schedule
        sampling = Sampling(s.batch, s.crop, tuple(s.scales), self.operations, self.seeds)
        places = team.share(sampling.places(iteration))
        parts = np.array_split(np.array(places), min(s.accumulate, len(places)))
        return [sampling.draw(self.data.training, self.data.positive, part.tolist()) for part in parts]


@dataclass
class Course:
    """How far a training has come; all of it goes into a checkpoint, beside weights and optimiser.

    ``loss`` is the sum over the ``steps`` since the last look. ``best`` holds iteration, training, validation (what
    ``Measured`` holds) and weights; ``stale`` counts the looks since one that was better than all before.
    """

    iteration: int = 0
    skipped: int = 0
    steps: int = 0
    stale: int = 0
    loss: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    rows: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)

    def advance(self, loss: Tensor | None) -> None:
        """Count one step, or a batch that was skipped."""
        self.iteration += 1
        if loss is None:
            self.skipped += 1
        else:
            self.steps += 1
            self.loss = self.loss + loss.double()

    @property
    def mean_loss(self) -> float | None:
        """Mean over the steps since the last look; on a GPU, asking waits for the device."""
        return float(self.loss) / self.steps if self.steps else None

    @property
    def best_iou(self) -> float:
        """Best validation IoU of the landform so far; 0 before the first look and while it is unknown."""
        return (self.best["validation"]["iou"]["landform"] if self.best else None) or 0.0


@dataclass
class Learner:
    """Everything that changes while a network learns."""

    network: DeepLab
    optimizer: Optimizer
    average: Average | None
    course: Course

    @classmethod
    def start(cls, network: DeepLab, plan: Plan) -> Learner:
        """Begin anew, or where the checkpoint left off."""
        average = Average(network, plan.schedule.ema) if plan.schedule.ema else None
        learner = cls(network, optimizer_of(network, plan.schedule), average, Course())
        state = kept(plan.checkpoint, plan.recipe) if plan.checkpoint else None
        if state is not None:
            learner._resume(state)
        return learner

    def _resume(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average:
            self.average.network.load_state_dict(state["average"])
        self.course = Course(**state["course"])
        log.info("a checkpoint is there: training goes on after iteration %d", self.course.iteration)

    def keep(self, plan: Plan) -> None:
        """Write a checkpoint."""
        if plan.checkpoint:
            average = self.average.network.state_dict() if self.average else None
            weights = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
            keep(plan.checkpoint, {**weights, "average": average, "course": vars(self.course), "recipe": plan.recipe})

    @property
    def measured(self) -> DeepLab:
        """The network that is measured and kept: the average where there is one."""
        return self.average.network if self.average else self.network


def fit(network: DeepLab, plan: Plan, team: Team = ALONE) -> Course:
    """Train ``network`` in place; it ends with the weights of the best validation IoU of the landform.

    With a ``team``, this is one of its processes. Raises Mistake when the loss is no longer a number, or when the device
    has too little memory.
    """
    schedule = plan.schedule
    network.to(team.device, memory_format=torch.channels_last)
    learner = Learner.start(network, plan)
    course = learner.course
    shared = team.shared(network)
    to_training_mode(network, schedule, team.size)
    left = range(course.iteration, schedule.iterations)
    with _repeatable(), _memory_told(schedule), Pace(schedule, plan.seeds[1], course, team) as pace:
        for drawn in ahead(lambda i: [part.pinned(team.device) for part in plan.batches(i, team)], left):
            if is_over(course, schedule):
                break
            rate = learning_rate(schedule, course.iteration)
            torch.manual_seed(seed_of(*plan.seeds, course.iteration, *team.mark))
            parts = [part.to(team.device) for part in drawn]
            course.advance(train_step(shared, learner.optimizer, parts, rate, schedule.class_weights, team))
            if learner.average:
                learner.average.follow(network, course.iteration)
            looking = course.iteration % schedule.evaluate_every == 0 or course.iteration == schedule.iterations
            if looking or pace.due(course):
                check_loss(course, schedule)
                pace.tell(course)
                if looking:
                    speed = pace.images_per_s(course)
                    look(learner.measured, plan, course, rate, team, speed)
                    to_training_mode(network, schedule, team.size)
                if team.leads:
                    learner.keep(plan)
                    if looking and plan.checkpoint:
                        show(plan.checkpoint, course.rows)
                pace.restart(course)
    if course.skipped:
        log.warning("%d batches had no labelled pixel and were skipped", course.skipped)
    network.load_state_dict(course.best["weights"])
    return course


def is_over(course: Course, schedule: Schedule) -> bool:
    """Whether the validation IoU has not risen for as many looks as the settings allow."""
    over = schedule.patience is not None and course.stale >= schedule.patience
    if over:
        log.info("no better validation IoU in %d looks: training ends at iteration %d", course.stale, course.iteration)
    return over


def look(
    network: DeepLab, plan: Plan, course: Course, rate: float, team: Team = ALONE, speed: float | None = None
) -> None:
    """Measure both sides, note the numbers, and remember the weights when validation is at least as good as ever.

    ``speed``, in images/s, is noted for whoever watches.
    """
    batch = plan.schedule.batch
    measured = {
        "training": evaluate(network, plan.data.training.thinned(plan.schedule.evaluate_at_most), batch, team),
        "validation": evaluate(network, plan.data.validation, batch, team),
    }
    step_loss = course.mean_loss
    for split, one in measured.items():
        row = {"iteration": course.iteration, "split": split, "loss": one.loss, "learning_rate": round(rate, 9)}
        row |= {f"iou_{name}": value for name, value in one.iou.items()} | {"step_loss": step_loss}
        course.rows.append(row | {SPEED: None if speed is None else round(speed, 1)})
    course.loss, course.steps = torch.zeros((), dtype=torch.float64), 0
    ious = {split: one.iou["landform"] for split, one in measured.items()}
    log.info("  IoU of the landform: training %s, validation %s", ious["training"], ious["validation"])
    now, best = ious["validation"] or 0.0, course.best_iou
    course.stale = 0 if now > best or not course.best else course.stale + 1
    if now >= best:
        weights = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
        facts = {split: asdict(one) for split, one in measured.items()}
        course.best = {"iteration": course.iteration, **facts, "weights": weights}


def check_loss(course: Course, schedule: Schedule) -> None:
    """Raise Mistake when a step since the last look had a loss that is not a number."""
    if course.mean_loss is not None and not isfinite(course.mean_loss):
        raise Mistake(
            f"The loss is no longer a number by iteration {course.iteration}: the weights have run away. Lower "
            f"training.schedule.learning_rate (now {schedule.learning_rate:g}), for instance to a tenth; with random "
            "weights also set training.schedule.batch_norm to trained."
        )


def seed_of(*numbers: int) -> int:
    """Return one seed that follows from several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


@contextmanager
def _repeatable() -> Iterator[None]:
    """Let torch choose deterministic ways where it has them, and leave its settings and random state as they were."""
    before, fill = torch.are_deterministic_algorithms_enabled(), torch.utils.deterministic.fill_uninitialized_memory
    with torch.random.fork_rng():
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before)
            torch.utils.deterministic.fill_uninitialized_memory = fill


@contextmanager
def _memory_told(schedule: Schedule) -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_short(error):
            raise
        raise Mistake(
            f"The device has too little memory to train on {schedule.batch} patches of {schedule.crop} x {schedule.crop} "
            f"pixels in {schedule.accumulate} parts. Raise training.schedule.accumulate (up to the batch), lower "
            "training.schedule.batch or training.schedule.crop, or take a smaller training.network.backbone."
        ) from error
