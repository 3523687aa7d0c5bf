"""One training from data to facts, for a round, for the other protocol or for a fold."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

from lobate.network.deeplab import DeepLab, build
from lobate.settings.training import Network, Schedule
from lobate.training.checkpoint import checkpoint_path
from lobate.training.curves import LIVE_FOLDER
from lobate.training.datamodule import TrainingData
from lobate.training.launch import fit_on_all_devices
from lobate.training.learnt import all_landform_iou, compare_losses, learnt_nothing
from lobate.training.loop import TrainConfig, TrainState, seed_of
from lobate.training.metrics import group_intervals
from lobate.training.schedule import smallest_micro_batch

log = logging.getLogger(__name__)

NEXT_STEPS = (
    "Look at patches/contact_sheet.png: do the outlines lie on the landform? Then train longer "
    "(training.schedule.iterations), or try another training.schedule.learning_rate"
)


def run_experiment(
    data: TrainingData,
    network: Network,
    schedule: Schedule,
    augment: list[str],
    seeds: tuple[int, int],
    weights: Path | None,
) -> tuple[DeepLab, TrainState, dict[str, Any]]:
    """Train a network on ``data`` and return it with its state and facts; ``seeds`` are the region's and the round."""
    groups = hashlib.sha256("\n".join(data.validation_groups).encode()).hexdigest()
    recipe = f"{seeds} {augment} {network!r} {schedule!r} {data} {data.digest} {groups}"
    config = TrainConfig(data, schedule, tuple(augment), seeds, checkpoint_path(), recipe)
    warnings = collect_warnings(config, network)
    log.info("round %d: %s", seeds[1], data)
    if config.checkpoint:
        log.info("its curves so far: tensorboard --logdir %s", config.checkpoint.parent / LIVE_FOLDER)
    for warning in warnings:
        log.warning("%s", warning)
    net = build(network, channels=data.training.channels, seed=seed_of(*seeds), weights_file=weights)
    state = fit_on_all_devices(net, config)
    facts = round_record(config, state, warnings)
    if facts["learnt_nothing"]:
        log.warning("ROUND %d LEARNT NOTHING: %s. %s", seeds[1], facts["learnt_nothing"], NEXT_STEPS)
    return net, state, facts


def collect_warnings(config: TrainConfig, network: Network) -> list[str]:
    """Return the warnings that belong to this round's numbers; all of them are known before the first step."""
    schedule, warnings = config.schedule, []
    if not config.data.validation_pixels[:, 1].any():
        warnings.append(
            "No validation patch shows the landform: its validation IoU is unknown, and no round can reach the target. "
            "Raise patches.split.validation_share or draw more outlines."
        )
    if smallest_micro_batch(schedule) == 1 and schedule.batch_norm == "trained":
        whole = "batch" if schedule.batch == 1 else "part of a batch (training.schedule.accumulate)"
        warnings.append(f"With a {whole} of 1 patch the pyramid's pooled batch norm cannot be trained; it was frozen.")
    if network.weights == "none" and schedule.batch_norm == "frozen":
        warnings.append(
            "Random weights under frozen batch norm learn slowly or not at all; set training.schedule.batch_norm to trained."
        )
    return warnings


def round_record(config: TrainConfig, state: TrainState, warnings: list[str]) -> dict[str, Any]:
    """Return the facts of the best evaluation, which `train` writes as verdict.json.

    IoUs are those of the argmax, so at a probability of 0.5; the threshold of the map is chosen later, on the map.
    """
    best, data = state.best, config.data
    background, landform = (int(count) for count in data.training_pixels.sum(0))
    losses = compare_losses(best, data.training_pixels, config.schedule.class_weights)
    intervals = group_intervals(best["validation"]["by_group"])
    return {
        "round": config.seeds[1],
        "iteration": best["iteration"],
        "iterations": state.iteration,
        "training_iou": best["training"]["iou"],
        "validation_iou": best["validation"]["iou"],
        "validation_intervals": intervals,
        "all_landform_iou": all_landform_iou(data.validation_pixels),
        "training_loss": losses,
        "learnt_nothing": learnt_nothing(best, data.validation_pixels, losses, intervals["iou"]),
        "calibration": [list(calibration_bin) for calibration_bin in best["validation"]["calibration"]],
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
        "skipped_batches": state.skipped,
        "landform_share": round(landform / (background + landform), 6),
        "augment": list(config.operations),
        "warnings": warnings,
    }
