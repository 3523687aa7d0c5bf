"""The verb `figure-leakage`: what each way of splitting the patches gives away, and the IoU it ends with."""

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
class Protocol:
    """One way of splitting: what training saw of its validation ground, and the IoU of a model trained on it.

    ``why`` says why there is no IoU, or no such split at all.
    """

    method: str
    configured: bool
    iou: float | None
    why: str
    leaked_share: float | None = None
    nearest_m: float | None = None
    training: int = 0
    validation: int = 0
    dropped: int = 0
    folds: tuple[float, ...] = ()


def figure_leakage(
    leakage: Annotated[Path, Input()],
    selection: Annotated[Path, Input()],
    png: Annotated[Path, Output()],
    pdf: Annotated[Path, Output()],
    *,
    figures: Annotated[Figures, Setting("figures")],
    landform: Annotated[str, Setting("landform")] = "rock glacier",
) -> None:
    """Draw validation IoU, leaked share and nearest training patch by each way of splitting, as PNG and PDF.

    ``leakage``: what `split_patches` measured; ``selection``: what `select_model` wrote, with the IoU by the configured
    split, by the other protocol, and by folds where there are any.
    """
    from lobate.figures.drawing.leakage import draw_leakage
    from lobate.figures.drawing.style import save, styled

    selected = read_facts(
        selection,
        lambda found: (dict(found["protocols"]), found.get("folds") or {}),
        "a selection.json written by `select-model`",
    )
    protocols = read_facts(
        leakage, lambda found: protocols_of(found, *selected), "a leakage.json written by `split-patches`"
    )
    with styled():
        save(draw_leakage(protocols, landform), png, pdf, figures.dpi)
    log.info("leakage of %d ways of splitting drawn", len(protocols))


def protocols_of(leakage: dict[str, Any], trained: dict[str, Any], folds: dict[str, Any]) -> list[Protocol]:
    """Return the configured way of splitting first, then all others that were measured, by name."""
    used = str(leakage["used"])
    others = sorted(name for name, one in leakage.items() if isinstance(one, dict) and name != used)
    lines = {one["method"]: one for one in (trained["other"], trained["configured"])}
    known = tuple(float(one) for one in folds.get("validation_iou", []) if one is not None)
    return [
        _protocol(name, leakage[name], lines.get(name) or {}, known if name == used else ()) for name in (used, *others)
    ]


def _protocol(method: str, measured: dict[str, Any], line: dict[str, Any], folds: tuple[float, ...]) -> Protocol:
    configured = bool(line) and "impossible" not in line
    iou = landform_iou(line.get("validation_iou"))
    why = measured.get("impossible") or line.get("impossible")
    why = why or ("no validation patch shows the landform" if line else "not trained")
    if "impossible" in measured:
        return Protocol(method, configured, None, str(why))
    return Protocol(
        method, configured, iou, str(why),
        leaked_share=float(measured["leaked_share"]),
        nearest_m=float(measured["nearest_m"]),
        folds=folds,
        **{side: int(measured[side]) for side in ("training", "validation", "dropped")},
    )  # fmt: skip
