"""Threshold and calibration of the map in the report."""

from __future__ import annotations

from typing import Any

from lobate.figures.report_page.chart import Chart, ChartLine
from lobate.io.intervals import rounded

VERMILION, GREY = "#D55E00", "#777777"


def threshold_facts(record: dict[str, Any]) -> dict[str, Any]:
    """Return the threshold with its reason, the IoU with its interval at 0.5 and at the threshold, and the ground looked at."""
    return {
        "threshold": record["threshold"],
        "reason": record["reason"],
        "ground": record["ground"],
        "protocol": record["protocol"],
        "ious": [
            [float(level), *(rounded(value, at["interval"]) for value in _value_and_ends(at)), at["interval"]["blocks"]]
            for level, at in record["iou"].items()
        ],
        "all_landform": record["iou_all_landform"],
        "strata": [
            [name, *(ground[key] for key in ("mapped_km2", "validation_km2", "complete_km2", "pieces", "weight"))]
            for name, ground in record["strata"].items()
        ],
        "rates": [
            [rounded(row[name]) for name in ("threshold", "iou", "precision", "recall")] for row in record["thresholds"]
        ],
    }


def _value_and_ends(at: dict[str, Any]) -> tuple[float | None, float | None, float | None]:
    return at["iou"], at["interval"].get("low"), at["interval"].get("high")


def calibration_facts(record: dict[str, Any]) -> dict[str, Any]:
    """Return the calibration of the map, by bin and as a chart, with the share of landform it holds for."""
    calibration = record["calibration"]
    points = [(float(mean), float(share)) for mean, share, _ in calibration["bins"]]
    lines = [
        ChartLine("perfect", GREY, [(0.0, 0.0), (1.0, 1.0)], dashed=True),
        ChartLine("measured on the map", VERMILION, points),
    ]
    chart = Chart("Reliability", "probability predicted", "share observed", lines, (0.0, 1.0), (0.0, 1.0))
    share = calibration["landform_share"]
    return {
        "bins": [[rounded(mean), rounded(share), km2] for mean, share, km2 in calibration["bins"]],
        "error": calibration["error"],
        "landform_share": None if share is None else f"{100 * share:.3g} %",
        "chart": chart,
    }
