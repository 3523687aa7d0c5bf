"""Vector files of every kind that people bring are read as their owners mean them, or their owners are asked."""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
import struct
import warnings
import zipfile
from contextlib import closing

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from shapely.geometry import box

from lobate.errors import UserError
from lobate.inventory.decisions import read_decisions
from lobate.inventory.sources import read_source
from lobate.io.features import opened_source, read_drawn, read_features
from lobate.io.values import as_text, column, field_names
from lobate.labels.outlines import read_outlines
from lobate.mapping.reference import select_features
from lobate.settings.base import PolygonFile
from lobate.settings.inventory import OtherInventory

SHAPES = [box(80, 36, 80.01, 36.01), box(80.1, 36, 80.11, 36.01), box(80.2, 36, 80.21, 36.01)]
FORMATS = ["a.gpkg", "a.shp", "a.geojson", "a.fgb", "a.tab", "a.gdb", "a.parquet"]
FIRST = {"a.gpkg": 1, "a.gdb": 1, "a.tab": 1}
"""Number of the first feature, as QGIS shows it, where it is not 0."""


def write(path, shapes=SHAPES, **fields):
    frame = gpd.GeoDataFrame(fields or {"name": list("abc")[: len(shapes)]}, geometry=list(shapes), crs=4326)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
        return path
    driver = {".gdb": "OpenFileGDB", ".tab": "MapInfo File"}.get(path.suffix)
    options = {"SPATIAL_INDEX": "NO"} if path.suffix == ".fgb" else {}  # else it sorts by place
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pyogrio.write_dataframe(frame, path, driver=driver, **options)
    return path


@pytest.mark.parametrize("name", FORMATS)
def test_features_have_the_numbers_that_qgis_shows(tmp_path, name):
    frame = read_features(write(tmp_path / name))
    assert list(frame.index) == [FIRST.get(name, 0) + n for n in range(3)]
    assert list(frame["name"]) == ["a", "b", "c"]


def with_gaps(path):
    """Write three features and delete the second, as people do in QGIS."""
    write(path, name=["a", "b", "c"], status=["accepted", "rejected", "accepted"])
    with closing(sqlite3.connect(path)) as package:
        for name in ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
            package.create_function(name, 1, lambda *_: 0)
        package.execute("DELETE FROM a WHERE fid = 2")
        package.commit()
    return path


def redraw(path, number, outline):
    frame = pyogrio.read_dataframe(path, fid_as_index=True)
    assert number in frame.index
    with closing(sqlite3.connect(path)) as package:
        for name in ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
            package.create_function(name, 1, lambda *_: 0)
        header = package.execute("SELECT geom FROM a WHERE fid = ?", [number]).fetchone()[0][:8]
        package.execute("UPDATE a SET geom = ? WHERE fid = ?", [header[:3] + b"\1" + header[4:] + outline, number])
        package.commit()


def others(path):
    inventory = OtherInventory(path=path.name, id_field="name", fields={"velocity": "status"}, velocity_unit="cm")
    return read_source(path, "o", {"o": inventory})


@pytest.mark.parametrize(
    ("shape", "read", "message"),
    [
        (
            shapely.Polygon([(80, 36), (80.01, 36.01), (80.01, 36), (80, 36.01)]),
            read_decisions,
            "outline of feature 3 is not a valid",
        ),
        (shapely.Point(80, 36), read_decisions, "feature 3 is a Point"),
        (shapely.Point(80, 36), read_drawn, "feature 3 is a Point"),
        (shapely.Point(80, 36), others, "feature 3 is a Point"),
    ],
)
def test_messages_name_the_feature_by_its_number_in_qgis(tmp_path, shape, read, message):
    path = with_gaps(tmp_path / "a.gpkg")
    redraw(path, 3, shape.wkb)
    with pytest.raises(UserError, match=message):
        read(path)


