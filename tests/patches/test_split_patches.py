"""The verb split-patches: its layer, its leakage, and the same bytes for any order of tiles."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import pytest
import rasterio
from rasterio.features import rasterize

from lobate.engine.signature import Input, parameters
from lobate.errors import UserError
from lobate.io.vector import LONLAT, read_layer, write_layers
from lobate.patches.crop_patches import crop_patches
from lobate.patches.footprints import PATCH_COLUMNS
from lobate.patches.split_patches import split_patches
from lobate.settings.patches import Crop, Split

from .conftest import make_footprints, nothing_removed

MEASURES = {
    *("patches", "training", "validation", "dropped"),
    *("leaked_share", "polygons_on_both_sides", "nearest_m"),
}


def written(folder: Path, windows, name="t1", **options) -> Path:
    path = folder / f"{name}.gpkg"
    write_layers(path, {"patches": make_footprints(windows, name=name, **options), "removed": nothing_removed()})
    return path


def parted(folder: Path, footprints: list[Path], **settings):
    split, leakage = folder / "split.gpkg", folder / "leakage.json"
    split_patches(footprints, split, leakage, split_settings=Split(**settings), seed=3)
    return read_layer(split, "split"), json.loads(leakage.read_text())


def chains(n: int = 20) -> list[tuple[int, int, int, int]]:
    return [(100 * k + shift, 0, 30, 30) for k in range(n) for shift in (0, 20)]


def test_the_layer_has_all_patches_with_side_and_group(tmp_path):
    paths = [written(tmp_path, chains(), "t1"), written(tmp_path, chains(5), "t2"), written(tmp_path, [], "t3")]
    table, leakage = parted(tmp_path, paths, method="random")
    assert [*table.columns] == [*PATCH_COLUMNS, "group", "side", "reason", "other_side", "fold", "clash", "geometry"]
    assert table.crs == LONLAT
    assert len(table) == table["patch"].nunique() == 50
    assert table["side"].value_counts().to_dict() == {"training": 45, "validation": 5}
    assert set(leakage) == {"used", "random", "grouped"}
    assert set(leakage["random"]) == set(leakage["grouped"]) == MEASURES
    assert leakage["used"] == "random"
    assert leakage["random"]["leaked_share"] > 0 == leakage["grouped"]["leaked_share"]


def test_dropped_patches_are_listed_with_their_reason_and_counted(tmp_path, caplog):
    table, leakage = parted(tmp_path, [written(tmp_path, [(15 * k, 0, 30, 30) for k in range(60)])])
    dropped = table[table["side"] == "dropped"]
    assert len(dropped) == leakage["grouped"]["dropped"] > 0
    assert set(dropped["reason"]) == {"overlaps validation ground"}
    assert f"{len(dropped)} training patches are dropped" in caplog.text


def test_blocks_are_measured_beside_random_and_grouped(tmp_path):
    _, leakage = parted(tmp_path, [written(tmp_path, chains())], method="blocks", block_km=2)
    assert set(leakage) == {"used", "random", "grouped", "blocks"}
    assert leakage["blocks"]["leaked_share"] == 0


def test_the_other_protocol_and_no_folds_unless_asked(tmp_path):
    path = written(tmp_path, chains())
    grouped, _ = parted(tmp_path, [path])
    random, _ = parted(tmp_path, [path], method="random")
    assert (grouped["other_side"] == random["side"]).all()
    assert (random["other_side"] == grouped["side"]).all()
    assert (grouped["fold"] == -1).all()
    assert (grouped["clash"].fillna("") == "").all()


def test_folds_stand_in_the_layer_and_in_the_leakage(tmp_path):
    table, leakage = parted(tmp_path, [written(tmp_path, [(15 * k, 0, 30, 30) for k in range(60)])], folds=4)
    assert table["fold"].value_counts().to_dict() == dict.fromkeys(range(4), 15)
    assert len(leakage["folds"]) == 4
    for fold, one in enumerate(leakage["folds"]):
        clash = table["clash"].fillna("").str.split(",").map(lambda folds, fold=str(fold): fold in folds)
        assert one["dropped"] == clash.sum()
        assert one["leaked_share"] == 0
        assert one["training"] == ((table["fold"] != fold) & ~clash).sum()


def test_the_outlines_field(tmp_path):
    polygons = tmp_path / "polygons.gpkg"
    frame = make_footprints([(0, 0, 9, 9)] * 3)[["polygon", "geometry"]].to_crs(LONLAT)
    write_layers(polygons, {"kept": frame.assign(fold=["2", "2", "1"])})
    split, leakage = tmp_path / "split.gpkg", tmp_path / "leakage.json"
    chosen = Split(method="field", folds=2)
    windows = [(100 * k, 0, 30, 30) for k in range(3)]
    split_patches([written(tmp_path, windows)], split, leakage, polygons, split_settings=chosen, seed=0)
    table = read_layer(split, "split")
    assert table["side"].tolist() == ["training", "training", "validation"]
    assert table["fold"].tolist() == [1, 1, 0]
    assert json.loads(leakage.read_text()).keys() == {"used", "field", "random", "grouped", "folds"}


def test_the_outlines_field_without_the_outlines(tmp_path):
    with pytest.raises(UserError, match=r"Set labels\.fold_field"):
        parted(tmp_path, [written(tmp_path, chains())], method="field")


def test_mined_negatives_cannot_move_anything():
    asked = {name for name, one in parameters(split_patches).items() if isinstance(one.marker, Input)}
    assert asked == {"footprints", "polygons", "test_footprints"}


@pytest.mark.parametrize("folds", [0, 3])
@pytest.mark.parametrize("method", ["random", "grouped", "blocks"])
def test_the_same_bytes_whatever_the_order_of_tiles(tmp_path, method, folds):
    paths = [written(tmp_path, chains(), "t1"), written(tmp_path, chains(5), "t2")]
    found = []
    for order in (paths, paths[::-1]):
        parted(tmp_path, order, method=method, block_km=1, folds=folds)
        found.append((tmp_path / "split.gpkg").read_bytes() + (tmp_path / "leakage.json").read_bytes())
    assert found[0] == found[1]


def test_a_side_without_the_landform_is_told(tmp_path, caplog):
    parted(tmp_path, [written(tmp_path, chains(), positive=[0.0] * 40)])
    assert "No validation patch shows the landform" in caplog.text


@pytest.mark.parametrize(("windows", "what"), [([], "no patches"), ([(0, 0, 9, 9)], "only one patch")])
def test_fewer_than_two_patches(tmp_path, windows, what):
    with pytest.raises(UserError, match=what):
        parted(tmp_path, [written(tmp_path, windows)])


def test_everest_s_touching_glaciers_split_without_leaks(tmp_path, real_data):
    folder = real_data / "everest_glaciers"
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is not there")
    image, label, polygons = (
        folder / "LE71400412000304SGS00_RGB.tif",
        tmp_path / "label.tif",
        tmp_path / "polygons.gpkg",
    )
    glaciers = gpd.read_file(folder / "15_rgi60_glacier_outlines.gpkg")
    kept = glaciers[["RGIId", "geometry"]].rename(columns={"RGIId": "polygon"})
    write_layers(polygons, {"kept": kept.assign(**{"class": "positive", "tile": "everest"})})
    with rasterio.open(image) as scene:
        profile = scene.profile | {"count": 1}
        burned = rasterize(glaciers.to_crs(scene.crs).geometry, out_shape=scene.shape, transform=scene.transform)
    with rasterio.open(label, "w", **profile) as target:
        target.write(burned, 1)
    footprints = tmp_path / "everest.gpkg"
    crop_patches(image, label, polygons, tmp_path / "everest.npy", footprints, tile="everest", crop=Crop())
    table, leakage = parted(tmp_path, [footprints])
    assert table["polygon"].nunique() == 86
    assert table["group"].nunique() == 1
    assert leakage["random"]["leaked_share"] > 0.9
    assert leakage["grouped"]["leaked_share"] == 0
    assert leakage["grouped"]["validation"] == round(0.1 * len(table))
    assert leakage["grouped"]["training"] > 0.6 * len(table)
