"""One round's training, top to bottom: draw a batch, step, look at the IoU now and then, keep the best.

Deterministic on a CPU: batch, augmentation and dropout of step i follow from (seed, round, i), so a training that goes on
from a checkpoint ends with the very weights of one that was never interrupted.
"""

from __future__ import annotations

import logging
import time
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
from lobate.network.deeplab import DeepLab
from lobate.settings.training import Schedule
from lobate.training.checkpoint import keep, kept
from lobate.training.dataset import Batch, Patches, Sampling, ahead
from lobate.training.measure import Measured, Tally
from lobate.training.schedule import learning_rate, optimizer_of, pixel_loss, to_training_mode
from lobate.training.sources import Data

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What a round is told: data, settings, seeds (seed, round), and where the checkpoint of which recipe goes."""

    data: Data
    schedule: Schedule
    operations: tuple[str, ...]
    seeds: tuple[int, int]
    checkpoint: Path | None = None
    recipe: str = ""

    def batch(self, iteration: int) -> Batch:
        """Draw the batch of one step."""
        s = self.schedule
        sampling = Sampling(s.batch, s.crop, tuple(s.scales), self.operations, self.seeds)
        return sampling.training_batch(self.data.training, self.data.positive, iteration)


@dataclass
class Course:
    """How far a training has come; all of it goes into a checkpoint, beside weights and optimiser.

    ``loss`` is the sum over the ``steps`` since the last look. ``best`` holds iteration, training, validation (what
    ``Measured`` holds) and weights.
    """

    iteration: int = 0
    skipped: int = 0
    steps: int = 0
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


def fit(network: DeepLab, plan: Plan) -> Course:
    """Train ``network`` in place; it ends with the weights of the best validation IoU of the landform.

    Raises Mistake when the loss is no longer a number, or when the device has too little memory.
    """
    schedule, device = plan.schedule, torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device, memory_format=torch.channels_last)
    optimizer = optimizer_of(network, schedule)
    course = resumed(plan, network, optimizer)
    pace = Pace(plan, course)
    to_training_mode(network, schedule)
    with _repeatable(), _memory_told(schedule):
        for batch in ahead(plan.batch, range(course.iteration, schedule.iterations)):
            rate = learning_rate(schedule, course.iteration)
            torch.manual_seed(seed_of(*plan.seeds, course.iteration))
            course.advance(train_step(network, optimizer, batch.to(device), rate, schedule.class_weights))
            looking = course.iteration % schedule.evaluate_every == 0 or course.iteration == schedule.iterations
            if not looking and not pace.due():
                continue
            check_loss(course, schedule)
            pace.tell(course)
            if looking:
                look(network, plan, course, rate)
                to_training_mode(network, schedule)
            if plan.checkpoint:
                state = {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "course": vars(course)}
                keep(plan.checkpoint, state | {"recipe": plan.recipe})
            pace.restart(course)
    if course.skipped:
        log.warning("%d batches had no labelled pixel and were skipped", course.skipped)
    network.load_state_dict(course.best["weights"])
    return course


def train_step(
    network: DeepLab, optimizer: Optimizer, batch: Batch, rate: float, class_weights: list[float] | None = None
) -> Tensor | None:
    """Take one optimiser step at ``rate`` and return the loss; without any labelled pixel take none and return None."""
    if not batch.labelled:
        return None
    for group in optimizer.param_groups:
        group["lr"] = rate
    with _autocast(batch.images.device):
        logits = network(batch.images)
    loss = pixel_loss(logits, batch.labels, class_weights)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.detach()


@torch.inference_mode()
def evaluate(network: DeepLab, patches: Patches, batch: int) -> Measured:
    """Measure the network on whole patches as they are, with counts pooled over all of them."""
    network.eval()
    device, tally = next(network.parameters()).device, Tally()
    parts = range(0, len(patches), batch)
    for made in ahead(lambda start: patches.stack(range(start, min(start + batch, len(patches)))), parts):
        part = made.to(device)
        with _autocast(device):
            logits = network(part.images)
        tally.add(logits, part.labels)
    return tally.result()


def look(network: DeepLab, plan: Plan, course: Course, rate: float) -> None:
    """Measure both sides, note the numbers, and remember the weights when validation is at least as good as ever."""
    batch = plan.schedule.batch
    measured = {
        "training": evaluate(network, plan.data.training.thinned(plan.schedule.evaluate_at_most), batch),
        "validation": evaluate(network, plan.data.validation, batch),
    }
    step_loss = course.mean_loss
    for split, one in measured.items():
        row = {"iteration": course.iteration, "split": split, "loss": one.loss, "learning_rate": round(rate, 9)}
        course.rows.append(row | {f"iou_{name}": value for name, value in one.iou.items()} | {"step_loss": step_loss})
    course.loss, course.steps = torch.zeros((), dtype=torch.float64), 0
    ious = {split: one.iou["landform"] for split, one in measured.items()}
    log.info("  IoU of the landform: training %s, validation %s", ious["training"], ious["validation"])
    best = course.best["validation"]["iou"]["landform"] if course.best else None
    if not course.best or (ious["validation"] or 0) >= (best or 0):
        weights = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
        facts = {split: asdict(one) for split, one in measured.items()}
        course.best = {"iteration": course.iteration, **facts, "weights": weights}


def resumed(plan: Plan, network: DeepLab, optimizer: Optimizer) -> Course:
    """Return where the checkpoint left off, with weights and optimiser put back; a fresh course where there is none."""
    state = kept(plan.checkpoint, plan.recipe) if plan.checkpoint else None
    if state is None:
        return Course()
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    course = Course(**state["course"])
    log.info("a checkpoint is there: training goes on after iteration %d", course.iteration)
    return course


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


class Pace:
    """Tells now and then how far the training is and how long it will take; wall clock goes to the log only."""

    EVERY_S = 60

    def __init__(self, plan: Plan, course: Course) -> None:
        self.plan = plan
        self.restart(course)

    def restart(self, course: Course) -> None:
        """Begin to measure anew."""
        self.start, self.since = course.iteration, time.monotonic()

    def due(self) -> bool:
        """Whether it is time to tell."""
        return time.monotonic() - self.since > self.EVERY_S

    def tell(self, course: Course) -> None:
        """Write one line to the log."""
        steps, schedule = course.iteration - self.start, self.plan.schedule
        pace = max(time.monotonic() - self.since, 1e-9) / max(steps, 1)
        log.info(
            "round %d, iteration %d of %d: loss %s, %.1f images/s, %.0f s left",
            *(self.plan.seeds[1], course.iteration, schedule.iterations),
            "unknown" if course.mean_loss is None else f"{course.mean_loss:.4f}",
            *(schedule.batch / pace, (schedule.iterations - course.iteration) * pace),
        )


def _autocast(device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


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
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "alloc" not in str(error) and "out of memory" not in str(error):
            raise
        raise Mistake(
            f"The device has too little memory to train on {schedule.batch} patches of {schedule.crop} x {schedule.crop} "
            "pixels at once. Lower training.schedule.batch or training.schedule.crop, or take a smaller "
            "training.network.backbone."
        ) from error
