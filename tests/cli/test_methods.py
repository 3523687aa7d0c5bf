"""The paragraph of methods: every number of it comes from the run, and what is not known is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lobate.cli.main import main
from lobate.cli.methods import methods
from lobate.errors import UserError
from lobate.settings.load import parse

FACTS = {"scenes": [{"date": "2018-07-11T05:16:51Z"}, {"date": "2018-08-02T05:06:59Z"}]}
ROUND = {
    "round": 1,
    "trained_in": 1,
    "validation_iou": {"landform": 0.8123},
    "validation_intervals": {"iou": {"blocks": 6, "low": 0.7044, "high": 0.8966}},
    "patches": {"training": 1900, "showing_landform": 700, "validation": 223},
    "mined_negatives": 12,
}
SELECTION = {"chosen": 1, "reached": True, "target_iou": 0.8, "rounds": [ROUND]}
THRESHOLD = {
    "threshold": 0.35,
    "reason": "the IoU at 0.35 is 0.120 above that at 0.5",
    "learnt_nothing": None,
    "ground": "validation ground",
    "iou": {"0.35": {"iou": 0.6, "interval": {"blocks": 5, "low": 0.5, "high": 0.7}}},
    "calibration": {"error": 0.0214, "landform_share": 0.0131},
}
SOME = {"blocks": 9, "low": 0.712, "high": 0.884}
FEW = {"blocks": 3, "values": [0.1, 0.2, 0.3]}
UNSEEN = {
    "pixels": {"iou": 0.8061, "iou_all_landform": 0.0412, "iou_rule": 0.0931, "intervals": {"iou": SOME}},
    "polygons": {
        "match_iou": 0.5,
        "precision": 0.333,
        "precision_if_unknown_right": 1.0,
        "recall": None,
        "intervals": {"precision": SOME, "precision_if_unknown_right": FEW, "recall": FEW},
    },
}
SCORES = {
    "rule": {"slope_deg": [3.2, 31.5], "elevation_m": [4510, 5230.0]},
    "account": {"detections": 60, "known": 40, "new": 5, "wrong": 3, "unknown": 12},
    "reference": {"what": "hand.gpkg", "complete": "nowhere declared"},
    "unseen": UNSEEN,
}


def write(name, content):
    path = Path("results/r", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


@pytest.fixture
def region(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("imagery/T.json", FACTS)
    write("training/selection.json", SELECTION)
    write("training/round_1/metrics.csv", "iteration,split\n1,training\n1,validation\n2,validation\n")
    write("mapping/scores.json", SCORES)
    write("mapping/threshold.json", THRESHOLD)
    write("patches/leakage.json", {"used": "grouped", "grouped": {"leaked_share": 0.0123}})
    write("inventory/summary.json", {"inventory": {"total": 57}})
    return parse({"region": "r", "imagery": {"tiles": {"T": ["a.tif"]}}, "labels": {"positives": [{"path": "p.gpkg"}]}})


def test_the_numbers_of_the_run_stand_in_it(region):
    text = methods(region)
    for words in (
        "on 2 scenes of 2018-07-11 to 2018-08-02",
        "backbone xception71 (weights: imagenet) learnt from 1,900 patches, of which 700 show the landform",
        "leaves 1.2 % of the validation ground seen in training",
        "was taken: IoU 0.81 (95 %: 0.70 to 0.90) on validation patches (target 0.8, reached); 12 of its patches were mined",
        "was selected on, by 2 looks in 1 round, so it flatters",
        "at least 0.35 (the IoU at 0.35 is 0.120 above that at 0.5)",
        "calibration error of the map is 0.021, on ground with 1.31 % landform: validation ground.",
        "Of 60 detections 40 overlap outlines known before, 5 are new, 3 wrong and 12 unjudged",
        "(complete: nowhere declared)",
        "the pixel IoU is 0.81 (95 %: 0.71 to 0.88); a map that calls all ground landform has 0.04, and a rule",
        "slope (3.2 to 31.5 degrees) and elevation (4,510 to 5,230 m), the central 90 % of the training landforms, has 0.09.",
        "is 0.33 (95 %: 0.71 to 0.88) with the unjudged counted as wrong and 1.000 (no interval: 3 blocks of ground) as right",
        "recall of the known outlines not defined",
        "No random sample of this map was judged",
        "The inventory holds 57 rock glaciers.",
    ):
        assert words in text, words
    assert "SYNTHETIC" not in text


def test_a_model_that_learnt_nothing_is_said_first(region):
    nothing = ROUND | {"learnt_nothing": "its IoU is low"}
    write("training/selection.json", SELECTION | {"rounds": [nothing]})
    assert methods(region).startswith("THE MODEL LEARNT NOTHING: its IoU is low.")


def test_a_map_that_shows_nothing_was_learnt_is_said_too(region):
    write("mapping/threshold.json", THRESHOLD | {"learnt_nothing": "its map calls all ground landform"})
    assert methods(region).startswith("THE MODEL LEARNT NOTHING: its map calls all ground landform.")


def test_without_ground_for_it_no_calibration_is_told(region):
    write("mapping/threshold.json", THRESHOLD | {"calibration": {"error": None, "landform_share": None}})
    assert "calibration" not in methods(region)


def test_a_region_that_was_not_run_is_a_mistake(region):
    Path("results/r/mapping/scores.json").unlink()
    with pytest.raises(UserError, match=r"mapping/scores\.json"):
        methods(region)


def test_the_command_prints_it(region, capsys):
    Path("r.yaml").write_text(json.dumps(region.model_dump(mode="json")))
    assert main(["summary", "r.yaml", "--methods"]) == 0
    assert capsys.readouterr().out == methods(region)
