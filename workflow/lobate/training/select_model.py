"""The verb `select_model`: select the model of the first round that reached the target, else of the best round.

The table of rounds also holds the IoU on the configured split, on the other protocol's and in the folds, with the leakage.
The model's header gets the reflectance range of its training images: the model is valid for such images only.
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
from lobate.training.rounds import judged_iou, meets_target, pick_round, read_verdict
from lobate.training.split import keep_configured
from lobate.training.stac import stac_item

log = logging.getLogger(__name__)

ROUND_FACTS = (
    *("iteration", "training_iou", "training_loss", "validation_iou", "validation_intervals", "judged"),
    *("patches", "augment", "warnings"),
    *("all_landform_iou", "learnt_nothing"),
    "dataset",
)
LEAKAGE_MEASURES = ("leaked_share", "polygons_on_both_sides", "nearest_m", "training", "validation", "dropped")

StretchRanges = dict[str, dict[str, float]]
"""Band -> ``lowest`` and ``highest``: the surface reflectance stretched to 1 and to 255."""


def select_model(
    verdicts: Annotated[list[Path], Input()],
    models: Annotated[list[Path], Input()],
    model: Annotated[Path, Output()],
    selection: Annotated[Path, Output()],
    stac: Annotated[Path | None, Output()] = None,
    other: Annotated[Path | None, Input()] = None,
    folds: Annotated[list[Path] | None, Input()] = None,
    leakage: Annotated[Path | None, Input(view=without_test_side)] = None,
    split: Annotated[Path | None, Input(view=keep_configured)] = None,
    facts: Annotated[list[Path] | None, Input(view=keep_stretch_ranges)] = None,
    *,
    target_iou: Annotated[float, Setting("training.target_iou")] = 0.80,
    bands: Annotated[list[str] | None, Setting("imagery.bands")] = None,
    licence: Annotated[str, Setting("training.licence")] = "other",
    landform: Annotated[str, Setting("landform")] = "landform",
) -> None:
    """Select one of ``models`` (in the order of the rounds, as ``verdicts``), and write the table of rounds.

    Selects the first round whose IoU of the landform, as `judge_round` judged it, reaches the target. If none does, selects the round with
    the highest IoU, the earlier of equals, and logs a warning. A round that copied an earlier one is listed with the number
    of the trained round. ``other``, ``folds`` and ``leakage`` are the results of `train_other`, `cross_validate` and
    `split_patches`. ``stac`` describes the model as a STAC item (MLM extension) with the extent of ``split``. The images'
    ``facts`` give the reflectance range for the model's header.
    """
    rounds = [read_verdict(path) for path in verdicts]
    chosen = pick_round(rounds, target_iou)
    table = [
        _round_row(index, verdict, chosen=index == chosen, reached=meets_target(verdict, target_iou))
        for index, verdict in enumerate(rounds)
    ]
    protocols = compare_splits(
        rounds[chosen],
        read_facts(other, "a record written by `train-other`"),
        read_facts(leakage, "a leakage.json written by `split-patches`"),
    )
    summary = {
        "target_iou": target_iou,
        "reached": table[chosen]["reached"],
        "chosen": table[chosen]["trained_in"],
        "rounds": table,
        "protocols": protocols,
        "folds": fold_statistics([read_facts(path, "a record written by `cross-validate`") for path in folds or []]),
    }
    write_json(selection, summary)
    header = {"bands": bands, "licence": licence, "landform": landform, "stretch": common_ranges(facts or [])}
    copy_with_header(models[chosen], model, header | {"validation_iou_other": protocols["other"]["validation_iou"]})
    if stac is not None:
        write_json(stac, stac_item(read_header(model), model, split))
    _log_selection(
        summary, judged_iou(rounds[chosen]), (rounds[chosen].get("judged") or {}).get("ground", "validation patches")
    )


def _round_row(index: int, facts: dict[str, Any], *, chosen: bool, reached: bool) -> dict[str, Any]:
    """Return one row of the table; ``index`` counts from 0, rounds from 1."""
    row = {name: facts.get(name) for name in ROUND_FACTS}
    return row | {
        "round": index + 1,
        "trained_in": facts["round"],
        "trained": facts["round"] == index + 1,
        "mined_negatives": facts.get("mined_negatives"),
        "chosen": chosen,
        "reached": reached,
    }


def _log_selection(summary: dict[str, Any], iou: float | None, ground: str) -> None:
    """Log the chosen round with its IoU on the ``ground`` it is judged by, and the IoUs of both protocols and of the folds."""
    target, number = summary["target_iou"], summary["chosen"]
    if summary["reached"]:
        log.info("round %d is chosen: its IoU of %s on %s reaches %g", number, iou, ground, target)
    else:
        log.warning(
            "NO ROUND REACHED the target of %g: the best of %d, round %d with an IoU of %s on %s, is used. Plan more "
            "rounds (training.max_rounds), train longer, or draw more outlines.",
            *(target, len(summary["rounds"]), number, _known(iou), ground),
        )
    if nothing := next(row["learnt_nothing"] for row in summary["rounds"] if row["chosen"]):
        log.warning("THE MODEL LEARNT NOTHING: %s", nothing)
    for name, row in summary["protocols"].items():
        value, leaked = (row["validation_iou"] or {}).get("landform"), row["leaked_share"]
        leakage = "" if leaked is None else f"; training saw {100 * leaked:.1f} % of its validation ground"
        log.info("%s split (%s): validation IoU %s%s", name, row["method"], _known(value), leakage)
    if summary["folds"]:
        log.info(
            "%(count)d folds: mean validation IoU %(mean)s, spread (lowest and highest) %(spread)s", summary["folds"]
        )


def _known(iou: float | None) -> float | str:
    return "unknown" if iou is None else iou


def compare_splits(chosen: dict[str, Any], other: dict[str, Any], leakage: dict[str, Any]) -> dict[str, Any]:
    """Return both protocols side by side: split method, IoUs and leakage measures.

    ``other`` is empty when the other protocol is switched off, and holds the reason when it was impossible.
    """
    used = leakage.get("used")
    other_method = None if used is None else "grouped" if used == "random" else "random"
    reason = None if other else "not trained: training.both_protocols is false"
    return {
        "configured": _protocol_row(used, chosen, leakage),
        "other": _protocol_row(other_method, other, leakage) | {"impossible": other.get("impossible", reason)},
    }


def _protocol_row(method: str | None, facts: dict[str, Any], leakage: dict[str, Any]) -> dict[str, Any]:
    measures = (leakage.get(method) if method else None) or {}
    names = ("validation_iou", "validation_intervals", "training_iou", "iteration")
    ious = {name: facts.get(name) for name in names}
    return {"method": method, **ious, **{name: measures.get(name) for name in LEAKAGE_MEASURES}}


def fold_statistics(folds: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the landform's validation IoU in each fold, their mean and their range, ``spread``; None without folds.

    Folds with an unknown IoU count in ``unknown`` only.
    """
    if not folds:
        return None
    ious = [(fold.get("validation_iou") or {}).get("landform") for fold in folds]
    known = [iou for iou in ious if iou is not None]
    return {
        "count": len(folds),
        "unknown": len(ious) - len(known),
        "validation_iou": ious,
        "mean": round(statistics.fmean(known), 6) if known else None,
        "spread": [min(known), max(known)] if len(known) > 1 else None,
    }


