"""The verb `select_model`: the first round that reached the target, else the best one."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Annotated, Any

from lobate.signature import Input, Output, Setting
from lobate.training.rounds import reaches, read_verdict

log = logging.getLogger(__name__)


def select_model(
    verdicts: Annotated[list[Path], Input()],
    models: Annotated[list[Path], Input()],
    model: Annotated[Path, Output()],
    selection: Annotated[Path, Output()],
    *,
    target_iou: Annotated[float, Setting("training.target_iou")] = 0.80,
) -> None:
    """Copy the chosen of ``models`` (in the order of the rounds, as ``verdicts``), and write the table of rounds.

    Chosen is the first whose validation IoU of the landform reaches the target; where none does, the one with the highest,
    the earlier of equals, and a warning says so. A round that passed another's verdict on is listed with the round that
    trained.
    """
    facts = [read_verdict(path) for path in verdicts]
    chosen = _chosen(facts, target_iou)
    reached = reaches(facts[chosen], target_iou)
    table = [
        _line(number, one, chosen=number == chosen, reached=reaches(one, target_iou))
        for number, one in enumerate(facts)
    ]
    shutil.copyfile(models[chosen], model)
    found = {"target_iou": target_iou, "reached": reached, "chosen": table[chosen]["trained_in"], "rounds": table}
    selection.write_text(json.dumps(found, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    iou = table[chosen]["validation_iou"]["landform"]
    if reached:
        log.info("round %d is chosen: its validation IoU of %s reaches %g", found["chosen"], iou, target_iou)
    else:
        log.warning(
            "NO ROUND REACHED the target of %g: the best of %d, round %d with a validation IoU of %s, is used. Plan more "
            "rounds (training.max_rounds), train longer, or draw more outlines.",
            *(target_iou, len(facts), found["chosen"], "unknown" if iou is None else iou),
        )


def _chosen(facts: list[dict[str, Any]], target_iou: float) -> int:
    """Return the place of the first that reaches the target, else of the best."""
    for number, one in enumerate(facts):
        if reaches(one, target_iou):
            return number
    ious = [one["validation_iou"]["landform"] for one in facts]
    return max(range(len(ious)), key=lambda number: -1.0 if ious[number] is None else ious[number])


def _line(number: int, facts: dict[str, Any], *, chosen: bool, reached: bool) -> dict[str, Any]:
    """Return one row of the table; ``number`` counts from 0, rounds from 1."""
    taken = (
        "iteration",
        "training_iou",
        "validation_iou",
        "threshold",
        "threshold_iou",
        "patches",
        "augment",
        "warnings",
    )
    line = {name: facts.get(name) for name in taken}
    trained = facts["round"] == number + 1
    return line | {
        "round": number + 1,
        "trained_in": facts["round"],
        "trained": trained,
        "mined_negatives": facts.get("mined_negatives"),
        "chosen": chosen,
        "reached": reached,
    }
