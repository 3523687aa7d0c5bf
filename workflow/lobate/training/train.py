"""The verb `train`: one round, from patches to a model and the facts about it."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Annotated

from lobate.settings.training import Network, Schedule
from lobate.signature import Input, Output, Setting, unless
from lobate.training.rounds import pass_on, reached_before, step_of_round
from lobate.training.split import configured

log = logging.getLogger(__name__)

IN_HEADER = ("threshold", "validation_iou", "calibration", "calibration_error", "dataset")


@unless(reached_before, instead=pass_on)
def train(
    patches: Annotated[list[Path], Input()],
    split: Annotated[Path, Input(lens=configured)],
    model: Annotated[Path, Output()],
    metrics: Annotated[Path, Output()],
    verdict: Annotated[Path, Output()],
    events: Annotated[Path, Output()],
    mined: Annotated[list[Path] | None, Input()] = None,
    weights: Annotated[Path | None, Input()] = None,
    *,
    tiles: list[str],
    round: int,
    network: Annotated[Network, Setting("training.network")],
    schedule: Annotated[Schedule, Setting("training.schedule")],
    augment: Annotated[list[str], Setting("training.augment", lens=step_of_round)],
    seed: Annotated[int, Setting("seed")] = 0,
) -> None:
    """Train round ``round`` (from 1) on the split's training side and all patches mined so far.

    ``patches`` are the patch files of ``tiles``, in that order; ``mined`` those of earlier rounds; ``weights`` the file
    that training.network.weights names, if it names one. Writes the best model by validation IoU of the landform, the
    curves (``metrics`` as CSV, ``events`` for TensorBoard), and ``verdict``, the facts of the best look. Raises Mistake
    for data that do not fit together or show no landform, and when training runs away or out of memory.
    """
    from lobate.network.modelfile import save
    from lobate.training.curves import scalars_of, write_metrics
    from lobate.training.events import write_events
    from lobate.training.learn import learn
    from lobate.training.sources import read_data

    data = read_data(patches, tiles, split, mined or [])
    net, course, facts = learn(data, network, schedule, augment, (seed, round), weights)
    save(model, net, {"round": round, "seed": seed} | {name: facts[name] for name in IN_HEADER})
    write_metrics(metrics, course.rows)
    write_events(events, scalars_of(course.rows))
    verdict.write_text(json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    log.info("round %d ends with a validation IoU of %s for the landform", round, facts["validation_iou"]["landform"])