def without_test_side(source: Path, target: Path) -> None:
    """Write the leakage without that of the test side: the model does not depend on it."""
    leakage = read_facts(source, "a leakage.json written by `split-patches`")
    write_json(target, {name: measures for name, measures in leakage.items() if name != "test"})


def keep_stretch_ranges(source: Path, target: Path) -> None:
    """Write only the stretch ranges of an image's facts; null for an image that was 8-bit already."""
    write_json(target, {"stretch": {"ranges": _read_ranges(source)}})


def common_ranges(facts: Iterable[Path]) -> StretchRanges | None:
    """Return the stretch ranges that all images share; None, for unknown, when all of them were 8-bit already.

    Raises UserError for images stretched differently.
    """
    known = [(path, ranges) for path in facts if (ranges := _read_ranges(path))]
    for path, ranges in known:
        if ranges != known[0][1]:
            raise UserError(
                f"{path} and {known[0][0]} hold different reflectance ranges, so their images are not of one run. "
                "Delete both and run again."
            )
    return known[0][1] if known else None


def _read_ranges(path: Path) -> StretchRanges | None:
    return (read_facts(path, "an image's facts written by `compose-rgb`").get("stretch") or {}).get("ranges")


def read_facts(path: Path | None, what: str) -> dict[str, Any]:
    """Return the JSON object in a file, {} without a file; ``what`` names the file in the UserError for other content."""
    return read_json(path, what) if path else {}
