"""One IoU by several splits: what the configured one, the other protocol and the folds say, with leakage beside them."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from lobate.errors import Mistake

MEASURES = ("leaked_share", "polygons_on_both_sides", "nearest_m", "training", "validation", "dropped")


def read_facts(path: Path | None) -> dict[str, Any]:
    """Return what a JSON file of facts says; nothing where there is no file. Raises Mistake for anything else."""
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Mistake(f"{path} holds no facts ({type(error).__name__}): delete it and run again.") from error
    if not isinstance(found, dict):
        raise Mistake(f"{path} holds no facts (a {type(found).__name__}): delete it and run again.")
    return found


def compare(chosen: dict[str, Any], other: dict[str, Any], leakage: dict[str, Any]) -> dict[str, Any]:
    """Return both protocols side by side: method, IoUs and how much of the validation ground training has seen.

    ``other`` is empty when the other protocol was not asked for, and says why where it was impossible.
    """
    used = leakage.get("used")
    method = None if used is None else "grouped" if used == "random" else "random"
    why = None if other else "not trained: training.both_protocols is false"
    return {
        "configured": _line(used, chosen, leakage),
        "other": _line(method, other, leakage) | {"impossible": other.get("impossible", why)},
    }


def _line(method: str | None, facts: dict[str, Any], leakage: dict[str, Any]) -> dict[str, Any]:
    measured = leakage.get(method) or {}
    ious = {name: facts.get(name) for name in ("validation_iou", "training_iou", "iteration")}
    return {"method": method, **ious, **{name: measured.get(name) for name in MEASURES}}


def spread_of(folds: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return mean and spread (sample standard deviation) of the landform's validation IoU over the folds; None without.

    Folds whose IoU is unknown count in ``unknown`` only.
    """
    if not folds:
        return None
    ious = [(one.get("validation_iou") or {}).get("landform") for one in folds]
    known = [one for one in ious if one is not None]
    return {
        "count": len(folds),
        "unknown": len(ious) - len(known),
        "validation_iou": ious,
        "mean": round(statistics.fmean(known), 6) if known else None,
        "spread": round(statistics.stdev(known), 6) if len(known) > 1 else None,
    }
