from __future__ import annotations

import json
import logging

import geopandas as gpd
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file
from shapely.geometry import box

from lobate.errors import UserError
from lobate.io.vector import write_layers
from lobate.network.header import METADATA_KEY, read_header
from lobate.network.weights import weights_digest
from lobate.training.select_model import (
    common_ranges,
    compare_splits,
    fold_statistics,
    keep_stretch_ranges,
    read_facts,
    select_model,
)

HEADER = {
    "architecture": {"backbone": "mobilenetv2_100", "output_stride": 16, "weights": "none"},
    "channels": 3,
    "classes": 2,
    "libraries": {"torch": "2"},
    "preprocessing": {"mean": [0.5] * 3, "std": [0.5] * 3},
}
LEAKAGE = {
    "used": "grouped",
    "grouped": {"leaked_share": 0.0, "polygons_on_both_sides": 0, "training": 8},
    "random": {"leaked_share": 0.93, "polygons_on_both_sides": 7, "training": 9},
}


def write(path, facts):
    path.write_text(json.dumps(facts))
    return path


@pytest.fixture
def rounds(tmp_path):
    """A function that makes rounds from pairs (IoU, round that trained), runs the verb and returns selection and header."""

    def run(*rounds, target=0.8, **options):
        verdicts, models = [], []
        for number, (iou, trained) in enumerate(rounds, 1):
            facts = {"round": trained, "validation_iou": {"landform": iou}, "mined_negatives": 0}
            verdicts.append(write(tmp_path / f"v{number}.json", facts))
            models.append(tmp_path / f"m{number}")
            weights = {"a.weight": np.full((2, 3), trained, "f4")}
            header = {**HEADER, "round": trained, "validation_iou": facts["validation_iou"]}
            header["digest"] = weights_digest(weights)
            save_file(weights, models[-1], metadata={METADATA_KEY: json.dumps(header)})
        model, selection = tmp_path / "model.safetensors", tmp_path / "selection.json"
        select_model(verdicts, models, model, selection, target_iou=target, **options)
        return json.loads(selection.read_text()), read_header(model)

    return run


def test_the_first_that_reached_the_target_is_taken(rounds):
    summary, model = rounds((0.7, 1), (0.82, 2), (0.82, 2))
    assert (summary["chosen"], summary["reached"], model["round"]) == (2, True, 2)
    assert [line["chosen"] for line in summary["rounds"]] == [False, True, False]
    assert [line["reached"] for line in summary["rounds"]] == [False, True, True]
    assert [(line["round"], line["trained_in"], line["trained"]) for line in summary["rounds"]] == [
        (1, 1, True),
        (2, 2, True),
        (3, 2, False),
    ]


def test_else_the_best_and_loudly(rounds, caplog):
    with caplog.at_level(logging.WARNING):
        summary, model = rounds((0.6, 1), (0.7, 2), (0.65, 3))
    assert (summary["chosen"], summary["reached"], model["round"]) == (2, False, 2)
    assert "NO ROUND REACHED the target of 0.8" in caplog.text


def test_an_unknown_iou_loses(rounds):
    assert rounds((None, 1), (0.0, 2))[0]["chosen"] == 2
    assert rounds((None, 1), (None, 2))[0]["chosen"] == 1


def test_both_protocols_stand_side_by_side_with_their_leakage(rounds, tmp_path, caplog):
    other = write(tmp_path / "other.json", {"round": 1, "validation_iou": {"landform": 0.91}, "iteration": 6})
    with caplog.at_level(logging.INFO):
        summary, model = rounds((0.82, 1), other=other, leakage=write(tmp_path / "leakage.json", LEAKAGE))
    ours, theirs = summary["protocols"]["configured"], summary["protocols"]["other"]
    assert (ours["method"], ours["validation_iou"]["landform"], ours["leaked_share"]) == ("grouped", 0.82, 0.0)
    assert (theirs["method"], theirs["validation_iou"]["landform"], theirs["leaked_share"]) == ("random", 0.91, 0.93)
    assert theirs["impossible"] is None
    assert (model["validation_iou"], model["validation_iou_other"]) == ({"landform": 0.82}, {"landform": 0.91})
    assert "other split (random): validation IoU 0.91; training saw 93.0 % of its validation ground" in caplog.text


def test_an_other_protocol_that_is_lacking_says_why(rounds, tmp_path):
    leakage = write(tmp_path / "leakage.json", {**LEAKAGE, "used": "random"})
    summary, model = rounds((0.82, 1), leakage=leakage)
    assert summary["protocols"]["other"]["method"] == "grouped"
    assert "both_protocols is false" in summary["protocols"]["other"]["impossible"]
    assert model["validation_iou_other"] is None
    none = write(tmp_path / "other.json", {"impossible": "has no validation patch", "validation_iou": None})
    assert rounds((0.82, 1), other=none)[0]["protocols"]["other"]["impossible"] == "has no validation patch"


def test_folds_give_mean_and_spread(rounds, tmp_path):
    folds = [
        write(tmp_path / f"f{number}.json", {"validation_iou": iou})
        for number, iou in enumerate([{"landform": 0.5}, {"landform": 0.7}, {"landform": None}, None])
    ]
    summary = rounds((0.82, 1), folds=folds)[0]["folds"]
    assert summary == {
        "count": 4,
        "unknown": 2,
        "validation_iou": [0.5, 0.7, None, None],
        "mean": 0.6,
        "spread": [0.5, 0.7],
    }
    assert rounds((0.82, 1))[0]["folds"] is None


