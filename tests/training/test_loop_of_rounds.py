"""The paper's loop, stage by stage: a round that falls short, mining, more augmentation, a round that reaches the target, rest.

What a network would learn is written out here (IoU by round); patches, mining, verdicts, choice and store are the real ones.
"""

import json
import re
from collections import Counter
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS

from lobate.engine import stage
from lobate.io.grid import Grid
from lobate.io.vector import LONLAT, read_layer, write_layers
from lobate.network import deeplab
from lobate.settings.load import parse
from lobate.settings.training import Network
from lobate.store.store import Store
from lobate.training import experiment

GRID = Grid(256, 256, Affine(10, 0, 500_000, 0, -10, 4_000_000), CRS.from_epsg(32644))
SIDE, ROUNDS = 64, (1, 2, 3)
TINY = Network(backbone="mobilenetv2_050", weights="none", aspp_channels=8, low_level_channels=8)
IOUS = {1: 0.6, 2: 0.85, 3: 0.9}
CONFIG = {
    "region": "r",
    "imagery": {"tiles": {"A": ["image.tif"]}},
    "labels": {"positives": [{"path": "p.gpkg"}]},
    "patches": {"crop": {"core": 32, "margin": 16}},
}
TRAINING = {
    "max_rounds": 3,
    "augment": [["flip"], ["flip", "rotate"]],
    "network": TINY.model_dump(),
    "mining": {"at_most": 1, "from": "all"},
}


def fake_experiment(data, network, schedule, augment, seeds, weights):
    """Stand in for a training: the IoU follows from the round."""
    iou = {"background": 0.9, "landform": IOUS[seeds[1]], "overall": None}
    facts = dict.fromkeys(
        ("training_iou", "calibration", "calibration_error", "dataset", "learnt_nothing", "validation_intervals")
    )
    facts |= {"round": seeds[1], "validation_iou": iou, "augment": augment, "mined_negatives": data.n_mined}
    return deeplab.build(network, seed=seeds[1]), SimpleNamespace(rows=[]), facts


@pytest.fixture
def region(tmp_path, monkeypatch, caplog):
    """A function that runs all rounds of a small region with a target; it returns what was computed, and the selection.

    Three red squares: one drawn, two that a model which sees red takes for landforms as well, the brighter one surer.
    """
    pixels = np.random.default_rng(0).integers(40, 60, (3, *GRID.shape), dtype=np.uint8)
    label = np.zeros((1, *GRID.shape), dtype=np.uint8)
    for (row, column), red in (((20, 20), 250), ((180, 60), 230), ((180, 180), 200)):
        pixels[0, row : row + 24, column : column + 24] = red
    label[0, 20:44, 20:44] = 1
    for name, array in (("image", pixels), ("label", label)):
        with rasterio.open(
            tmp_path / f"{name}.tif", "w", driver="GTiff", count=len(array), dtype="uint8", **GRID.profile()
        ) as file:
            file.write(array)
    corners = [(0, 0), (8, 8), (0, 150)]
    windows = [np.s_[:, row : row + SIDE, column : column + SIDE] for row, column in corners]
    np.save(
        tmp_path / "A.npy",
        np.stack([np.moveaxis(np.concatenate([pixels, label])[window], 0, -1) for window in windows]),
    )
    ground = gpd.GeoSeries([GRID.crop(*corner, SIDE, SIDE).footprint for corner in corners], crs=GRID.crs).to_crs(
        LONLAT
    )
    rows = {"tile": "A", "row": range(3), "height": SIDE, "width": SIDE, "group": ["a", "a", "b"]}
    rows["side"] = ["training", "training", "validation"]
    write_layers(tmp_path / "split.gpkg", {"split": gpd.GeoDataFrame(rows, geometry=ground, crs=LONLAT)})
    windows = {"window_row": [row for row, _ in corners], "window_col": [column for _, column in corners]}
    write_layers(tmp_path / "A.gpkg", {"patches": gpd.GeoDataFrame(rows | windows, geometry=ground, crs=LONLAT)})
    drawn = gpd.GeoSeries([GRID.crop(20, 20, 24, 24).footprint], crs=GRID.crs).to_crs(LONLAT)
    drawn = gpd.GeoDataFrame({"class": ["positive"]}, geometry=drawn, crs=LONLAT)
    write_layers(tmp_path / "polygons.gpkg", {"kept": drawn, "removed": drawn.iloc[:0]})
    monkeypatch.setattr(experiment, "run_experiment", fake_experiment)
    monkeypatch.setattr(deeplab, "landform_probability", lambda net, device: lambda images: images[:, 0].float() / 255)
    store = Store(tmp_path / "store")

    def run(target):
        caplog.clear()
        caplog.set_level("INFO", logger="lobate")
        settings = parse({**CONFIG, "training": {**TRAINING, "target_iou": target}})
        for number in ROUNDS:
            _round(tmp_path, number, settings, store)
        _select(tmp_path, settings, store)
        return Counter(re.findall(r"computed (\w+) ", caplog.text)), json.loads(
            (tmp_path / "selection.json").read_text()
        )

    run.folder = tmp_path
    return run


