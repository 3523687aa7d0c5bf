"""The verb `choose_threshold`: the threshold and the calibration of the map, as mapping makes it.

It reads the probability rasters of `predict`, so blending, stride, TTA and ensemble are those of the map, and another of
them retrains nothing. It looks at validation ground and at completely mapped ground, both outside all training patches (see
`judging_ground`), and each stands for its share of the mapped ground (see `threshold_choice`). Decisions of the review are no
input: detections that they are about follow from the threshold.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from lobate.engine.signature import Input, Output, Setting
from lobate.io.jsonfile import write_json
from lobate.io.mask_values import lowest_level
from lobate.io.places import read_areas
from lobate.io.reserved import ReservedGround, ground_alone
from lobate.io.vector import LONLAT, read_layer, write_layers
from lobate.mapping.judging_ground import STRATA, LookedAt, look_at, read_ground
from lobate.mapping.map_calibration import calibration
from lobate.mapping.threshold_choice import HALF, LIMITS, Choice, Estimate, choose
from lobate.mapping.valid_area import ValidArea

log = logging.getLogger(__name__)

GROUND = "validation ground and completely mapped ground outside all training patches, on the map's windows"
PROTOCOL = "stratified jackknife over groups of patches and blocks of ground of about 5 km; intervals: 95 %, logit, Student's t"
NEARLY_ALL = 0.95
"""Share of the mapped ground from which a map calls nearly all ground landform."""
MARGIN = 0.05
"""Least difference to the IoU of a map that calls all ground landform."""


def sides_and_groups(source: Path, target: Path) -> None:
    """Write footprints, sides and groups of the patches of a split: a view."""
    write_layers(target, {"split": read_layer(source, "split")[["side", "group", "geometry"]]})


def footprints_alone(source: Path, target: Path) -> None:
    """Write the footprints of the mined patches: a view."""
    write_layers(target, {"patches": read_layer(source, "patches")[["geometry"]]})


def choose_threshold(
    probabilities: Annotated[list[Path], Input()],
    labels: Annotated[list[Path], Input()],
    split: Annotated[Path, Input(view=sides_and_groups)],
    threshold: Annotated[Path, Output()],
    mined: Annotated[Path | None, Input(view=footprints_alone)] = None,
    complete: Annotated[Path | None, Input()] = None,
    reserved: Annotated[Path | None, Input(view=ground_alone)] = None,
    *,
    own: Annotated[float | None, Setting("mapping.vectorize.threshold")] = None,
) -> None:
    """Choose the threshold half way to the map's best IoU, if its gain over 0.5 is larger than its error; else 0.5 stands.

    ``labels`` are the label rasters on the grids of the ``probabilities``, in the same order. ``mined`` holds the footprints of
    mined patches, ``complete`` the areas in which all landforms are outlined, ``reserved`` the test side and the gap round it,
    which count nowhere. A threshold of one's ``own`` goes before. ``threshold`` (JSON) holds the threshold with its reason, the
    IoU at 0.5 and at the threshold, rates at all thresholds, the calibration with the share of landform it holds for, the
    ground in km2, and ``learnt_nothing``, a reason or null. Raises UserError for rasters that do not fit each other.
    """
    ground = read_ground(
        read_layer(split, "split").to_crs(LONLAT),
        read_layer(mined, "patches").to_crs(LONLAT) if mined else None,
        read_areas(complete).to_numpy() if complete else np.zeros(0, dtype=object),
        ReservedGround.read(reserved),
    )
    looked_at = look_at([ValidArea.of(probability) for probability in probabilities], labels, ground)
    estimate = Estimate(looked_at, own)
    choice = choose(estimate)
    used = own or choice.threshold
    record = {
        "threshold": used,
        "reason": "set by mapping.vectorize.threshold" if own else choice.reason,
        "learnt_nothing": learnt_nothing(looked_at, estimate, choice, used),
        "best": choice.best,
        "gain": _digits(choice.gain),
        "gain_error": _digits(choice.error),
        "ground": GROUND,
        "protocol": PROTOCOL,
        "iou": {f"{level:g}": _iou_at(estimate, level) for level in sorted({HALF, used})},
        "iou_all_landform": all_landform_iou(estimate),
        "detected_share": _digits(detected_share(looked_at, used)),
        "thresholds": _rates(estimate),
        "calibration": calibration(estimate.levels),
        "strata": _strata(looked_at, estimate),
    }
    write_json(threshold, record)
    _log(record)


def detected_share(looked_at: LookedAt, threshold: float) -> float | None:
    """Return the share of the mapped ground at or above a threshold; None without mapped ground."""
    levels = looked_at.mapped.sum(axis=0)
    return float(levels[lowest_level(threshold) :].sum() / levels.sum()) if levels.any() else None


def all_landform_iou(estimate: Estimate) -> float | None:
    """Return the IoU of a map that calls all ground landform, on the ground looked at; None without landform there."""
    levels = estimate.levels.sum(axis=1)
    return round(float(levels[1] / levels.sum()), 4) if levels[1] > 0 else None


def learnt_nothing(looked_at: LookedAt, estimate: Estimate, choice: Choice, threshold: float) -> str | None:
    """Return why the map says that its model learnt nothing; None where it does not say so."""
    share, everything = detected_share(looked_at, threshold), all_landform_iou(estimate)
    if share is not None and share > NEARLY_ALL:
        return f"its map calls {100 * share:.1f} % of the mapped ground landform"
    if share == 0:
        return f"no pixel of its map reaches a probability of {threshold:g}"
    if choice.best in LIMITS:
        return f"its best threshold on the map, {choice.best:g}, lies at the limit of those tried: no probability tells the classes apart"
    best = np.nanmax(estimate.rates.iou) if everything is not None else None
    if best is not None and everything is not None and best <= everything + MARGIN:
        return (
            f"at no threshold is the map's IoU more than {MARGIN:g} above the {everything:.3f} of a map that calls all ground "
            "landform"
        )
    return None


def _iou_at(estimate: Estimate, threshold: float) -> dict[str, Any]:
    place = estimate.thresholds.index(threshold)
    return {"iou": _digits(estimate.rates.iou[place]), "interval": estimate.interval(place)}


def _rates(estimate: Estimate) -> list[dict[str, float | None]]:
    """Return IoU, precision and recall at each threshold."""
    columns = {name: getattr(estimate.rates, name) for name in ("iou", "precision", "recall")}
    return [
        {"threshold": level, **{name: _digits(values[place]) for name, values in columns.items()}}
        for place, level in enumerate(estimate.thresholds)
    ]


def _strata(looked_at: LookedAt, estimate: Estimate) -> dict[str, dict[str, Any]]:
    """Return the ground of each stratum in km2: mapped, looked at by kind, and how much each km2 stands for."""
    pieces, area = looked_at.pieces, looked_at.pieces.area
    return {
        name: {
            "mapped_km2": _digits(estimate.mapped[number]),
            "validation_km2": _digits(area[(pieces.stratum == number) & pieces.validation].sum()),
            "complete_km2": _digits(area[(pieces.stratum == number) & ~pieces.validation].sum()),
            "pieces": int(estimate.pieces[number]),
            "weight": _digits(estimate.weights[number]),
        }
        for number, name in enumerate(STRATA)
    }


def _digits(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 4)


def _log(record: dict[str, Any]) -> None:
    log.info("The threshold of the map is %g: %s.", record["threshold"], record["reason"])
    for stratum, ground in record["strata"].items():
        log.info(
            "  %s outlines: %g km2 mapped, looked at: %g km2 of validation ground, %g km2 of completely mapped ground",
            *("near" if stratum == "near" else "far from", ground["mapped_km2"], ground["validation_km2"]),
            ground["complete_km2"],
        )
    share, error = record["calibration"]["landform_share"], record["calibration"]["error"]
    if error is not None:
        log.info("Expected calibration error of the map: %.4f, on ground with %.1f %% landform.", error, 100 * share)
    if record["learnt_nothing"]:
        log.warning("THE MODEL LEARNT NOTHING: %s", record["learnt_nothing"])
