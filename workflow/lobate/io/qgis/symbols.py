"""How outlines are drawn: a coloured line on a dark casing, so that they stand out on snow and in shadow alike.

The colours are Okabe and Ito's (2008) and their like, told apart by people who see few colours; states that are not the
network's are dashed, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from lobate.io.qgis.markup import Value, element, element_with, option

CASING = "0,0,0,150"


@dataclass(frozen=True)
class OutlineStyle:
    """One class of outlines: what the expression gives for it, its name in the legend, and its line (width in mm)."""

    value: str
    label: str
    colour: str
    width: float = 0.6
    line: str = "solid"


def categorized_renderer(expression: str, styles: Sequence[OutlineStyle]) -> Element:
    """Return a renderer that draws each class its own way; the value '' stands for all that is in no other class."""
    listed = [
        element("category", value=look.value, label=look.label, symbol=number, render="true")
        for number, look in enumerate(styles)
    ]
    symbols = [_symbol(str(number), look) for number, look in enumerate(styles)]
    return element_with(
        "renderer-v2",
        [element_with("categories", listed), element_with("symbols", symbols)],
        type="categorizedSymbol",
        attr=expression,
        symbollevels=0,
        forceraster=0,
        enableorderby=0,
    )


def single_symbol_renderer(style: OutlineStyle) -> Element:
    """Return a renderer that draws all outlines one way."""
    return element_with(
        "renderer-v2", [element_with("symbols", [_symbol("0", style)])], type="singleSymbol", symbollevels=0
    )


def _symbol(name: str, style: OutlineStyle) -> Element:
    lines = [_line(CASING, style.width + 0.5, "solid"), _line(style.colour, style.width, style.line)]
    return element_with("symbol", lines, name=name, type="fill", alpha=1, clip_to_extent=1, force_rhr=0)


def _line(colour: str, width: float, line: str) -> Element:
    drawn: dict[str, Value] = {
        "style": "no",
        "color": colour,
        "outline_color": colour,
        "outline_style": line,
        "outline_width": f"{width:g}",
        "outline_width_unit": "MM",
        "joinstyle": "round",
    }
    return element_with("layer", [option(drawn)], class_="SimpleFill", enabled=1, locked=0, **{"pass": 0})


def labeling(expression: str, colour: str, smallest_scale: int) -> Element:
    """Return dark-rimmed labels beside their outlines, shown from the scale 1 : ``smallest_scale`` on."""
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
    shown = element("rendering", drawLabels=1, scaleVisibility=1, scaleMin=0, scaleMax=smallest_scale, obstacle=0)
    placed = element("placement", placement=8, dist=1, centroidWhole=0, polygonPlacementFlags=2)
    return element_with("labeling", [element_with("settings", [text, placed, shown])], type="simple")
