"""Training in the report: rounds, curves, and IoU and leakage by both protocols."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd

from lobate.errors import UserError
from lobate.figures.facts import landform_iou, validation_in_words
from lobate.figures.report_page.chart import Chart, ChartLine, Point
from lobate.io.intervals import digits_of, rounded, with_interval

BLACK, BLUE, VERMILION = "#000000", "#0072B2", "#D55E00"
CURVES = (("iou_landform", VERMILION), ("iou_background", BLUE), ("iou_overall", BLACK))
SIDES = {"training": BLUE, "validation": VERMILION}
COUNTS = ("polygons_on_both_sides", "nearest_m", "training", "validation", "dropped")
BLANK = [None] * 9
"""The cells of a round that did not train."""


def leakage_facts(selection: dict[str, Any]) -> dict[str, Any]:
    """Return the rows of both protocols with IoU and leaked share, and the folds where they were trained."""
    rows = [_protocol(name, protocol) for name, protocol in selection.get("protocols", {}).items()]
    return {"protocols": rows, "folds": _folds(selection.get("folds"))}


def _protocol(name: str, protocol: dict[str, Any]) -> list[Any]:
    known = landform_iou(protocol.get("validation_iou")) is not None
    shares = [validation_in_words(protocol) if known else None, _percent(protocol.get("leaked_share"))]
    counts = [protocol.get(key) for key in COUNTS]
    return [name, protocol.get("method"), *shares, *counts, protocol.get("impossible")]


def _folds(folds: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a row for each fold, and their mean and spread in words, with the digits that the spread allows."""
    if not folds:
        return None
    low, high = folds["spread"] or (None, None)
    digits = digits_of({"low": low, "high": high})
    mean = "unknown" if folds["mean"] is None else f"{folds['mean']:.{digits}f}"
    spread = "" if low is None else f", spread from {low:.{digits}f} to {high:.{digits}f}"
    rows = [[number, rounded(iou)] for number, iou in enumerate(folds["validation_iou"])]
    return {"rows": rows, "caption": f"{folds['count']} folds: mean IoU {mean}{spread}"}


def rounds_facts(selection: dict[str, Any], metrics: Sequence[Path]) -> dict[str, Any]:
    """Return the rounds' rows, and the curves of each round that trained; ``metrics`` holds a file for each round."""
    rounds = selection["rounds"]
    return {
        **{key: selection[key] for key in ("target_iou", "reached", "chosen")},
        "judged_on": next((entry["judged"]["ground"] for entry in rounds if entry.get("judged")), "validation patches"),
        "rows": list(map(_row, rounds)),
        "curves": [
            {"round": entry["round"], "chosen": entry["chosen"], "charts": _curves(path)}
            for entry, path in zip(rounds, metrics, strict=True)
            if entry["trained"]
        ],
    }


def _row(entry: dict[str, Any]) -> list[Any]:
    if not entry["trained"]:
        return [entry["round"], f"rests: round {entry['trained_in']} reached the target", *BLANK]
    patches = entry.get("patches") or {}
    return [
        entry["round"],
        "chosen" if entry["chosen"] else "",
        ", ".join(entry.get("augment") or []) or "none",
        patches.get("training"),
        patches.get("validation"),
        entry["mined_negatives"],
        entry.get("iteration"),
        rounded(landform_iou(entry.get("training_iou"))),
        validation_in_words(entry),
        _judged(entry.get("judged")),
        "; ".join(map(str, entry.get("warnings") or [])),
    ]


def _judged(judged: dict[str, Any] | None) -> str | None:
    return with_interval(judged["iou"], judged.get("interval")) if judged else None


def _curves(path: Path) -> list[Chart]:
    try:
        rows = pd.read_csv(path)
        parts = {side: rows[rows["split"] == side] for side in SIDES}
        return [*(_ious(side, part) for side, part in parts.items()), _losses(parts)]
    except (ValueError, KeyError, OSError) as error:
        raise UserError(
            f"{path} is not the metrics.csv of a training round: {error}. Delete it and run again."
        ) from error


def _ious(side: str, part: pd.DataFrame) -> Chart:
    lines = [ChartLine(name.removeprefix("iou_"), colour, _points(part, name)) for name, colour in CURVES]
    return Chart(f"IoU on the {side} patches", "iteration", "IoU", lines, y_range=(0.0, 1.0))


def _losses(parts: dict[str, pd.DataFrame]) -> Chart:
    lines = [ChartLine(side, colour, _points(parts[side], "loss")) for side, colour in SIDES.items()]
    most = max([loss for line in lines for _, loss in line.points if isfinite(loss)] or [1.0])
    return Chart("Loss", "iteration", "cross-entropy", lines, y_range=(0.0, most * 1.05 or 1.0))


def _points(part: pd.DataFrame, column: str) -> list[Point]:
    return list(zip(part["iteration"].astype(float), part[column].astype(float), strict=True))


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.1f} %"
