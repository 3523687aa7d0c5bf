"""The form: drop-downs of the vocabulary's words, and only what a person decides may be written."""

from __future__ import annotations

import pytest

from lobate.inventory.detections import PERSONAL
from lobate.inventory.qgis.form import form, read_only
from lobate.inventory.vocabulary import VOCABULARIES
from lobate.qgis.markup import within

COLUMNS = ("fid", "detection", "status", *PERSONAL, "confidence", "seen")


@pytest.fixture
def made():
    return within("qgis", form(COLUMNS))


def test_every_word_of_the_vocabulary_is_offered_and_no_other(made):
    for name in {"status", *PERSONAL} & set(VOCABULARIES):
        widget = made.find(f"fieldConfiguration/field[@name='{name}']/editWidget")
        assert widget.get("type") == "ValueMap"
        words = [one.get("value") for one in widget.iter("Option") if one.get("value")]
        assert tuple(words[-len(VOCABULARIES[name]) :]) == VOCABULARIES[name]
        assert len(words) - len(VOCABULARIES[name]) == (0 if name == "status" else 1), "all but the status may be empty"


def test_only_decisions_may_be_written(made):
    editable = {one.get("name") for one in made.find("editable") if one.get("editable") == "1"}
    assert editable == {"status", *PERSONAL}
    assert not [one for one in read_only(COLUMNS)[0] if one.get("editable") != "0"]


def test_numbers_and_shown_outlines_are_out_of_sight(made):
    hidden = {one.get("name") for one in made.iter("field") if one.find("editWidget[@type='Hidden']") is not None}
    assert hidden == {"fid", "seen"} == {one.get("name") for one in made.iter("column") if one.get("hidden") == "1"}
    laid_out = [one.get("name") for one in made.iter("attributeEditorField")]
    assert laid_out == ["status", *PERSONAL, "confidence", "detection"]


def test_a_sheet_without_measures_has_none_in_its_form(made):
    assert "area_m2" not in {one.get("name") for one in made.iter() if one.get("name")}
