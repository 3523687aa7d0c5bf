"""The verb `figure-reliability`: whether the model's probabilities can be taken at their word."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from lobate.engine.signature import Input, Output, Setting
from lobate.figures.facts import read_facts
from lobate.settings.figures import Figures

log = logging.getLogger(__name__)

Bin = tuple[float, float, int]
"""Mean predicted probability, observed share of the landform, pixels."""


@dataclass(frozen=True)
class Reliability:
    """How one round's probabilities compare with its validation set; ``error`` is the expected calibration error."""

    round: int
    chosen: bool
    bins: list[Bin]
    error: float | None
    threshold: float | None


def figure_reliability(
    selection: Annotated[Path, Input()],
    png: Annotated[Path, Output()],
    pdf: Annotated[Path, Output()],
    *,
    figures: Annotated[Figures, Setting("figures")],
    landform: Annotated[str, Setting("landform")] = "rock glacier",
) -> None:
    """Draw observed share against predicted probability of validation pixels, and how many there are, as PNG and PDF.

    ``selection``: what `select_model` wrote. The chosen round stands out; other rounds that trained are drawn behind it.
    """
    from lobate.figures.drawing.reliability import draw_reliability
    from lobate.figures.drawing.style import save, styled

    rounds = read_facts(selection, reliabilities, "a selection.json written by `select-model`")
    with styled():
        save(draw_reliability(rounds, landform), png, pdf, figures.dpi)
    log.info("reliability of %d rounds drawn", len(rounds))


def reliabilities(selection: dict[str, Any]) -> list[Reliability]:
    """Return the rounds that trained, in order; the chosen one may be a later round's that passed its model on."""
    chosen = int(selection["chosen"])
    return [
        Reliability(
            int(one["round"]),
            int(one["round"]) == chosen,
            [_bin(*values) for values in one.get("calibration") or []],
            one.get("calibration_error"),
            one.get("threshold"),
        )
        for one in selection["rounds"]
        if one["trained"]
    ]


def _bin(predicted: float, observed: float, count: int) -> Bin:
    if not (0 <= predicted <= 1 and 0 <= observed <= 1 and count > 0):
        raise ValueError(f"a bin of {predicted}, {observed} and {count} pixels")
    return float(predicted), float(observed), int(count)
