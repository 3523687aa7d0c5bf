"""The verb `figure-rounds`: what each round was trained with and what came of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from lobate.engine.signature import Input, Output, Setting
from lobate.figures.facts import landform_iou, read_facts
from lobate.settings.figures import Figures

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Round:
    """One line of the table of rounds; a round that rests only passed an earlier verdict on."""

    number: int
    rests: bool
    chosen: bool
    training: float | None
    validation: float | None
    patches: int
    mined: int
    augment: tuple[str, ...]


def figure_rounds(
    selection: Annotated[Path, Input()],
    png: Annotated[Path, Output()],
    pdf: Annotated[Path, Output()],
    *,
    figures: Annotated[Figures, Setting("figures")],
    landform: Annotated[str, Setting("landform")] = "rock glacier",
) -> None:
    """Draw each round's IoUs, training patches, mined negatives and augmentation as PNG and PDF.

    ``selection``: what `select_model` wrote. How long a round took is no result and not drawn (`lobate model rounds` tells it).
    """
    from lobate.figures.drawing.rounds import draw_rounds
    from lobate.figures.drawing.style import save, styled

    rounds, target = read_facts(selection, table_of, "a selection.json written by `select-model`")
    with styled():
        save(draw_rounds(rounds, target, landform), png, pdf, figures.dpi)
    log.info("%d rounds drawn, %d of them rest", len(rounds), sum(one.rests for one in rounds))


def table_of(selection: dict[str, Any]) -> tuple[list[Round], float]:
    """Return the rounds in order, and the target."""
    chosen = int(selection["chosen"])
    return [_round(one, chosen) for one in selection["rounds"]], float(selection["target_iou"])


def _round(one: dict[str, Any], chosen: int) -> Round:
    return Round(
        number=int(one["round"]),
        rests=not one["trained"],
        chosen=int(one["round"]) == chosen,
        training=landform_iou(one["training_iou"]),
        validation=landform_iou(one["validation_iou"]),
        patches=int((one["patches"] or {}).get("training", 0)),
        mined=int(one["mined_negatives"] or 0),
        augment=tuple(str(name) for name in one["augment"] or []),
    )
