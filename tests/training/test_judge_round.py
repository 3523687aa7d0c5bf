"""The IoU that rounds are judged by: on windows of the map as mapping makes them, or on the validation patches."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS

from lobate.engine import stage
from lobate.errors import UserError
from lobate.io.grid import Grid
from lobate.io.vector import LONLAT, write_layers
from lobate.mapping.predict import predict
from lobate.network import deeplab, modelfile
from lobate.settings.load import parse
from lobate.settings.mapping import Predict, Tta
from lobate.settings.training import Network
from lobate.store.store import Store
from lobate.training.judge_round import ON_PATCHES, ON_WINDOWS, judge_round, one_scale_windows
from lobate.training.rounds import judged_iou, meets_target, pick_round

GRID = Grid(200, 240, Affine(10, 0, 500_000, 0, -10, 4_000_000), CRS.from_epsg(32644))
TINY = Network(backbone="mobilenetv2_050", weights="none", aspp_channels=8, low_level_channels=8)
WINDOWS = Predict(window=64, overlap=16)
PLACES = {"a": [(10, 20, 50, 60), (30, 40, 50, 60)], "b": [(120, 150, 64, 64)]}
"""Row, column, height and width of the validation patches of two groups; those of the first overlap."""
FACTS = {"round": 1, "validation_iou": {"landform": 0.61}}


class World:
    """A tile with noise, a random network, and labels."""

    def __init__(self, folder):
        self.folder, random = folder, np.random.default_rng(0)
        self.labels = (random.uniform(size=GRID.shape) < 0.4).astype(np.uint8)
        self.pixels = random.integers(1, 255, (3, *GRID.shape), dtype=np.uint8)
        self.pixels[0] = np.where(self.labels, 200, self.pixels[0])
        modelfile.save(folder / "model.safetensors", deeplab.build(TINY, seed=3), {})
        (folder / "verdict.json").write_text(json.dumps(FACTS))

    def write(self, name, array):
        profile = {**GRID.profile(), "height": array.shape[1], "width": array.shape[2], "dtype": "uint8"}
        with rasterio.open(self.folder / name, "w", driver="GTiff", count=len(array), **profile) as file:
            file.write(array)
        return self.folder / name

    def files(self):
        """Write the inputs, and return the arguments of the verb."""
        rows = [("validation", group, *place) for group, places in PLACES.items() for place in places]
        rows.append(("training", "c", 0, 170, 60, 60))
        columns = ("side", "group", "window_row", "window_col", "height", "width")
        table = {name: list(values) for name, values in zip(columns, zip(*rows, strict=True), strict=True)}
        ground = [GRID.crop(*row[2:]).footprint for row in rows]
        frame = gpd.GeoDataFrame({"tile": "A", **table}, geometry=ground, crs=GRID.crs).to_crs(LONLAT)
        write_layers(self.folder / "split.gpkg", {"split": frame})
        return {
            "model": self.folder / "model.safetensors",
            "verdict": self.folder / "verdict.json",
            "images": [self.write("image.tif", self.pixels)],
            "labels": [self.write("label.tif", self.labels[None])],
            "split": self.folder / "split.gpkg",
            "judged": self.folder / "judged.json",
            "tiles": ["A"],
        }

    def judged(self, windows=WINDOWS):
        region = parse(
            {
                "region": "r",
                "imagery": {"tiles": {"A": ["image.tif"]}},
                "labels": {"positives": [{"path": "p.gpkg"}]},
                "mapping": {"predict": windows.model_dump()},
            }
        )
        key = stage.run("judge_round", self.files(), region, Store(self.folder / "store"))
        return key, json.loads((self.folder / "judged.json").read_text())

    def mapped(self):
        """Return the levels of the whole tile as mapping makes them."""
        files = (self.write("image.tif", self.pixels), self.folder / "model.safetensors", self.folder / "map.tif")
        predict(*files, predict_settings=WINDOWS)
        with rasterio.open(self.folder / "map.tif") as dataset:
            return dataset.read(1)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def union_of(places):
    inside = np.zeros(GRID.shape, dtype=bool)
    for row, column, height, width in places:
        inside[row : row + height, column : column + width] = True
    return inside


def test_the_counts_are_those_of_the_map_on_validation_ground(world):
    """Each pixel once, though two patches show it, without ignored ones and a model's outlines, and as windows of the whole tile see it, not of the patch."""
    world.labels[15:25, 30:40], world.labels[130:140, 160:170] = 255, 2
    detected = world.mapped() >= 127
    _, facts = world.judged()
    assert 0.05 < detected.mean() < 0.95
    for name, places in PLACES.items():
        inside = union_of(places) & (world.labels < 2)
        there = world.labels == 1
        assert facts["judged"]["groups"][name] == {
            "true_negative": int((inside & ~there & ~detected).sum()),
            "false_positive": int((inside & ~there & detected).sum()),
            "false_negative": int((inside & there & ~detected).sum()),
            "true_positive": int((inside & there & detected).sum()),
        }
    hits, wrong, missed = (
        sum(group[cell] for group in facts["judged"]["groups"].values())
        for cell in ("true_positive", "false_positive", "false_negative")
    )
    assert facts["judged"]["iou"] == pytest.approx(hits / (hits + wrong + missed), abs=1e-6)
    assert facts["judged"]["ground"] == ON_WINDOWS
    assert {name: facts[name] for name in FACTS} == FACTS


