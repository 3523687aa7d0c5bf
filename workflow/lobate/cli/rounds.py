"""The table of rounds for a terminal: data, augmentation, IoUs, and how long each took when it was computed.

Minutes are no result, for the same training takes other ones elsewhere; they come from the store's record of the making.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lobate.errors import UserError
from lobate.io.jsonfile import read_json
from lobate.store.lineage import lineage
from lobate.store.store import Store

HEAD = ("round", "patches", "mined", "augmentation", "training", "validation", "threshold", "minutes", "")


def rounds_table(training: Path, store: Store) -> str:
    """Return the table of the rounds below a region's folder ``training``, and both protocols' IoUs under it.

    Raises UserError when no model has been selected there yet.
    """
    if not (training / "selection.json").exists():
        raise UserError(f"There is no {training / 'selection.json'} yet. Run snakemake for this region first.")
    found = read_json(training / "selection.json", "a selection.json written by `select-model`")
    rows = [HEAD, *(_row(one, training / f"round_{one['round']}/verdict.json", store) for one in found["rounds"])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, *_protocols(found)]) + "\n"


def _row(one: dict[str, Any], verdict: Path, store: Store) -> tuple[str, ...]:
    said = "chosen" if one["chosen"] else ""
    if not one["trained"]:
        return (str(one["round"]), *[""] * 7, f"rests: round {one['trained_in']} reached the target")
    patches = one["patches"] or {}
    return (
        str(one["round"]),
        f"{patches.get('training', '?')} + {patches.get('validation', '?')}",
        str(one["mined_negatives"]),
        ", ".join(one["augment"] or []) or "none",
        *(_iou(one[name]) for name in ("training_iou", "validation_iou")),
        str(one["threshold"]),
        _minutes(verdict, store),
        said,
    )


def _iou(ious: dict[str, float | None] | None) -> str:
    value = (ious or {}).get("landform")
    return "unknown" if value is None else f"{value:.3f}"


def _minutes(verdict: Path, store: Store) -> str:
    try:
        return f"{lineage(verdict, store)['run']['seconds'] / 60:.1f}"
    except UserError:  # made with another store, or moved here by hand
        return "unknown"


def _protocols(found: dict[str, Any]) -> list[str]:
    lines = []
    for name, one in found.get("protocols", {}).items():
        leaked = (
            "" if one["leaked_share"] is None else f", {100 * one['leaked_share']:.0f} % of its validation ground seen"
        )
        lines.append(f"{name} split ({one['method']}): validation IoU {_iou(one['validation_iou'])}{leaked}")
    folds = found.get("folds")
    if folds:
        lines.append(f"{folds['count']} folds: validation IoU {folds['mean']}, spread {folds['spread']}")
    return lines
