"""What training did: rounds, the IoU by both protocols with what each of them leaks, curves and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd

from lobate.errors import UserError
from lobate.figures.report_page.chart import ChartLine, chart
from lobate.figures.report_page.markup import Markup, Section, concat, details, paragraph, table

BLACK, BLUE, VERMILION = "#000000", "#0072B2", "#D55E00"
CURVES = (("iou_landform", VERMILION), ("iou_background", BLUE), ("iou_overall", BLACK))
SIDES = ("training", "validation")


def leakage_section(selection: dict[str, Any]) -> Section:
    """Return the section on both protocols: IoU and how much of the validation ground training has seen."""
    head = ("protocol", "split", "validation IoU", "validation ground seen in training", "outlines on both sides")
    head += ("nearest training ground, m", "training", "validation", "dropped", "remark")
    rows = [_protocol(name, one) for name, one in selection.get("protocols", {}).items()]
    folds = selection.get("folds")
    body = concat(
        paragraph(
            "A validation patch that lies on ground the network was trained on flatters its IoU. So the share of validation "
            "ground inside training footprints is always measured, and the other way of splitting stands beside the one used."
        ),
        table(head, rows) if rows else paragraph("This selection was made without a measure of leakage."),
        _folds(folds) if folds else "",
    )
    return Section("leakage", "Leakage, by both protocols", body)


def _protocol(name: str, one: dict[str, Any]) -> list[Any]:
    shares = [_iou(one.get("validation_iou")), _percent(one.get("leaked_share"))]
    counts = [one.get(key) for key in ("polygons_on_both_sides", "nearest_m", "training", "validation", "dropped")]
    return [name, one.get("method"), *shares, *counts, one.get("impossible")]


def _folds(folds: dict[str, Any]) -> Markup:
    rows = [[number, iou] for number, iou in enumerate(folds["validation_iou"])]
    spread = "" if folds["spread"] is None else f", spread {folds['spread']:.4f}"
    mean = "unknown" if folds["mean"] is None else f"{folds['mean']:.4f}"
    return table(("fold", "validation IoU"), rows, f"{folds['count']} folds: mean IoU {mean}{spread}")


def rounds_section(selection: dict[str, Any], metrics: Sequence[Path]) -> Section:
    """Return the section on the rounds: their table, and the curves of each that trained."""
    head = ("round", "", "augmentation", "training patches", "validation patches", "mined negatives")
    head += ("iteration", "training IoU", "validation IoU", "threshold", "warnings")
    listed = selection["rounds"]
    reached = "was reached" if selection["reached"] else "was NOT reached by any round; the best one is used"
    curves = [
        details(f"Curves of round {one['round']}", _curves(path), opened=one["chosen"])
        for one, path in zip(listed, metrics, strict=True)
        if one["trained"]
    ]
    text = f"The target, a validation IoU of {selection['target_iou']:g}, {reached}. Round {selection['chosen']} is chosen."
    return Section("rounds", "Rounds", concat(paragraph(text), table(head, map(_round, listed)), *curves))


def _round(one: dict[str, Any]) -> list[Any]:
    if not one["trained"]:
        return [one["round"], f"rests: round {one['trained_in']} reached the target", *[None] * 9]
    patches = one.get("patches") or {}
    data = [", ".join(one.get("augment") or []) or "none", patches.get("training"), patches.get("validation")]
    ious = [_iou(one.get("training_iou")), _iou(one.get("validation_iou"))]
    warnings = "; ".join(map(str, one.get("warnings") or []))
    return [
        one["round"],
        "chosen" if one["chosen"] else "",
        *data,
        one["mined_negatives"],
        one.get("iteration"),
        *ious,
        one.get("threshold"),
        warnings,
    ]


def _curves(path: Path) -> Markup:
    try:
        rows = pd.read_csv(path)
        parts = {side: rows[rows["split"] == side] for side in SIDES}
        ious = [_ious(side, part) for side, part in parts.items()]
        losses = {side: _points(part, "loss") for side, part in parts.items()}
    except (ValueError, KeyError, OSError) as error:
        raise UserError(
            f"{path} is no table of a training round's metrics: {error}. Delete it and run again."
        ) from error
    most = max([loss for points in losses.values() for _, loss in points if isfinite(loss)] or [1.0])
    lines = [ChartLine(side, colour, losses[side]) for side, colour in zip(SIDES, (BLUE, VERMILION), strict=True)]
    loss = chart("Loss", ("iteration", "cross-entropy"), lines, y=(0.0, most * 1.05 or 1.0))
    return Markup(f'<div class="charts">{concat(*ious, loss)}</div>')


def _ious(side: str, part: pd.DataFrame) -> Markup:
    lines = [ChartLine(name.removeprefix("iou_"), colour, _points(part, name)) for name, colour in CURVES]
    return chart(f"IoU on the {side} patches", ("iteration", "IoU"), lines, y=(0.0, 1.0))


def _points(part: pd.DataFrame, column: str) -> list[tuple[float, float]]:
    return list(zip(part["iteration"].astype(float), part[column].astype(float), strict=True))


def calibration_section(selection: dict[str, Any]) -> Section:
    """Return the section on what a probability of the chosen model is worth."""
    one = next(one for one in selection["rounds"] if one["chosen"])
    bins = [entry for entry in one.get("calibration") or [] if None not in entry[:2]]
    if not bins:
        return Section("calibration", "Calibration", paragraph("The chosen model holds no measure of its calibration."))
    lines = [
        ChartLine("perfect", "#777777", [(0.0, 0.0), (1.0, 1.0)], dashed=True),
        ChartLine("measured on the validation patches", VERMILION, [(float(a), float(b)) for a, b, *_ in bins]),
    ]
    error = one.get("calibration_error")
    text = "" if error is None else f"Expected calibration error (mean gap, weighted by pixels): {error:.4f}."
    picture = chart("Reliability", ("probability predicted", "share observed"), lines, x=(0.0, 1.0), y=(0.0, 1.0))
    rows = details("The bins", table(("mean predicted", "share observed", "pixels"), bins))
    return Section("calibration", "Calibration", concat(paragraph(text), picture, rows))


def _iou(ious: dict[str, Any] | None) -> float | None:
    return (ious or {}).get("landform")


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{100 * share:.1f} %"
