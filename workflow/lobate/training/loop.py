"""The training loop: draw a batch, take a step, evaluate the IoU at intervals, keep the best weights.

It is deterministic on a CPU: batch, augmentation and dropout of step i follow from (seed, round, i). A training resumed
from a checkpoint ends with exactly the weights of an uninterrupted one. The same code runs in one process, or in each
process of distributed training.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from math import inf, isfinite
from pathlib import Path
from typing import Any

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
from lobate.training.metrics import MetricAccumulator, Metrics, no_groups
from lobate.training.norm_statistics import fresh_statistics
from lobate.training.schedule import (
    autocast,
    build_optimizer,
    learning_rate,
    pixel_loss,
    set_learning_rate,
    to_training_mode,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainConfig:
    """Everything that defines a training: data, settings, augmentation ``operations`` and seeds (seed, round).

    A training resumes only from a ``checkpoint`` of the same ``recipe``.
    """

    data: TrainingData
    schedule: Schedule
    operations: tuple[str, ...]
    seeds: tuple[int, int]
    checkpoint: Path | None = None
    recipe: str = ""

    def micro_batches(self, iteration: int, group: ProcessGroup) -> list[Batch]:
        """Draw this process's share of one step's batch, in as many parts as gradients are accumulated over."""
        positions = group.shard(self.sampler.positions(iteration))
        parts = np.array_split(np.array(positions), min(self.schedule.accumulate, len(positions)))
        return [self.sampler.draw(self.data.training, self.data.positive, part.tolist()) for part in parts]

    def batch(self, iteration: int, group: ProcessGroup) -> Batch:
        """Draw this process's share of one step's batch, in one part."""
        return self.sampler.draw(self.data.training, self.data.positive, group.shard(self.sampler.positions(iteration)))

    @property
    def sampler(self) -> BatchSampler:
        """What draws the batches of this training."""
        s = self.schedule
        return BatchSampler(s.batch, s.crop, tuple(s.scales), self.operations, self.seeds)


@dataclass
class TrainState:
    """Progress of a training; a checkpoint holds all of it, besides weights and optimiser.

    ``loss`` is the sum over the ``steps`` since the last evaluation. ``best`` holds iteration, the mean loss of these steps,
    training and validation metrics (fields of ``Metrics``) and weights of the best evaluation. ``stale`` counts the evaluations since the IoU rose.
    """

    iteration: int = 0
    skipped: int = 0
    steps: int = 0
    stale: int = 0
    loss: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    rows: list[dict[str, Any]] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)

    def advance(self, loss: Tensor | None) -> None:
        """Count one step, or a skipped batch when ``loss`` is None."""
        self.iteration += 1
        if loss is None:
            self.skipped += 1
        else:
            self.steps += 1
            self.loss = self.loss + loss.double()

    @property
    def mean_loss(self) -> float | None:
        """Mean loss of the steps since the last evaluation; on a GPU, reading it waits for the device."""
        return float(self.loss) / self.steps if self.steps else None

    @property
    def best_iou(self) -> float:
        """Best validation IoU of the landform so far; 0 before the first evaluation and while it is unknown."""
        return (self.best["validation"]["iou"]["landform"] if self.best else None) or 0.0


@dataclass
class Trainer:
    """Everything that changes during a training."""

    network: DeepLab
    optimizer: Optimizer
    ema: ModelEma | None
    state: TrainState

    @classmethod
    def start(cls, network: DeepLab, config: TrainConfig) -> Trainer:
        """Return a new trainer, resumed from the checkpoint where there is one."""
        ema = ModelEma(network, config.schedule.ema) if config.schedule.ema else None
        trainer = cls(network, build_optimizer(network, config.schedule), ema, TrainState())
        checkpoint = load_checkpoint(config.checkpoint, config.recipe) if config.checkpoint else None
        if checkpoint is not None:
            trainer._resume(checkpoint)
        return trainer

    def _resume(self, checkpoint: dict[str, Any]) -> None:
        self.network.load_state_dict(checkpoint["network"])
        self.optimizer.load_state_dict(checkpoint["optimizer"])
        if self.ema:
            self.ema.network.load_state_dict(checkpoint["ema"])
        self.state = TrainState(**checkpoint["state"])
        log.info("training resumes from a checkpoint after iteration %d", self.state.iteration)

    def write_checkpoint(self, config: TrainConfig) -> None:
        """Write a checkpoint, if the configuration names a path for it."""
        if config.checkpoint:
            ema = self.ema.network.state_dict() if self.ema else None
            weights = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict(), "ema": ema}
            save_checkpoint(config.checkpoint, {**weights, "state": vars(self.state), "recipe": config.recipe})

    @property
    def eval_network(self) -> DeepLab:
        """The network to evaluate and to keep: the moving average where there is one."""
        return self.ema.network if self.ema else self.network


def fit(network: DeepLab, config: TrainConfig, group: ProcessGroup = SINGLE) -> TrainState:
    """Train ``network`` in place; it ends with the weights of the best validation IoU of the landform.

    In distributed training, ``group`` is this process's place in it. Raises UserError when the loss is not a number, or
    when the device has too little memory.
    """
    schedule = config.schedule
    network.to(group.device).to(memory_format=torch.channels_last)
    trainer = Trainer.start(network, config)
    state = trainer.state
    model = group.wrap_ddp(network)
    to_training_mode(network, schedule, group.size)
    iterations = range(state.iteration, schedule.iterations)
    with (
        _deterministic(),
        _oom_as_user_error(schedule),
        ProgressLog(schedule, config.seeds[1], state, group) as progress,
    ):
        for pinned in prefetch(
            lambda i: [batch.pin_memory(group.device) for batch in config.micro_batches(i, group)], iterations
        ):
            if should_stop(state, schedule):
                break
            rate = learning_rate(schedule, state.iteration)
            torch.manual_seed(seed_of(*config.seeds, state.iteration, *group.extra_seeds))
            batches = [batch.to(group.device) for batch in pinned]
            state.advance(train_step(model, trainer.optimizer, batches, rate, schedule.class_weights, group))
            if trainer.ema:
                trainer.ema.update(network, state.iteration)
            evaluating = state.iteration % schedule.evaluate_every == 0 or state.iteration == schedule.iterations
            if evaluating or progress.is_due(state):
                check_loss(state, schedule)
                progress.log(state)
                if evaluating:
                    _evaluate(trainer, config, rate, group, progress.images_per_s)
                    to_training_mode(network, schedule, group.size)
                if group.is_primary:
                    trainer.write_checkpoint(config)
                    if evaluating and config.checkpoint:
                        write_live_curves(config.checkpoint, state.rows)
                progress.reset()
    if state.skipped:
        log.warning("%d batches had no labelled pixel and were skipped", state.skipped)
    network.load_state_dict(state.best["weights"])
    return state


def should_stop(state: TrainState, schedule: Schedule) -> bool:
    """Whether the validation IoU has not risen in as many evaluations as ``schedule.patience`` allows."""
    stop = schedule.patience is not None and state.stale >= schedule.patience
    if stop:
        log.info(
            "no better validation IoU in %d evaluations: training ends at iteration %d", state.stale, state.iteration
        )
    return stop


def train_step(
    network: nn.Module,
    optimizer: Optimizer,
    batches: list[Batch],
    rate: float,
    class_weights: list[float] | None = None,
    group: ProcessGroup = SINGLE,
) -> Tensor | None:
    """Take one optimiser step at learning rate ``rate`` and return the loss; None, and no step, without a labelled pixel.

    The loss is the mean over the labelled pixels of all ``batches`` of all processes, however they are divided.
    """
    weights = [batch.weight(class_weights) for batch in batches]
    total = group.all_reduce_scalar(sum(weights))
    if not total:
        return None
    set_learning_rate(optimizer, rate)
    optimizer.zero_grad(set_to_none=True)
    losses = []
    for number, (batch, weight) in enumerate(zip(batches, weights, strict=True), 1):
        with group.no_sync(network, number < len(batches)):
            loss = _loss(network, batch, weight, class_weights) * (weight / total)
            (loss * group.size).backward()  # DDP takes the mean of gradients over its processes
        losses.append(loss.detach())
    optimizer.step()
    return group.all_reduce(torch.stack(losses).sum())


def _loss(network: nn.Module, batch: Batch, weight: float, class_weights: list[float] | None) -> Tensor:
    with autocast(batch.images.device):
        logits = network(batch.images)
    return pixel_loss(logits, batch.labels, class_weights) if weight else logits.sum() * 0


def evaluate(
    network: nn.Module,
    patches: PatchDataset,
    batch_size: int,
    group: ProcessGroup = SINGLE,
    class_weights: list[float] | None = None,
    groups: np.ndarray | None = None,
) -> Metrics:
    """Return the network's metrics on whole, unaugmented patches, from counts pooled over all of them."""
    return count_pixels(network, patches, batch_size, group, groups).compute(class_weights)


