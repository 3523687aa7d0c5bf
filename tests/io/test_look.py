"""fiona looks at what people bring, with a list of drivers, and at nothing else."""

from __future__ import annotations

import ast
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import box

import lobate
from lobate.io.drivers import DECLARING_DRIVERS, VECTOR_DRIVERS
from lobate.io.look import Declaration, look

PACKAGE = Path(lobate.__file__).parent
MADE = {"a.gpkg": "GPKG", "a.shp": "ESRI Shapefile", "a.fgb": "FlatGeobuf", "a.tab": "MapInfo File"}


def write(path, **options):
    fields = {"n": pd.array([1, None], dtype="Int64"), "x": [0.5, 1.5], "name": ["a", "b"]}
    gpd.GeoDataFrame(fields, geometry=[box(0, 0, 1, 1), box(2, 2, 3, 3)], crs=4326).to_file(path, **options)
    return path


@pytest.mark.parametrize("name", MADE)
def test_a_format_with_declared_fields_says_them(tmp_path, name):
    declared = look(write(tmp_path / name), None)
    assert declared.driver == MADE[name]
    assert declared.whole_numbers() == {"n"}
    assert set(declared.fields) == {"n", "x", "name"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "a.vrt",
            '<OGRVRTDataSource><OGRVRTLayer name="a"><SrcDataSource>{}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>',
        ),
        ("a.geojson", '{{"type": "FeatureCollection", "features": []}}'),
        ("a.gml", '<?xml version="1.0"?><gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml"/>'),
        ("a.gpkg", "no database"),
    ],
)
def test_what_declares_nothing_or_is_not_allowed_is_not_opened(tmp_path, name, content):
    (tmp_path / name).write_text(content.format(write(tmp_path / "real.shp")))
    assert look(tmp_path / name, None) == Declaration()
    assert look(tmp_path / "nowhere.gpkg", None) == Declaration()


def test_both_libraries_keep_to_one_list():
    assert set(DECLARING_DRIVERS) <= set(VECTOR_DRIVERS)


def test_fiona_opens_files_in_one_place_with_a_list_of_drivers():
    """fiona brings a third GDAL, with drivers of its own."""
    calls = []
    for file in PACKAGE.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if "import fiona" in text:
            assert file.name == "look.py"
            calls += [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    opened = [call for call in calls if ast.unparse(call.func) == "fiona.open"]
    assert len(opened) == 1
    assert "enabled_drivers" in {keyword.arg for keyword in opened[0].keywords}
    assert not [call for call in calls if ast.unparse(call.func) in ("fiona.listlayers", "fiona.remove")]
