"""Styles in the GeoPackage: drop-downs of the vocabulary, only a person's fields editable, one default style a layer."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from xml.etree.ElementTree import fromstring

import pyogrio
import pytest

from lobate.inventory.detections import REVIEW_FIELDS
from lobate.inventory.qgis.styles import REVIEW_STYLES, SURE, UNSURE, form, read_only, style
from lobate.inventory.review_sheet import review_sheet
from lobate.inventory.vocabulary import VOCABULARIES
from lobate.io.qgis.markup import element_with
from lobate.io.qgis.package import FIXED_TIME
from lobate.io.vector import read_polygons

from .conftest import square

COLUMNS = ("fid", "detection", "status", *REVIEW_FIELDS, "confidence", "seen")


@pytest.fixture
def layer_style():
    return element_with("qgis", form(COLUMNS))


def test_every_word_of_the_vocabulary_is_offered_and_no_other(layer_style):
    for name in {"status", *REVIEW_FIELDS} & set(VOCABULARIES):
        widget = layer_style.find(f"fieldConfiguration/field[@name='{name}']/editWidget")
        assert widget.get("type") == "ValueMap"
        words = [element.get("value") for element in widget.iter("Option") if element.get("value")]
        assert tuple(words[-len(VOCABULARIES[name]) :]) == VOCABULARIES[name]
        assert len(words) - len(VOCABULARIES[name]) == (0 if name == "status" else 1), "all but the status may be empty"


def test_only_decisions_may_be_written(layer_style):
    editable = {element.get("name") for element in layer_style.find("editable") if element.get("editable") == "1"}
    assert editable == {"status", *REVIEW_FIELDS}
    assert not [element for element in read_only(COLUMNS)[0] if element.get("editable") != "0"]


def test_numbers_and_shown_outlines_are_out_of_sight(layer_style):
    hidden = {
        element.get("name")
        for element in layer_style.iter("field")
        if element.find("editWidget[@type='Hidden']") is not None
    }
    assert (
        hidden
        == {"fid", "seen"}
        == {element.get("name") for element in layer_style.iter("column") if element.get("hidden") == "1"}
    )
    laid_out = [element.get("name") for element in layer_style.iter("attributeEditorField")]
    assert laid_out == ["status", *REVIEW_FIELDS, "confidence", "detection"]


def test_a_sheet_without_measures_has_none_in_its_form(layer_style):
    assert "area_m2" not in {element.get("name") for element in layer_style.iter() if element.get("name")}


@pytest.fixture
def sheet(detections, tmp_path):
    review_sheet(detections([square(0), square(1)]), tmp_path / "review.gpkg")
    return tmp_path / "review.gpkg"


def test_every_layer_has_its_style(sheet):
    with closing(sqlite3.connect(sheet)) as package:
        rows = package.execute(
            'SELECT f_table_name, f_geometry_column, "styleName", "useAsDefault", update_time, "styleQML" FROM layer_styles'
        ).fetchall()
    assert [row[:5] for row in rows] == [
        (name, "geom", name, 1, FIXED_TIME) for name in ("review", "others", "removed")
    ]
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
    assert str(UNSURE) in REVIEW_STYLES[0].label
    assert str(SURE) in REVIEW_STYLES[2].label
    expression = style("review", ["status"])[0].get("attr")
    for look in REVIEW_STYLES[:3]:
        assert f"'{look.value}'" in expression
