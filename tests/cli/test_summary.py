from __future__ import annotations

import json
from pathlib import Path

import pytest

from lobate.cli.main import main
from lobate.cli.summary import _landforms, paper_table, summary
from lobate.errors import UserError
from lobate.settings.load import parse
from lobate.settings.patches import Patches

LEAKAGE = {
    "used": "random",
    "random": {"patches": 2230, "training": 2007, "validation": 223, "leaked_share": 0.4216},
    "grouped": {"patches": 2230, "training": 1900, "validation": 220, "leaked_share": 0.0},
}
ROUNDS = [
    {"trained_in": 1, "validation_iou": {"landform": 0.61}, "training_iou": {"landform": 0.7}},
    {"trained_in": 2, "validation_iou": {"landform": 0.8049}, "training_iou": {"landform": 0.9}},
]
COMPILED = {
    "detections": {"total": 337, "pending": 0},
    "inventory": {
        "total": 413,
        "by_method": {"InSAR": 125, "both": 165, "deep learning": 123},
        "altitude_m": {"lowest": 3390.4, "highest": 5540.0},
        "area_km2": {"mean": 0.2612},
        "mean_slope_deg": 17.2,
    },
}

THRESHOLD = {
    "threshold": 0.5,
    "reason": "no other threshold has a better IoU on the ground looked at",
    "learnt_nothing": None,
    "iou": {"0.5": {"iou": 0.6, "interval": {"blocks": 5, "low": 0.5, "high": 0.7}}},
    "calibration": {"error": 0.0214, "landform_share": 0.0131},
}
ACCOUNT = {"detections": 337, "known": 165, "new": 123, "wrong": 49, "unknown": 0, "left_out": 0}


@pytest.fixture
def region(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("patches/leakage.json", LEAKAGE)
    write("training/selection.json", {"chosen": 2, "rounds": ROUNDS})
    write("inventory/summary.json", COMPILED)
    write("mapping/scores.json", {"account": ACCOUNT})
    write("mapping/threshold.json", THRESHOLD)
    return parse(
        {"region": "r", "imagery": {"tiles": {"T": ["a.tif"]}}, "labels": {"positives": [{"path": "p.gpkg"}]}},
    )


def write(name, content):
    path = Path("results/r", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def cells(text):
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {row[0]: row[1:] for row in rows[2:]}


def test_outlines_on_ground_that_was_not_mapped_are_told():
    assert _landforms(COMPILED, "glacier") == "413 glaciers (125 InSAR, 165 both, 123 deep learning)"
    told = _landforms({**COMPILED, "ground": {"not_mapped": 79}}, "glacier")
    assert told.endswith("; 79 outlines of other inventories are left out, on ground that was not mapped")


def test_a_run_that_gives_the_papers_numbers_shows_them_on_both_sides(region):
    found = cells(paper_table(region))
    for name in ("patches", "training / validation patches", "split", "detections", "known / new / wrong / unknown"):
        assert found[name][0] == found[name][1]
    for name in ("known or new, of those judged", "altitude", "mean area", "mean slope"):
        assert found[name][0] == found[name][1]


def test_the_chosen_round_is_shown(region):
    found = cells(paper_table(region))
    assert found["validation IoU of the landform"] == ["0.801", "0.805"]
    assert found["validation ground seen in training"] == ["not said", "42.2 %"]


def test_what_is_not_known_is_said_and_never_zero(region):
    empty = {"lowest": None, "highest": None}
    nothing = {"total": 0, "by_method": {}, "altitude_m": empty, "area_km2": {"mean": None}, "mean_slope_deg": None}
    write("inventory/summary.json", {"detections": {}, "inventory": nothing})
    write("mapping/scores.json", {"account": dict.fromkeys(ACCOUNT, 0)})
    found = cells(paper_table(region))
    assert [found[name][1] for name in ("altitude", "mean area", "mean slope")] == ["not known"] * 3
    assert found["inventory"][1] == "0: none"
    assert found["known or new, of those judged"][1] == "none"


def test_notes_say_what_makes_the_numbers_another_kind(region):
    write("patches/leakage.json", {**LEAKAGE, "used": "grouped"})
    write("mapping/scores.json", {"account": {**ACCOUNT, "unknown": 12}})
    text = paper_table(region)
    assert "12 detections are unknown" in text
    assert "by the method grouped" in text


def test_a_region_that_was_not_run_is_a_mistake(region, tmp_path):
    (tmp_path / "results/r/inventory/summary.json").unlink()
    with pytest.raises(UserError, match=r"inventory/summary\.json yet"):
        paper_table(region)


def test_the_command_prints_it(region, tmp_path, capsys):
    (tmp_path / "r.yaml").write_text(json.dumps(region.model_dump(mode="json")))
    assert main(["summary", "r.yaml", "--paper"]) == 0
    assert "| mean slope | 17 degrees | 17 degrees |" in capsys.readouterr().out


def test_a_validation_iou_is_told_with_the_looks_that_selected_it(region):
    rounds = [facts | {"round": facts["trained_in"], "trained": True} for facts in ROUNDS]
    write("training/selection.json", {"chosen": 2, "reached": True, "rounds": rounds})
    write(
        "mapping/scores.json",
        {
            "polygons": dict.fromkeys(("precision", "recall", "f1")) | {"unknown": 0},
            "pixels": {"iou": 0.5, "intervals": {"iou": {}}, "iou_all_landform": 0.1, "iou_rule": None},
            "reference": {"what": "x"},
        },
    )
    for number in (1, 2):
        write(f"training/round_{number}/metrics.csv", "")
        rows = "".join(f"{n},training\n{n},validation\n" for n in range(5))
        Path(f"results/r/training/round_{number}/metrics.csv").write_text("iteration,split\n" + rows)
    assert "There is no test side: the validation IoU of 0.805 was selected on, by 10 looks in 2 rounds" in summary(
        region
    )
    assert (
        "threshold.json: 0.5, no other threshold has a better IoU on the ground looked at; IoU 0.60 (95 %: 0.50 to 0.70) on the ground "
        "looked at; calibration error 0.021 on ground with 1.31 % landform" in summary(region)
    )
    assert "LEARNT NOTHING" not in summary(region)
    write("mapping/threshold.json", THRESHOLD | {"learnt_nothing": "its map calls all ground landform"})
    assert "THE MODEL LEARNT NOTHING: its map calls all ground landform." in summary(region)
    assert "model.safetensors: IoU 0.805 on validation patches, in round 2, which reaches 0.8" in summary(region)
    judged = {
        "ground": "windows of the map on validation ground",
        "iou": 0.91,
        "interval": {"blocks": 6, "low": 0.8, "high": 0.95},
    }
    rounds[1]["judged"] = judged
    write("training/selection.json", {"chosen": 2, "reached": True, "rounds": rounds})
    assert (
        "IoU 0.91 (95 %: 0.80 to 0.95) on windows of the map on validation ground (IoU 0.805 on validation patches), in round 2"
        in summary(region)
    )
    tested = region.model_copy(update={"patches": Patches.model_validate({"split": {"test": {"method": "groups"}}})})
    with pytest.raises(UserError, match=r"test\.json yet"):
        summary(tested)
    write(
        "training/test.json",
        {
            "iou": {"landform": None},
            "patches": 4,
            "groups": {},
            "models_judged": 2,
            "intervals": {"iou": {"blocks": 0, "values": []}},
        },
    )
    assert "is unknown, since no patch shows the landform, at" in summary(tested)
    assert "2 different models" in summary(tested)
