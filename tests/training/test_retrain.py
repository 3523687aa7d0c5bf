"""The chosen round once more: on the other protocol's split, and in folds."""

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from lobate.io.vector import write_layers
from lobate.training.checkpoint import SCRATCH_VARIABLE
from lobate.training.cross_validate import cross_validate
from lobate.training.train_other import train_other

TILES = ["A", "B"]
SIDES = {tile: ["training"] * 4 + ["validation"] for tile in TILES}


@pytest.fixture
def again(train_call, split_writer, tmp_path, monkeypatch):
    """A function that runs one of the two verbs on a split with more columns; mined patches lie where ``ground`` says."""
    monkeypatch.delenv(SCRATCH_VARIABLE, raising=False)

    def run(verb, ground=(), name="out", **columns):
        split_writer(train_call.split, SIDES, **{"fold": -1, "clash": "", "other_side": "dropped"} | columns)
        chosen = tmp_path / "chosen.json"
        chosen.write_text(json.dumps({"round": 2, "augment": ["flip"]}))
        np.save(tmp_path / "mined.npy", np.full((len(ground), 64, 64, 4), [90, 90, 90, 0], np.uint8))
        np.save(tmp_path / "ignored.npy", np.zeros((0, 4), np.int32))
        places = gpd.GeoDataFrame({"id": [str(n) for n in range(len(ground))]}, geometry=list(ground), crs="EPSG:4326")
        write_layers(tmp_path / "mined.gpkg", {"patches": places.astype({"id": object})})
        facts, metrics = tmp_path / f"{name}.json", tmp_path / f"{name}.csv"
        inputs = (
            list(train_call.patches),
            train_call.split,
            chosen,
            tmp_path / "mined.npy",
            tmp_path / "mined.gpkg",
            tmp_path / "ignored.npy",
            facts,
            metrics,
        )
        options = {"fold": 1} if verb is cross_validate else {}
        schedule = train_call.schedule.model_copy(update={"iterations": 2})
        verb(*inputs, tiles=TILES, network=train_call.network, schedule=schedule, seed=train_call.seed, **options)
        return json.loads(facts.read_text()), pd.read_csv(metrics)

    return run


OTHER = ["validation", "training", "training", "dropped", "training"] * 2


def test_the_other_protocol_trains_as_the_chosen_round_and_keeps_off_its_own_validation_ground(again, caplog):
    caplog.set_level("INFO", logger="lobate")
    # rows 0 validate; a footprint of row r spans x from r to r + 0.5
    facts, metrics = again(train_other, [box(0.4, 0, 0.9, 1), box(7, 0, 8, 1)], other_side=OTHER)
    assert (facts["round"], facts["augment"]) == (2, ["flip"])
    assert facts["patches"] == {
        "training": 6,
        "mined": 1,
        "showing_landform": 4,
        "validation": 2,
        "validation_showing_landform": 2,
    }
    assert facts["validation_iou"]["landform"] is not None
    assert metrics["iteration"].tolist() == [2, 2]
    assert "1 mined patches touch validation ground of this protocol" in caplog.text


def test_it_repeats_to_the_byte(again, tmp_path):
    again(train_other, other_side=OTHER, name="one")
    again(train_other, other_side=OTHER, name="two")
    for kind in ("json", "csv"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()


@pytest.mark.parametrize(
    ("other_side", "why"),
    [
        ("dropped", "no training patch by the other protocol"),
        ("training", "no validation patch by the other protocol"),
        (["validation", "training", "validation", "validation", "validation"] * 2, "nothing to learn"),
    ],
)
def test_an_other_protocol_that_cannot_be_trained_is_told_and_no_failure(again, caplog, other_side, why):
    facts, metrics = again(train_other, other_side=other_side)
    assert why in facts["impossible"]
    assert why in caplog.text
    assert facts["validation_iou"] is None
    assert len(metrics) == 0


def test_a_fold_validates_on_its_own_patches_and_trains_on_the_rest_that_do_not_clash(again):
    clash = ["", "0", "1", "", ""] * 2
    facts, _ = again(cross_validate, fold=[0, 1, 0, 1, -1] * 2, clash=clash)
    assert facts["fold"] == 1
    assert facts["patches"]["training"] == 4, "what has no fold (-1) trains in all"
    assert facts["patches"]["validation"] == 4


def test_a_fold_without_patches_is_told(again):
    assert "in fold 1" in again(cross_validate, fold=[0] * 10)[0]["impossible"]
