"""Somebody comes with one file of outlines and one scene: `lobate init`, `lobate check`, and a run to its end."""

from __future__ import annotations

import shutil

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import rasterio
import yaml
from shapely.geometry import box

pytestmark = pytest.mark.xdist_group("chain")

FAST = {
    "patches": {"crop": {"buffer_m": 150, "core": 64, "margin": 16}},
    "training": {
        "max_rounds": 1,
        "both_protocols": False,
        "network": {"backbone": "mobilenetv2_100", "weights": "none", "aspp_channels": 16, "low_level_channels": 8},
        "schedule": {
            "iterations": 4, "batch": 2, "crop": 64, "optimizer": "adamw", "batch_norm": "trained", "scales": [1.0],
            "evaluate_every": 2, "evaluate_at_most": 10,
        },
    },
    "mapping": {"predict": {"window": 128, "overlap": 32}},
    "figures": {"dpi": 60},
}  # fmt: skip
"""What a person without an hour sets: all else is as `lobate init` wrote it."""
FIELD = "名称"


def bring(own, example):
    """Put a scene, and a Shapefile in GBK without .cpg, into the folder data; return its names and the scene's."""
    data = own.folder / "data"
    [scene] = example.glob("S2A_*_T44SPC_*.SAFE")
    shutil.copytree(scene, data / scene.name)
    drawn = gpd.read_file(example / "positives.shp")[["geometry"]]
    names = [f"冰川{number}号" for number in range(1, len(drawn) + 1)]
    pyogrio.write_dataframe(drawn.assign(**{FIELD: names}), data / "survey.shp", encoding="GBK")
    (data / "survey.cpg").unlink()
    return names, scene.name


def names_in(results):
    """The names that each format of the inventory gives for the outlines of the survey."""
    folder = results / "inventory"
    tables = {
        "gpkg": gpd.read_file(folder / "inventory.gpkg", layer="inventory"),
        "geojson": gpd.read_file(folder / "inventory.geojson"),
        "parquet": gpd.read_parquet(folder / "inventory.parquet"),
        "csv": pd.read_csv(folder / "inventory.csv"),
        "shp": gpd.read_file(folder / "inventory.shp.zip"),
    }
    return {form: {*table["remark"].dropna()} - {""} for form, table in tables.items()}


def shown_names(own, names):
    """The names of the outlines that the image shows."""
    with rasterio.open(own.folder / "results/own/imagery/T44SPC.tif") as image:
        ground = box(*image.bounds)
        drawn = gpd.read_file(own.folder / "data/survey.shp", encoding="GBK").to_crs(image.crs)
    return {*np.array(names)[drawn.intersects(ground).to_numpy()].tolist()}


def labelled(results):
    """The names of the labels, without the numbers of parts."""
    kept = gpd.read_file(results / "labels/polygons.gpkg", layer="kept")
    return {name.split(".")[0] for name in kept["polygon"]}


def left_out(results):
    """The names of the outlines that the compiled inventory leaves out, since they do not lie on mapped ground."""
    return {*gpd.read_file(results / "inventory/inventory.gpkg", layer="removed")["source_id"]}


def test_one_file_of_outlines_and_a_scene_become_a_map(finished, tmp_path):
    first, _ = finished
    own = first.fresh(tmp_path / "own")
    names, scene = bring(own, first.results / "example")

    begun = own.lobate("init", "own", "data/survey.shp", f"data/{scene}")
    assert begun.returncode == 0, begun.stderr
    text = (own.folder / "config/own.yaml").read_text()
    assert "in which encoding are its fields?" in text
    config = yaml.safe_load(text)
    assert config["imagery"]["tiles"] == {"T44SPC": [f"data/{scene}"]}
    assert config["labels"]["positives"] == [{"path": "data/survey.shp"}]

    survey = {"path": "data/survey.shp", "id_field": FIELD}
    overlay = {
        **FAST,
        "labels": {"positives": [survey]},
        "inventory": {"others": {"survey": {**survey, "method": "Survey", "fields": {"remark": FIELD}}}},
    }
    (own.folder / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    asked = own.lobate("check", "config/own.yaml", "overlay.yaml")
    assert asked.returncode == 2
    assert "Name the encoding with the key encoding" in asked.stderr
    assert f"{FIELD} in GBK" in asked.stderr

    survey["encoding"] = overlay["inventory"]["others"]["survey"]["encoding"] = "GBK"
    (own.folder / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    checked = own.lobate("check", "config/own.yaml", "overlay.yaml")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "are in order" in checked.stdout
    assert "lie on no image and will give no patch" in checked.stdout  # those of the other tile

    run = own.run(config="config/own.yaml", overlay=overlay)
    assert run.status == 0, run.text[-5000:]
    results = own.folder / "results/own"
    with rasterio.open(results / "mapping/T44SPC_probability.tif") as probability:
        assert (probability.read(1) != 255).mean() > 0.9
    on_image = shown_names(own, names)
    assert 3 < len(on_image) < len(names)
    assert labelled(results) == on_image
    found = names_in(results)
    off = left_out(results)
    assert found == dict.fromkeys(found, {*names} - off)
    assert {*names} - on_image <= off < {*names}  # those of which the image shows too little
    assert (results / "report.html").stat().st_size > 10_000

    said = own.lobate("summary", "config/own.yaml", "overlay.yaml")
    assert said.returncode == 0, said.stderr
    assert "results/own/inventory/inventory.gpkg" in said.stdout
    assert "None" not in said.stdout
    assert "Nothing to be done" in own.run(config="config/own.yaml", overlay=overlay).text
