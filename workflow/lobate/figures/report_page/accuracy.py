"""Accuracy of the map, estimated from people's answers to a random sample of it."""

from __future__ import annotations

from typing import Any


def accuracy_facts(accuracy: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of mapping/accuracy.json: a table for each way of counting what people could not say, and notes."""
    return {
        "sample": accuracy["sample"],
        "imagery": ", ".join(str(name) for name in accuracy["imagery"]),
        "level": f"{accuracy['level']:.0%}",
        "tables": {table["cannot_say_counts_as"]: table["rows"] for table in accuracy["tables"]},
        "notes": accuracy["notes"],
        "drawn": _drawn(accuracy["drawn"]),
    }


def _drawn(drawn: dict[str, Any]) -> list[list[Any]]:
    """Return rows of the design: part, stratum or class, units drawn, and all units."""
    parts = [[part, name, *numbers] for part in ("detections", "pixels") for name, numbers in drawn[part].items()]
    return [*parts, ["squares of 1 km", "", *drawn["squares"]]]
