"""The verb `select_model`: the first round that reached the target, else the best one, and what its IoU is worth.

One IoU by several splits: what the configured one, the other protocol and the folds say, with leakage beside them.

The reflectance that a training's images show, as the facts beside them tell: a model is to be fed such images only.
"""

from __future__ import annotations

import logging
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.io.jsonfile import read_json, write_json
from lobate.network.header import copy_with_header, read_header
from lobate.training.rounds import meets_target, pick_round, read_verdict
from lobate.training.split import keep_configured
from lobate.training.stac import stac_item

LEAKAGE_MEASURES = ("leaked_share", "polygons_on_both_sides", "nearest_m", "training", "validation", "dropped")


def read_facts(path: Path | None, what: str) -> dict[str, Any]:
    """Return the JSON object in a file, {} without a file; ``what`` names it in the UserError for anything else."""
    return read_json(path, what) if path else {}


def compare_splits(chosen: dict[str, Any], other: dict[str, Any], leakage: dict[str, Any]) -> dict[str, Any]:
    """Return both protocols side by side: method, IoUs and how much of the validation ground training has seen.

    ``other`` is empty when the other protocol was not asked for, and says why where it was impossible.
    """
    used = leakage.get("used")
    method = None if used is None else "grouped" if used == "random" else "random"
    why = None if other else "not trained: training.both_protocols is false"
    return {
        "configured": _protocol_row(used, chosen, leakage),
        "other": _protocol_row(method, other, leakage) | {"impossible": other.get("impossible", why)},
    }


def _protocol_row(method: str | None, facts: dict[str, Any], leakage: dict[str, Any]) -> dict[str, Any]:
    measured = (leakage.get(method) if method else None) or {}
    ious = {name: facts.get(name) for name in ("validation_iou", "training_iou", "iteration")}
    return {"method": method, **ious, **{name: measured.get(name) for name in LEAKAGE_MEASURES}}


def fold_statistics(folds: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return mean and spread (sample standard deviation) of the landform's validation IoU over the folds; None without.

    Folds whose IoU is unknown count in ``unknown`` only.
    """
    if not folds:
        return None
    ious = [(fold.get("validation_iou") or {}).get("landform") for fold in folds]
    known = [one for one in ious if one is not None]
    return {
        "count": len(folds),
        "unknown": len(ious) - len(known),
        "validation_iou": ious,
        "mean": round(statistics.fmean(known), 6) if known else None,
        "spread": round(statistics.stdev(known), 6) if len(known) > 1 else None,
    }


StretchRanges = dict[str, dict[str, float]]
"""Band -> ``lowest`` and ``highest``, the surface reflectance that became 1, and the one that became 255."""


def keep_stretch_ranges(source: Path, target: Path) -> None:
    """Write of an image's facts the ranges of reflectance alone; null for an image that was 8 bit already."""
    write_json(target, {"stretch": {"ranges": _ranges(source)}})


def common_ranges(facts: Iterable[Path]) -> StretchRanges | None:
    """Return what all images show alike; None where every one was 8 bit already, so that nobody knows.

    Raises UserError for images that were not stretched alike.
    """
    found = [(path, ranges) for path in facts if (ranges := _ranges(path))]
    for path, ranges in found:
        if ranges != found[0][1]:
            raise UserError(
                f"{path} and {found[0][0]} tell of different ranges of reflectance, so their images are not of one run. "
                "Delete both and run again."
            )
    return found[0][1] if found else None


def _ranges(path: Path) -> StretchRanges | None:
    return (read_facts(path, "an image's facts written by `compose-rgb`").get("stretch") or {}).get("ranges")


log = logging.getLogger(__name__)

ROUND_FACTS = (
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
    split: Annotated[Path | None, Input(view=keep_configured)] = None,
    facts: Annotated[list[Path] | None, Input(view=keep_stretch_ranges)] = None,
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
    chosen = pick_round(told, target_iou)
    reached = meets_target(told[chosen], target_iou)
    table = [
        _round_row(number, one, chosen=number == chosen, reached=meets_target(one, target_iou))
        for number, one in enumerate(told)
    ]
    protocols = compare_splits(
        told[chosen],
        read_facts(other, "a record written by `train-other`"),
        read_facts(leakage, "a leakage.json written by `split-patches`"),
    )
    found = {"target_iou": target_iou, "reached": reached, "chosen": table[chosen]["trained_in"], "rounds": table}
    found |= {
        "protocols": protocols,
        "folds": fold_statistics([read_facts(path, "a record written by `cross-validate`") for path in folds or []]),
    }
    write_json(selection, found)
    more = {"bands": bands, "licence": licence, "landform": landform, "stretch": common_ranges(facts or [])}
    copy_with_header(models[chosen], model, more | {"validation_iou_other": protocols["other"]["validation_iou"]})
    if stac is not None:
        write_json(stac, stac_item(read_header(model), model, split))
    _tell(found, table[chosen]["validation_iou"]["landform"])


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


def _round_row(number: int, facts: dict[str, Any], *, chosen: bool, reached: bool) -> dict[str, Any]:
    """Return one row of the table; ``number`` counts from 0, rounds from 1."""
    line = {name: facts.get(name) for name in ROUND_FACTS}
    return line | {
        "round": number + 1,
        "trained_in": facts["round"],
        "trained": facts["round"] == number + 1,
        "mined_negatives": facts.get("mined_negatives"),
        "chosen": chosen,
        "reached": reached,
    }
