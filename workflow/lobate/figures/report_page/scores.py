"""Agreement of the detections with the reference, on all mapped ground and on ground without training patches."""

from __future__ import annotations

from typing import Any

RATES = ("precision", "recall", "f1")
COUNTS = ("detections", "references", "right", "found")


def scores_facts(scores: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of mapping/scores.json: rows by pixels, by polygons and by the minimum IoU of a match."""
    grounds = {"all mapped ground": scores, "ground no training patch touches": scores.get("unseen", {})}
    counts = dict(scores.get("account", {}))
    meaning = counts.pop("what", "")
    return {
        "numbers": {"mapped area, km²": scores.get("mapped_km2"), **_readable(counts)},
        "meaning": meaning,
        "match_iou": scores.get("polygons", {}).get("match_iou"),
        "pixels": [[name, *_values(score.get("pixels"), ("iou", *RATES))] for name, score in grounds.items()],
        "polygons": [
            [name, *_values(score.get("polygons"), (*COUNTS, *RATES, "mean_f1"))] for name, score in grounds.items()
        ],
        "by_iou": {name: _by_iou(score) for name, score in grounds.items()},
        "reference": _readable(scores.get("reference", {})),
    }


def _by_iou(score: dict[str, Any]) -> list[list[Any]]:
    thresholds = (score.get("polygons") or {}).get("thresholds") or {}
    return [[iou, *_values(rates, (*COUNTS, *RATES))] for iou, rates in sorted(thresholds.items())]


def _values(score: dict[str, Any] | None, names: tuple[str, ...]) -> list[Any]:
    return [(score or {}).get(name) for name in names]


def _readable(facts: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", " "): "not known" if value is None else value for name, value in facts.items()}
