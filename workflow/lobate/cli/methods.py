"""The paragraph of methods that a paper should print, filled in with the numbers of a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lobate
from lobate.cli.numbers import known, percent
from lobate.cli.summary import SCORES, SELECTION, SUMMARY, THRESHOLD, judgement_in_words, new_ground, reasons_of_nothing
from lobate.io.intervals import with_interval
from lobate.io.jsonfile import read_json
from lobate.settings import Region

LEAKAGE = "a leakage.json written by `split-patches`"
FACTS = "the facts of an image, written by `compose-rgb`"


def methods(region: Region) -> str:
    """Return the paragraph, one sentence a line. Raises UserError if the run is not complete."""
    folder = Path("results", region.region)
    selection = read_json(folder / "training/selection.json", SELECTION)
    scores = read_json(folder / "mapping/scores.json", SCORES)
    compiled = read_json(folder / "inventory/summary.json", SUMMARY)
    leakage = read_json(folder / "patches/leakage.json", LEAKAGE)
    threshold = read_json(folder / "mapping/threshold.json", THRESHOLD)
    sentences = [
        *(["SYNTHETIC world: nothing in it was ever observed."] if region.example else []),
        *(f"THE MODEL LEARNT NOTHING: {reason}." for reason in reasons_of_nothing(selection, threshold)),
        _images(region, folder),
        _training(region, selection, leakage),
        _mining(region, selection),
        new_ground(region, selection),
        _mapping(region, threshold),
        *_calibration(threshold),
        _judgement(region, scores),
        _pixels(scores),
        _objects(scores),
        _sample(region, folder),
        f"The inventory holds {_count(compiled['inventory']['total'])} {region.landform}s.",
    ]
    return "\n".join(sentences) + "\n"


def _images(region: Region, folder: Path) -> str:
    files = sorted((folder / "imagery").glob("*.json"))
    scenes = [scene for path in files for scene in read_json(path, FACTS).get("scenes", [])]
    dates = sorted({scene["date"][:10] for scene in scenes if scene.get("date")})
    taken = f" of {dates[0]} to {dates[-1]}" if len(dates) > 1 else f" of {dates[0]}" if dates else ""
    return f"We mapped {region.landform}s with lobate {lobate.__version__} on {len(scenes)} scenes{taken}."


def _training(region: Region, selection: dict[str, Any], leakage: dict[str, Any]) -> str:
    chosen, used = _chosen(selection), leakage[leakage["used"]]
    network, patches = region.training.network, chosen["patches"] or {}
    return (
        f"A DeepLabv3+ with the backbone {network.backbone} (weights: {network.weights}) learnt from {_count(patches.get('training'))} "
        f"patches, of which {_count(patches.get('showing_landform'))} show the landform, and was chosen on {_count(patches.get('validation'))} others; "
        f"the split by the method {leakage['used']} leaves {percent(used['leaked_share'])} of the validation ground seen in training."
    )


def _mining(region: Region, selection: dict[str, Any]) -> str:
    chosen = _chosen(selection)
    return (
        f"Round {selection['chosen']} of at most {region.training.max_rounds} was taken: {judgement_in_words(chosen)} "
        f"(target {known(selection['target_iou'])}, "
        f"{'reached' if selection['reached'] else 'not reached'}); {_count(chosen['mined_negatives'])} of its patches were mined "
        f"(training.mining.from: {region.training.mining.from_})."
    )


def _mapping(region: Region, threshold: dict[str, Any]) -> str:
    return (
        f"Pixels with a probability of at least {threshold['threshold']:g} ({known(threshold['reason'])}) form detections; those under "
        f"{region.mapping.filter.min_area_km2:g} km2 were removed."
    )


def _calibration(threshold: dict[str, Any]) -> list[str]:
    error, share = (threshold["calibration"][name] for name in ("error", "landform_share"))
    if error is None or share is None:
        return []
    return [
        f"The expected calibration error of the map is {error:.3f}, on ground with {100 * share:.3g} % landform: "
        f"{known(threshold['ground'])}."
    ]


def _judgement(region: Region, scores: dict[str, Any]) -> str:
    account = scores["account"]
    return (
        f"Of {_count(account['detections'])} detections {_count(account['known'])} overlap outlines known before, {_count(account['new'])} are new, "
        f"{_count(account['wrong'])} wrong and {_count(account['unknown'])} unjudged; the reference is {known(scores['reference']['what'])} "
        f"(complete: {known(scores['reference']['complete'])})."
    )


def _pixels(scores: dict[str, Any]) -> str:
    unseen = scores["unseen"]["pixels"]
    return (
        f"On ground neither trained nor validated on, the pixel IoU is {_rate(unseen, 'iou')}; a map that calls all ground "
        f"landform has {_plain(unseen['iou_all_landform'])}, and {_rule(scores, unseen)}."
    )


def _rule(scores: dict[str, Any], unseen: dict[str, Any]) -> str:
    """Return what the rule of terrain reaches, with its limits, or that there is none."""
    if unseen["iou_rule"] is None:
        return f"there is {known(scores['rule'].get('what'), unknown='no rule of terrain')}"
    (flat, steep), (low, high) = scores["rule"]["slope_deg"], scores["rule"]["elevation_m"]
    return (
        f"a rule of slope ({known(flat, '{:g}')} to {known(steep, '{:g}')} degrees) and elevation ({known(low, '{:,.0f}')} to {known(high, '{:,.0f}')} m), the central 90 % of the training "
        f"landforms, has {_plain(unseen['iou_rule'])}"
    )


def _objects(scores: dict[str, Any]) -> str:
    unseen = scores["unseen"]["polygons"]
    return (
        f"There, precision by objects (IoU above {known(unseen['match_iou'])}) is {_rate(unseen, 'precision')} with the unjudged counted as wrong "
        f"and {_rate(unseen, 'precision_if_unknown_right')} as right, and recall of the known outlines {_rate(unseen, 'recall')}."
    )


def _sample(region: Region, folder: Path) -> str:
    if region.mapping.accuracy is None:
        return "No random sample of this map was judged, so its accuracy and the landform's true area are not known."
    return f"A random sample of the map was judged without sight of it; see {folder / 'mapping/accuracy.json'} for its estimates."


def _plain(value: float | None) -> str:
    return known(value, "{:.2f}", "not defined")


def _count(number: int | None) -> str:
    return known(number, "{:,}")


def _rate(scores: dict[str, Any], name: str) -> str:
    """Return a rate with its interval, or that there are too few blocks of ground for one."""
    return with_interval(scores[name], scores["intervals"][name], "blocks of ground")


def _chosen(selection: dict[str, Any]) -> dict[str, Any]:
    return next(facts for facts in selection["rounds"] if facts["trained_in"] == selection["chosen"])
