"""The outcome of a run: a few lines for a terminal, or a Markdown table of its numbers beside those of the paper.

The paper is Hu et al. (2023), sections 3.2 and 4: one region, one mapper, one year. A run on other ground need not agree
with it; the table shows the order of the numbers, and where a run of the paper's own region differs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lobate.cli.alarm import nothing_lines
from lobate.cli.numbers import known, percent, span
from lobate.figures.facts import landform_iou, validation_in_words
from lobate.figures.report_page.new_ground import in_a_sentence, read_test, selected_on
from lobate.io.decisions import summary_in_words
from lobate.io.intervals import area_in_words, rounded, with_interval
from lobate.io.jsonfile import read_json
from lobate.settings import Region

SELECTION = "a selection.json written by `select-model`"
SCORES = "a scores.json written by `score`"
THRESHOLD = "a threshold.json written by `choose-threshold`"
SUMMARY = "a summary.json written by `compile-inventory`"


def summary(region: Region) -> str:
    """Return the paths of a region's inventory, map, scores and model, with their main numbers.

    Raises UserError if the run is not complete.
    """
    folder = Path("results", region.region)
    selection = read_json(folder / "training/selection.json", SELECTION)
    scores = read_json(folder / "mapping/scores.json", SCORES)
    compiled = read_json(folder / "inventory/summary.json", SUMMARY)
    threshold = read_json(folder / "mapping/threshold.json", THRESHOLD)
    lines = [
        f"Region {region.region}" + (" (synthetic: nothing in it was ever observed)" if region.example else ""),
        *nothing_lines(reasons_of_nothing(selection, threshold)),
        f"  inventory  {folder / 'inventory/inventory.gpkg'}: {_landforms(compiled, region.landform)}",
        f"  map        {folder / 'figures/map.png'}"
        + ("" if (folder / "figures/map.png").exists() else " (not made yet)"),
        f"  scores     {folder / 'mapping/scores.json'}: {_scores(scores)}",
        f"  threshold  {folder / 'mapping/threshold.json'}: {_threshold(threshold)}",
        f"  model      {folder / 'training/model.safetensors'}: {_model(selection, region.training.target_iou)}",
        f"  test       {_test(region, selection)}",
    ]
    return "\n".join(lines) + "\n"


def reasons_of_nothing(selection: dict[str, Any], threshold: dict[str, Any]) -> list[str]:
    """Return why the chosen model learnt nothing: by its verdict, and by its map."""
    chosen = next(facts for facts in selection["rounds"] if facts["trained_in"] == selection["chosen"])
    return [reason for reason in (chosen.get("learnt_nothing"), threshold.get("learnt_nothing")) if reason]


def _threshold(record: dict[str, Any]) -> str:
    """Return the threshold of the map with its reason, its IoU on the ground looked at, and the calibration."""
    at = record["iou"][f"{record['threshold']:g}"]
    ground = with_interval(at["iou"], at["interval"], "blocks of ground")
    iou = "" if at["iou"] is None else f"; IoU {ground} on the ground looked at"
    error, share = (record["calibration"][name] for name in ("error", "landform_share"))
    calibration = (
        ""
        if error is None or share is None
        else f"; calibration error {error:.3f} on ground with {100 * share:.3g} % landform"
    )
    return f"{record['threshold']:g}, {known(record['reason'])}{iou}{calibration}"


def _landforms(compiled: dict[str, Any], landform: str) -> str:
    inventory = compiled["inventory"]
    methods = ", ".join(f"{known(count)} {method}" for method, count in sorted(inventory["by_method"].items()))
    outside = compiled.get("ground", {}).get("not_mapped", 0)
    left_out = (
        f"; {outside} outlines of other inventories are left out, on ground that was not mapped" if outside else ""
    )
    unreviewed = f"; {words}" if (words := summary_in_words(compiled)) else ""
    return f"{known(inventory['total'])} {landform}s ({methods or 'none'}){unreviewed}{left_out}"


def _scores(scores: dict[str, Any]) -> str:
    polygons, pixels = scores["polygons"], scores["pixels"]
    names = ("precision", "precision_if_unknown_right", "recall", "f1")
    low, high, recall, f1 = (
        known(rounded(polygons.get(name), polygons.get("intervals", {}).get(name))) for name in names
    )
    precision = f"precision {low}"
    if polygons["unknown"]:
        precision += f" to {high} ({polygons['unknown']} detections are unjudged)"
    own = with_interval(pixels["iou"], pixels["intervals"]["iou"], "blocks of ground")
    iou = f"pixel IoU {own}, all landform {known(rounded(pixels['iou_all_landform']))}, {_rule(pixels)}"
    rates = f"{precision}, recall {recall} of the known, F1 {f1}"
    return f"{iou}; polygons: {rates}; reference: {known(scores['reference']['what'])}"


def _rule(pixels: dict[str, Any]) -> str:
    """Return the IoU of the rule of terrain, or that there is none."""
    return (
        "no DEM, no rule of terrain" if pixels["iou_rule"] is None else f"rule of terrain {rounded(pixels['iou_rule'])}"
    )


def _model(selection: dict[str, Any], target: float) -> str:
    chosen = next(facts for facts in selection["rounds"] if facts["trained_in"] == selection["chosen"])
    reached = "reaches" if selection["reached"] else "DOES NOT REACH"
    return f"{judgement_in_words(chosen)}, in round {selection['chosen']}, which {reached} {target}"


def judgement_in_words(chosen: dict[str, Any]) -> str:
    """Return the IoU that a round is judged by with its ground, and that of the patches where it is another."""
    patches = f"IoU {validation_in_words(chosen)} on validation patches"
    judged = chosen.get("judged")
    if judged is None or judged["ground"] == "validation patches":
        return patches
    return f"IoU {with_interval(judged['iou'], judged['interval'])} on {judged['ground']} ({patches})"


def _test(region: Region, selection: dict[str, Any]) -> str:
    path = Path("results", region.region, "training/test.json")
    return (f"{path}: " if region.patches.split.test else "") + new_ground(region, selection)


def new_ground(region: Region, selection: dict[str, Any]) -> str:
    """Return what the test side says, or what the validation IoU was selected on."""
    folder = Path("results", region.region, "training")
    if region.patches.split.test:
        return in_a_sentence(read_test(folder / "test.json"))
    return selected_on(selection, [folder / f"round_{entry['round']}/metrics.csv" for entry in selection["rounds"]])


Row = tuple[str, str, str]


def paper_table(region: Region) -> str:
    """Return the table for a complete run, with notes on how to read it.

    Raises UserError if a result is missing.
    """
    folder = Path("results", region.region)
    leakage = read_json(folder / "patches/leakage.json", "a leakage.json written by `split-patches`")
    selection = read_json(folder / "training/selection.json", SELECTION)
    compiled = read_json(folder / "inventory/summary.json", SUMMARY)
    scores = read_json(folder / "mapping/scores.json", SCORES)
    rows = [*_data(leakage), *_network(selection, region), *_detections(scores["account"]), *_inventory(compiled)]
    lines = ["| | paper | this run |", "| --- | --- | --- |", *(f"| {' | '.join(row)} |" for row in rows), ""]
    return "\n".join([*lines, *_notes(region, leakage, scores["account"])]) + "\n"


def _data(leakage: dict[str, Any]) -> list[Row]:
    protocol = leakage[leakage["used"]]
    return [
        ("patches", "2,230", known(protocol["patches"], "{:,}")),
        (
            "training / validation patches",
            "2,007 / 223",
            " / ".join(known(protocol[side], "{:,}") for side in ("training", "validation")),
        ),
        ("split", "random", leakage["used"]),
        ("validation ground seen in training", "not said", percent(protocol["leaked_share"])),
    ]


def _network(selection: dict[str, Any], region: Region) -> list[Row]:
    chosen = next(facts for facts in selection["rounds"] if facts["trained_in"] == selection["chosen"])
    return [
        ("network", "DeepLabv3+, Xception-71", f"DeepLabv3+, {region.training.network.backbone}"),
        ("target of the validation IoU", "0.80", f"{region.training.target_iou:.2f}"),
        ("validation IoU of the landform", "0.801", validation_in_words(chosen)),
        ("training IoU of the landform", "0.801", known(landform_iou(chosen["training_iou"]), "{:.3f}")),
    ]


def _detections(account: dict[str, Any]) -> list[Row]:
    kinds = ("known", "new", "wrong", "unknown")
    counts = [account[kind] for kind in kinds[:3]]
    judged = None if None in counts else sum(counts)
    real = percent((judged - counts[2]) / judged) if judged else "none" if judged == 0 else known(None)
    return [
        ("detections", "337", known(account["detections"], "{:,}")),
        (
            "known / new / wrong / unknown",
            "165 / 123 / 49 / 0",
            " / ".join(known(account[kind], "{:,}") for kind in kinds),
        ),
        ("known or new, of those judged", "85.5 %", real),
    ]


def _inventory(compiled: dict[str, Any]) -> list[Row]:
    inventory = compiled["inventory"]
    methods = ", ".join(f"{known(count, '{:,}')} {method}" for method, count in sorted(inventory["by_method"].items()))
    low, high = inventory["altitude_m"]["lowest"], inventory["altitude_m"]["highest"]
    return [
        ("inventory", "413: 290 InSAR, 123 deep learning", f"{known(inventory['total'], '{:,}')}: {methods or 'none'}"),
        (
            "altitude",
            "3,390 to 5,540 m",
            f"{between} m" if (between := span(low, high, "{:,.0f}")) else known(None),
        ),
        (
            "mean area",
            "0.26 km2",
            known(inventory["area_km2"]["mean"] and area_in_words(inventory["area_km2"]["mean"]), "{} km2"),
        ),
        ("mean slope", "17 degrees", known(inventory["mean_slope_deg"], "{:.0f} degrees")),
    ]


def _notes(region: Region, leakage: dict[str, Any], account: dict[str, Any]) -> list[str]:
    unknown, notes = account["unknown"], []
    if region.example:
        notes.append("This run is of a SYNTHETIC world: its numbers say nothing about rock glaciers.")
    if unknown:
        notes.append(
            f"{unknown:,} detections are unknown: nobody has judged them yet, and only a person can say whether they are new or "
            "wrong."
        )
    if leakage["used"] != "random":
        notes.append(f"The paper split at random, which leaks; this run split by the method {leakage['used']}.")
    return notes
