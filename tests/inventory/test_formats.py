"""The same records in every format, read back and compared value by value."""

from __future__ import annotations

import json
import logging
import re
import zipfile

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from lobate.inventory.attributes import INVENTORY, to_schema
from lobate.inventory.formats import (
    MAX_NAME_LENGTH,
    field_list,
    short_name,
    write_csv,
    write_geojson,
    write_parquet,
    write_shapefile,
)
from lobate.io.spreadsheet import restore_formulas
from lobate.io.vector import read_polygons, write_layers

from .conftest import square

RING = square(3).difference(square(3, side=0.3).buffer(-1e-4)).union(square(5))


@pytest.fixture
def inventory():
    """Three records: everything known, nothing known, and odd texts on an outline of two parts with a hole."""
    full = {
        attribute.name: [f"{attribute.name} x", None, 'old, "grey"\nstein ü']
        if attribute.kind is str
        else [1.25, np.nan, -0.1]
        for attribute in INVENTORY
    }
    full["id"] = ["RGU1", "RGU2", "RGU3"]
    full["mapping_date"] = ["2018-07-11", None, "2018"]
    frame = gpd.GeoDataFrame(full, geometry=[square(0), square(1), RING], crs=4326)
    return to_schema(frame, INVENTORY, "EPSG:4326")


def geopackage(frame, path):
    write_layers(path, {"inventory": frame})
    return read_polygons(path, "inventory")


def parquet(frame, path):
    write_parquet(frame, path)
    return gpd.read_parquet(path)


def csv(frame, path):
    write_csv(frame, path)
    table = pd.read_csv(path, dtype={attribute.name: str for attribute in INVENTORY if attribute.kind is str})
    return gpd.GeoDataFrame(
        table.drop(columns="outline_wkt"), geometry=gpd.GeoSeries.from_wkt(table["outline_wkt"]), crs=4326
    )


def geojson(frame, path):
    write_geojson(frame, path)
    features = json.loads(path.read_text())["features"]
    outlines = [shapely.geometry.shape(feature["geometry"]) for feature in features]
    return gpd.GeoDataFrame([feature["properties"] for feature in features], geometry=outlines, crs=4326)


def shapefile(frame, path):
    write_shapefile(frame, path)
    return gpd.read_file(path).rename(columns={short_name(attribute.name): attribute.name for attribute in INVENTORY})


@pytest.mark.parametrize(
    ("form", "ending"),
    [(geopackage, "gpkg"), (parquet, "parquet"), (csv, "csv"), (geojson, "geojson"), (shapefile, "shp.zip")],
)
def test_every_format_gives_the_records_back(inventory, tmp_path, form, ending):
    result = form(inventory, tmp_path / f"inventory.{ending}")
    assert list(result.columns) == [*(attribute.name for attribute in INVENTORY), "geometry"]
    assert result.crs.to_epsg() == 4326
    for attribute in INVENTORY:
        ours, theirs = inventory[attribute.name], result[attribute.name]
        assert theirs.isna().tolist() == ours.isna().tolist(), attribute.name
        assert theirs.dropna().tolist() == ours.dropna().tolist(), attribute.name
    assert result.geometry.normalize().geom_equals_exact(inventory.geometry.normalize(), 2e-7).all()


@pytest.mark.parametrize("write", [write_parquet, write_csv, write_geojson, write_shapefile])
def test_same_bytes_twice_and_of_nothing(inventory, tmp_path, write):
    for name, frame in (("some", inventory), ("none", inventory.iloc[:0])):
        for turn in "ab":
            (tmp_path / turn).mkdir(exist_ok=True)
            write(frame, tmp_path / turn / f"{name}.shp.zip")
        assert (tmp_path / "a" / f"{name}.shp.zip").read_bytes() == (tmp_path / "b" / f"{name}.shp.zip").read_bytes()


def test_geojson_is_as_rfc_7946_wants_it(inventory, tmp_path):
    write_geojson(inventory, tmp_path / "i.geojson")
    collection = json.loads((tmp_path / "i.geojson").read_text())
    assert "crs" not in collection
    for feature in collection["features"]:
        for polygon in shapely.get_parts(shapely.geometry.shape(feature["geometry"])):
            assert polygon.exterior.is_ccw
            assert not any(hole.is_ccw for hole in polygon.interiors)


def test_short_names_are_short_unique_and_reported(inventory, tmp_path):
    names = [short_name(attribute.name) for attribute in INVENTORY]
    assert max(map(len, names)) <= MAX_NAME_LENGTH
    assert len({name.lower() for name in names}) == len(names)
    write_shapefile(inventory, tmp_path / "i.shp.zip")
    with zipfile.ZipFile(tmp_path / "i.shp.zip") as archive:
        assert archive.read("fields.tsv").decode() == field_list()
        assert {f"inventory.{end}" for end in ("shp", "shx", "dbf", "prj", "cpg")} < set(archive.namelist())
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert "upslope\tupslope_connection\ttext\t" in field_list()


def test_long_texts_are_cut_aloud_and_never_inside_a_letter(inventory, tmp_path, caplog):
    inventory.loc[0, "remark"] = "ü" * 200
    with caplog.at_level(logging.WARNING):
        result = shapefile(inventory, tmp_path / "i.shp.zip")
    assert result.loc[0, "remark"] == "ü" * 127
    assert "1 texts are cut" in caplog.text


TEXTS = [attribute.name for attribute in INVENTORY if attribute.kind is str]


@pytest.mark.parametrize("text", ["=1+1", "+cmd|'/C calc'!A0", "-2+3", "@SUM(1)", "\t=1", "\r=1", "a;=1+1", "'=1"])
def test_no_text_of_a_csv_is_a_formula_and_every_text_can_be_had_back(inventory, tmp_path, text):
    hostile = inventory.assign(**{name: [text, None, text] for name in TEXTS})
    write_csv(hostile, tmp_path / "i.csv")
    table = pd.read_csv(tmp_path / "i.csv", dtype=dict.fromkeys(TEXTS, str), lineterminator="\n")
    for name in TEXTS:
        assert not re.match(r"[=+\-@\t\r]", table.loc[0, name]) and ";=" not in table.loc[0, name]
        assert restore_formulas(table.loc[0, name]) == text
        assert pd.isna(table.loc[1, name])


def test_negative_numbers_of_a_csv_stay_numbers(inventory, tmp_path):
    write_csv(inventory, tmp_path / "i.csv")
    table = pd.read_csv(tmp_path / "i.csv")
    numbers = [attribute.name for attribute in INVENTORY if attribute.kind is not str]
    assert {name: table[name].dtype.kind for name in numbers} == dict.fromkeys(numbers, "f")
    assert (table.loc[2, numbers] == -0.1).all()
