"""XML as QGIS reads it: typed options, and documents of the same bytes."""

from __future__ import annotations

from xml.etree.ElementTree import fromstring, tostring

from lobate.io.qgis.markup import document, element, element_with, option, reference_system


def test_options_have_their_types():
    made = option({"map": [{"a b": "a_b"}], "yes": True})
    assert tostring(made, encoding="unicode") == (
        '<Option type="Map"><Option name="map" type="List"><Option type="Map"><Option name="a b" type="QString" value="a_b" />'
        '</Option></Option><Option name="yes" type="bool" value="true" /></Option>'
    )


def test_words_that_python_keeps_for_itself():
    assert element("layer", "text", class_="SimpleFill").attrib == {"class": "SimpleFill"}


def test_documents_escape_what_comes_from_data_and_are_the_same_again():
    def made():
        return document([element_with("a", [element("b", '<&">')], name='"x" < y')], kind=1)

    text = made()
    assert text.startswith("<!DOCTYPE qgis PUBLIC")
    assert text == made()
    root = fromstring(text)
    assert (root.get("version"), root.get("kind")) == ("3.22.0", "1")
    assert (root.find("a").get("name"), root.findtext("a/b")) == ('"x" < y', '<&">')


def test_a_reference_system_is_its_wkt():
    assert reference_system("srs", "PROJCS[...]").findtext("spatialrefsys/wkt") == "PROJCS[...]"
