"""One training, top to bottom: draw a batch, step, look at the IoU now and then, keep the best.

Deterministic on a CPU: batch, augmentation and dropout of step i follow from (seed, round, i), so a training that goes on
from a checkpoint ends with the very weights of one that was never interrupted.

How far a training is and how long it will take: a bar on a terminal, a line in the log every minute.

One step of the optimiser, and one measurement of a whole set; alone or as one of several processes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from math import inf, isfinite
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lobate.errors import UserError
from lobate.network.batches import is_oom
from lobate.network.deeplab import DeepLab
from lobate.progress import Progress
from lobate.settings.training import Schedule
from lobate.training.checkpoint import load_checkpoint, save_checkpoint
from lobate.training.curves import IMAGES_PER_S, write_live_curves
from lobate.training.datamodule import TrainingData
from lobate.training.dataset import Batch, BatchSampler, PatchDataset, prefetch
from lobate.training.distributed import SINGLE, ProcessGroup
from lobate.training.ema import ModelEma
from lobate.training.metrics import MetricAccumulator, Metrics
from lobate.training.schedule import build_optimizer, learning_rate, pixel_loss, to_training_mode

log = logging.getLogger(__name__)


class Progressing(Protocol):
    """What is told of: steps done, and the mean loss of the last ones."""

    iteration: int

    @property
    def mean_loss(self) -> float | None:
        """Mean loss since the last look."""


class ProgressLog:
    """Bar of a training, and its line in the log every ``EVERY_S`` seconds; wall clock goes nowhere else.

    Only the first process of a team shows them.
    """

    EVERY_S = 60

    def __init__(self, schedule: Schedule, round: int, course: Progressing, team: ProcessGroup = SINGLE) -> None:
        self.schedule, self.round, self.leads = schedule, round, team.is_primary
        self.progress = Progress(every_s=inf, bars="always" if self.leads else "never")
        self.steps = self.progress.task(f"round {round}", schedule.iterations, course.iteration)

    def __enter__(self) -> ProgressLog:
        self.progress.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.__exit__()

    def reset(self) -> None:
        """Measure the pace from here on."""
        self.steps.restart()

    def is_due(self, course: Progressing) -> bool:
        """Move the bar, and return whether the next line is due."""
        self.steps.at(course.iteration)
        return self.leads and self.steps.is_due(self.EVERY_S)

    @property
    def images_per_s(self) -> float:
        """Patches that went through the network in a second, since the pace is measured."""
        return self.schedule.batch * self.steps.rate

    def log(self, course: Progressing) -> None:
        """Write one line to the log."""
        loss = "unknown" if course.mean_loss is None else f"{course.mean_loss:.4f}"
        self.steps.description = f"round {self.round}, loss {loss}"
        self.steps.at(course.iteration)
        log.info(
            "round %d, iteration %d of %d: loss %s, %.1f images/s, %.0f s left",
            *(self.round, course.iteration, self.schedule.iterations, loss),
            *(self.images_per_s, self.steps.remaining_s),
        )


def train_step(
    network: nn.Module,
    optimizer: Optimizer,
    parts: list[Batch],
    rate: float,
    class_weights: list[float] | None = None,
    team: ProcessGroup = SINGLE,
) -> Tensor | None:
    """Take one optimiser step at ``rate`` and return the loss; without any labelled pixel take none and return None.

    The loss is the mean over the labelled pixels of all ``parts`` of all processes, however these share them out.
    """
    weights = [part.weight(class_weights) for part in parts]
    total = team.all_reduce_scalar(sum(weights))
    if not total:
        return None
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    losses = []
    for number, (part, weight) in enumerate(zip(parts, weights, strict=True), 1):
        with team.no_sync(network, number < len(parts)):
            loss = _loss(network, part, weight, class_weights) * (weight / total)
            (loss * team.size).backward()  # the team's gradient is a mean over its processes
        losses.append(loss.detach())
    optimizer.step()
    return team.all_reduce(torch.stack(losses).sum())


def _loss(network: nn.Module, part: Batch, weight: float, class_weights: list[float] | None) -> Tensor:
    with autocast(part.images.device):
        logits = network(part.images)
    return pixel_loss(logits, part.labels, class_weights) if weight else logits.sum() * 0


@torch.inference_mode()
def evaluate(network: nn.Module, patches: PatchDataset, batch: int, team: ProcessGroup = SINGLE) -> Metrics:
    """Measure the network on whole patches as they are, with counts pooled over all of them."""
    network.eval()
    device, tally = next(network.parameters()).device, MetricAccumulator()
    mine = team.shard(range(len(patches)))
    parts = [mine[start : start + batch] for start in range(0, len(mine), batch)]
    for part in prefetch(lambda number: patches.stack(parts[number]).pin_memory(device), range(len(parts))):
        seen = part.to(device)
        with autocast(device):
            logits = network(seen.images)
        tally.update(logits, seen.labels)
    return tally.all_reduce(team, device).compute()


def autocast(device: torch.device) -> torch.autocast:
    """Compute in bfloat16 on a GPU."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


