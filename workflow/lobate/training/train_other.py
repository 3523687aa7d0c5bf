"""The verb `train_other`: train the chosen round again on the other protocol's split of the same patches.

Its IoU beside the configured split's shows the effect of leakage. The model is not kept.
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


def train_other(
    patches: Annotated[list[Path], Input()],
    split: Annotated[Path, Input(view=splits.keep_alternative)],
    chosen: Annotated[Path, Input()],
    mined: Annotated[Path, Input()],
    negatives: Annotated[Path, Input()],
    ignored: Annotated[Path, Input()],
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

    ``mined``, ``negatives`` and ``ignored`` come from `choose_round`; mined patches on this protocol's validation ground are left out.
    Where the other protocol leaves nothing to train on or to validate with, ``other`` holds the reason.
    """
    retraining = Retraining(patches, tiles, split, chosen, mined, negatives, ignored, network, schedule, seed, weights)
    facts = retraining.train("other_side", metrics)
    write_json(other, facts)
    log.info("the other protocol gives a validation IoU of %s for the landform", landform_iou(facts))
