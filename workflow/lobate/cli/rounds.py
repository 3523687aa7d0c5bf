"""The table of training rounds for a terminal: data, augmentation, IoUs, and minutes of computing.

Minutes are not part of a result, since they depend on the machine; they come from the store's record of the run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lobate.cli.alarm import nothing_lines
from lobate.cli.numbers import known, span
from lobate.errors import UserError
from lobate.figures.facts import validation_in_words
from lobate.io.intervals import digits_of, rounded
from lobate.io.jsonfile import read_json
from lobate.store.lineage import trace_lineage
from lobate.store.store import Store

HEAD = ("round", "patches", "mined", "augmentation", "training", "validation", "judged", "minutes", "")


def rounds_table(training: Path, store: Store) -> str:
    """Return the table of the rounds in a region's folder ``training``, followed by the IoUs of both protocols.

    Raises UserError if no model has been selected there yet.
    """
    if not (training / "selection.json").exists():
        raise UserError(f"There is no {training / 'selection.json'} yet. Run snakemake for this region first.")
    selection = read_json(training / "selection.json", "a selection.json written by `select-model`")
    rows = [
        HEAD,
        *(_row(facts, training / f"round_{facts['round']}/verdict.json", store) for facts in selection["rounds"]),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = ["  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    reasons = {facts["trained_in"]: facts.get("learnt_nothing") for facts in selection["rounds"]}
    alarms = nothing_lines(reason and f"in round {number}, {reason}" for number, reason in reasons.items())
    return "\n".join([*alarms, *lines, *_protocols(selection)]) + "\n"


def _row(facts: dict[str, Any], verdict: Path, store: Store) -> tuple[str, ...]:
    notes = ["chosen"] * facts["chosen"] + ["LEARNT NOTHING"] * bool(facts.get("learnt_nothing"))
    if not facts["trained"]:
        return (str(facts["round"]), *[""] * 7, f"rests: round {known(facts['trained_in'])} reached the target")
    patches = facts["patches"] or {}
    return (
        str(facts["round"]),
        " + ".join(known(patches.get(side), unknown="?") for side in ("training", "validation")),
        known(facts["mined_negatives"], unknown="unknown"),
        ", ".join(facts["augment"] or []) or "none",
        _iou(facts["training_iou"]),
        validation_in_words(facts),
        _judged(facts.get("judged") or {}),
        _minutes(verdict, store),
        ", ".join(notes),
    )


def _iou(ious: dict[str, float | None] | None) -> str:
    value = (ious or {}).get("landform")
    return known(value, "{:.3f}", "unknown")


def _judged(judged: dict[str, Any]) -> str:
    return known(rounded(judged.get("iou"), judged.get("interval")), "{}", "unknown")


def _minutes(verdict: Path, store: Store) -> str:
    try:
        return f"{trace_lineage(verdict, store)['run']['seconds'] / 60:.1f}"
    except UserError:  # computed with another store, or moved here by hand
        return "unknown"


def _protocols(selection: dict[str, Any]) -> list[str]:
    lines = []
    for name, protocol in selection.get("protocols", {}).items():
        leaked = (
            ""
            if protocol["leaked_share"] is None
            else f", {100 * protocol['leaked_share']:.0f} % of its validation ground seen"
        )
        lines.append(f"{name} split ({protocol['method']}): validation IoU {validation_in_words(protocol)}{leaked}")
    folds = selection.get("folds")
    if folds:
        low, high = folds["spread"] or (None, None)
        form = f"{{:.{digits_of({'low': low, 'high': high})}f}}"
        between = span(low, high, form)
        spread = between and f", spread from {between}"
        mean = known(folds["mean"], form)
        lines.append(f"{known(folds['count'])} folds: mean validation IoU {mean}{spread}")
    return lines