@dataclass(frozen=True)
class TrainConfig:
    """What a training is told: data, settings, seeds (seed, round), and where the checkpoint of which recipe goes."""

    data: TrainingData
    schedule: Schedule
    operations: tuple[str, ...]
    seeds: tuple[int, int]
    checkpoint: Path | None = None
    recipe: str = ""

    def micro_batches(self, iteration: int, team: ProcessGroup) -> list[Batch]:
        """Draw this process's share of the batch of one step, in as many parts as go through the network in turn."""
        s = self.schedule
        sampling = BatchSampler(s.batch, s.crop, tuple(s.scales), self.operations, self.seeds)
        places = team.shard(sampling.places(iteration))
        parts = np.array_split(np.array(places), min(s.accumulate, len(places)))
        return [sampling.draw(self.data.training, self.data.positive, part.tolist()) for part in parts]


@dataclass
class TrainState:
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
class Trainer:
    """Everything that changes while a network learns."""

    network: DeepLab
    optimizer: Optimizer
    ema: ModelEma | None
    state: TrainState

    @classmethod
    def start(cls, network: DeepLab, plan: TrainConfig) -> Trainer:
        """Begin anew, or where the checkpoint left off."""
        average = ModelEma(network, plan.schedule.ema) if plan.schedule.ema else None
        learner = cls(network, build_optimizer(network, plan.schedule), average, TrainState())
        state = load_checkpoint(plan.checkpoint, plan.recipe) if plan.checkpoint else None
        if state is not None:
            learner._resume(state)
        return learner

    def _resume(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.ema:
            self.ema.network.load_state_dict(state["average"])
        self.state = TrainState(**state["course"])
        log.info("a checkpoint is there: training goes on after iteration %d", self.state.iteration)

    def write_checkpoint(self, plan: TrainConfig) -> None:
        """Write a checkpoint."""
        if plan.checkpoint:
            average = self.ema.network.state_dict() if self.ema else None
            weights = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
            save_checkpoint(
                plan.checkpoint, {**weights, "average": average, "course": vars(self.state), "recipe": plan.recipe}
            )

    @property
    def eval_network(self) -> DeepLab:
        """The network that is measured and kept: the average where there is one."""
        return self.ema.network if self.ema else self.network


def fit(network: DeepLab, plan: TrainConfig, team: ProcessGroup = SINGLE) -> TrainState:
    """Train ``network`` in place; it ends with the weights of the best validation IoU of the landform.

    With a ``team``, this is one of its processes. Raises UserError when the loss is no longer a number, or when the device
    has too little memory.
    """
    schedule = plan.schedule
    network.to(team.device).to(memory_format=torch.channels_last)
    learner = Trainer.start(network, plan)
    course = learner.state
    shared = team.wrap_ddp(network)
    to_training_mode(network, schedule, team.size)
    left = range(course.iteration, schedule.iterations)
    with _repeatable(), _memory_told(schedule), ProgressLog(schedule, plan.seeds[1], course, team) as pace:
        for drawn in prefetch(lambda i: [part.pin_memory(team.device) for part in plan.micro_batches(i, team)], left):
            if should_stop(course, schedule):
                break
            rate = learning_rate(schedule, course.iteration)
            torch.manual_seed(seed_of(*plan.seeds, course.iteration, *team.extra_seeds))
            parts = [part.to(team.device) for part in drawn]
            course.advance(train_step(shared, learner.optimizer, parts, rate, schedule.class_weights, team))
            if learner.ema:
                learner.ema.update(network, course.iteration)
            looking = course.iteration % schedule.evaluate_every == 0 or course.iteration == schedule.iterations
            if looking or pace.is_due(course):
                check_loss(course, schedule)
                pace.log(course)
                if looking:
                    speed = pace.images_per_s
                    evaluate_and_track(learner.eval_network, plan, course, rate, team, speed)
                    to_training_mode(network, schedule, team.size)
                if team.is_primary:
                    learner.write_checkpoint(plan)
                    if looking and plan.checkpoint:
                        write_live_curves(plan.checkpoint, course.rows)
                pace.reset()
    if course.skipped:
        log.warning("%d batches had no labelled pixel and were skipped", course.skipped)
    network.load_state_dict(course.best["weights"])
    return course


def should_stop(course: TrainState, schedule: Schedule) -> bool:
    """Whether the validation IoU has not risen for as many looks as the settings allow."""
    over = schedule.patience is not None and course.stale >= schedule.patience
    if over:
        log.info("no better validation IoU in %d looks: training ends at iteration %d", course.stale, course.iteration)
    return over


def evaluate_and_track(
    network: DeepLab,
    plan: TrainConfig,
    course: TrainState,
    rate: float,
    team: ProcessGroup = SINGLE,
    speed: float | None = None,
) -> None:
    """Measure both sides, note the numbers, and remember the weights when validation is at least as good as ever.

    ``speed``, in images/s, is noted for whoever watches.
    """
    batch = plan.schedule.batch
    measured = {
        "training": evaluate(network, plan.data.training.subsample(plan.schedule.evaluate_at_most), batch, team),
        "validation": evaluate(network, plan.data.validation, batch, team),
    }
    step_loss = course.mean_loss
    for split, one in measured.items():
        row = {"iteration": course.iteration, "split": split, "loss": one.loss, "learning_rate": round(rate, 9)}
        row |= {f"iou_{name}": value for name, value in one.iou.items()} | {"step_loss": step_loss}
        course.rows.append(row | {IMAGES_PER_S: None if speed is None else round(speed, 1)})
    course.loss, course.steps = torch.zeros((), dtype=torch.float64), 0
    ious = {split: one.iou["landform"] for split, one in measured.items()}
    log.info("  IoU of the landform: training %s, validation %s", ious["training"], ious["validation"])
    now, best = ious["validation"] or 0.0, course.best_iou
    course.stale = 0 if now > best or not course.best else course.stale + 1
    if now >= best:
        weights = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
        facts = {split: asdict(one) for split, one in measured.items()}
        course.best = {"iteration": course.iteration, **facts, "weights": weights}


def check_loss(course: TrainState, schedule: Schedule) -> None:
    """Raise UserError when a step since the last look had a loss that is not a number."""
    if course.mean_loss is not None and not isfinite(course.mean_loss):
        raise UserError(
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
    switches: Any = torch.utils.deterministic  # its one switch is set on the module when torch is imported
    before, fill = torch.are_deterministic_algorithms_enabled(), switches.fill_uninitialized_memory
    with torch.random.fork_rng():
        torch.use_deterministic_algorithms(True, warn_only=True)
        switches.fill_uninitialized_memory = False
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before)
            switches.fill_uninitialized_memory = fill


@contextmanager
def _memory_told(schedule: Schedule) -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_oom(error):
            raise
        raise UserError(
            f"The device has too little memory to train on {schedule.batch} patches of {schedule.crop} x {schedule.crop} "
            f"pixels in {schedule.accumulate} parts. Raise training.schedule.accumulate (up to the batch), lower "
            "training.schedule.batch or training.schedule.crop, or take a smaller training.network.backbone."
        ) from error
