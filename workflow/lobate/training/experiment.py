"""One training from data to facts, for whoever needs one: a round, the other protocol, a fold.

What a round leaves behind beside its model and its curves: the verdict's facts.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from lobate.network.deeplab import DeepLab, build
from lobate.settings.training import Network, Schedule
from lobate.training.checkpoint import checkpoint_path
from lobate.training.curves import LIVE_FOLDER
from lobate.training.datamodule import TrainingData
from lobate.training.launch import fit_on_all_devices
from lobate.training.loop import TrainConfig, TrainState, seed_of
from lobate.training.schedule import smallest_micro_batch


def round_record(plan: TrainConfig, course: TrainState, warnings: list[str]) -> dict[str, Any]:
    """Return the facts of the best look; IoUs judge by argmax, ``threshold`` is the best one for the landform."""
    best, data = course.best, plan.data
    background, landform = (int(count) for count in data.training_pixels.sum(0))
    return {
        "round": plan.seeds[1],
        "iteration": best["iteration"],
        "iterations": course.iteration,
        "training_iou": best["training"]["iou"],
        "validation_iou": best["validation"]["iou"],
        "threshold": best["validation"]["threshold"],
        "threshold_iou": best["validation"]["threshold_iou"],
        "calibration": [list(one) for one in best["validation"]["calibration"]],
        "calibration_error": best["validation"]["calibration_error"],
        "dataset": data.digest,
        "patches": {
            "training": len(data.training) - data.n_mined,
            "mined": data.n_mined,
            "showing_landform": int(data.positive.sum()),
            "validation": len(data.validation),
            "validation_showing_landform": int((data.validation_pixels[:, 1] > 0).sum()),
        },
        "mined_negatives": data.n_mined,
        "skipped_batches": course.skipped,
        "landform_share": round(landform / (background + landform), 6),
        "augment": list(plan.operations),
        "warnings": warnings,
    }


def collect_warnings(plan: TrainConfig, network: Network) -> list[str]:
    """Return, in plain sentences, what a reader of this round's numbers should know; known before the first step."""
    schedule, found = plan.schedule, []
    if not plan.data.validation_pixels[:, 1].any():
        found.append(
            "No validation patch shows the landform: its validation IoU is unknown, and no round can reach the target. "
            "Raise patches.split.validation_share or draw more outlines."
        )
    if smallest_micro_batch(schedule) == 1 and schedule.batch_norm == "trained":
        whole = "batch" if schedule.batch == 1 else "part of a batch (training.schedule.accumulate)"
        found.append(f"With a {whole} of 1 patch the pyramid's pooled batch norm cannot be trained; it was frozen.")
    if network.weights == "none" and schedule.batch_norm == "frozen":
        found.append(
            "Random weights under frozen batch norm learn slowly or not at all; set training.schedule.batch_norm to trained."
        )
    return found


log = logging.getLogger(__name__)


def run_experiment(
    data: TrainingData,
    network: Network,
    schedule: Schedule,
    augment: list[str],
    seeds: tuple[int, int],
    weights: Path | None,
) -> tuple[DeepLab, TrainState, dict[str, Any]]:
    """Train a network on ``data``; ``seeds`` are the region's and the round's. Return it with its course and facts."""
    recipe = f"{seeds} {augment} {network!r} {schedule!r} {data} {data.digest}"
    plan = TrainConfig(data, schedule, tuple(augment), seeds, checkpoint_path(), recipe)
    warnings = collect_warnings(plan, network)
    log.info("round %d: %s", seeds[1], data)
    if plan.checkpoint:
        log.info("its curves so far: tensorboard --logdir %s", plan.checkpoint.parent / LIVE_FOLDER)
    for warning in warnings:
        log.warning("%s", warning)
    net = build(network, channels=data.training.channels, seed=seed_of(*seeds), weights_file=weights)
    course = fit_on_all_devices(net, plan)
    return net, course, round_record(plan, course, warnings)
