"""Styles inside the GeoPackage: one a layer, taken by default, and harmless to whoever does not know them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from xml.etree.ElementTree import fromstring

import pyogrio
import pytest

from lobate.inventory.qgis.styles import REVIEW, SURE, UNSURE, style
from lobate.inventory.review import review_sheet
from lobate.qgis.package import NEVER
from lobate.vectors import read_polygons

from .conftest import square


@pytest.fixture
def sheet(detections, tmp_path):
    review_sheet(detections([square(0), square(1)]), tmp_path / "review.gpkg")
    return tmp_path / "review.gpkg"


def test_every_layer_has_its_style(sheet):
    with closing(sqlite3.connect(sheet)) as package:
        rows = package.execute(
            'SELECT f_table_name, f_geometry_column, "styleName", "useAsDefault", update_time, "styleQML" FROM layer_styles'
        ).fetchall()
    assert [row[:5] for row in rows] == [(name, "geom", name, 1, NEVER) for name in ("review", "others", "removed")]
    for *_, qml in rows:
        root = fromstring(qml)
        assert root.find("renderer-v2") is not None
        assert root.findtext("layerGeometryType") == "2"


def test_other_programs_still_read_the_layers(sheet):
    assert {str(name): kind for name, kind in pyogrio.list_layers(sheet)} == {
        "review": "MultiPolygon",
        "others": "MultiPolygon",
        "removed": "MultiPolygon",
        "layer_styles": None,
    }
    assert len(read_polygons(sheet, "review")) == 2


def test_the_legend_tells_the_confidences_that_the_classes_have():
    assert str(UNSURE) in REVIEW[0].label
    assert str(SURE) in REVIEW[2].label
    expression = style("review", ["status"])[0].get("attr")
    for look in REVIEW[:3]:
        assert f"'{look.value}'" in expression