def test_messages_about_values_name_the_feature_too(tmp_path):
    path = with_gaps(tmp_path / "a.gpkg")
    with pytest.raises(UserError, match="feature 1 has the value 'accepted', which is no number"):
        others(path)
    made = OtherInventory(path="a.gpkg")
    assert list(read_source(path, "o", {"o": made})["source_id"]) == ["o_00001", "o_00003"]


@pytest.mark.parametrize("name", FORMATS)
def test_whole_numbers_and_flags_with_gaps_stay_such(tmp_path, name):
    path = write(tmp_path / name, n=pd.array([7, None, 8], dtype="Int64"), x=[0.5, None, 2.0])
    frame = read_features(path)
    assert [as_text(value) for value in frame["n"]] in (["7", "", "8"], ["7", "0", "8"])  # MapInfo knows no gap
    assert as_text(frame["x"].iloc[0]) == "0.5"


@pytest.mark.parametrize("name", ["a.gpkg", "a.geojson", "a.fgb", "a.parquet"])
def test_a_large_id_is_not_rounded_where_others_are_missing(tmp_path, name):
    path = write(tmp_path / name, n=pd.array([2**53 + 1, None, 8], dtype="Int64"))
    assert [as_text(value) for value in read_features(path)["n"]] == ["9007199254740993", "", "8"]


@pytest.mark.parametrize("wanted", [7, 7.0, "7"])
@pytest.mark.parametrize("values", [pd.array([7, None, 8], dtype="Int64"), [7.0, None, 8.0], ["7", None, "8"]])
@pytest.mark.parametrize("name", ["a.gpkg", "a.shp", "a.geojson"])
def test_filters_and_ids_compare_alike_everywhere(tmp_path, name, values, wanted):
    path = write(tmp_path / name, n=values)
    chosen = PolygonFile(path=name, id_field="n", where={"n": wanted})
    assert list(read_outlines(path, chosen, "positive")["outline"]) == ["7"]
    assert len(select_features(path, chosen, "mapping.reference")) == 1
    settings = OtherInventory(path=name, id_field="n", where={"n": wanted})
    assert list(read_source(path, "o", {"o": settings})["source_id"]) == ["7"]


@pytest.mark.parametrize(("name", "key"), [("a.gpkg", "fid"), ("a.gdb", "OBJECTID"), ("a.shp", "fid")])
def test_the_key_of_a_database_is_a_field(tmp_path, name, key):
    path = write(tmp_path / name)
    rows = read_outlines(path, PolygonFile(path=name, id_field=key, where={key: FIRST.get(name, 0) + 2}), "positive")
    assert list(rows["outline"]) == [str(FIRST.get(name, 0) + 2)]


def geojson(path, properties, geometry=None, **member):
    outline = geometry or shapely.geometry.mapping(SHAPES[0])
    feature = {"type": "Feature", "properties": properties, "geometry": outline, **member}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return path


def test_attributes_may_be_called_as_columns_of_ours(tmp_path):
    path = geojson(tmp_path / "a.geojson", {"geometry": "round", "geom": "x", "fid": 41, "id": 9}, id=17)
    frame = read_features(path)
    assert list(frame.index) == [17]
    assert field_names(frame) == ["id", "geometry", "geom", "fid"] or set(field_names(frame)) == {
        "id",
        "geometry",
        "geom",
        "fid",
    }
    for name, value in {"geometry": "round", "geom": "x", "fid": "41", "id": "9"}.items():
        assert [as_text(one) for one in column(frame, name)] == [value]
        rows = read_outlines(path, PolygonFile(path="a.geojson", id_field=name, where={name: value}), "positive")
        assert list(rows["outline"]) == [value]
    assert frame.geometry.iloc[0].equals(SHAPES[0])


