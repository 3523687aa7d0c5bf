"""The verb `select_model`: the first round that reached the target, else the best one, and what its IoU is worth."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Annotated, Any

from lobate.network.header import read_header, with_header
from lobate.signature import Input, Output, Setting
from lobate.training.protocols import compare, read_facts, spread_of
from lobate.training.rounds import chosen_of, reaches, read_verdict
from lobate.training.shown import ranges_of, ranges_only
from lobate.training.split import configured
from lobate.training.stac import describe

log = logging.getLogger(__name__)

TAKEN = (
    *("iteration", "training_iou", "validation_iou", "threshold", "threshold_iou", "patches", "augment", "warnings"),
    *("calibration", "calibration_error", "dataset"),
)


def select_model(
    verdicts: Annotated[list[Path], Input()],
    models: Annotated[list[Path], Input()],
    model: Annotated[Path, Output()],
    selection: Annotated[Path, Output()],
    stac: Annotated[Path | None, Output()] = None,
    other: Annotated[Path | None, Input()] = None,
    folds: Annotated[list[Path] | None, Input()] = None,
    leakage: Annotated[Path | None, Input()] = None,
    split: Annotated[Path | None, Input(lens=configured)] = None,
    facts: Annotated[list[Path] | None, Input(lens=ranges_only)] = None,
    *,
    target_iou: Annotated[float, Setting("training.target_iou")] = 0.80,
    bands: Annotated[list[str] | None, Setting("imagery.bands")] = None,
    licence: Annotated[str, Setting("training.licence")] = "other",
    landform: Annotated[str, Setting("landform")] = "landform",
) -> None:
    """Take the chosen of ``models`` (in the order of the rounds, as ``verdicts``), and write the table of rounds.

    Chosen is the first whose validation IoU of the landform reaches the target; where none does, the one with the highest,
    the earlier of equals, and a warning says so. A round that passed another's verdict on is listed with the round that
    trained. ``other``, ``folds`` and ``leakage`` are what `train_other`, `cross_validate` and `split_patches` found; they
    stand beside its IoU. ``stac`` describes the model as a STAC item (MLM extension) over the ground of ``split``. From the
    images' ``facts`` the model learns which reflectance it was shown as 1 and as 255.
    """
    told = [read_verdict(path) for path in verdicts]
    chosen = chosen_of(told, target_iou)
    reached = reaches(told[chosen], target_iou)
    table = [
        _line(number, one, chosen=number == chosen, reached=reaches(one, target_iou)) for number, one in enumerate(told)
    ]
    protocols = compare(told[chosen], read_facts(other), read_facts(leakage))
    found = {"target_iou": target_iou, "reached": reached, "chosen": table[chosen]["trained_in"], "rounds": table}
    found |= {"protocols": protocols, "folds": spread_of([read_facts(path) for path in folds or []])}
    selection.write_text(_text(found), encoding="utf-8")
    more = {"bands": bands, "licence": licence, "landform": landform, "stretch": ranges_of(facts or [])}
    with_header(models[chosen], model, more | {"validation_iou_other": protocols["other"]["validation_iou"]})
    if stac is not None:
        stac.write_text(_text(describe(read_header(model), model, split)), encoding="utf-8")
    _tell(found, table[chosen]["validation_iou"]["landform"])


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _tell(found: dict[str, Any], iou: float | None) -> None:
    """Say which round is chosen, and how its IoU stands beside the other protocol's and the folds'."""
    if found["reached"]:
        log.info("round %d is chosen: its validation IoU of %s reaches %g", found["chosen"], iou, found["target_iou"])
    else:
        log.warning(
            "NO ROUND REACHED the target of %g: the best of %d, round %d with a validation IoU of %s, is used. Plan more "
            "rounds (training.max_rounds), train longer, or draw more outlines.",
            *(found["target_iou"], len(found["rounds"]), found["chosen"], "unknown" if iou is None else iou),
        )
    for name, one in found["protocols"].items():
        value, leaked = (one["validation_iou"] or {}).get("landform"), one["leaked_share"]
        seen = "" if leaked is None else f"; training saw {100 * leaked:.1f} % of its validation ground"
        log.info("%s split (%s): validation IoU %s%s", name, one["method"], "unknown" if value is None else value, seen)
    if found["folds"]:
        log.info("%(count)d folds: validation IoU %(mean)s, spread %(spread)s", found["folds"])


def _line(number: int, facts: dict[str, Any], *, chosen: bool, reached: bool) -> dict[str, Any]:
    """Return one row of the table; ``number`` counts from 0, rounds from 1."""
    line = {name: facts.get(name) for name in TAKEN}
    return line | {
        "round": number + 1,
        "trained_in": facts["round"],
        "trained": facts["round"] == number + 1,
        "mined_negatives": facts.get("mined_negatives"),
        "chosen": chosen,
        "reached": reached,
    }
