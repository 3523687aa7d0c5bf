"""Symbols: each class its own, with a casing that is wider than its line."""

from __future__ import annotations

from lobate.io.qgis.symbols import (
    CASING,
    OutlineStyle,
    categorized_renderer,
    labeling,
    marker_renderer,
    single_symbol_renderer,
)

LOOKS = (OutlineStyle("a", "the first", "1,2,3,255", 0.5, "dash"), OutlineStyle("", "the rest", "4,5,6,255"))


def test_each_class_has_its_symbol():
    renderer = categorized_renderer('"status"', LOOKS)
    assert renderer.get("attr") == '"status"'
    assert [(one.get("value"), one.get("label"), one.get("symbol")) for one in renderer.iter("category")] == [
        ("a", "the first", "0"),
        ("", "the rest", "1"),
    ]
    assert [one.get("name") for one in renderer.iter("symbol")] == ["0", "1"]


def test_all_alike_need_no_classes():
    renderer = single_symbol_renderer(LOOKS[0])
    assert renderer.get("type") == "singleSymbol"
    assert [one.get("name") for one in renderer.iter("symbol")] == ["0"]
    assert renderer.find("categories") is None


def test_lines_lie_on_a_wider_casing_and_nothing_is_filled():
    casing, line = (
        {one.get("name"): one.get("value") for one in layer.iter("Option")}
        for layer in categorized_renderer('""', LOOKS).find("symbols/symbol").iter("layer")
    )
    assert (casing["outline_color"], line["outline_color"]) == (CASING, "1,2,3,255")
    assert float(casing["outline_width"]) > float(line["outline_width"]) == 0.5
    assert (casing["outline_style"], line["outline_style"]) == ("solid", "dash")
    assert casing["style"] == line["style"] == "no"


def test_labels_are_an_expression_seen_from_a_scale_on():
    made = labeling('"a" || 1', "0,0,0,255", 5000)
    assert made.find("settings/text-style").get("fieldName") == '"a" || 1'
    assert made.find("settings/text-style").get("isExpression") == "1"
    assert made.find("settings/rendering").get("scaleMax") == "5000"


def test_a_mark_has_a_size_and_a_rim():
    renderer = marker_renderer(LOOKS[0])
    (layer,) = renderer.iter("layer")
    properties = {one.get("name"): one.get("value") for one in layer.iter("Option")}
    assert (layer.get("class"), properties["color"], properties["size"]) == ("SimpleMarker", "1,2,3,255", "1.5")
    assert properties["outline_color"] == CASING
