"""The verb `figure-precision-recall`: precision against recall, by pixels and by landforms."""

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
COLUMNS = {"hits": {"mean", "status", "unseen"}, "misses": {"unseen"}, "unmatched": {"mean", "status", "unseen"}}


@dataclass(frozen=True)
class PrecisionRecall:
    """Precision and recall (n,) from 0 to 1, at each of ``thresholds`` (n,); NaN where they are undefined."""

    thresholds: np.ndarray
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
    """Draw precision and recall as PNG and PDF: of pixels, and of detections by probability and by the IoU of a match.

    ``selection``: the result of `select-model`; ``scores`` and ``cases`` (layers `hits`, `misses`, `unmatched`): the
    results of `score`. Curves of detections cover all mapped ground, and ground without training patches.
    """
    from lobate.figures.drawing.precision_recall import draw_precision_recall
    from lobate.figures.drawing.style import save, styled

    pixels = read_facts(selection, pixel_curve, "a selection.json written by `select-model`")
    overlaps = read_facts(scores, overlap_curves, "a scores.json written by `score`")
    tables = {layer: _read_cases(cases, layer) for layer in COLUMNS}
    detections = {"all": detection_curve(tables), "unseen": detection_curve(_on_unseen_ground(tables))}
    with styled():
        save(draw_precision_recall(pixels, detections, overlaps, landform), png, pdf, figures.dpi)
    log.info("precision and recall of %d detections drawn", len(tables["hits"]) + len(tables["unmatched"]))


def pixel_curve(selection: dict[str, Any]) -> PrecisionRecall:
    """Return the chosen round's curve over thresholds of probability 0.1, 0.2, ... 0.9, of validation pixels.

    A bin of its calibration holds the mean predicted probability, the observed share and the number of pixels. The bins give
    exact counts of each class at or above their edges; between the edges the curve is unknown.
    """
    chosen = int(selection["chosen"])
    rounds = [record for record in selection["rounds"] if record["trained"] and int(record["round"]) == chosen]
    bins = np.array((rounds[0].get("calibration") if rounds else None) or np.zeros((0, 3)), dtype=float).reshape(-1, 3)
    number = [min(floor(BINS * mean), BINS - 1) for mean in bins[:, 0]]
    landform = np.bincount(number, bins[:, 1] * bins[:, 2], BINS) if number else np.zeros(BINS)
    pixels = np.bincount(number, bins[:, 2], BINS) if number else np.zeros(BINS)
    hits, predicted = landform[::-1].cumsum()[::-1], pixels[::-1].cumsum()[::-1]
    thresholds = np.arange(1, BINS) / BINS
    return PrecisionRecall(thresholds, _ratio(hits[1:], predicted[1:]), _ratio(hits[1:], np.full(BINS - 1, hits[0])))


def detection_curve(tables: dict[str, pd.DataFrame]) -> PrecisionRecall:
    """Return the curve over thresholds of the detections' mean probability, the highest first.

    Precision is of the detections by their status, with the unknown counted as wrong; recall is of the reference outlines.
    """
    detections = pd.concat([tables["hits"], tables["unmatched"]])
    judged = detections[detections["status"] != "left out"].dropna(subset="mean")
    thresholds = np.unique(judged["mean"].to_numpy(float))[::-1]
    found = tables["hits"]["mean"].dropna().to_numpy(float)
    references = len(tables["hits"]) + len(tables["misses"])
    all_of = _count_at(judged["mean"].to_numpy(float), thresholds)
    right = _count_at(judged.loc[judged["status"] == "right", "mean"].to_numpy(float), thresholds)
    recall = _ratio(_count_at(found, thresholds), np.full(len(thresholds), references))
    return PrecisionRecall(thresholds, _ratio(right, all_of), recall)


def _count_at(values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return how many values reach each threshold."""
    return np.array([(values >= threshold).sum() for threshold in thresholds], dtype=float)


def overlap_curves(scores: dict[str, Any]) -> dict[str, Any]:
    """Return curves over the IoU of a match and counts, for all mapped ground and unseen ground, and the IoU used."""
    grounds = {"all": scores["polygons"], "unseen": scores["unseen"]["polygons"]}
    return {
        "curves": {name: _overlap_curve(score["thresholds"]) for name, score in grounds.items()},
        "match_iou": float(scores["polygons"]["match_iou"]),
        "counts": {name: (int(score["detections"]), int(score["references"])) for name, score in grounds.items()},
    }


def _overlap_curve(thresholds: dict[str, Any]) -> PrecisionRecall:
    keys = sorted(thresholds, key=float)
    precision, recall = (
        np.array(
            [float("nan") if thresholds[key][name] is None else thresholds[key][name] for key in keys], dtype=float
        )
        for name in ("precision", "recall")
    )
    return PrecisionRecall(np.array([float(key) for key in keys]), precision, recall)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=np.asarray(whole) > 0)


def _read_cases(path: Path, layer: str) -> pd.DataFrame:
    table = read_layer(path, layer)
    missing = COLUMNS[layer] - set(table)
    if missing:
        raise UserError(
            f"The layer {layer} of {path} lacks {', '.join(sorted(missing))}. Delete the file and run again."
        )
    return table


def _on_unseen_ground(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    return {layer: table[table["unseen"].astype(bool)] for layer, table in tables.items()}
