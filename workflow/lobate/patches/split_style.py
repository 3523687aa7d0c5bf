"""QGIS style of the split: each patch in the colour of its side."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from lobate.io.qgis.markup import element
from lobate.io.qgis.symbols import OutlineStyle, categorized_renderer, labeling

SIDE_STYLES = (
    OutlineStyle("training", "training", "0,230,150,255", 0.5),
    OutlineStyle("validation", "validation", "255,176,0,255", 0.7),
    OutlineStyle("test", "test", "255,90,220,255", 0.7),
    OutlineStyle("dropped", "left out: it overlaps validation ground", "160,160,160,255", 0.4, "dot"),
    OutlineStyle("", "another side", "255,255,255,255", 0.4, "dash"),
)
LABELLED_FROM = 100_000
"""Smallest scale (1 : n) with labels."""


def split_style() -> list[Element]:
    """Return the style of the layer `split`."""
    return [
        categorized_renderer('"side"', SIDE_STYLES),
        labeling('"patch"', "255,255,255,255", LABELLED_FROM),
        element("mapTip", '[% "patch" %]: [% "side" %]<br>group [% "group" %] [% "reason" %]'),
    ]
