"""Detections in each format: the same outlines and columns, writable, with a style, and the same bytes each time."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import geopandas as gpd
import pytest
from shapely.geometry import box

from lobate.cli.detection_files import LAYERS, SHORT_NAMES, SUFFIXES, files_of, write_detections
from lobate.io.vector import read_layer, write_layers


@pytest.fixture
def detections(tmp_path):
    columns = {
        "detection": ["d1", "d2"],
        "tiles": ["T1", "x" * 300],
        "mean": [0.7, 0.9],
        "touches_edge": [True, False],
        "touches_nodata": [False, False],
        "perimeter_m": [10.0, 20.0],
        "elevation_min_m": [None, 4000.0],
        "slope_mean_deg": [None, 20.0],
        "occurrences": [1, 2],
        "area_before_m2": [1.0, 2.0],
    }
    frame = gpd.GeoDataFrame(columns, geometry=[box(83, 33, 83.1, 33.1), box(84, 33, 84.1, 33.1)], crs=4326)
    write_layers(
        tmp_path / "d.gpkg", {"kept": frame, "removed": frame.iloc[:1].assign(reason="small; Gr\u00f6\u00dfe")}
    )
    return tmp_path / "d.gpkg"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_each_format_holds_the_detections_and_is_writable(detections, tmp_path, suffix):
    out = tmp_path / f"deep/out{suffix}"
    write_detections(detections, out)
    for layer, path in files_of(out).items():
        read = (
            gpd.read_parquet
            if suffix == ".parquet"
            else lambda path, layer=layer: read_layer(path, layer if suffix == ".gpkg" else None)
        )
        found, whole = read(path), read_layer(detections, layer)
        assert found.crs.to_epsg() == 4326
        assert found.geometry.normalize().geom_equals_exact(whole.geometry.normalize(), 1e-7).all()
        names = [SHORT_NAMES.get(name, name) if suffix == ".shp" else name for name in whole.columns]
        assert {*names} == {*found.columns}
        assert found["detection"].tolist() == whole["detection"].tolist()
        if layer == "removed":
            assert found["reason"].tolist() == ["small; Gr\u00f6\u00dfe"]
    for path in out.parent.iterdir():
        assert path.stat().st_mode & 0o200
        assert not path.name.startswith(".")
    first = {path.name: path.read_bytes() for path in out.parent.iterdir()}
    write_detections(detections, out)
    assert {path.name: path.read_bytes() for path in out.parent.iterdir()} == first


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_each_file_has_a_style_for_qgis(detections, tmp_path, suffix):
    out = tmp_path / f"out{suffix}"
    write_detections(detections, out)
    if suffix == ".gpkg":
        with closing(sqlite3.connect(out)) as package:
            styles = dict(package.execute("SELECT f_table_name, styleQML FROM layer_styles WHERE useAsDefault"))
    else:
        styles = {layer: path.with_suffix(".qml").read_text() for layer, path in files_of(out).items()}
    assert {*styles} == {*LAYERS}
    assert all("renderer-v2" in text for text in styles.values())


def test_names_of_a_shapefile_are_short_and_distinct(detections):
    names = [SHORT_NAMES.get(name, name) for name in read_layer(detections, "removed").columns.drop("geometry")]
    assert all(len(name) <= 10 for name in names)
    assert len(set(names)) == len(names)
