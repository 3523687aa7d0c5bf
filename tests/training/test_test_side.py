"""The test side from outlines to the chosen model: no verb of the other sides depends on its labels."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.crs import CRS

from lobate.engine import stage
from lobate.errors import UserError
from lobate.io.digest import content_digest
from lobate.io.grid import Grid
from lobate.io.reserved import IN_GAP, ON_TEST, ReservedGround, ground_alone
from lobate.io.vector import LONLAT, read_layer, write_layers
from lobate.network import deeplab, modelfile
from lobate.patches.data import Patches
from lobate.patches.split_patches import split_patches
from lobate.settings.load import parse
from lobate.settings.patches import Split
from lobate.store.gc import collect
from lobate.store.store import Store
from lobate.training.datamodule import read_data
from lobate.training.hard_negatives import outlines_elsewhere
from lobate.training.mine_negatives import keep_places
from lobate.training.split import keep_configured

GRID = Grid(320, 400, Affine(10, 0, 500_000, 0, -10, 4_000_000), CRS.from_epsg(32644))
PLACES = [(row, column) for row in (20, 100, 180, 260) for column in (20, 100, 180, 260, 340)]
WRONG_ELSEWHERE, WRONG_ON_TEST = (40, 60), (140, 370)
"""Places of red ground that no outline has: one on learning ground, one among the outlines of the test side."""
EAST = shapely.box(503_200, 3_990_000, 504_500, 4_001_000)
"""The ground of the method region: the outlines of the last column."""
TEST_SIDES = {
    "groups": {"method": "groups", "share": 0.3},
    "blocks": {"method": "blocks", "share": 0.3},
    "field": {"method": "field"},
    "region": {"method": "region", "region": {"path": "east.gpkg"}},
}
UNTOUCHED = (
    *("A.tif", "A.npy", "A.gpkg", "split.gpkg", "model.safetensors", "verdict.json", "judged.json", "metrics.csv"),
    *(
        "negatives.gpkg",
        "negatives.npy",
        "ignored.npy",
        "candidates.gpkg",
        "chosen.safetensors",
        "selection.json",
        "probability.tif",
        "threshold.json",
    ),
)
"""Every file of the other sides that models, mined patches, verdicts, thresholds, calibrations and maps come from."""
LEARNING = ("train", "judge_round", "mine_negatives", "select_model", "predict", "choose_threshold")


def square(row: int, column: int, side: int = 12) -> shapely.Polygon:
    return GRID.crop(row, column, side, side).footprint


@dataclass
class World:
    """A tile with twenty landforms, each with a look-alike that overlaps it, and the verbs run on it as stages."""

    folder: Path
    test: dict
    flipped: set[str] = field(default_factory=set)
    models: dict[str, str] = field(default_factory=dict)
    """Outlines that came from a model, with what a reviewer said of each."""
    split: dict = field(default_factory=dict)
    iterations: int = 2
    gap_km: float = 0.0
    crop: dict = field(default_factory=dict)
    east: shapely.Polygon = EAST
    folds: int = 0
    id_field: str | None = "id"

    def draw(self) -> None:
        outlines = [(f"p{k}", "positive", square(*place), place) for k, place in enumerate(PLACES)]
        outlines += [(f"n{k}", "negative", square(place[0] + 8, place[1], 16), place) for k, place in enumerate(PLACES)]
        other = {"positive": "negative", "negative": "positive"}
        rows = [
            {"id": name, "class": other[kind] if name in self.flipped else kind, "side": "test" if place[1] > 300 else "", "geometry": shape}
            for name, kind, shape, place in outlines
        ]  # fmt: skip
        frame = gpd.GeoDataFrame(rows, crs=GRID.crs)
        if self.models:
            frame["detection"] = frame["id"].where(frame["id"].isin(self.models))
            frame["status"], frame["mean"] = frame["id"].map(self.models), 0.9
        for kind in other:
            frame[frame["class"] == kind].drop(columns="class").to_file(self.folder / f"{kind}.gpkg")
        gpd.GeoDataFrame(geometry=[self.east], crs=GRID.crs).to_file(self.folder / "east.gpkg")

    def paint(self) -> None:
        pixels = np.random.default_rng(0).integers(40, 60, (3, *GRID.shape), dtype=np.uint8)
        for row, column in (*PLACES, WRONG_ELSEWHERE, WRONG_ON_TEST):
            pixels[0, row : row + 12, column : column + 12] = 240
        with rasterio.open(
            self.folder / "image.tif", "w", driver="GTiff", count=3, dtype="uint8", **GRID.profile()
        ) as image:
            image.write(pixels)
        gpd.GeoDataFrame(geometry=[GRID.footprint], crs=GRID.crs).to_file(self.folder / "complete.gpkg")

    @property
    def region(self):
        network = {"backbone": "mobilenetv2_050", "weights": "none", "aspp_channels": 8, "low_level_channels": 8}
        schedule = {"iterations": self.iterations, "batch": 2, "crop": 64, "batch_norm": "trained", "evaluate_every": 1}
        files = {f"{kind}s": [{"path": f"{kind}.gpkg", "id_field": self.id_field}] for kind in ("positive", "negative")}
        return parse(
            {
                "region": "r",
                "imagery": {"tiles": {"A": ["image.tif"]}},
                "labels": {**files, "fold_field": "side", "ring_m": 20},
                "patches": {
                    "crop": {"core": 32, "margin": 16, "buffer_m": 100, "min_entropy": 0, **self.crop},
                    "split": {"block_km": 1, "validation_share": 0.2, "folds": self.folds, "test": self.test | {"gap_km": self.gap_km}, **self.split},
                },
                "training": {"network": network, "schedule": schedule, "mining": {"min_area_km2": 0.001, "from": "background"}},
                "mapping": {"predict": {"window": 64, "overlap": 16}},
            }
        )  # fmt: skip

    def run(self, out: str, verbs: int = 20) -> tuple[dict[str, str], Path]:
        """Draw, and run the chain of verbs into a folder; return the key of each verb, and the folder."""
        self.draw()
        target, image = self.folder / out, self.folder / "image.tif"
        target.mkdir(exist_ok=True)
        made = {
            name: target / name for name in (*UNTOUCHED, "polygons.gpkg", "drawn.gpkg", "reserved.gpkg", "leakage.json")
        }
        test = {name: target / "test" / name for name in ("A.tif", "A.npy", "A.gpkg", "scores.json", "test.json")}
        tiles, region = ["A"], [self.folder / "east.gpkg"] if self.test["method"] == "region" else []
        # windows of a network that sees red would reach the target, and nothing would be mined: mining takes the patches' IoU
        calls = [
            ("clean_labels", {"positives": [self.folder / "positive.gpkg"], "negatives": [self.folder / "negative.gpkg"], "images": [image], "polygons": made["polygons.gpkg"], "drawn": made["drawn.gpkg"], "tiles": tiles}),
            ("reserve_test", {"drawn": made["drawn.gpkg"], "images": [image], "reserved": made["reserved.gpkg"], "region": region, "tiles": tiles}),
            ("rasterize_labels", {"image": image, "polygons": made["polygons.gpkg"], "reserved": made["reserved.gpkg"], "label": made["A.tif"], "test_label": test["A.tif"]}),
            ("crop_patches", {"image": image, "label": made["A.tif"], "polygons": made["polygons.gpkg"], "reserved": made["reserved.gpkg"], "test_label": test["A.tif"], "patches": made["A.npy"], "footprints": made["A.gpkg"], "test_patches": test["A.npy"], "test_footprints": test["A.gpkg"], "tile": "A"}),
            ("split_patches", {"footprints": [made["A.gpkg"]], "test_footprints": [test["A.gpkg"]], "split": made["split.gpkg"], "leakage": made["leakage.json"]}),
            ("train", {"patches": [made["A.npy"]], "split": made["split.gpkg"], "model": made["model.safetensors"], "metrics": made["metrics.csv"], "verdict": made["verdict.json"], "events": target / "events", "tiles": tiles, "round": 1}),
            ("judge_round", {"model": made["model.safetensors"], "verdict": made["verdict.json"], "images": [image], "labels": [made["A.tif"]], "split": made["split.gpkg"], "judged": made["judged.json"], "tiles": tiles}),
            ("mine_negatives", {"model": made["model.safetensors"], "verdict": made["verdict.json"], "images": [image], "labels": [made["A.tif"]], "polygons": made["polygons.gpkg"], "split": made["split.gpkg"], "reserved": made["reserved.gpkg"], "footprints": [made["A.gpkg"]], "ignored": made["ignored.npy"], "candidates": made["candidates.gpkg"], "negatives": made["negatives.gpkg"], "mined": made["negatives.npy"], "tiles": tiles, "round": 1}),
            ("select_model", {"verdicts": [made["judged.json"]], "models": [made["model.safetensors"]], "leakage": made["leakage.json"], "split": made["split.gpkg"], "model": made["chosen.safetensors"], "selection": made["selection.json"]}),
            ("predict", {"image": image, "model": made["chosen.safetensors"], "probability": made["probability.tif"]}),
            ("choose_threshold", {"probabilities": [made["probability.tif"]], "labels": [made["A.tif"]], "split": made["split.gpkg"], "mined": made["negatives.gpkg"], "complete": self.folder / "complete.gpkg", "reserved": made["reserved.gpkg"], "threshold": made["threshold.json"]}),
            ("evaluate_test", {"model": made["chosen.safetensors"], "patches": [test["A.npy"]], "footprints": [test["A.gpkg"]], "reserved": made["reserved.gpkg"], "scores": test["scores.json"], "tiles": tiles}),
            ("record_test", {"scores": test["scores.json"], "test": test["test.json"]}),
        ]  # fmt: skip
        keys = {verb: stage.run(verb, files, self.region, Store.from_environment()) for verb, files in calls[:verbs]}
        return keys, target


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOBATE_STORE", str(tmp_path / "store"))
    red = lambda net, device: lambda images: images[:, 0].float() / 255  # noqa: E731
    monkeypatch.setattr(deeplab, "landform_probability", red)
    made = World(tmp_path, TEST_SIDES["region"])
    made.paint()
    return made


def run_twice(world: World, verbs: int = 20):
    """Run the verbs, and again with every label of the test side flipped."""
    keys, before = world.run("before", verbs)
    world.flipped = set(read_layer(before / "reserved.gpkg", "outlines")["polygon"])
    assert 0 < len(world.flipped) < 2 * len(PLACES)
    return (keys, before), world.run("after", verbs)


def test_flipped_labels_of_the_test_side_change_nothing_but_its_own_scores(world):
    (keys, before), (flipped_keys, after) = run_twice(world)
    assert {verb: flipped_keys[verb] for verb in LEARNING} == {verb: keys[verb] for verb in LEARNING}
    for name in UNTOUCHED:
        assert content_digest(after / name) == content_digest(before / name), name
    assert len(np.load(before / "negatives.npy")) > 0
    first, second = (json.loads((folder / "test/test.json").read_text()) for folder in (before, after))
    assert first["groups"] != second["groups"]
    assert first["test_side"] == second["test_side"]
    assert second["models_judged"] == 1


@pytest.mark.parametrize("method", TEST_SIDES)
def test_the_sides_depend_on_ground_and_shapes_whatever_the_method(world, method):
    world.test, world.gap_km = TEST_SIDES[method], 0.1
    (_, before), (_, after) = run_twice(world, verbs=5)
    for name in ("A.tif", "A.npy", "A.gpkg", "split.gpkg", "reserved.gpkg"):
        assert content_digest(after / name) == content_digest(before / name), name
    assert content_digest(after / "test/A.npy") != content_digest(before / "test/A.npy")


def test_nor_do_they_depend_on_ids_that_are_numbers_in_files(world):
    """Without an id field an outline is called by its number, and a flipped one shifts the numbers of all after it."""
    world.test = TEST_SIDES["groups"]
    _, folder = world.run("named", verbs=2)
    names = set(read_layer(folder / "reserved.gpkg", "outlines")["polygon"])
    world.id_field = None
    _, before = world.run("before", verbs=5)
    world.flipped = names
    _, after = world.run("after", verbs=5)
    for folder in (before, after):
        keep_configured(folder / "split.gpkg", folder / "seen.gpkg")
        keep_places(folder / "A.gpkg", folder / "places.gpkg")
        outlines_elsewhere(folder / "polygons.gpkg", folder / "landforms.gpkg", folder / "reserved.gpkg")
        ground_alone(folder / "reserved.gpkg", folder / "ground.gpkg")
    for name in ("A.tif", "A.npy", "seen.gpkg", "places.gpkg", "ground.gpkg", "landforms.gpkg"):
        assert content_digest(after / name) == content_digest(before / name), name


def test_the_labels_of_the_test_side_are_in_no_file_of_the_others(world):
    world.gap_km = 0.15
    _, folder = world.run("out", verbs=8)
    ground = ReservedGround.read(folder / "reserved.gpkg").near(GRID)
    with rasterio.open(folder / "A.tif") as label, rasterio.open(folder / "test/A.tif") as test_label:
        labels, test_labels = label.read(1), test_label.read(1)
    hidden, tested = ground.hidden(GRID), ground.tested(GRID)
    assert (labels[hidden] == 255).all()
    assert (test_labels[~tested] == 255).all()
    assert (test_labels[tested] == 1).any()
    assert (labels == 1).any()
    assert hidden.sum() > tested.sum() > 0
    for path, layer in ((folder / "split.gpkg", "split"), (folder / "negatives.gpkg", "patches")):
        patches = read_layer(path, layer).to_crs(GRID.crs).geometry
        assert patches.distance(ground.test.union_all()).min() > 149
    removed = read_layer(folder / "negatives.gpkg", "removed")
    assert ON_TEST in removed["reason"].tolist()


def test_the_leakage_covers_all_pairs_and_the_gap_is_counted(world):
    world.gap_km, world.folds = 0.5, 2
    _, folder = world.run("out", verbs=5)
    leakage = json.loads((folder / "leakage.json").read_text())
    test = leakage["test"]
    assert [fold["patches"] for fold in leakage["folds"]] == [len(np.load(folder / "A.npy"))] * 2
    removed = read_layer(folder / "A.gpkg", "removed")["reason"].tolist()
    assert set(test["pairs"]) == {"training/validation", "training/test", "validation/test"}
    assert test["left_out"] == {"on_test_ground": removed.count(ON_TEST), "in_the_gap": removed.count(IN_GAP)}
    assert removed.count(IN_GAP) > 0
    for pair in ("training/test", "validation/test"):
        assert test["pairs"][pair]["leaked_share"] == 0
        assert test["pairs"][pair]["nearest_m"] >= 499
    assert test["patches"] == len(np.load(folder / "test/A.npy")) == len(Patches(folder, side="test"))


def judge(folder: Path, region, seed: int) -> dict:
    """Evaluate a model with random weights on the test side, and return test.json."""
    model, test = folder / f"{seed}.safetensors", folder / "test"
    modelfile.save(model, deeplab.build(region.training.network, seed=seed), {"threshold": 0.5})
    scores, files = test / "scores.json", {"patches": [test / "A.npy"], "footprints": [test / "A.gpkg"]}
    call = {"model": model, "reserved": folder / "reserved.gpkg", "scores": scores, "tiles": ["A"], **files}
    stage.run("evaluate_test", call, region, Store.from_environment())
    stage.run("record_test", {"scores": scores, "test": test / "test.json"}, region, Store.from_environment())
    return json.loads((test / "test.json").read_text())


def test_each_other_model_raises_the_count_and_the_same_one_does_not(world):
    _, folder = world.run("out", verbs=4)
    judged = [judge(folder, world.region, seed) for seed in (1, 1, 2)]
    assert [facts["models_judged"] for facts in judged] == [1, 1, 2]
    assert judged[0] == judged[1]
    assert judged[0]["model"] != judged[2]["model"]
    for path in (*folder.glob("*.safetensors"), *folder.glob("test/*.json")):
        path.unlink()
    collect(Store.from_environment())
    assert judge(folder, world.region, 3)["models_judged"] == 3


def test_the_counts_are_those_of_the_labels(world):
    _, folder = world.run("out", verbs=4)
    facts = judge(folder, world.region, 1)
    labels = np.load(folder / "test/A.npy")[..., -1]
    cells = [group[name] for group in facts["groups"].values() for name in ("true_positive", "false_negative")]
    assert sum(cells) == (labels == 1).sum() > 0
    assert sum(sum(group.values()) - group["patches"] for group in facts["groups"].values()) == (labels != 255).sum()
    assert sum(group["patches"] for group in facts["groups"].values()) == facts["patches"] == len(labels)
    assert len(facts["groups"]) == 4


def test_outlines_that_came_from_a_model_are_never_on_the_test_side(world):
    world.draw()
    rejected = gpd.GeoDataFrame({"status": ["rejected"]}, geometry=[square(130, 340)], crs=GRID.crs)
    write_layers(world.folder / "review.gpkg", {"review": rejected.to_crs(LONLAT)})
    files = {kind: [world.folder / f"{kind}.gpkg"] for kind in ("positive", "negative")}
    stage.run(
        "clean_labels",
        {"positives": files["positive"], "negatives": files["negative"], "images": [world.folder / "image.tif"], "decisions": [world.folder / "review.gpkg"], "polygons": world.folder / "polygons.gpkg", "drawn": world.folder / "drawn.gpkg", "tiles": ["A"]},
        world.region,
        Store.from_environment(),
    )  # fmt: skip
    kept = set(read_layer(world.folder / "polygons.gpkg", "kept")["polygon"])
    drawn = set(read_layer(world.folder / "drawn.gpkg", "drawn")["polygon"])
    assert {name for name in kept - drawn if name.startswith("rejected_")}
    assert not {name for name in drawn if name.startswith("rejected_")}


def burned(folder: Path, *names: str, label: str = "A.tif") -> set[int]:
    """Return the labels at the centres of these positives."""
    with rasterio.open(folder / label) as raster:
        labels = raster.read(1)
    places = [PLACES[int(name[1:])] for name in names]
    return {int(labels[row + 3, column + 6]) for row, column in places}


@pytest.mark.parametrize("method", TEST_SIDES)
def test_no_positive_of_a_model_is_on_the_test_side_mended_or_not(world, method):
    world.test = TEST_SIDES[method]
    _, folder = world.run("drawn", verbs=2)
    positives = read_layer(folder / "reserved.gpkg", "outlines")["polygon"].str.startswith("p")
    first, second, *_ = read_layer(folder / "reserved.gpkg", "outlines")["polygon"][positives]
    world.models = {first: "accepted", second: "edited"}
    _, folder = world.run("out", verbs=5)
    reserved = read_layer(folder / "reserved.gpkg", "outlines")["polygon"].tolist()
    assert reserved
    assert not {first, second} & set(reserved)
    assert not {first, second} & set(read_layer(folder / "drawn.gpkg", "drawn")["polygon"])
    assert burned(folder, first, second, label="test/A.tif") == {255}
    assert set(np.unique(np.load(folder / "test/A.npy")[..., -1])) <= {0, 1, 255}


def test_the_test_side_stays_whatever_a_model_drew_elsewhere(world):
    _, before = world.run("before", verbs=5)
    world.models = {"p0": "accepted", "p1": "edited"}
    _, after = world.run("after", verbs=5)
    for name in ("reserved.gpkg", "test/A.tif", "test/A.npy"):
        assert content_digest(after / name) == content_digest(before / name), name


@pytest.mark.parametrize("split", [{"method": method} for method in ("random", "grouped", "blocks")] + [{"folds": 3}])
def test_what_nobody_mended_is_taught_and_never_judged(world, split, caplog):
    world.split = {"validation_share": 0.4, "block_km": 0.5, **split}
    world.models = {f"p{k}": "accepted" for k in range(0, 15, 2)} | {"p1": "edited"}
    with caplog.at_level(logging.INFO):
        _, folder = world.run("out", verbs=5)
    assert "patches are of a model's outlines that nobody mended" in caplog.text
    assert "8 positives are a model's outlines that nobody mended" in caplog.text
    assert (burned(folder, "p0", "p2"), burned(folder, "p1"), burned(folder, "p3")) == ({2}, {1}, {1})
    rows = read_layer(folder / "split.gpkg", "split")
    own = rows["polygon"].isin([name for name, said in world.models.items() if said == "accepted"])
    assert own.any()
    judging = [rows[name] == "validation" for name in ("side", "other_side")] + [rows["fold"] >= 0] * ("folds" in split)
    for validates in judging:
        assert (validates & ~own).any()
        assert not (validates & own).any()
    data = read_data([folder / "A.npy"], ["A"], folder / "split.gpkg", [])
    for side, allowed in ((data.training, {0, 1, 255}), (data.validation, {0, 1, 255})):
        assert {int(value) for k in range(len(side)) for value in np.unique(side.patch(k)[..., -1])} <= allowed
    whole = np.load(folder / "A.npy")[..., -1]
    rows = rows.sort_values("row")
    for name, dataset, value in (("training", data.training, 1), ("validation", data.validation, 255)):
        of_models = whole[rows["row"][rows["side"] == name]] == 2
        seen = np.stack([dataset.patch(k)[..., -1] for k in range(len(dataset))])
        assert (seen[of_models] == value).all()
        assert (
            np.stack([sample["mask"].numpy() for sample in Patches(folder, name)])[of_models].tolist()
            == [value] * of_models.sum()
        )


def test_a_region_of_unmended_outlines_alone_cannot_validate(world):
    world.models = {f"p{k}": "accepted" for k in range(20)}
    frame = make_unmended(world)
    with pytest.raises(UserError, match="outlines of a model that nobody mended, so none can validate"):
        split_patches([frame], world.folder / "s.gpkg", world.folder / "l.json", split_settings=Split(), seed=0)


def make_unmended(world: World) -> Path:
    """Return footprints of unmended outlines alone, as crop-patches writes them."""
    _, folder = world.run("out", verbs=4)
    layers = {name: read_layer(folder / "A.gpkg", name) for name in ("patches", "removed")}
    layers["patches"] = layers["patches"][layers["patches"]["class"] == "positive"].reset_index(drop=True)
    write_layers(world.folder / "alone.gpkg", layers)
    return world.folder / "alone.gpkg"


def test_nothing_changes_where_no_model_drew(world):
    """A field of statuses alone makes nobody's outline a model's."""
    _, before = world.run("before", verbs=5)
    world.models = {"nobody": "accepted"}
    _, after = world.run("after", verbs=5)
    for name in ("polygons.gpkg", "drawn.gpkg", "A.tif", "A.npy", "A.gpkg", "split.gpkg", "leakage.json", "test/A.npy"):
        assert content_digest(after / name) == content_digest(before / name), name


@pytest.mark.parametrize(
    ("test", "ground", "words"),
    [
        ({"method": "blocks", "share": 0.99}, EAST, "takes all of the 40 outlines. Set a smaller"),
        (
            TEST_SIDES["region"],
            shapely.box(490_000, 3_900_000, 510_000, 4_100_000),
            "takes all of the 40 outlines. Draw",
        ),
        (
            TEST_SIDES["region"],
            shapely.box(490_000, 3_900_000, 490_001, 3_900_001),
            "gets none of the 40 outlines. Draw",
        ),
    ],
)
def test_a_side_without_outlines_is_a_mistake(world, test, ground, words):
    world.test, world.east = test, ground
    with pytest.raises(UserError, match=words):
        world.run("out", verbs=2)


def test_no_positive_outline_with_a_patch_ends_before_training(world):
    world.crop = {"min_valid": 1.0}
    with pytest.raises(UserError, match=r"None of the \d+ positive outlines gave a patch.*patches\.crop\.min_valid"):
        world.run("out", verbs=5)
    assert not (world.folder / "out/split.gpkg").exists()
