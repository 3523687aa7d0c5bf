"""No command prints None: each printed line is looked at, with each number of a run missing in turn."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from lobate.cli import methods as methods_text
from lobate.cli import rounds, show, summary
from lobate.errors import UserError
from lobate.network.header import METADATA_KEY
from lobate.settings.load import parse
from lobate.store.store import Store

ENDS = {"blocks": 9, "low": 0.7, "high": 0.9}
PIXELS = {"iou": 0.8, "iou_all_landform": 0.04, "iou_rule": 0.1, "intervals": {"iou": ENDS}}
RATES = ("precision", "precision_if_unknown_right", "recall", "f1")
POLYGONS = {"match_iou": 0.5, "unknown": 3, **dict.fromkeys(RATES, 0.5), "intervals": dict.fromkeys(RATES, ENDS)}
ROUND = {
    "round": 1,
    "trained_in": 1,
    "trained": True,
    "chosen": True,
    "reached": True,
    "augment": ["flip"],
    "validation_iou": {"landform": 0.81},
    "training_iou": {"landform": 0.9},
    "patches": {"training": 1900, "showing_landform": 700, "validation": 223},
    "mined_negatives": 12,
    "threshold": 0.35,
}
RUN = {
    "training/selection.json": {
        "chosen": 1,
        "reached": True,
        "target_iou": 0.8,
        "rounds": [ROUND],
        "folds": {"count": 3, "mean": 0.7, "spread": [0.65, 0.75]},
        "protocols": {"other": {"method": "random", "validation_iou": {"landform": 0.8}, "leaked_share": 0.9}},
    },
    "mapping/scores.json": {
        "account": {"detections": 60, "known": 40, "new": 5, "wrong": 3, "unknown": 12},
        "reference": {"what": "hand.gpkg", "complete": "nowhere"},
        "rule": {"slope_deg": [3.2, 31.5], "elevation_m": [4510.0, 5230.0]},
        "pixels": PIXELS,
        "polygons": POLYGONS,
        "unseen": {"pixels": PIXELS, "polygons": POLYGONS},
    },
    "mapping/threshold.json": {
        "threshold": 0.5,
        "reason": "no other threshold has a better IoU",
        "learnt_nothing": None,
        "ground": "validation ground",
        "iou": {"0.5": {"iou": 0.6, "interval": ENDS}},
        "calibration": {"error": 0.05, "landform_share": 0.03},
    },
    "inventory/summary.json": {
        "inventory": {
            "total": 57,
            "by_method": {"InSAR": 12},
            "altitude_m": {"lowest": 3390.4, "highest": 5540.0},
            "area_km2": {"mean": 0.26},
            "mean_slope_deg": 17.2,
        },
        "ground": {"not_mapped": 7},
    },
    "patches/leakage.json": {
        "used": "grouped",
        "grouped": {"patches": 80, "training": 70, "validation": 10, "leaked_share": 0.01},
    },
    "imagery/T.json": {"scenes": [{"date": "2018-07-11T05:16:51Z"}]},
    "training/test.json": {
        "iou": {"landform": 0.7},
        "patches": 4,
        "groups": {},
        "models_judged": 2,
        "intervals": {"iou": ENDS},
    },
}
NEEDED = {
    ("chosen",),
    ("threshold",),
    ("rounds", 0, "trained_in"),
    ("rounds", 0, "round"),
    ("models_judged",),
    ("patches",),
    ("polygons", "unknown"),
}
"""Numbers that a run cannot lack: a round without its number is no round."""
HEADER = {
    "architecture": {"backbone": "xception71", "output_stride": 16, "weights": "imagenet"},
    "calibration": [[0.05, 0.0, 1200], [0.95, 1.0, 34]],
    "calibration_error": 0.05,
    "channels": 3,
    "libraries": {"torch": "2.14.1"},
    "preprocessing": {"mean": [0.5] * 3, "std": [0.5] * 3},
    "round": 2,
    "stretch": {"B02": {"lowest": 0.0, "highest": 0.3}},
    "threshold": 0.45,
    "validation_iou": {"landform": 0.81},
}


def leaves(node, place=()):
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from leaves(value, (*place, key))
    elif not isinstance(node, bool):
        yield place


def without(node, place):
    changed = copy.deepcopy(node)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = None
    return changed


MISSING = [
    (file, place)
    for file, content in RUN.items()
    for place in leaves(content)
    if place not in NEEDED and place[-1] not in ("used", "date", "method", "augment") and place[-2:-1] != ("augment",)
]


@pytest.mark.parametrize("tested", [False, True])
def test_each_line_of_a_run_with_a_missing_number_says_so(tested, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    region = parse(
        {
            "region": "r",
            "imagery": {"tiles": {"T": "a.tif"}},
            "labels": {"positives": "p.gpkg"},
            "patches": {"split": {"test": {"method": "groups"}}} if tested else {},
        }
    )
    folder = Path("results/r")
    for name, content in RUN.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    (folder / "training/round_1").mkdir()
    (folder / "training/round_1/metrics.csv").write_text("iteration,split\n1,validation\n")

    def printed() -> str:
        table = rounds.rounds_table(folder / "training", Store(tmp_path / "store"))
        return summary.summary(region) + summary.paper_table(region) + methods_text.methods(region) + table

    whole = printed()
    assert "None" not in whole
    assert whole.count("not known") == 1  # of the landform's true area, without a sample
    assert len(MISSING) > 60
    for name, place in MISSING:
        (folder / name).write_text(json.dumps(without(RUN[name], place)))
        for line in printed().splitlines():
            assert "None" not in line and "nan" not in line.split(), (name, place)
        (folder / name).write_text(json.dumps(RUN[name]))


def test_each_line_of_a_model_with_a_missing_fact_says_so(tmp_path):
    file = tmp_path / "model.safetensors"
    for place in leaves(HEADER):
        metadata = {METADATA_KEY: json.dumps(without(HEADER, place))}
        save_file({"a.weight": np.zeros((2, 3), "f4")}, file, metadata=metadata)
        with suppress(UserError):  # a header that lacks what each model has is refused
            assert "None" not in show.describe_model(file), place
