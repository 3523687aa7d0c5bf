"""The verb `figure-leakage`: leakage between training and validation by split method, and the IoU with each."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from lobate.engine.signature import Input, Output, Setting
from lobate.figures.facts import alarm_of_rounds, landform_iou, read_facts, validation_interval
from lobate.settings.figures import Figures

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Protocol:
    """One split method: its leakage, and the validation IoU of a model trained on that split.

    ``reason`` is why there is no IoU, or no such split at all; ``folds`` holds the IoU of each fold, ``interval`` the ends of
    the IoU's interval where it has one.
    """

    method: str
    configured: bool
    iou: float | None
    reason: str
    leaked_share: float | None = None
    nearest_m: float | None = None
    training: int = 0
    validation: int = 0
    dropped: int = 0
    folds: tuple[float, ...] = ()
    interval: tuple[float, float] | None = None


def figure_leakage(
    leakage: Annotated[Path, Input()],
    selection: Annotated[Path, Input()],
    png: Annotated[Path, Output()],
    pdf: Annotated[Path, Output()],
    *,
    figures: Annotated[Figures, Setting("figures")],
    landform: Annotated[str, Setting("landform")] = "rock glacier",
) -> None:
    """Draw validation IoU, leaked share and nearest training patch by split method, as PNG and PDF.

    ``leakage``: the measures of `split-patches`; ``selection``: the result of `select-model`, with the IoU of the configured
    split, of the other protocol, and of the folds where there are any.
    """
    from lobate.figures.drawing.files import save
    from lobate.figures.drawing.leakage import draw_leakage
    from lobate.figures.drawing.page import Page
    from lobate.figures.drawing.style import styled

    trained, folds = read_facts(
        selection,
        lambda facts: (dict(facts["protocols"]), facts.get("folds") or {}),
        "a selection.json written by `select-model`",
    )
    protocols = read_facts(
        leakage, lambda facts: protocols_of(facts, trained, folds), "a leakage.json written by `split-patches`"
    )
    alarm = read_facts(selection, alarm_of_rounds, "a selection.json written by `select-model`")
    with styled(figures.font):
        save(draw_leakage(protocols, landform, Page.of(figures)), png, pdf, figures.dpi, alarm)
    log.info("leakage of %d split methods drawn", len(protocols))


def protocols_of(leakage: dict[str, Any], trained: dict[str, Any], folds: dict[str, Any]) -> list[Protocol]:
    """Return the configured split method first, then all others with a measure of leakage, by name."""
    configured = str(leakage["used"])
    methods = sorted(
        name for name, measured in leakage.items() if isinstance(measured, dict) and name not in (configured, "test")
    )
    results = {result["method"]: result for result in (trained["other"], trained["configured"])}
    fold_ious = tuple(float(iou) for iou in folds.get("validation_iou", []) if iou is not None)
    return [
        _protocol(name, leakage[name], results.get(name) or {}, fold_ious if name == configured else ())
        for name in (configured, *methods)
    ]


def _protocol(method: str, measured: dict[str, Any], result: dict[str, Any], folds: tuple[float, ...]) -> Protocol:
    configured = bool(result) and "impossible" not in result
    iou = landform_iou(result.get("validation_iou"))
    reason = measured.get("impossible") or result.get("impossible")
    reason = reason or ("no validation patch shows the landform" if result else "not trained")
    if "impossible" in measured:
        return Protocol(method, configured, None, str(reason))
    return Protocol(
        method, configured, iou, str(reason),
        leaked_share=float(measured["leaked_share"]),
        nearest_m=float(measured["nearest_m"]),
        folds=folds,
        interval=validation_interval(result),
        **{side: int(measured[side]) for side in ("training", "validation", "dropped")},
    )  # fmt: skip
