"""Rounds: their augmentation, the target that ends them, and the choice of one.

Once a round has reached the target, later rounds copy its files and train nothing. A verdict holds only facts and never
the target. A raised target therefore trains only the additional rounds, and a lowered target none.
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
    """Return the facts of a round. Raises UserError for a file without IoU and round number."""

    def validate(verdict: dict[str, Any]) -> dict[str, Any]:
        judged_iou(verdict), verdict["validation_iou"]["landform"], verdict["round"]
        return verdict

    return parse_json(path, validate, "a verdict.json written by `train`")


def read_chosen(path: Path) -> dict[str, Any]:
    """Return round and augmentation of the chosen round. Raises UserError for a file without them."""

    def validate(chosen: dict[str, Any]) -> dict[str, Any]:
        return {"round": int(chosen["round"]), "augment": [str(name) for name in chosen["augment"]]}

    return parse_json(path, validate, "a chosen.json written by `choose-round`")


def judged_iou(verdict: dict[str, Any]) -> float | None:
    """Return the IoU of the landform that a round is judged by; without a judgement that of the validation patches."""
    return verdict["judged"]["iou"] if "judged" in verdict else verdict["validation_iou"]["landform"]


def meets_target(verdict: dict[str, Any], target_iou: float) -> bool:
    """Whether the IoU that the round is judged by is at least the target; an unknown IoU is not."""
    iou = judged_iou(verdict)
    return iou is not None and iou >= target_iou


def pick_round(verdicts: list[dict[str, Any]], target_iou: float) -> int:
    """Return the index of the first round that reaches the target, else of the best one, the earlier of equals."""
    for index, verdict in enumerate(verdicts):
        if meets_target(verdict, target_iou):
            return index
    ious = [-1.0 if iou is None else iou for iou in map(judged_iou, verdicts)]
    return max(range(len(ious)), key=ious.__getitem__)


def target_met(
    before: Annotated[Path | None, Input()] = None,
    target_iou: Annotated[float, Setting("training.target_iou")] = 0.80,
) -> bool:
    """Whether the previous round (its verdict, ``before``), or an earlier one, reached the target."""
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
    """Copy model, verdict, metrics and events of the previous round; the verdict keeps the number of the trained round."""
    pairs = [(previous, model), (before, verdict), (previous_metrics, metrics), (previous_events, events)]
    for source, target in pairs:
        shutil.copyfile(source, target)


def round_met_target(
    verdict: Annotated[Path, Input()],
    target_iou: Annotated[float, Setting("training.target_iou")] = 0.80,
) -> bool:
    """Whether this round (its ``verdict``), or the earlier one that it copied, reached the target."""
    return meets_target(read_verdict(verdict), target_iou)