def test_lists_are_texts(tmp_path):
    path = geojson(tmp_path / "a.geojson", {"tags": ["active", "talus"], "years": [2018, 2021], "more": {"a": 1}})
    rows = read_outlines(
        path, PolygonFile(path="a.geojson", id_field="years", where={"tags": "active, talus"}), "positive"
    )
    assert list(rows["outline"]) == ["2018, 2021"]
    gpd.GeoDataFrame({"years": [[2018, 2021]]}, geometry=SHAPES[:1], crs=4326).to_parquet(tmp_path / "a.parquet")
    assert as_text(read_features(tmp_path / "a.parquet")["years"].iloc[0]) == "2018, 2021"


@pytest.mark.parametrize(
    "reader", [read_drawn, others, lambda path: read_outlines(path, PolygonFile(path=path.name), "positive")]
)
def test_polygons_are_taken_out_of_collections_and_the_rest_is_told(tmp_path, caplog, reader):
    mixed = shapely.GeometryCollection([shapely.Point(80, 36), SHAPES[0], shapely.LineString([(0, 0), (1, 1)])])
    path = geojson(tmp_path / "a.geojson", {"name": "a", "status": 1}, shapely.geometry.mapping(mixed), id=5)
    with caplog.at_level(logging.INFO):
        assert reader(path).geometry.iloc[0].equals(SHAPES[0])
    assert "1 features hold points or lines beside polygons; only the polygons are taken (features 5)" in caplog.text


def test_a_collection_without_polygons_is_a_mistake(tmp_path):
    empty = {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [80, 36]}]}
    with pytest.raises(UserError, match="feature 5 is a GeometryCollection"):
        read_drawn(geojson(tmp_path / "a.geojson", {}, empty, id=5))


def well_known(kind, *parts):
    """Return the well-known binary of a geometry of parts, or of a circular string of points."""
    points = [struct.pack("<dd", *part) if isinstance(part, tuple) else part for part in parts]
    return b"\1" + struct.pack("<II", kind, len(parts)) + b"".join(points)


CIRCLE = well_known(8, (80.0, 36.0), (80.01, 36.0), (80.0, 36.0))
ARC, CHORD = well_known(8, (80.0, 36.0), (80.005, 36.005), (80.01, 36.0)), well_known(2, (80.01, 36.0), (80.0, 36.0))
CURVES = {
    "circle": (well_known(10, CIRCLE), 1),
    "arc and chord": (well_known(10, well_known(9, ARC, CHORD)), 0.5),
    "surfaces": (well_known(12, well_known(10, CIRCLE)), 1),
}
"""Polygons with arcs, as QGIS draws them, and their share of the circle."""


@pytest.mark.parametrize("kind", CURVES)
def test_arcs_become_lines_without_a_warning(tmp_path, caplog, kind):
    curve, share = CURVES[kind]
    path = write(tmp_path / "a.gpkg", SHAPES[:1])
    redraw(path, 1, curve)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outline = read_drawn(path).geometry.iloc[0]
    assert outline.area == pytest.approx(share * np.pi * 0.005**2, rel=1e-3)
    assert not caplog.records


KML = """<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>
<Schema name="s" id="s"><SimpleField name="Name" type="string"/><SimpleField name="id" type="int"/></Schema>{}</Document></kml>"""
FOLDER = """<Folder><name>{0}</name><Placemark id="pm{1}"><name>mark {1}</name><ExtendedData>{2}</ExtendedData><Polygon><outerBoundaryIs>
<LinearRing><coordinates>80,36 80.01,36 80.01,36.01 80,36</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark></Folder>"""
OWN = '<SchemaData schemaUrl="#s"><SimpleData name="Name">Gruben</SimpleData><SimpleData name="id">42</SimpleData></SchemaData>'
LOOSE = '<Data name="Name"><value>Gruben</value></Data><Data name="id"><value>42</value></Data>'


