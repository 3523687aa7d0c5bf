"""Symbols and labels of outlines and marks: a coloured line on a dark casing, visible on snow and in shadow.

The colours are safe for colour-blind readers (Okabe and Ito 2008, and similar ones). Outlines that are not the network's
are also dashed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from lobate.io.qgis.markup import Value, element, element_with, option

CASING = "0,0,0,150"


@dataclass(frozen=True)
class OutlineStyle:
    """A class of outlines: its value of the expression, its name in the legend, and its line (width in mm)."""

    value: str
    label: str
    colour: str
    width: float = 0.6
    line: str = "solid"


def categorized_renderer(expression: str, styles: Sequence[OutlineStyle]) -> Element:
    """Return a renderer with a symbol for each class; the value '' is the class of all other values."""
    categories = [
        element("category", value=style.value, label=style.label, symbol=number, render="true")
        for number, style in enumerate(styles)
    ]
    symbols = [_symbol(str(number), style) for number, style in enumerate(styles)]
    return element_with(
        "renderer-v2",
        [element_with("categories", categories), element_with("symbols", symbols)],
        type="categorizedSymbol",
        attr=expression,
        symbollevels=0,
        forceraster=0,
        enableorderby=0,
    )


def single_symbol_renderer(style: OutlineStyle) -> Element:
    """Return a renderer with one symbol for all outlines."""
    return element_with(
        "renderer-v2", [element_with("symbols", [_symbol("0", style)])], type="singleSymbol", symbollevels=0
    )


def marker_renderer(style: OutlineStyle) -> Element:
    """Return a renderer with one mark for all points: a disc of the style's colour, three times its width (mm), on a dark rim."""
    properties: dict[str, Value] = {
        "name": "circle",
        "color": style.colour,
        "outline_color": CASING,
        "outline_width": "0.4",
        "size": f"{3 * style.width:g}",
        "size_unit": "MM",
    }
    layer = element_with("layer", [option(properties)], class_="SimpleMarker", enabled=1, locked=0, **{"pass": 0})
    symbol = element_with("symbol", [layer], name="0", type="marker", alpha=1, clip_to_extent=1, force_rhr=0)
    return element_with("renderer-v2", [element_with("symbols", [symbol])], type="singleSymbol", symbollevels=0)


def _symbol(name: str, style: OutlineStyle) -> Element:
    lines = [_line(CASING, style.width + 0.5, "solid"), _line(style.colour, style.width, style.line)]
    return element_with("symbol", lines, name=name, type="fill", alpha=1, clip_to_extent=1, force_rhr=0)


def _line(colour: str, width: float, line: str) -> Element:
    properties: dict[str, Value] = {
        "style": "no",
        "color": colour,
        "outline_color": colour,
        "outline_style": line,
        "outline_width": f"{width:g}",
        "outline_width_unit": "MM",
        "joinstyle": "round",
    }
    return element_with("layer", [option(properties)], class_="SimpleFill", enabled=1, locked=0, **{"pass": 0})


def labeling(expression: str, colour: str, smallest_scale: int) -> Element:
    """Return labels with a dark rim beside their outlines, visible from the scale 1 : ``smallest_scale`` on."""
    rim = element(
        "text-buffer", bufferDraw=1, bufferSize=0.8, bufferSizeUnits="MM", bufferColor="0,0,0,200", bufferOpacity=1
    )
    text = element_with(
        "text-style",
        [rim],
        fieldName=expression,
        isExpression=1,
        textColor=colour,
        textOpacity=1,
        fontSize=9,
        fontSizeUnit="Point",
        fontWeight=75,
    )
    rendering = element("rendering", drawLabels=1, scaleVisibility=1, scaleMin=0, scaleMax=smallest_scale, obstacle=0)
    placement = element("placement", placement=8, dist=1, centroidWhole=0, polygonPlacementFlags=2)
    return element_with("labeling", [element_with("settings", [text, placement, rendering])], type="simple")
