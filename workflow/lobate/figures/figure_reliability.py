"""The verb `figure-reliability`: calibration of the model's probabilities."""

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
    """Calibration of one round on its validation set; ``error`` is the expected calibration error."""

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
    """Draw observed share against predicted probability of validation pixels, and pixel counts, as PNG and PDF.

    ``selection``: the result of `select-model`. Other rounds that trained are drawn behind the chosen one.
    """
    from lobate.figures.drawing.reliability import draw_reliability
    from lobate.figures.drawing.style import save, styled

    rounds = read_facts(selection, reliability_by_round, "a selection.json written by `select-model`")
    with styled():
        save(draw_reliability(rounds, landform), png, pdf, figures.dpi)
    log.info("reliability of %d rounds drawn", len(rounds))


def reliability_by_round(selection: dict[str, Any]) -> list[Reliability]:
    """Return the calibration of each round that trained, in order; none is chosen where the chosen round did not train."""
    chosen = int(selection["chosen"])
    return [
        Reliability(
            int(record["round"]),
            int(record["round"]) == chosen,
            [_bin(*values) for values in record.get("calibration") or []],
            record.get("calibration_error"),
            record.get("threshold"),
        )
        for record in selection["rounds"]
        if record["trained"]
    ]


def _bin(predicted: float, observed: float, count: int) -> Bin:
    if not (0 <= predicted <= 1 and 0 <= observed <= 1 and count > 0):
        raise ValueError(f"a bin of {predicted}, {observed} and {count} pixels")
    return float(predicted), float(observed), int(count)