@torch.inference_mode()
def count_pixels(
    network: nn.Module,
    patches: PatchDataset,
    batch_size: int,
    group: ProcessGroup = SINGLE,
    groups: np.ndarray | None = None,
) -> MetricAccumulator:
    """Return the pixels of whole, unaugmented patches by label and prediction, also by the names (n,) of their ``groups``.

    The groups are in the order of their names.
    """
    network.eval()
    names, members = np.unique([] if groups is None else groups, return_inverse=True)
    device, metrics = next(network.parameters()).device, MetricAccumulator(by_group=no_groups(len(names)))
    shard = group.shard(range(len(patches)))
    parts = [shard[start : start + batch_size] for start in range(0, len(shard), batch_size)]
    drawn = prefetch(lambda number: patches.stack(parts[number]).pin_memory(device), range(len(parts)))
    for part, pinned in zip(parts, drawn, strict=True):
        batch = pinned.to(device)
        with autocast(device):
            logits = network(batch.images)
        metrics.update(logits, batch.labels, [] if groups is None else members[part].tolist())
    return metrics.all_reduce(group, device)


def _evaluate(trainer: Trainer, config: TrainConfig, rate: float, group: ProcessGroup, speed: float) -> None:
    """Evaluate the network, or its moving average, with fresh statistics of its norms."""
    network = trainer.eval_network
    with fresh_statistics(network, config.schedule, lambda step: config.batch(step, group), group):
        evaluate_and_track(network, config, trainer.state, rate, group, speed)


