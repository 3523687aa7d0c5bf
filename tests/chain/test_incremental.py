"""Only what truly differs is computed: a table of what is changed, run on this machine here and on Slurm in tests/slurm."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import geopandas as gpd
import pytest
import rasterio
from tests.chain.clone import Clone

pytestmark = pytest.mark.xdist_group("chain")

DEAR = {"train", "mine_negatives", "predict", "compose_rgb", "crop_patches", "make_example"}
"""What takes long."""


def touched(folder: Path) -> None:
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink():
            os.utime(file)


def test_finished_chain_has_nothing_to_do(clone):
    done = clone.run(*clone.whole)
    assert done.status == 0
    assert "Nothing to be done" in done.text


def test_lost_image_is_linked_again_though_all_that_was_made_from_it_is_there(clone):
    image = sorted(clone.results.glob("imagery/T*_scene.tif"))[0]
    content = image.read_bytes()
    image.unlink()
    done = clone.run("--until", "compose_rgb")
    assert (done.status, done.computed, done.restored) == (0, {}, {"compose_rgb": 1})
    assert image.read_bytes() == content


def test_everything_touched_computes_nothing(clone):
    shutil.rmtree(clone.folder / ".snakemake")
    touched(clone.folder / "workflow")
    for part in sorted(clone.results.iterdir(), reverse=True):  # the raw data last, so all else looks older
        touched(part) if part.is_dir() else os.utime(part)
    touched(clone.results / "example")
    done = clone.run(*clone.core)
    assert (done.status, done.computed) == (0, {})
    assert done.restored["train"] > 0, "Snakemake was to see older outputs"


def test_forced_run_computes_nothing_and_asks_for_no_gpu(clone):
    done = clone.run("--forceall", *clone.core)
    assert (done.status, done.computed) == (0, {})
    assert set(done.restored) >= {"train", *DEAR & set(done.finished)} - {"mine_negatives"}
    assert "LOBATE_GPUS=0 lobate train " in done.text
    assert "LOBATE_GPUS=1" not in done.text


def test_comment_edited_and_fresh_clone_with_the_old_store_compute_nothing(finished, tmp_path):
    first, _ = finished
    fresh = first.fresh(tmp_path / "fresh")
    for file in sorted((fresh.folder / "workflow/lobate").rglob("*.py")):
        file.write_text(file.read_text() + "\n# a comment at the end\n")
    done = fresh.run(*fresh.core)
    assert (done.status, done.computed) == (0, {})
    for name in (*fresh.core[1:], "results/tiny/training/round_1/model.safetensors"):
        assert (fresh.folder / name).read_bytes() == (first.folder / name).read_bytes(), name


def test_setting_changed_and_changed_back_computes_once(clone):
    changed = clone.run(*clone.detected, overlay={"mapping": {"filter": {"min_area_km2": 0.05}}})
    assert changed.status == 0
    assert changed.computed["filter_detections"] == 1
    assert not set(changed.computed) & DEAR
    back = clone.run(*clone.detected)
    assert (back.status, back.computed) == (0, {})


def test_helper_edited_recomputes_what_reaches_it(clone):
    grid = clone.folder / "workflow/lobate/labels/rasterize_labels.py"
    grid.write_text(grid.read_text() + "\nUNUSED = 1\n")
    done = clone.run(*clone.core)
    assert done.status == 0
    assert done.computed == {"rasterize_labels": 2}, "the label rasters came out identical, so nothing else had to run"


def move_one_outline(clone: Clone) -> str:
    """Move an outline that lies on one tile only by 60 m; return that tile."""
    polygons = gpd.read_file(clone.results / "labels/polygons.gpkg", layer="kept")
    images = {tile: rasterio.open(clone.results / f"imagery/{tile}.tif") for tile in polygons["tile"].unique()}
    positives = polygons[polygons["class"] == "positive"].to_crs(next(iter(images.values())).crs)
    for _, row in positives.iterrows():
        others = [one for tile, one in images.items() if tile != row["tile"]]
        ground = row.geometry.buffer(200)
        if not any(ground.intersects(gpd.GeoSeries.from_wkt([box_of(other)])[0]) for other in others):
            break
    else:
        raise AssertionError("no outline lies on one tile alone")
    file = clone.results / "example" / "positives.shp"
    raw = gpd.read_file(file)
    place = raw.to_crs(polygons.crs).geometry.distance(row_point(polygons, row["polygon"])).idxmin()
    metric = raw.to_crs(positives.crs)
    metric.loc[place, "geometry"] = metric.geometry[place].buffer(20)
    raw.loc[place, "geometry"] = metric.to_crs(raw.crs).geometry[place]
    raw.to_file(file)
    return str(row["tile"])


def box_of(image: rasterio.DatasetReader) -> str:
    left, bottom, right, top = image.bounds
    return f"POLYGON (({left} {bottom}, {right} {bottom}, {right} {top}, {left} {top}, {left} {bottom}))"


def row_point(polygons: gpd.GeoDataFrame, name: str) -> object:
    return polygons.loc[polygons["polygon"] == name].geometry.representative_point().iloc[0]


def test_one_outline_redrawn_in_one_tile(clone):
    tile = move_one_outline(clone)
    done = clone.run(*clone.core)
    assert done.status == 0, done.text[-3000:]
    assert done.computed["clean_labels"] == 1
    assert done.computed["rasterize_labels"] == 1
    assert done.computed["crop_patches"] == 1
    assert done.computed["compose_rgb"] == 0
    assert f"labels/{tile}.tif" in done.text


def test_identical_upstream_does_not_repeat_training(clone):
    """A product's metadata change and its pixels do not: its image is recomputed, and nothing after it."""
    product = min(clone.results.glob("example/*.SAFE"))
    metadata = product / "MTD_MSIL2A.xml"
    metadata.write_text(metadata.read_text() + "\n<!-- a remark -->\n")
    (product / ".snakemake_timestamp").touch()  # Snakemake does not look into folders
    done = clone.run(*clone.core)
    assert done.status == 0, done.text[-3000:]
    assert done.computed == {"compose_rgb": 1}
    assert done.restored["train"] >= 1
