"""The report's overview: the inventory in numbers, the review, the validation IoU and the scenes."""

from __future__ import annotations

from typing import Any

from lobate.figures.facts import validation_in_words
from lobate.io.decisions import summary_in_words
from lobate.io.intervals import area_in_words, with_interval

REVIEW = (
    *("total", "in_other_inventories", "only_detected", "rejected"),
    *("accepted", "edited", "pending", "pending_left_out", "repeated"),
)
"""Counts of detections on the page, in this order."""


def overview_facts(
    summary: dict[str, Any],
    selection: dict[str, Any],
    images: dict[str, dict[str, Any]],
    threshold: dict[str, Any],
) -> dict[str, Any]:
    """Return the facts of inventory/summary.json, the chosen model's IoU, the map's threshold and the scenes used."""
    detections = summary.get("detections") or {}
    chosen: dict[str, Any] = next((entry for entry in selection["rounds"] if entry["chosen"]), {})
    return {
        "learnt_nothing": chosen.get("learnt_nothing") or threshold.get("learnt_nothing") or "",
        "numbers": {
            name: value for name, value in _numbers(summary, selection, threshold).items() if value not in (None, "")
        },
        "unreviewed": summary_in_words(summary),
        "review": {name.replace("_", " "): detections[name] for name in REVIEW if name in detections},
        "scenes": [
            [
                tile,
                scene["name"],
                scene.get("date"),
                _rounded(scene.get("cloud_cover"), 1),
                scene.get("baseline"),
                scene.get("pixels"),
            ]
            for tile, image in sorted(images.items())
            for scene in image["scenes"]
        ],
    }


def _numbers(summary: dict[str, Any], selection: dict[str, Any], threshold: dict[str, Any]) -> dict[str, Any]:
    inventory = summary["inventory"]
    altitude, area = inventory.get("altitude_m") or {}, inventory.get("area_km2") or {}
    chosen: dict[str, Any] = next((entry for entry in selection["rounds"] if entry["chosen"]), {})
    return {
        "landforms": inventory.get("total"),
        **{f"by {name}": count for name, count in (inventory.get("by_method") or {}).items()},
        "outlines left out, on ground that was not mapped": (summary.get("ground") or {}).get("not_mapped") or None,
        "altitude, m": _range(altitude.get("lowest"), altitude.get("highest")),
        "mean area, km²": area_in_words(area.get("mean"), ""),
        "total area, km²": area_in_words(area.get("total"), ""),
        "mean slope, °": _rounded(inventory.get("mean_slope_deg"), 1),
        "IoU on validation patches": validation_in_words(chosen) if chosen else None,
        **_judged(chosen.get("judged")),
        "threshold of the map": threshold["threshold"],
    }


def _judged(judged: dict[str, Any] | None) -> dict[str, Any]:
    """Return the IoU that rounds are judged by, named by its ground, where that is not the patches."""
    if not judged or "interval" not in judged:
        return {}
    return {f"IoU on {judged['ground']}": with_interval(judged["iou"], judged["interval"])}


def _rounded(value: Any, digits: int) -> Any:
    return round(value, digits) if isinstance(value, float) else value


def _range(lowest: Any, highest: Any) -> str:
    return "" if lowest is None or highest is None else f"{lowest:,.0f} to {highest:,.0f}"