@pytest.mark.parametrize("data", [OWN, LOOSE], ids=["schema", "loose"])
def test_an_owners_fields_of_a_kml_go_before_those_of_the_placemark(tmp_path, data):
    (tmp_path / "a.kml").write_text(KML.format(FOLDER.format("north", 1, data)))
    frame = read_features(tmp_path / "a.kml")
    assert [as_text(column(frame, name).iloc[0]) for name in ("Name", "id")] == ["Gruben", "42"]
    assert [column(frame, name).iloc[0] for name in ("placemark_Name", "placemark_id")] == ["mark 1", "pm1"]


def test_a_kml_without_own_fields_has_those_of_the_placemark(tmp_path):
    (tmp_path / "a.kml").write_text(
        KML.format(FOLDER.format("north", 1, "")).replace("<Schema", "<!--").replace("</Schema>", "-->")
    )
    frame = read_features(tmp_path / "a.kml")
    assert [column(frame, name).iloc[0] for name in ("Name", "id")] == ["mark 1", "pm1"]


def test_folders_of_a_kml_are_read_as_one_where_they_are_listed(tmp_path):
    (tmp_path / "a.kml").write_text(KML.format(FOLDER.format("north", 1, "") + FOLDER.format("south", 2, LOOSE)))
    with pytest.raises(UserError, match=r"has several layers \(north, south\).*layer: \[north, south\]"):
        read_features(tmp_path / "a.kml")
    frame = read_features(tmp_path / "a.kml", ["south", "north"])
    assert list(frame.index) == ["south/1", "north/1"]
    rows = read_outlines(tmp_path / "a.kml", PolygonFile(path="a.kml", layer=["north", "south"]), "positive")
    assert list(rows["outline"]) == ["a_north_1", "a_south_1"]
    with pytest.raises(UserError, match="has no layer west"):
        read_features(tmp_path / "a.kml", ["north", "west"])


def test_layers_in_other_systems_are_brought_into_one(tmp_path):
    frame = gpd.GeoDataFrame({"name": ["a"]}, geometry=SHAPES[:1], crs=4326)
    frame.to_file(tmp_path / "a.gpkg", layer="degrees")
    frame.to_crs(32644).to_file(tmp_path / "a.gpkg", layer="metres")
    read = read_drawn(tmp_path / "a.gpkg", ["degrees", "metres"])
    assert shapely.equals_exact(*read.geometry, tolerance=1e-9)


@pytest.mark.parametrize("inside", ["a.gdb/", "", "survey/a.gdb/"], ids=["folder", "bare", "deeper"])
def test_a_zipped_geodatabase_is_read(tmp_path, inside):
    write(tmp_path / "a.gdb")
    with zipfile.ZipFile(tmp_path / "a.gdb.zip", "w") as packed:
        for member in sorted((tmp_path / "a.gdb").iterdir()):
            packed.write(member, inside + member.name)
    shutil.rmtree(tmp_path / "a.gdb")
    assert list(read_drawn(tmp_path / "a.gdb.zip")["name"]) == ["a", "b", "c"]
    with opened_source(tmp_path / "a.gdb.zip") as source:
        facts = source.facts(None)
    assert (facts.features, facts.key, facts.fields) == (3, "OBJECTID", ["name"])


def test_an_outline_that_is_none_is_named(tmp_path):
    path = write(tmp_path / "a.gpkg")
    redraw(path, 3, shapely.from_wkt("POLYGON((0 0,1 0,1 1,0 0))").wkb)
    with closing(sqlite3.connect(path)) as package:
        for name in ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
            package.create_function(name, 1, lambda *_: 0)
        outline = package.execute("SELECT geom FROM a WHERE fid = 3").fetchone()[0]
        open_ring = outline[:-16] + np.array([5.0, 5.0]).tobytes()
        package.execute("UPDATE a SET geom = ? WHERE fid = 3", [open_ring])
        package.commit()
    with pytest.raises(UserError, match=r"a\.gpkg cannot be read: feature 3: .*ring"):
        read_drawn(path)
