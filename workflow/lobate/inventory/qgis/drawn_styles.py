"""QGIS styles of the layers that a person draws: the landform, look-alikes, and completely mapped areas."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from lobate.io.drawn import COMPLETE, NEGATIVES, POSITIVES
from lobate.io.qgis.markup import element, element_with, option
from lobate.io.qgis.symbols import OutlineStyle, labeling, single_symbol_renderer

DRAWN_STYLES = {
    POSITIVES: OutlineStyle("", "the landform", "0,230,150,255", 0.6),
    NEGATIVES: OutlineStyle("", "look-alike, or ground without it", "255,90,220,255", 0.5, "dash"),
    COMPLETE: OutlineStyle("", "completely mapped area", "255,255,255,255", 0.5, "dash dot"),
}
LABELLED_FROM = 100_000
HIDDEN = ("fid",)
NOT_EDITABLE = ("fid", "time")


def drawn_style(layer: str, columns: Sequence[str]) -> list[Element]:
    """Return the style elements of a layer of drawn.gpkg with these columns."""
    return [
        single_symbol_renderer(DRAWN_STYLES[layer]),
        labeling('"id"', DRAWN_STYLES[layer].colour, LABELLED_FROM),
        element_with(
            "fieldConfiguration",
            [
                element_with(
                    "field",
                    [
                        element_with(
                            "editWidget",
                            [element_with("config", [option({"IsMultiline": False})])],
                            type="Hidden" if name in HIDDEN else "TextEdit",
                        )
                    ],
                    name=name,
                    configurationFlags="None",
                )
                for name in columns
            ],
        ),
        element_with(
            "editable", [element("field", name=name, editable=int(name not in NOT_EDITABLE)) for name in columns]
        ),
        element("mapTip", '<b>[% "id" %]</b><br>[% "remark" %]'),
    ]
