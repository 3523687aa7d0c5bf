"""The rounds' logic: what the n-th round is, when rounds are over, and what a round does that has nothing left to do.

A round after one that reached the target trains nothing: it hands on what the round before left, under its own name. A
verdict holds facts only, never the target, so a raised target trains only the rounds that are new, and a lowered one none.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Any

from lobate.engine.signature import Input, Output, Setting
from lobate.io.jsonfile import parse_json


def augmentation_for_round(steps: list[list[str]], round: int) -> list[str]:
    """Return the augmentation of round ``round`` (from 1); rounds past the last step use the last."""
    return list(steps[min(round, len(steps)) - 1])


def read_verdict(path: Path) -> dict[str, Any]:
    """Return the facts of a round. Raises UserError for a file without its IoU and number."""

    def checked(verdict: dict[str, Any]) -> dict[str, Any]:
        verdict["validation_iou"]["landform"], verdict["round"]
        return verdict

    return parse_json(path, checked, "a verdict.json written by `train`")


def read_chosen(path: Path) -> dict[str, Any]:
    """Return round and augmentation of the chosen round. Raises UserError for a file without them."""

    def checked(chosen: dict[str, Any]) -> dict[str, Any]:
        return {"round": int(chosen["round"]), "augment": [str(name) for name in chosen["augment"]]}

    return parse_json(path, checked, "a chosen.json written by `choose-round`")


def meets_target(verdict: dict[str, Any], target_iou: float) -> bool:
    """Whether the validation IoU of the landform class is at least the target; an unknown IoU never is."""
    iou = verdict["validation_iou"]["landform"]
    return iou is not None and iou >= target_iou


def pick_round(verdicts: list[dict[str, Any]], target_iou: float) -> int:
    """Return the place of the first that reaches the target, else of the best, the earlier of equals."""
    for place, one in enumerate(verdicts):
        if meets_target(one, target_iou):
            return place
    ious = [verdict["validation_iou"]["landform"] for verdict in verdicts]
    return max(range(len(ious)), key=lambda place: -1.0 if ious[place] is None else ious[place])


def target_met(
    before: Annotated[Path | None, Input()] = None,
    target_iou: Annotated[float, Setting("training.target_iou")] = 0.80,
) -> bool:
    """Whether the round before (its verdict, ``before``) or one before that reached the target."""
    return before is not None and meets_target(read_verdict(before), target_iou)


def copy_previous_round(
    previous: Annotated[Path, Input()],
    before: Annotated[Path, Input()],
    previous_metrics: Annotated[Path, Input()],
    previous_events: Annotated[Path, Input()],
    model: Annotated[Path, Output()],
    metrics: Annotated[Path, Output()],
    verdict: Annotated[Path, Output()],
    events: Annotated[Path, Output()],
) -> None:
    """Copy the model, verdict, metrics and events of the round before; the verdict keeps the round that trained."""
    pairs = [(previous, model), (before, verdict), (previous_metrics, metrics), (previous_events, events)]
    for source, target in pairs:
        shutil.copyfile(source, target)


def round_met_target(
    verdict: Annotated[Path, Input()],
    target_iou: Annotated[float, Setting("training.target_iou")] = 0.80,
) -> bool:
    """Whether the round whose verdict this is, or one whose verdict it passed on, reached the target."""
    return meets_target(read_verdict(verdict), target_iou)
