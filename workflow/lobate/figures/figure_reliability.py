"""The verb `figure-reliability`: calibration of the map's probabilities."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from lobate.engine.signature import Input, Output, Setting
from lobate.figures.facts import alarm_of, read_facts
from lobate.settings.figures import Figures

log = logging.getLogger(__name__)

Bin = tuple[float, float, float]
"""Mean predicted probability, observed share of the landform, km2 of ground."""


@dataclass(frozen=True)
class Reliability:
    """Calibration of the map; ``error`` is the expected calibration error.

    It holds for ground with this ``landform_share``. ``error`` and share are None where no ground was looked at.
    """

    bins: list[Bin]
    error: float | None
    landform_share: float | None
    threshold: float
    alarm: str = ""


def figure_reliability(
    threshold: Annotated[Path, Input()],
    png: Annotated[Path, Output()],
    pdf: Annotated[Path, Output()],
    *,
    figures: Annotated[Figures, Setting("figures")],
    landform: Annotated[str, Setting("landform")] = "rock glacier",
) -> None:
    """Draw observed share against predicted probability of the map, and the ground in each bin, as PNG and PDF.

    ``threshold``: the result of `choose-threshold`.
    """
    from lobate.figures.drawing.files import save
    from lobate.figures.drawing.page import Page
    from lobate.figures.drawing.reliability import draw_reliability
    from lobate.figures.drawing.style import styled

    reliability = read_facts(threshold, reliability_of_map, "a threshold.json written by `choose-threshold`")
    with styled(figures.font):
        save(draw_reliability(reliability, landform, Page.of(figures)), png, pdf, figures.dpi, reliability.alarm)
    log.info("reliability of %d bins drawn", len(reliability.bins))


def reliability_of_map(record: dict[str, Any]) -> Reliability:
    """Return the calibration in a threshold.json."""
    calibration = record["calibration"]
    bins = [_bin(*values) for values in calibration["bins"]]
    error, share = calibration["error"], calibration["landform_share"]
    return Reliability(bins, error, share, float(record["threshold"]), alarm_of(record))


def _bin(predicted: float, observed: float, km2: float) -> Bin:
    if not (0 <= predicted <= 1 and 0 <= observed <= 1 and km2 > 0):
        raise ValueError(f"a bin of {predicted}, {observed} and {km2} km2")
    return float(predicted), float(observed), float(km2)
