"""Strict reading of the JSON results of earlier rooms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lobate.io.intervals import with_interval
from lobate.io.jsonfile import parse_json, write_json

T = TypeVar("T")


def read_facts(path: Path, parse: Callable[[dict[str, Any]], T], what: str) -> T:
    """Return the result of ``parse`` for a JSON file of results; ``what`` names the kind of file in messages.

    Raises UserError as ``parse_json`` does, and for NaN.
    """
    return parse_json(path, parse, what, allow_nan=False)


def validation_in_words(facts: dict[str, Any]) -> str:
    """Return the landform's validation IoU of a round or a protocol with its interval, or `unknown`."""
    iou = landform_iou(facts.get("validation_iou"))
    return "unknown" if iou is None else with_interval(iou, (facts.get("validation_intervals") or {}).get("iou"))


def validation_interval(facts: dict[str, Any]) -> tuple[float, float] | None:
    """Return both ends of the interval of a round's validation IoU; None where it has none."""
    interval = (facts.get("validation_intervals") or {}).get("iou") or {}
    return (float(interval["low"]), float(interval["high"])) if "low" in interval else None


def landform_iou(ious: dict[str, float | None] | None) -> float | None:
    """Return the landform's IoU from the IoUs by class; None where it is unknown."""
    value = (ious or {}).get("landform")
    return None if value is None else float(value)


def alarm_of(record: dict[str, Any], who: str = "The model") -> str:
    """Return that ``who`` learnt nothing, and why, from a verdict, a row of the rounds or a threshold; "" if it learnt."""
    reason = record.get("learnt_nothing")
    return f"{who} learnt nothing: {reason}." if reason else ""


def alarm_of_rounds(selection: dict[str, Any]) -> str:
    """Return which rounds learnt nothing, and why; "" for none."""
    return " ".join(alarm_of(record, f"Round {record['round']}") for record in selection["rounds"]).strip()


def reasons_alone(source: Path, target: Path) -> None:
    """Write what a selection or a threshold says of learning: a view, so that no other number draws a figure anew."""
    write_json(target, read_facts(source, _reasons, "results of a model"))


def _reasons(record: dict[str, Any]) -> dict[str, Any]:
    rows = record.get("rounds")
    own = ("round", "chosen", "learnt_nothing")
    return (
        {"rounds": [{name: row.get(name) for name in own} for row in rows]} if rows else {own[-1]: record.get(own[-1])}
    )


def alarm_of_map(selection: Path, threshold: Path) -> str:
    """Return that the chosen model learnt nothing, by its round or by its map, and why; "" if it learnt."""
    rounds = read_facts(selection, lambda record: record["rounds"], "a selection.json written by `select-model`")
    of_map = read_facts(threshold, alarm_of, "a threshold.json written by `choose-threshold`")
    return next((alarm for row in rounds if row["chosen"] if (alarm := alarm_of(row))), of_map)
