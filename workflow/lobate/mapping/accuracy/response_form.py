"""QGIS styles of the files that people answer in: squares and outlines without fill, and a form with the answers to choose from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

from lobate.io.qgis.markup import Value, element, element_with, option
from lobate.io.qgis.symbols import OutlineStyle, single_symbol_renderer

SQUARE_STYLE = OutlineStyle("", "square", "255,242,0,255", 0.6, "dash")
LANDFORM_STYLE = OutlineStyle("", "landform", "86,190,255,255", 0.7)
EDITABLE = ("answer", "reviewer", "remark", "imagery")


def form_styles(columns: Mapping[str, Sequence[str]], answers: Mapping[str, Sequence[str]]) -> dict[str, list[Element]]:
    """Return the style of each layer; ``columns`` and ``answers``: the fields of each layer, and the answers it allows."""
    outlines = {"squares": SQUARE_STYLE, "landforms": LANDFORM_STYLE}
    return {
        layer: [
            *([single_symbol_renderer(outlines[layer])] if layer in outlines else []),
            element_with("fieldConfiguration", [_field(name, answers[layer]) for name in fields]),
            element_with("editable", [element("field", name=name, editable=int(name in EDITABLE)) for name in fields]),
            element_with("reuseLastValue", [element("field", name="reviewer", reuseLastValue=1)]),
        ]
        for layer, fields in columns.items()
    }


def _field(name: str, answers: Sequence[str]) -> Element:
    words: list[Value] = [{word.replace("_", " "): word} for word in answers]
    kind, settings = ("ValueMap", {"map": words}) if name == "answer" else ("TextEdit", {"IsMultiline": False})
    config: Value = dict(settings)
    return element_with(
        "field",
        [element_with("editWidget", [element_with("config", [option(config)])], type=kind)],
        name=name,
        configurationFlags="None",
    )
