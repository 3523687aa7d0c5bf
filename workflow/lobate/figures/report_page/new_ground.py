"""What the test side says in the report, or, where there is none, what the validation IoU was selected on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lobate.errors import UserError
from lobate.figures.facts import landform_iou, validation_in_words
from lobate.io.intervals import with_interval
from lobate.io.jsonfile import parse_json

GROUP_CELLS = ("patches", "true_positive", "false_positive", "false_negative", "true_negative")


def facts_of_test_side(selection: dict[str, Any], metrics: Sequence[Path], test: Path | None) -> dict[str, Any]:
    """Return a sentence for the page, whether there is a test side, and the counts of its groups."""
    if test is None:
        return {"present": False, "sentence": selected_on(selection, metrics), "groups": []}
    facts = read_test(test)
    rows = [[name, *(group.get(cell) for cell in GROUP_CELLS)] for name, group in sorted(facts["groups"].items())]
    return {"present": True, "sentence": in_a_sentence(facts), "groups": rows}


def read_test(path: Path) -> dict[str, Any]:
    """Return the content of test.json. Raises UserError for a file without IoU and number of models."""

    def checked(facts: dict[str, Any]) -> dict[str, Any]:
        (
            facts["iou"]["landform"],
            facts["models_judged"] + 0,
            facts["patches"] + 0,
            facts["groups"].items(),
            facts["intervals"]["iou"],
        )
        return facts

    return parse_json(path, checked, "a test.json written by `record-test`")


def in_a_sentence(test: dict[str, Any]) -> str:
    """Return the IoU on the test side with its ground, and the number of models that it has judged."""
    iou, models = landform_iou(test["iou"]), test["models_judged"]
    known = "unknown, since no patch shows the landform,"
    if iou is not None:
        known = with_interval(iou, test["intervals"]["iou"])
    judged = "1 model" if models == 1 else f"{models} different models, so its IoU is selected on too"
    return (
        f"On the test side the IoU of the landform is {known} at a probability of 0.5 ({test['patches']} patches in "
        f"{len(test['groups'])} groups); no training, threshold or choice of a model depended on it. It has judged {judged}."
    )


def selected_on(selection: dict[str, Any], metrics: Sequence[Path]) -> str:
    """Return that there is no test side, and by how many looks and rounds the validation IoU was selected on."""
    trained = [path for entry, path in zip(selection["rounds"], metrics, strict=True) if _trained(entry)]
    chosen: dict[str, Any] = next(
        (entry for entry in selection["rounds"] if entry["trained_in"] == selection["chosen"]), {}
    )
    looks = sum(map(_looks, trained))
    return (
        f"There is no test side: the validation IoU of {validation_in_words(chosen)} was selected on, by {looks} "
        f"{'look' if looks == 1 else 'looks'} in {len(trained)} {'round' if len(trained) == 1 else 'rounds'}, so it flatters. "
        "Reserve ground with patches.split.test to know how the model does on new ground."
    )


def _trained(entry: dict[str, Any]) -> bool:
    return bool(entry.get("trained", True))


def _looks(path: Path) -> int:
    """Return the number of evaluations on the validation set in a round's metrics.csv."""
    try:
        return int((pd.read_csv(path)["split"] == "validation").sum())
    except (ValueError, KeyError, OSError) as error:
        raise UserError(
            f"{path} is not the metrics.csv of a training round: {error}. Delete it and run again."
        ) from error
