"""The verb `figure-precision-recall`: precision against recall, by pixels and by landforms."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.figures.facts import alarm_of, read_facts
from lobate.io.vector import read_layer
from lobate.settings.figures import Figures

log = logging.getLogger(__name__)

COLUMNS = {"hits": {"mean", "status", "unseen"}, "misses": {"unseen"}, "unmatched": {"mean", "status", "unseen"}}


@dataclass(frozen=True)
class PrecisionRecall:
    """Precision and recall (n,) from 0 to 1, at each of ``thresholds`` (n,); NaN where they are undefined."""

    thresholds: np.ndarray
    precision: np.ndarray
    recall: np.ndarray


def figure_precision_recall(
    threshold: Annotated[Path, Input()],
    scores: Annotated[Path, Input()],
    cases: Annotated[Path, Input()],
    png: Annotated[Path, Output()],
    pdf: Annotated[Path, Output()],
    *,
    figures: Annotated[Figures, Setting("figures")],
    landform: Annotated[str, Setting("landform")] = "rock glacier",
) -> None:
    """Draw precision and recall as PNG and PDF: of pixels, and of detections by probability and by the IoU of a match.

    ``threshold``: the result of `choose-threshold`; ``scores`` and ``cases`` (layers `hits`, `misses`, `unmatched`): the
    results of `score`. Curves of detections cover all mapped ground, and ground without training patches.
    """
    from lobate.figures.drawing.files import save
    from lobate.figures.drawing.page import Page
    from lobate.figures.drawing.precision_recall import draw_precision_recall
    from lobate.figures.drawing.style import styled

    pixels = read_facts(threshold, pixel_curve, "a threshold.json written by `choose-threshold`")
    alarm = read_facts(threshold, alarm_of, "a threshold.json written by `choose-threshold`")
    overlaps = read_facts(scores, overlap_curves, "a scores.json written by `score`")
    tables = {layer: _read_cases(cases, layer) for layer in COLUMNS}
    detections = {"all": detection_curve(tables), "unseen": detection_curve(_on_unseen_ground(tables))}
    with styled(figures.font):
        figure = draw_precision_recall(pixels, detections, overlaps, landform, Page.of(figures))
        save(figure, png, pdf, figures.dpi, alarm)
    log.info("precision and recall of %d detections drawn", len(tables["hits"]) + len(tables["unmatched"]))


def pixel_curve(record: dict[str, Any]) -> PrecisionRecall:
    """Return the map's curve over the thresholds in a threshold.json, on the ground looked at."""
    rows = record["thresholds"]
    columns = (
        np.array([float("nan") if row[name] is None else row[name] for row in rows], dtype=float)
        for name in ("threshold", "precision", "recall")
    )
    return PrecisionRecall(*columns)


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
