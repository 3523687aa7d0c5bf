"""One training from data to facts, for whoever needs one: a round, the other protocol, a fold."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from lobate.network.deeplab import DeepLab, build
from lobate.settings.training import Network, Schedule
from lobate.training.checkpoint import scratch_file
from lobate.training.curves import LIVE
from lobate.training.facts import verdict_of, warnings_of
from lobate.training.loop import Course, Plan, seed_of
from lobate.training.sources import Data
from lobate.training.together import train_on_all

log = logging.getLogger(__name__)


def learn(
    data: Data, network: Network, schedule: Schedule, augment: list[str], seeds: tuple[int, int], weights: Path | None
) -> tuple[DeepLab, Course, dict[str, Any]]:
    """Train a network on ``data``; ``seeds`` are the region's and the round's. Return it with its course and facts."""
    recipe = f"{seeds} {augment} {network!r} {schedule!r} {data} {data.digest}"
    plan = Plan(data, schedule, tuple(augment), seeds, scratch_file(), recipe)
    warnings = warnings_of(plan, network)
    log.info("round %d: %s", seeds[1], data)
    if plan.checkpoint:
        log.info("its curves so far: tensorboard --logdir %s", plan.checkpoint.parent / LIVE)
    for one in warnings:
        log.warning("%s", one)
    net = build(network, channels=data.training.channels, seed=seed_of(*seeds), weights_file=weights)
    course = train_on_all(net, plan)
    return net, course, verdict_of(plan, course, warnings)
