"""Map elements: graticule, scale bar, north arrow and credit. Places are in inches from the page's lower left corner."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.text import Annotation
from rasterio.crs import CRS

from lobate.figures.drawing.cartography import Bounds, MapLine, length_label, meridians, parallels, round_length
from lobate.figures.drawing.page import figure_of, lines_within, notes_above, text_at
from lobate.figures.drawing.style import GREY, INK

LABEL = 0.7
"""Inches along the frame for one label and its margins."""


def no_image_key() -> tuple[str, Artist]:
    """Return the legend's entry for ground without an image."""
    return "no image", Patch(fc="#ECECEC", ec="#B0B0B0", hatch="////", lw=0.4)


def graticule(axes: Axes, bounds: Bounds, crs: CRS) -> None:
    """Draw meridians and parallels over the whole frame, with longitudes below and latitudes on the left.

    The frame's room for labels limits their number, to six at most.
    """
    frame = figure_of(axes).get_size_inches() * axes.get_position().size
    max_columns, max_rows = np.clip(frame // LABEL, 1, 6).astype(int)
    columns, rows = meridians(bounds, crs, max_columns), parallels(bounds, crs, max_rows)
    for line in (*columns, *rows):
        axes.plot(line.x, line.y, color="white", lw=1.2, alpha=0.5, zorder=1)
        axes.plot(line.x, line.y, color=GREY, lw=0.4, zorder=1)
    axes.set(xlim=(bounds[0], bounds[2]), ylim=(bounds[1], bounds[3]))
    axes.set_xticks(*_ticks(columns))
    axes.set_yticks(*_ticks(rows), rotation=90, va="center")
    axes.tick_params(length=3, width=0.6, color=GREY, pad=2)


def _ticks(lines: Sequence[MapLine]) -> tuple[list[float], list[str]]:
    """Return positions and labels of the lines that meet the labelled side of the frame."""
    return [line.label_at for line in lines if line.label_at is not None], [
        line.label for line in lines if line.label_at is not None
    ]


def scale_bar(figure: Figure, right: float, y: float, inches_per_metre: float, longest: float = 1.5) -> None:
    """Draw a bar of a round length, at most ``longest`` inches, that ends at ``right``; its length stands above it."""
    length = round_length(longest / inches_per_metre)
    half = length * inches_per_metre / 2
    for part, colour in ((0, INK), (1, "white")):
        corner = (right - 2 * half + part * half, y)
        bar = Rectangle(corner, half, 0.06, fc=colour, ec=INK, lw=0.6, transform=figure.dpi_scale_trans)
        figure.add_artist(bar)
    text_at(figure, right - half, y + 0.09, length_label(length), ha="center", va="bottom", size=7)


def north_arrow(figure: Figure, x: float, y: float, degrees: float, half: float = 0.15) -> None:
    """Draw an arrow to true north, ``degrees`` clockwise from up, centred on a place; its letter stands below."""
    dx, dy = half * np.sin(np.radians(degrees)), half * np.cos(np.radians(degrees))
    arrow = {"arrowstyle": "-|>,head_width=0.22,head_length=0.45", "color": INK, "lw": 1.0, "shrinkA": 0, "shrinkB": 0}
    inches = figure.dpi_scale_trans
    figure.add_artist(
        Annotation("", (x + dx, y + dy), (x - dx, y - dy), xycoords=inches, textcoords=inches, arrowprops=arrow)
    )
    text_at(figure, x, y - half - 0.04, "N", ha="center", va="top", size=8, weight="bold")


def credit_line(figure: Figure, x: float, y: float, width: float, crs: CRS, credit: str) -> None:
    """Write the CRS and the credit, no wider than ``width``, at the foot of the page."""
    notes_above(figure, credit_lines(width, crs, credit), x, width, y)


def credit_lines(width: float, crs: CRS, credit: str) -> list[str]:
    """Return the CRS and the credit in lines of a width, three at most."""
    code = crs.to_epsg()
    name = f"EPSG:{code}" if code else "as the images"
    text = " \N{MIDDLE DOT} ".join(filter(None, [f"Grid: {name}", "coordinates: WGS 84", credit]))
    lines = lines_within(text, width, size=6.5)
    return lines if len(lines) <= 3 else [*lines[:2], " ".join(lines[2:])]
