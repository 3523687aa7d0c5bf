"""Train again as the chosen round did, on another split of the same patches.

A split that leaves a side without patches is a finding and not a failure: the result holds the reason.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lobate.settings.training import Network, Schedule
from lobate.training import split as splits
from lobate.training.rounds import read_chosen

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Retraining:
    """Data, settings and seeds of a retraining; ``mined``, ``negatives`` and ``ignored`` come from `choose_round`."""

    patches: list[Path]
    tiles: list[str]
    split: Path
    chosen: Path
    mined: Path
    negatives: Path
    ignored: Path
    network: Network
    schedule: Schedule
    seed: int
    weights: Path | None

    def train(self, protocol: splits.Protocol, metrics: Path) -> dict[str, Any]:
        """Train by ``protocol``, write the curves and return the facts, or the reason why there are none."""
        from lobate.training.curves import write_metrics
        from lobate.training.datamodule import read_data
        from lobate.training.experiment import run_experiment

        chosen = read_chosen(self.chosen)
        try:
            data = read_data(
                self.patches, self.tiles, self.split, [self.mined], protocol, [self.negatives], [self.ignored]
            )
        except splits.EmptySplitError as error:
            log.warning("%s", error)
            write_metrics(metrics, [])
            return {"impossible": str(error), "round": chosen["round"], "validation_iou": None}
        seeds = self.seed, chosen["round"]
        _, state, facts = run_experiment(data, self.network, self.schedule, chosen["augment"], seeds, self.weights)
        write_metrics(metrics, state.rows)
        return facts


def landform_iou(facts: dict[str, Any]) -> float | None:
    """Return the validation IoU of the landform class, or None."""
    return (facts["validation_iou"] or {}).get("landform")