def test_the_model_gets_bands_licence_and_a_description(rounds, tmp_path):
    split = gpd.GeoDataFrame(
        {"tile": ["A"], "row": [0], "height": [8], "width": [8], "side": ["training"]},
        geometry=[box(70, 30, 71, 31)],
        crs="EPSG:4326",
    )
    write_layers(tmp_path / "split.gpkg", {"split": split})
    stac = tmp_path / "model.stac.json"
    options = {"bands": ["B04", "B03", "B02"], "licence": "CC-BY-4.0", "split": tmp_path / "split.gpkg"}
    _, model = rounds((0.82, 1), stac=stac, landform="rock glacier", **options)
    assert (model["bands"], model["licence"], model["landform"]) == (["B04", "B03", "B02"], "CC-BY-4.0", "rock glacier")
    item = json.loads(stac.read_text())
    assert item["bbox"] == [70, 30, 71, 31]
    assert item["properties"]["license"] == "CC-BY-4.0"


RANGES = {"B04": {"lowest": 0.02, "highest": 0.31}, "B03": {"lowest": 0.0, "highest": 0.28}}


def test_the_model_learns_which_reflectance_its_images_showed(rounds, tmp_path):
    """Without it, whoever maps other scenes with the model can only guess how they are to be made 8 bit."""
    ready = write(tmp_path / "ready.json", {"stretch": None})
    west, east = (
        write(tmp_path / f"{name}.json", {"stretch": {"method": "percentiles", "ranges": RANGES}, "valid_share": share})
        for name, share in (("west", 0.5), ("east", 0.9))
    )
    _, model = rounds(
        (0.82, 1), facts=[ready, west, east], stac=tmp_path / "stac.json", landform="lobe", licence="other"
    )
    assert model["stretch"] == RANGES
    assert json.loads((tmp_path / "stac.json").read_text())["properties"]["lobate:stretch"] == RANGES
    assert rounds((0.82, 1), facts=[ready])[1]["stretch"] is None
    assert rounds((0.82, 1))[1]["stretch"] is None


def test_images_that_were_not_stretched_alike_are_told(rounds, tmp_path):
    first = write(tmp_path / "one.json", {"stretch": {"ranges": RANGES}})
    second = write(tmp_path / "other.json", {"stretch": {"ranges": RANGES | {"B03": {"lowest": 0.0, "highest": 0.3}}}})
    with pytest.raises(UserError, match=r"other\.json and .*one\.json hold different reflectance ranges"):
        rounds((0.82, 1), facts=[first, second])


def test_of_an_image_s_facts_only_the_ranges_count(tmp_path):
    """So a cloud that moves in one image does not make the model another one."""
    for share in (0.5, 0.9):
        facts = {"stretch": {"method": "fixed", "ranges": RANGES}, "valid_share": share, "scenes": []}
        keep_stretch_ranges(write(tmp_path / "facts.json", facts), tmp_path / f"{share}")
    assert (tmp_path / "0.5").read_bytes() == (tmp_path / "0.9").read_bytes()
    assert common_ranges([tmp_path / "0.5"]) == RANGES


@pytest.mark.parametrize(
    ("text", "flaw"),
    [("", r"valid JSON \(line 1"), ("[1]", "a record written by `train-other`"), ("{", r"valid JSON \(")],
)
def test_damaged_facts_are_told(rounds, tmp_path, text, flaw):
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(UserError, match=rf"bad\.json is not {flaw}.*Delete it and run again\."):
        rounds((0.82, 1), other=tmp_path / "bad.json")


def test_no_file_has_no_facts(tmp_path):
    assert read_facts(None, "a record") == {}
    (tmp_path / "a.json").write_text(json.dumps({"a": 1}))
    assert read_facts(tmp_path / "a.json", "a record") == {"a": 1}


def test_without_leakage_the_methods_are_unknown():
    summary = compare_splits({"validation_iou": {"landform": 0.5}}, {}, {})
    assert (summary["configured"]["method"], summary["other"]["method"]) == (None, None)


def test_an_impossible_method_has_no_measures():
    leakage = {"used": "random", "random": {"leaked_share": 0.9}, "grouped": {"impossible": "too close"}}
    summary = compare_splits({"validation_iou": {"landform": 0.5}}, {"impossible": "too close"}, leakage)
    assert summary["other"] | {"x": 0} == {
        "method": "grouped",
        "impossible": "too close",
        **dict.fromkeys(("validation_iou", "validation_intervals", "training_iou", "iteration")),
        **dict.fromkeys(("leaked_share", "polygons_on_both_sides")),
        **dict.fromkeys(("nearest_m", "training", "validation", "dropped")),
        "x": 0,
    }


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8))
@settings(max_examples=30, deadline=None)
def test_mean_and_spread_lie_within_the_folds(ious):
    summary = fold_statistics([{"validation_iou": {"landform": iou}} for iou in ious])
    assert min(ious) - 1e-6 <= summary["mean"] <= max(ious) + 1e-6
    assert summary["spread"] == [min(ious), max(ious)]
