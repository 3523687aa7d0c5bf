"""The verbs `train_other` and `cross_validate`: the chosen round's training once more, on other splits of the same patches.

They say what the chosen model's validation IoU is worth; their models are not kept. A split that leaves a side without
patches is told in the result: it is a finding, not a failure.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from lobate.settings.training import Network, Schedule
from lobate.signature import Input, Output, Setting
from lobate.training import split as splits
from lobate.training.choose import read_chosen

log = logging.getLogger(__name__)


def train_other(
    patches: Annotated[list[Path], Input()],
    split: Annotated[Path, Input(lens=splits.other)],
    chosen: Annotated[Path, Input()],
    mined: Annotated[Path, Input()],
    negatives: Annotated[Path, Input()],
    other: Annotated[Path, Output()],
    metrics: Annotated[Path, Output()],
    weights: Annotated[Path | None, Input()] = None,
    *,
    tiles: list[str],
    network: Annotated[Network, Setting("training.network")],
    schedule: Annotated[Schedule, Setting("training.schedule")],
    seed: Annotated[int, Setting("seed")] = 0,
) -> None:
    """Train as the ``chosen`` round was, on the other protocol's split, and write its facts and curves.

    ``mined`` and ``negatives`` are what `choose_round` gathered; mined patches on this protocol's validation ground are
    left out. Where the other protocol has nothing to train on or to validate with, ``other`` says so.
    """
    again = Again(patches, tiles, split, chosen, mined, negatives, network, schedule, seed, weights)
    facts = again.train("other_side", metrics)
    _write(other, facts)
    log.info("the other protocol gives a validation IoU of %s for the landform", _landform(facts))


def cross_validate(
    patches: Annotated[list[Path], Input()],
    split: Annotated[Path, Input(lens=splits.folds)],
    chosen: Annotated[Path, Input()],
    mined: Annotated[Path, Input()],
    negatives: Annotated[Path, Input()],
    verdict: Annotated[Path, Output()],
    metrics: Annotated[Path, Output()],
    weights: Annotated[Path | None, Input()] = None,
    *,
    tiles: list[str],
    fold: int,
    network: Annotated[Network, Setting("training.network")],
    schedule: Annotated[Schedule, Setting("training.schedule")],
    seed: Annotated[int, Setting("seed")] = 0,
) -> None:
    """Train as the ``chosen`` round was, with fold ``fold`` (from 0) held back for validation; the rest as `train_other`."""
    again = Again(patches, tiles, split, chosen, mined, negatives, network, schedule, seed, weights)
    facts = again.train(fold, metrics) | {"fold": fold}
    _write(verdict, facts)
    log.info("fold %d gives a validation IoU of %s for the landform", fold, _landform(facts))


@dataclass(frozen=True)
class Again:
    """What both verbs train with."""

    patches: list[Path]
    tiles: list[str]
    split: Path
    chosen: Path
    mined: Path
    negatives: Path
    network: Network
    schedule: Schedule
    seed: int
    weights: Path | None

    def train(self, protocol: splits.Protocol, metrics: Path) -> dict[str, Any]:
        """Write the curves and return the facts, or why there are none."""
        from lobate.training.curves import write_metrics
        from lobate.training.learn import learn
        from lobate.training.sources import read_data

        chosen = read_chosen(self.chosen)
        try:
            data = read_data(self.patches, self.tiles, self.split, [self.mined], protocol, [self.negatives])
        except splits.Impossible as reason:
            log.warning("%s", reason)
            write_metrics(metrics, [])
            return {"impossible": str(reason), "round": chosen["round"], "validation_iou": None}
        seeds = self.seed, chosen["round"]
        _, course, facts = learn(data, self.network, self.schedule, chosen["augment"], seeds, self.weights)
        write_metrics(metrics, course.rows)
        return facts


def _landform(facts: dict[str, Any]) -> Any:
    return (facts["validation_iou"] or {}).get("landform")


def _write(path: Path, facts: dict[str, Any]) -> None:
    path.write_text(json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
