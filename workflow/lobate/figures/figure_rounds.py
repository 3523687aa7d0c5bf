"""The verb `figure-rounds`: training patches, augmentation and IoU of each round."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from lobate.engine.signature import Input, Output, Setting
from lobate.figures.facts import alarm_of_rounds, landform_iou, read_facts, validation_in_words, validation_interval
from lobate.io.intervals import with_interval
from lobate.settings.figures import Figures

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Round:
    """One row of the table of rounds; a round that ``rests`` copied an earlier round instead of training.

    ``training`` and ``validation`` are IoUs on patches; ``judged`` is that on windows of the map, where rounds are judged by it;
    ``words`` is the IoU that judges, with the digits that its interval allows.
    """

    number: int
    rests: bool
    chosen: bool
    training: float | None
    validation: float | None
    interval: tuple[float, float] | None
    judged: float | None
    patches: int
    mined: int
    augment: tuple[str, ...]
    words: str = "unknown"


def figure_rounds(
    selection: Annotated[Path, Input()],
    png: Annotated[Path, Output()],
    pdf: Annotated[Path, Output()],
    *,
    figures: Annotated[Figures, Setting("figures")],
    landform: Annotated[str, Setting("landform")] = "rock glacier",
) -> None:
    """Draw each round's IoUs, training patches, mined negatives and augmentation as PNG and PDF.

    ``selection``: the result of `select-model`. Run times are no results and not drawn (`lobate model rounds` prints them).
    """
    from lobate.figures.drawing.files import save
    from lobate.figures.drawing.page import Page
    from lobate.figures.drawing.rounds import draw_rounds
    from lobate.figures.drawing.style import styled

    rounds, target = read_facts(selection, rounds_and_target, "a selection.json written by `select-model`")
    alarm = read_facts(selection, alarm_of_rounds, "a selection.json written by `select-model`")
    with styled(figures.font):
        save(draw_rounds(rounds, target, landform, Page.of(figures)), png, pdf, figures.dpi, alarm)
    log.info("%d rounds drawn, %d of them rest", len(rounds), sum(training_round.rests for training_round in rounds))


def rounds_and_target(selection: dict[str, Any]) -> tuple[list[Round], float]:
    """Return the rounds in order, and the target IoU."""
    chosen = int(selection["chosen"])
    return [_round(record, chosen) for record in selection["rounds"]], float(selection["target_iou"])


def _round(record: dict[str, Any], chosen: int) -> Round:
    return Round(
        number=int(record["round"]),
        rests=not record["trained"],
        chosen=int(record["round"]) == chosen,
        training=landform_iou(record["training_iou"]),
        validation=landform_iou(record["validation_iou"]),
        interval=validation_interval(record),
        judged=_judged(record.get("judged")),
        patches=int((record["patches"] or {}).get("training", 0)),
        mined=int(record["mined_negatives"] or 0),
        augment=tuple(str(name) for name in record["augment"] or []),
        words=_in_words(record),
    )


def _in_words(record: dict[str, Any]) -> str:
    judged = record.get("judged")
    iou = _judged(judged)
    return validation_in_words(record) if judged is None or iou is None else with_interval(iou, judged.get("interval"))


def _judged(judged: dict[str, Any] | None) -> float | None:
    """Return the IoU on windows; None where it is unknown, or where the patches judge."""
    value = judged["iou"] if judged and "groups" in judged else None
    return None if value is None else float(value)