def evaluate_and_track(
    network: DeepLab,
    config: TrainConfig,
    state: TrainState,
    rate: float,
    group: ProcessGroup = SINGLE,
    speed: float | None = None,
) -> None:
    """Evaluate both sides, add their rows to ``state``, and keep the weights when the validation IoU equals or beats the best.

    ``speed``, in images/s, is for the live curves only.
    """
    schedule, data = config.schedule, config.data
    sides = {
        "training": (data.training.subsample(schedule.evaluate_at_most), None),
        "validation": (data.validation, data.validation_groups),
    }
    metrics = {
        side: evaluate(network, patches, schedule.batch, group, schedule.class_weights, groups)
        for side, (patches, groups) in sides.items()
    }
    step_loss = state.mean_loss
    for split, side in metrics.items():
        row = {"iteration": state.iteration, "split": split, "loss": side.loss, "learning_rate": round(rate, 9)}
        row |= {f"iou_{name}": value for name, value in side.iou.items()} | {"step_loss": step_loss}
        state.rows.append(row | {IMAGES_PER_S: None if speed is None else round(speed, 1)})
    _keep_best(network, state, metrics)
    state.loss, state.steps = torch.zeros((), dtype=torch.float64), 0


def _keep_best(network: DeepLab, state: TrainState, metrics: dict[str, Metrics]) -> None:
    ious = {split: side.iou["landform"] for split, side in metrics.items()}
    log.info("  IoU of the landform: training %s, validation %s", ious["training"], ious["validation"])
    iou, best_iou = ious["validation"] or 0.0, state.best_iou
    state.stale = 0 if iou > best_iou or not state.best else state.stale + 1
    if iou >= best_iou:
        weights = {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
        facts = {split: asdict(side) for split, side in metrics.items()}
        state.best = {"iteration": state.iteration, "step_loss": state.mean_loss, **facts, "weights": weights}


def check_loss(state: TrainState, schedule: Schedule) -> None:
    """Raise UserError when the mean loss since the last evaluation is not a finite number."""
    if state.mean_loss is not None and not isfinite(state.mean_loss):
        raise UserError(
            f"The loss is no longer a finite number at iteration {state.iteration}: the training diverged. Lower "
            f"training.schedule.learning_rate (now {schedule.learning_rate:g}), for instance to a tenth; with random "
            "weights also set training.schedule.batch_norm to trained."
        )


class ProgressLog:
    """Progress of a training: a bar on a terminal, and a log line every ``EVERY_S`` seconds.

    Only the primary process shows them. Wall-clock time enters no result.
    """

    EVERY_S = 60

    def __init__(self, schedule: Schedule, round: int, state: TrainState, group: ProcessGroup = SINGLE) -> None:
        self.schedule, self.round, self.is_primary = schedule, round, group.is_primary
        self.progress = Progress(every_s=inf, bars="always" if self.is_primary else "never")
        self.task = self.progress.task(f"round {round}", schedule.iterations, state.iteration)

    def __enter__(self) -> ProgressLog:
        self.progress.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.__exit__()

    def reset(self) -> None:
        """Measure the speed from here on."""
        self.task.restart()

    def is_due(self, state: TrainState) -> bool:
        """Move the bar, and return whether the next log line is due."""
        self.task.update(state.iteration)
        return self.is_primary and self.task.is_due(self.EVERY_S)

    @property
    def images_per_s(self) -> float:
        """Patches trained on in a second, since the last reset."""
        return self.schedule.batch * self.task.rate

    def log(self, state: TrainState) -> None:
        """Write one line to the log."""
        loss = "unknown" if state.mean_loss is None else f"{state.mean_loss:.4f}"
        self.task.description = f"round {self.round}, loss {loss}"
        self.task.update(state.iteration)
        log.info(
            "round %d, iteration %d of %d: loss %s, %.1f images/s, %.0f s left",
            *(self.round, state.iteration, self.schedule.iterations, loss),
            *(self.images_per_s, self.task.remaining_s),
        )


def seed_of(*numbers: int) -> int:
    """Return one seed derived from several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


@contextmanager
def _deterministic() -> Iterator[None]:
    """Use torch's deterministic algorithms where they exist, and restore its settings and random state afterwards."""
    switches: Any = torch.utils.deterministic  # its one switch is set on the module when torch is imported
    enabled, fill = torch.are_deterministic_algorithms_enabled(), switches.fill_uninitialized_memory
    with torch.random.fork_rng():
        torch.use_deterministic_algorithms(True, warn_only=True)
        switches.fill_uninitialized_memory = False
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(enabled)
            switches.fill_uninitialized_memory = fill


@contextmanager
def _oom_as_user_error(schedule: Schedule) -> Iterator[None]:
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
