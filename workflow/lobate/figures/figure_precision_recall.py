"""The verb `figure-precision-recall`: what is found against what is right, by pixels and by landforms."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from math import floor
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.figures.facts import read_facts
from lobate.io.vector import read_layer
from lobate.settings.figures import Figures

log = logging.getLogger(__name__)

BINS = 10
COLUMNS = {"hits": {"mean", "unseen"}, "misses": {"unseen"}, "false_alarms": {"mean", "unseen"}}


@dataclass(frozen=True)
class PrecisionRecall:
    """Precision and recall, both (n,) from 0 to 1, at each value of ``at`` (n,); NaN where nothing can be said."""

    at: np.ndarray
    precision: np.ndarray
    recall: np.ndarray


def figure_precision_recall(
    selection: Annotated[Path, Input()],
    scores: Annotated[Path, Input()],
    cases: Annotated[Path, Input()],
    png: Annotated[Path, Output()],
    pdf: Annotated[Path, Output()],
    *,
    figures: Annotated[Figures, Setting("figures")],
    landform: Annotated[str, Setting("landform")] = "rock glacier",
) -> None:
    """Draw precision and recall as PNG and PDF: of pixels, of detections by certainty, and by the overlap asked for.

    ``selection``: what `select_model` wrote; ``scores`` and ``cases`` (layers `hits`, `misses`, `false_alarms`): what
    `score` wrote. Landforms are told for all mapped ground and for ground that training has not seen.
    """
    from lobate.figures.drawing.precision_recall import draw_precision_recall
    from lobate.figures.drawing.style import save, styled

    pixels = read_facts(selection, pixels_of, "a selection.json written by `select-model`")
    overlaps = read_facts(scores, overlaps_of, "a scores.json written by `score`")
    tables = {layer: _table(cases, layer) for layer in COLUMNS}
    ranked = {"all": by_certainty(tables), "unseen": by_certainty(_unseen(tables))}
    with styled():
        save(draw_precision_recall(pixels, ranked, overlaps, landform), png, pdf, figures.dpi)
    log.info("precision and recall of %d detections drawn", len(tables["hits"]) + len(tables["false_alarms"]))


def pixels_of(selection: dict[str, Any]) -> PrecisionRecall:
    """Return the chosen round's curve over thresholds of probability 0.1, 0.2, ... 0.9, of validation pixels.

    The bins of its calibration (mean predicted probability, observed share, pixels) say how many pixels of each class lie
    at or above each of their edges, so the curve is exact there, and told nowhere else.
    """
    rounds = [one for one in selection["rounds"] if one["trained"] and int(one["round"]) == int(selection["chosen"])]
    bins = np.array((rounds[0].get("calibration") if rounds else None) or np.zeros((0, 3)), dtype=float).reshape(-1, 3)
    place = [min(floor(BINS * mean), BINS - 1) for mean in bins[:, 0]]
    landform = np.bincount(place, bins[:, 1] * bins[:, 2], BINS) if place else np.zeros(BINS)
    either = np.bincount(place, bins[:, 2], BINS) if place else np.zeros(BINS)
    hits, found = landform[::-1].cumsum()[::-1], either[::-1].cumsum()[::-1]
    at = np.arange(1, BINS) / BINS
    return PrecisionRecall(at, _ratio(hits[1:], found[1:]), _ratio(hits[1:], np.full(BINS - 1, hits[0])))


def by_certainty(tables: dict[str, pd.DataFrame]) -> PrecisionRecall:
    """Return the curve over detections taken in order of their mean probability, the surest first, equals together."""
    right, wrong = (tables[layer]["mean"].dropna().to_numpy(float) for layer in ("hits", "false_alarms"))
    references = len(tables["hits"]) + len(tables["misses"])
    at = np.unique(np.r_[right, wrong])[::-1]
    hits = np.array([(right >= value).sum() for value in at], dtype=float)
    alarms = np.array([(wrong >= value).sum() for value in at], dtype=float)
    return PrecisionRecall(at, _ratio(hits, hits + alarms), _ratio(hits, np.full(len(at), references)))


def overlaps_of(scores: dict[str, Any]) -> dict[str, Any]:
    """Return the curves over the IoU a match asks for, of all mapped ground and of unseen ground, and that used."""
    grounds = {"all": scores["polygons"], "unseen": scores["unseen"]["polygons"]}
    curves = {name: _over_overlap(one["thresholds"]) for name, one in grounds.items()}
    return {"curves": curves, "match_iou": float(scores["polygons"]["match_iou"]), "counts": {
        name: (int(one["detections"]), int(one["references"])) for name, one in grounds.items()
    }}  # fmt: skip


def _over_overlap(thresholds: dict[str, Any]) -> PrecisionRecall:
    asked = sorted(thresholds, key=float)
    lists = (
        [float("nan") if thresholds[key][name] is None else thresholds[key][name] for key in asked]
        for name in ("precision", "recall")
    )
    return PrecisionRecall(np.array([float(key) for key in asked]), *(np.array(one, dtype=float) for one in lists))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=np.asarray(whole) > 0)


def _table(path: Path, layer: str) -> pd.DataFrame:
    table = read_layer(path, layer)
    missing = COLUMNS[layer] - set(table)
    if missing:
        raise UserError(
            f"The layer {layer} of {path} lacks {', '.join(sorted(missing))}. Delete the file and run again."
        )
    return table


def _unseen(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    return {layer: table[table["unseen"].astype(bool)] for layer, table in tables.items()}
