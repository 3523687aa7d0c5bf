"""The report's first lines: what came out, and how far to trust it."""

from __future__ import annotations

from typing import Any

from lobate.figures.report.markup import Section, facts, joined, paragraph, table

ORDER = ("total", "known", "new", "wrong", "accepted", "edited", "pending", "pending_left_out", "repeated")
"""What is said of the detections."""
MEANT = "known: another inventory has the landform too; new: only detected; wrong: rejected in the review"
"""The scores use the same words of the outlines by hand, and say so."""


def overview_section(summary: dict[str, Any], selection: dict[str, Any], images: dict[str, dict[str, Any]]) -> Section:
    """Return the section of inventory/summary.json, the chosen model's IoU and the scenes that were used."""
    found = summary["inventory"]
    altitude = found.get("altitude_m") or {}
    chosen = next((one for one in selection["rounds"] if one["chosen"]), {})
    numbers = {
        "landforms": found.get("total"),
        **{f"by {name}": count for name, count in (found.get("by_method") or {}).items()},
        "altitude, m": _range(altitude.get("lowest"), altitude.get("highest")),
        "mean area, km²": (found.get("area_km2") or {}).get("mean"),
        "total area, km²": (found.get("area_km2") or {}).get("total"),
        "mean slope, °": found.get("mean_slope_deg"),
        "validation IoU": (chosen.get("validation_iou") or {}).get("landform"),
    }
    detections = summary.get("detections") or {}
    review = {name.replace("_", " "): detections[name] for name in ORDER if name in detections}
    rows = [
        [tile, scene["name"], scene.get("date"), scene.get("cloud_cover"), scene.get("baseline"), scene.get("pixels")]
        for tile, image in sorted(images.items())
        for scene in image["scenes"]
    ]
    body = joined(
        facts({name: value for name, value in numbers.items() if value not in (None, "")}),
        paragraph(f"Of the detections ({MEANT}):") if review else "",
        facts(review) if review else "",
        table(("tile", "scene", "date", "cloud cover, %", "baseline", "pixels it gave"), rows, "Scenes used"),
    )
    return Section("overview", "Overview", body)


def _range(lowest: Any, highest: Any) -> str:
    return "" if lowest is None or highest is None else f"{lowest:,.0f} to {highest:,.0f}"
