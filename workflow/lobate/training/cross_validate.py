"""The verb `cross_validate`: train the chosen round again with one of k folds held back for validation.

The spread of the folds' IoUs shows how far the chosen model's validation IoU can be trusted. The model is not kept.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from lobate.engine.signature import Input, Output, Setting
from lobate.io.jsonfile import write_json
from lobate.settings.training import Network, Schedule
from lobate.training import split as splits
from lobate.training.retrain import Retraining, landform_iou

log = logging.getLogger(__name__)


def cross_validate(
    patches: Annotated[list[Path], Input()],
    split: Annotated[Path, Input(view=splits.keep_folds)],
    chosen: Annotated[Path, Input()],
    mined: Annotated[Path, Input()],
    negatives: Annotated[Path, Input()],
    ignored: Annotated[Path, Input()],
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
    """Train as the ``chosen`` round was, with fold ``fold`` (from 0) held back for validation; otherwise as `train_other`."""
    retraining = Retraining(patches, tiles, split, chosen, mined, negatives, ignored, network, schedule, seed, weights)
    facts = retraining.train(fold, metrics) | {"fold": fold}
    write_json(verdict, facts)
    log.info("fold %d gives a validation IoU of %s for the landform", fold, landform_iou(facts))