def _round(folder, number, settings, store):
    here, before = folder / f"round_{number}", folder / f"round_{number - 1}"
    here.mkdir(exist_ok=True)
    files = {
        "model": "model.safetensors",
        "metrics": "metrics.csv",
        "verdict": "verdict.json",
        "events": "events.lobate",
    }
    arguments = {"patches": [folder / "A.npy"], "split": folder / "split.gpkg", "tiles": ["A"], "round": number}
    arguments |= {"mined": [folder / f"round_{n}/negatives.npy" for n in range(1, number)]}
    arguments |= {"ignored": [folder / f"round_{n}/ignored.npy" for n in range(1, number)]}
    arguments |= {name: here / file for name, file in files.items()}
    if number > 1:
        arguments |= {"before": before / files["verdict"], "previous": before / files["model"]}
        arguments |= {f"previous_{name}": before / files[name] for name in ("metrics", "events")}
    stage.run("train", arguments, settings, store)
    arguments = {"images": [folder / "image.tif"], "labels": [folder / "label.tif"], "tiles": ["A"], "round": number}
    arguments |= {"model": here / files["model"], "verdict": here / files["verdict"], "split": folder / "split.gpkg"}
    arguments |= {
        "polygons": folder / "polygons.gpkg",
        "negatives": here / "negatives.gpkg",
        "mined": here / "negatives.npy",
        "ignored": here / "ignored.npy",
        "candidates": here / "candidates.gpkg",
        "footprints": [folder / "A.gpkg"],
        "earlier": [folder / f"round_{n}/negatives.gpkg" for n in range(1, number)],
    }
    stage.run("mine_negatives", arguments, settings, store)


def _select(folder, settings, store):
    arguments = {name: [folder / f"round_{n}/{file}" for n in ROUNDS] for name, file in (("verdicts", "verdict.json"), ("models", "model.safetensors"))}  # fmt: skip
    arguments |= {"model": folder / "model.safetensors", "selection": folder / "selection.json"}
    stage.run("select_model", arguments, settings, store)


def test_a_round_falls_short_mines_augments_passes_and_the_rest_rests(region):
    computed, found = region(0.8)
    assert computed["train"] == 2
    assert computed["copy_previous_round"] == 1
    assert (computed["mine_negatives"], computed["skip_mining"]) == (1, 1), "the third round's is the second's"
    assert (found["chosen"], found["reached"]) == (2, True)
    assert [row["augment"] for row in found["rounds"]] == [["flip"], ["flip", "rotate"], ["flip", "rotate"]]
    assert [row["mined_negatives"] for row in found["rounds"]] == [0, 1, 1]
    mined = read_layer(region.folder / "round_1/negatives.gpkg", "kept")
    assert mined["round"].tolist() == [1]
    assert mined["confidence"].item() == pytest.approx(230 / 255, abs=0.005), (
        "the surer one; the other is beyond the cap"
    )
    assert np.load(region.folder / "round_2/negatives.npy").size == 0


def test_a_raised_target_trains_only_new_rounds_and_a_lowered_one_none(region):
    region(0.8)
    raised, found = region(0.88)
    assert (raised["train"], raised["mine_negatives"], raised["copy_previous_round"]) == (1, 1, 0)
    assert (found["chosen"], found["rounds"][2]["trained"]) == (3, True)
    beyond, found = region(0.95)
    assert beyond["train"] == 0
    assert (found["chosen"], found["reached"]) == (3, False)
    lowered, found = region(0.5)
    assert (lowered["train"], lowered["mine_negatives"]) == (0, 0)
    assert (found["chosen"], [row["trained"] for row in found["rounds"]]) == (1, [True, False, False])
    back, _ = region(0.8)
    assert not back
