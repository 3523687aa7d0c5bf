"""Agreement of the detections with the reference, on all mapped ground and on ground without training patches."""

from __future__ import annotations

from typing import Any

from lobate.io.intervals import rounded

RATES = ("precision", "precision_if_unknown_right", "recall", "f1")
COUNTS = ("detections", "right", "wrong", "unknown", "references", "found")

LABELS = {
    "iou": "IoU",
    "precision": "precision, unknown wrong",
    "precision_if_unknown_right": "precision, unknown right",
    "recall": "recall",
}


def scores_facts(scores: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of mapping/scores.json: rows by pixels, by polygons and by the minimum IoU of a match."""
    grounds = {"all mapped ground": scores, "ground neither trained nor validated on": scores.get("unseen", {})}
    counts = dict(scores.get("account", {}))
    meaning = counts.pop("what", "")
    return {
        "numbers": {"mapped area, km²": scores.get("mapped_km2"), **_readable(counts)},
        "meaning": meaning,
        "protocol": scores.get("what", ""),
        "rule": rule_in_words(scores.get("rule") or {}),
        "match_iou": scores.get("polygons", {}).get("match_iou"),
        "pixels": [
            [name, *_values(score.get("pixels"), ("iou", "iou_all_landform", "iou_rule", *RATES))]
            for name, score in grounds.items()
        ],
        "intervals": [row for name, score in grounds.items() for row in _interval_rows(name, score)],
        "recall_by_class": [row for name, score in grounds.items() for row in _recall_rows(name, score)],
        "polygons": [
            [name, *_values(score.get("polygons"), (*COUNTS, *RATES, "mean_f1"))] for name, score in grounds.items()
        ],
        "by_iou": {name: _by_iou(score) for name, score in grounds.items()},
        "reference": _readable(scores.get("reference", {})),
    }


def rule_in_words(rule: dict[str, Any]) -> str:
    """Return what the rule of terrain is, with its limits, or why there is none."""
    if "slope_deg" not in rule:
        return str(rule.get("what", ""))
    (flat, steep), (low, high) = rule["slope_deg"], rule["elevation_m"]
    return f"{rule['what']}: {flat:g} to {steep:g} degrees, {low:,.0f} to {high:,.0f} m"


def _interval_rows(ground: str, score: dict[str, Any]) -> list[list[Any]]:
    """Return ground, what is measured, its ends, and the number of blocks; or the blocks' values where there are few."""
    rows = []
    for kind in ("pixels", "polygons"):
        intervals = (score.get(kind) or {}).get("intervals") or {}
        for name in (name for name in ("iou", *RATES) if name in intervals):
            own = intervals[name]
            ends = [rounded(own.get(end), own) for end in ("low", "high")]
            rows.append([ground, f"{LABELS[name]} by {kind}", *ends, own["blocks"]])
    return rows


def _recall_rows(ground: str, score: dict[str, Any]) -> list[list[Any]]:
    classes = (score.get("polygons") or {}).get("recall_by_class") or {}
    return [
        [ground, f"{field.replace('_', ' ')}: {value}", row["references"], row["found"], rounded(row["recall"])]
        for field, values in classes.items()
        for value, row in values.items()
    ]


def _by_iou(score: dict[str, Any]) -> list[list[Any]]:
    thresholds = (score.get("polygons") or {}).get("thresholds") or {}
    return [[iou, *_values(rates, (*COUNTS, *RATES))] for iou, rates in sorted(thresholds.items())]


def _values(score: dict[str, Any] | None, names: tuple[str, ...]) -> list[Any]:
    """Return counts, and rates with the digits that their intervals allow."""
    intervals = (score or {}).get("intervals") or {}
    return [rounded((score or {}).get(name), intervals.get(name)) for name in names]


def _readable(facts: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", " "): "not known" if value is None else value for name, value in facts.items()}
