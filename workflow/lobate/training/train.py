"""The verb `train`: train one round, from patches to a model, its curves and its facts."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

from lobate.engine.signature import Input, Output, Setting, run_instead_if
from lobate.io.jsonfile import write_json
from lobate.settings.training import Network, Schedule
from lobate.training.rounds import augmentation_for_round, copy_previous_round, target_met
from lobate.training.split import keep_configured

log = logging.getLogger(__name__)

HEADER_FACTS = ("validation_iou", "validation_intervals", "calibration", "calibration_error", "dataset")


@run_instead_if(target_met, instead=copy_previous_round)
def train(
    patches: Annotated[list[Path], Input()],
    split: Annotated[Path, Input(view=keep_configured)],
    model: Annotated[Path, Output()],
    metrics: Annotated[Path, Output()],
    verdict: Annotated[Path, Output()],
    events: Annotated[Path, Output()],
    mined: Annotated[list[Path] | None, Input()] = None,
    ignored: Annotated[list[Path] | None, Input()] = None,
    weights: Annotated[Path | None, Input()] = None,
    *,
    tiles: list[str],
    round: int,
    network: Annotated[Network, Setting("training.network")],
    schedule: Annotated[Schedule, Setting("training.schedule")],
    augment: Annotated[list[str], Setting("training.augment", view=augmentation_for_round)],
    seed: Annotated[int, Setting("seed")] = 0,
) -> None:
    """Train round ``round`` (from 1) on the split's training side and all patches mined so far.

    ``patches`` are the patch files of ``tiles``, in this order, and ``mined`` those of earlier rounds; ``ignored`` holds the
    pixels of both that may show an unknown landform. ``weights`` is the file that training.network.weights names, if any. Writes the best model by validation IoU of the landform, the curves
    (``metrics`` as CSV, ``events`` for TensorBoard) and the facts of the best evaluation (``verdict``). The header of a model
    that learnt nothing says so, for all who open it. Raises UserError for
    data that do not match or show no landform, and when the loss diverges or memory runs out.
    """
    from lobate.network.modelfile import save
    from lobate.training.curves import scalars_of, write_events, write_metrics
    from lobate.training.datamodule import read_data
    from lobate.training.experiment import run_experiment

    data = read_data(patches, tiles, split, mined or [], ignored=ignored)
    net, state, facts = run_experiment(data, network, schedule, augment, (seed, round), weights)
    said = {"learnt_nothing": facts["learnt_nothing"]} if facts["learnt_nothing"] else {}
    save(model, net, {"round": round, "seed": seed} | {name: facts[name] for name in HEADER_FACTS} | said)
    write_metrics(metrics, state.rows)
    write_events(events, scalars_of(state.rows))
    write_json(verdict, facts)
    log.info("round %d ends with a validation IoU of %s for the landform", round, facts["validation_iou"]["landform"])
