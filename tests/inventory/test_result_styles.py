"""Results carry QGIS styles of all their layers: the same bytes at any time, and nothing else of the content changed."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import pyogrio
import pytest

from lobate.inventory import apply_review as apply_module
from lobate.inventory import compile_inventory as compile_module
from lobate.inventory import translate_inventory as translate_module
from lobate.inventory.apply_review import apply_review
from lobate.inventory.compile_inventory import compile_inventory
from lobate.inventory.describe import describe
from lobate.inventory.translate_inventory import translate_inventory
from lobate.io.qgis.package import FIXED_TIME
from lobate.io.vector import STYLES_TABLE, layer_types, read_layer

from .conftest import probability_map, square

NAMES = ("inventory", "reviewed", "rgik", "paper")
MODULES = (apply_module, compile_module, translate_module)


@pytest.fixture
def write(detections, tmp_path):
    """Write all results into a folder; return the GeoPackages by name."""
    found, ground = detections([square(n) for n in range(3)]), probability_map(tmp_path / "p.tif")

    def written(folder: Path) -> dict[str, Path]:
        folder.mkdir()
        files = {name: folder / f"{name}.gpkg" for name in NAMES}
        described, rest = folder / "described.gpkg", ("i.parquet", "i.csv", "i.geojson", "i.shp.zip", "summary.json")
        apply_review(found, files["reviewed"])
        describe(files["reviewed"], described, None, source="reviewed", others_settings={})
        compile_inventory(described, [], [ground], files["inventory"], *(folder / name for name in rest), names=[])
        for standard in ("rgik", "paper"):
            translate_inventory(files["inventory"], files[standard], standard=standard)
        return files

    return written


def test_the_same_bytes_at_another_time(write, tmp_path):
    first = write(tmp_path / "first")
    time.sleep(1.1)
    second = write(tmp_path / "second")
    for name in NAMES:
        assert first[name].read_bytes() == second[name].read_bytes(), name


def test_each_layer_has_one_default_style_without_a_time(write, tmp_path):
    for name, path in write(tmp_path / "results").items():
        with closing(sqlite3.connect(path)) as package:
            rows = package.execute('SELECT f_table_name, "useAsDefault", update_time FROM layer_styles').fetchall()
            wrong = package.execute(
                "SELECT COUNT(*) FROM gpkg_contents WHERE last_change != ?", [FIXED_TIME]
            ).fetchone()
        assert sorted(rows) == sorted((layer, 1, FIXED_TIME) for layer in layer_types(path)), name
        assert wrong == (0,), name


def test_the_outlines_and_their_attributes_are_those_without_styles(write, tmp_path, monkeypatch):
    styled = write(tmp_path / "styled")
    for module in MODULES:
        monkeypatch.setattr(module, "add_styles", lambda path, styles: None)
    plain = write(tmp_path / "plain")
    for name in NAMES:
        layers = [str(layer) for layer, _ in pyogrio.list_layers(plain[name])]
        assert [str(layer) for layer, _ in pyogrio.list_layers(styled[name])] == [*layers, STYLES_TABLE]
        for layer in layers:
            one, other = (read_layer(files[name], layer) for files in (styled, plain))
            assert isinstance(one, gpd.GeoDataFrame)
            assert one.equals(other), (name, layer)


def test_a_file_of_one_layer_and_styles_is_read_without_a_name(write, tmp_path):
    path = write(tmp_path / "results")["paper"]
    assert list(layer_types(path)) == ["inventory"]
    assert len(read_layer(path)) == 3
