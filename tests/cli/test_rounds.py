import json

import pytest

from lobate.cli.rounds import rounds_table
from lobate.errors import UserError
from lobate.store.store import Store

ONE = {
    "round": 1,
    "trained_in": 1,
    "trained": True,
    "chosen": True,
    "reached": True,
    "patches": {"training": 80, "validation": 12},
    "mined_negatives": 0,
    "augment": ["flip", "rotate"],
    "training_iou": {"landform": 0.9},
    "validation_iou": {"landform": 0.8123},
    "validation_intervals": {"iou": {"blocks": 6, "low": 0.7044, "high": 0.8966}},
}
SIDES = {
    "configured": {
        "method": "grouped",
        "validation_iou": {"landform": 0.8123},
        "validation_intervals": {"iou": {"blocks": 1, "values": [0.8123]}},
        "leaked_share": 0.0,
    },
    "other": {"method": "random", "validation_iou": None, "leaked_share": 0.934},
}


@pytest.fixture
def folder(tmp_path):
    resting = {**ONE, "round": 2, "trained": False, "chosen": False}
    folds = {"count": 3, "mean": 0.7, "spread": [0.65, 0.75]}
    (tmp_path / "selection.json").write_text(json.dumps({"rounds": [ONE, resting], "protocols": SIDES, "folds": folds}))
    return tmp_path


def test_the_table_says_what_each_round_had_and_gave(folder, tmp_path, monkeypatch):
    asked = []

    def made(path, store):
        asked.append(path)
        return {"run": {"seconds": 90.0}}

    monkeypatch.setattr("lobate.cli.rounds.trace_lineage", made)
    assert rounds_table(folder, Store(tmp_path / "store")).splitlines() == [
        "round  patches  mined  augmentation  training  validation                 judged   minutes",
        "1      80 + 12  0      flip, rotate  0.900     0.81 (95 %: 0.70 to 0.90)  unknown  1.5      chosen",
        "2".ljust(92) + "rests: round 1 reached the target",
        "configured split (grouped): validation IoU 0.812 (no interval: 1 group), 0 % of its validation ground seen",
        "other split (random): validation IoU unknown, 93 % of its validation ground seen",
        "3 folds: mean validation IoU 0.70, spread from 0.65 to 0.75",
    ]
    assert asked == [folder / "round_1/verdict.json"]


def test_minutes_that_nobody_noted_are_unknown(folder, tmp_path):
    (folder / "round_1").mkdir()
    (folder / "round_1/verdict.json").write_text("{}")
    assert "0.90)  unknown  unknown  chosen" in rounds_table(folder, Store(tmp_path / "store"))


def test_nothing_selected_yet_is_told(tmp_path):
    with pytest.raises(UserError, match="Run snakemake"):
        rounds_table(tmp_path, Store(tmp_path / "store"))


def test_a_round_that_learnt_nothing_says_so(tmp_path):
    rounds = [ONE | {"learnt_nothing": "its IoU is low"}]
    (tmp_path / "selection.json").write_text(json.dumps({"rounds": rounds, "protocols": {}}))
    assert "chosen, LEARNT NOTHING" in rounds_table(tmp_path, Store(tmp_path / "store"))