def test_windows_off_the_validation_ground_are_not_run(world, monkeypatch):
    ran = []

    def counting(net, device=None):
        return lambda images: (ran.extend(images), images[:, 0].float() / 255)[1]

    monkeypatch.setattr(deeplab, "landform_probability", counting)
    world.judged()
    seen, starts = len(ran), {200: [0, 48, 96, 136], 240: [0, 48, 96, 144, 176]}
    touching = [
        (row, column)
        for row in starts[200]
        for column in starts[240]
        if union_of([place for places in PLACES.values() for place in places])[
            row : row + 64, column : column + 64
        ].any()
    ]
    assert seen == len(touching) < 20


def test_without_landform_there_is_no_iou(world):
    world.labels[:] = 0
    _, facts = world.judged()
    assert facts["judged"]["iou"] is None
    assert not meets_target(facts, 0.01)


def test_another_augmentation_or_ensemble_judges_nothing_anew(world):
    more = WINDOWS.model_copy(
        update={"tta": Tta(symmetries=True, scales=[0.5, 1.0]), "ensemble": ["x"], "batch": 4, "output_stride": 8}
    )
    assert one_scale_windows(more) == one_scale_windows(WINDOWS)
    assert one_scale_windows(WINDOWS.model_copy(update={"overlap": 0})) != one_scale_windows(WINDOWS)


def test_a_copied_verdict_is_judged_once(world):
    """A round that rests copies the verdict with its judgement; it has the key of the round that trained."""
    key, facts = world.judged()
    (world.folder / "verdict.json").write_text(json.dumps(facts))
    assert world.judged() == (key, facts)


def test_with_the_setting_the_patches_judge_and_nothing_is_mapped(world):
    region = parse(
        {
            "region": "r",
            "imagery": {"tiles": {"A": ["image.tif"]}},
            "labels": {"positives": [{"path": "p.gpkg"}]},
            "training": {"judge": "patches"},
        }
    )
    files, store = world.files(), Store(world.folder / "store")
    key = stage.run("judge_round", files, region, store)
    facts = json.loads((world.folder / "judged.json").read_text())
    assert facts["judged"] == {"ground": ON_PATCHES, "iou": 0.61}
    world.pixels[:] = 7
    assert stage.run("judge_round", world.files(), region, store) == key


def test_a_label_raster_of_another_size_is_a_mistake(world):
    files = world.files()
    files["labels"] = [world.write("other.tif", world.labels[None, :-1])]
    with pytest.raises(UserError, match=r"other\.tif is not on the grid of"):
        judge_round(**files, windows=WINDOWS)


def test_target_and_choice_follow_the_judgement():
    verdicts = [
        {"round": 1, "validation_iou": {"landform": 0.9}, "judged": {"iou": 0.7}},
        {"round": 2, "validation_iou": {"landform": 0.6}, "judged": {"iou": 0.85}},
        {"round": 3, "validation_iou": {"landform": 0.95}, "judged": {"iou": None}},
    ]
    assert [meets_target(verdict, 0.8) for verdict in verdicts] == [False, True, False]
    assert (pick_round(verdicts, 0.8), pick_round(verdicts, 0.99)) == (1, 1)
    assert judged_iou({"round": 1, "validation_iou": {"landform": 0.9}}) == 0.9
