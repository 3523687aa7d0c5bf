"""How well the detections agree with the reference, on all ground and on what training never saw."""

from __future__ import annotations

from typing import Any

from lobate.figures.report.markup import Section, facts, folded, joined, paragraph, table

RATES, NAMES = ("precision", "recall", "f1"), ("precision", "recall", "F1")
COUNTS = ("detections", "references", "right", "found")


def scores_section(scores: dict[str, Any]) -> Section:
    """Return the section of mapping/scores.json."""
    grounds = {"all mapped ground": scores, "ground no training patch touches": scores.get("unseen", {})}
    counts = dict(scores.get("account", {}))
    what = counts.pop("what", "")
    unit = scores.get("polygons", {}).get("match_iou")
    pixels = [[name, *_values(one.get("pixels"), ("iou", *RATES))] for name, one in grounds.items()]
    polygons = [[name, *_values(one.get("polygons"), (*COUNTS, *RATES, "mean_f1"))] for name, one in grounds.items()]
    body = joined(
        facts({"mapped area, km²": scores.get("mapped_km2"), **_plain(counts)}),
        paragraph(f"Of these, {what}." if what else ""),
        table(("by pixels", "IoU", *NAMES), pixels),
        table((f"by polygons (right at IoU > {unit})", *COUNTS, *NAMES, "mean F1"), polygons),
        folded("Precision and recall by the IoU asked for", joined(*(_by_iou(*pair) for pair in grounds.items()))),
        folded("The reference", facts(_plain(scores.get("reference", {})))),
    )
    return Section("scores", "Scores", body)


def _by_iou(name: str, one: dict[str, Any]) -> str:
    rows = (one.get("polygons") or {}).get("thresholds") or {}
    head = ("IoU more than", *COUNTS, *NAMES)
    if not rows:
        return paragraph(f"{name}: not measured.")
    return table(head, [[iou, *_values(row, (*COUNTS, *RATES))] for iou, row in sorted(rows.items())], name)


def _values(found: dict[str, Any] | None, names: tuple[str, ...]) -> list[Any]:
    return [(found or {}).get(name) for name in names]


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", " "): "not known" if value is None else value for name, value in found.items()}
