"""The world of config/config.yaml by the rooms' own rules: enough groups a side, and hidden landforms in training patches.

Scenes are left out: the images here are noise on the tiles' grids, so cloud and snow drop no patch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio

from lobate.example.product import ProductName, make_layout
from lobate.example.scenario import Scenario, generate
from lobate.example.vectors import write_removed, write_shapefile
from lobate.io.vector import read_layer
from lobate.labels.clean_labels import clean_labels
from lobate.labels.rasterize_labels import rasterize_labels
from lobate.labels.reserve_test import reserve_test
from lobate.patches.crop_patches import crop_patches
from lobate.patches.split_patches import split_patches
from lobate.settings.load import load
from lobate.settings.region import Region

LEAST_GROUPS = 5
"""Fewer give no interval."""


@dataclass
class Sides:
    """The scenario, and the footprints of all patches with their group and side, in the world's CRS."""

    scenario: Scenario
    patches: gpd.GeoDataFrame
    test_groups: int
    leaked: float

    def ground(self, side: str):
        return self.patches.geometry[self.patches["side"] == side].union_all()


@pytest.fixture(scope="module")
def sides(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Sides:
    region, folder = load([project / "config/config.yaml"]), tmp_path_factory.mktemp("demo")
    products = [ProductName.parse(Path(scene)) for scenes in region.imagery.tiles.values() for scene in scenes]
    scenario = generate(make_layout(products, region.example), region.example, region.seed)
    return _divide(scenario, region, folder)


def _divide(scenario: Scenario, region: Region, folder: Path) -> Sides:
    """Run the rooms of labels and patches."""
    write_shapefile(folder / "positives.shp", scenario.positives)
    write_shapefile(folder / "negatives.shp", scenario.negatives)
    write_removed(folder / "removed.csv", scenario.removed)
    tiles, split = sorted(region.imagery.tiles), region.patches.split
    images = [_noise(folder / f"{tile}.tif", scenario, tile) for tile in tiles]
    kept, drawn, reserved = (folder / f"{name}.gpkg" for name in ("polygons", "drawn", "test_side"))
    clean_labels(
        [folder / "positives.shp"],
        images,
        kept,
        [folder / "negatives.shp"],
        folder / "removed.csv",
        drawn=drawn,
        tiles=tiles,
        labels=region.labels,
    )
    reserve_test(
        drawn,
        images,
        reserved,
        tiles=tiles,
        test=split.test,
        block_km=split.block_km,
        buffer_m=region.patches.crop.buffer_m,
        ring_m=region.labels.ring_m,
        seed=region.seed,
    )
    for tile, image in zip(tiles, images, strict=True):
        label, test_label = folder / f"{tile}_label.tif", folder / f"{tile}_test_label.tif"
        rasterize_labels(image, kept, label, None, reserved, test_label, ring_m=region.labels.ring_m)
        files = [folder / f"{tile}{name}" for name in (".npy", ".gpkg")]
        test_files = [folder / f"{tile}_test{name}" for name in (".npy", ".gpkg")]
        crop_patches(image, label, kept, *files, reserved, test_label, *test_files, tile=tile, crop=region.patches.crop)
    footprints, of_test = ([folder / f"{tile}{name}.gpkg" for tile in tiles] for name in ("", "_test"))
    target, leakage = folder / "split.gpkg", folder / "leakage.json"
    split_patches(footprints, target, leakage, None, of_test, split_settings=split, seed=region.seed)
    measured = json.loads(leakage.read_text())
    return Sides(
        scenario,
        read_layer(target, "split").to_crs(scenario.truth.crs),
        read_layer(reserved, "outlines")["group"].nunique(),
        measured["grouped"]["leaked_share"],
    )


def _noise(path: Path, scenario: Scenario, tile: str) -> Path:
    grid = scenario.layout.tiles[tile.removeprefix("T")]
    pixels = np.random.default_rng(0).integers(1, 256, (3, *grid.shape), dtype=np.uint8)
    with rasterio.open(
        path, "w", **grid.profile() | {"driver": "GTiff", "count": 3, "dtype": "uint8", "nodata": 0}
    ) as image:
        image.write(pixels)
    return path


def test_each_side_has_groups_enough_for_an_interval(sides):
    groups = sides.patches.groupby("side")["group"].nunique()
    assert set(groups.index) == {"training", "validation"}, "no patch is dropped"
    assert groups.min() >= LEAST_GROUPS
    assert sides.test_groups >= LEAST_GROUPS
    with_landform = sides.patches[sides.patches["positive"] > 0].groupby("side")["group"].nunique()
    assert with_landform.min() >= LEAST_GROUPS - 1
    assert sides.leaked == 0


def test_patches_of_known_landforms_show_hidden_ones(sides):
    truth = sides.scenario.truth
    hidden, training = truth[truth["hidden"] == 1], sides.ground("training")
    shown = hidden.intersects(training)
    assert len(hidden) == 10
    assert 3 <= shown.sum() <= 5, "half of them lie among known ones, most of these in training patches"
    assert not hidden[shown].intersects(sides.scenario.complete.to_crs(truth.crs).geometry[0]).any()


def test_no_hidden_landform_makes_the_completely_mapped_ground_wrong(sides):
    truth, ground = sides.scenario.truth, sides.scenario.complete.to_crs(sides.scenario.truth.crs).geometry[0]
    assert truth.loc[truth.intersects(ground), "hidden"].sum() == 0
    left = ground.difference(sides.patches.geometry.union_all())
    assert left.area / ground.area > 0.4, "there is ground for mining and for the threshold, far from all outlines"
