"""The region map: outlines by method over a quiet ground, with all a map needs, laid out in fixed strips.

Title above, legend, scale bar and credit below: nothing is written inside the frame, so no text can ever lie on a
landform or on another text, however many there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path as Outline
from rasterio.crs import CRS

from lobate.figures.drawing.basemap import ground
from lobate.figures.drawing.cartography import Bounds, metres_per_unit, north_direction
from lobate.figures.drawing.map_elements import credit_line, graticule, north_arrow, scale_bar, text_at
from lobate.figures.drawing.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PAGE_WIDTH,
    PURPLE,
    SKY,
    VERMILION,
    new_figure,
    shrink_to_fit,
)

LEFT, RIGHT, TOP = 0.62, 0.25, 0.62
"""Inches round the frame: latitudes, air, title."""

BELOW, ROW = 0.62, 0.165
"""Inches below the frame without the legend, and for each of its rows."""

TALLEST, FLATTEST = 1.15, 0.3
"""Height over width of the frame; the ground is padded with white to stay between."""

SMALL = 0.07
"""Outlines smaller than this on the page, in inches, are shown by a marker."""

DASHES = (0, (2.2, 1.2))
"""Outlines that nobody has reviewed yet."""

WIDTH = PAGE_WIDTH - LEFT - RIGHT


@dataclass(frozen=True)
class MethodStyle:
    """How one method is drawn."""

    colour: str
    marker: str


DEEP, BOTH = MethodStyle(VERMILION, "o"), MethodStyle(BLACK, "D")
OTHERS = (
    MethodStyle(BLUE, "s"),
    MethodStyle(SKY, "^"),
    MethodStyle(GREEN, "v"),
    MethodStyle(PURPLE, "P"),
    MethodStyle(ORANGE, "X"),
)


def styles_for(methods: Sequence[str]) -> dict[str, MethodStyle]:
    """Give every method its look, in the order of the legend: other inventories, both, deep learning."""
    fixed = {"both": BOTH, "deep learning": DEEP}
    others = sorted(set(methods) - set(fixed))
    chosen = {name: OTHERS[number % len(OTHERS)] for number, name in enumerate(others)}
    return chosen | {name: look for name, look in fixed.items() if name in set(methods)}


def draw_map(
    landforms: gpd.GeoDataFrame, images: Sequence[Path], covered: Bounds, *, title: str, credit: str
) -> Figure:
    """Return the map of ``landforms`` (columns ``method``, ``status``, ``area_km2``; in the map's CRS).

    ``covered``: bounds of the images in the same CRS. The page's height follows the ground's shape.
    """
    crs = CRS.from_user_input(landforms.crs)
    bounds = _frame(landforms, covered, crs)
    across, up = metres_per_unit(bounds, crs)
    entries = _entries(landforms)
    below = BELOW + ROW * max(2, (len(entries) + 1) // 2)
    per_metre = WIDTH / ((bounds[2] - bounds[0]) * across)
    height = (bounds[3] - bounds[1]) * up * per_metre
    figure = new_figure(below + height + TOP)
    axes = _framed(figure, below, height)
    backdrop = ground(images, crs, bounds)
    axes.imshow(backdrop.rgb, extent=backdrop.extent, interpolation="nearest", zorder=0, aspect="auto")
    graticule(axes, bounds, crs)
    _outlines(axes, landforms, per_metre * across)
    _heading(figure, landforms, title, below + height + TOP)
    _legend(figure, entries, below - 0.26)
    scale_bar(figure, PAGE_WIDTH - RIGHT - 0.5, below - 0.5, per_metre)
    north_arrow(figure, PAGE_WIDTH - RIGHT - 0.16, below - 0.43, north_direction(bounds, crs))
    credit_line(figure, LEFT, 0.1, WIDTH, crs, credit)
    return figure


def _framed(figure: Figure, below: float, height: float) -> Axes:
    tall = figure.get_figheight()
    return figure.add_axes((LEFT / PAGE_WIDTH, below / tall, WIDTH / PAGE_WIDTH, height / tall))


def _frame(landforms: gpd.GeoDataFrame, covered: Bounds, crs: CRS) -> Bounds:
    """Bounds of images and landforms with a margin, padded to a shape that suits a page."""
    boxes = np.array([covered, landforms.total_bounds] if len(landforms) else [covered])
    left, bottom = boxes[:, :2].min(axis=0)
    right, top = boxes[:, 2:].max(axis=0)
    across, up = metres_per_unit((left, bottom, right, top), crs)
    wide, high = (right - left) * across * 1.03, (top - bottom) * up * 1.03
    wide, high = max(wide, high / TALLEST), max(high, wide * FLATTEST)
    x, y = (left + right) / 2, (bottom + top) / 2
    return x - wide / across / 2, y - high / up / 2, x + wide / across / 2, y + high / up / 2


def _outlines(axes: Axes, landforms: gpd.GeoDataFrame, inches_per_unit: float) -> None:
    """Draw each method's outlines with a white halo, and markers for the small ones above all of them."""
    size = landforms.geometry.bounds
    small = np.fmax(size["maxx"] - size["minx"], size["maxy"] - size["miny"]) * inches_per_unit < SMALL
    pending = landforms["status"] == "pending"
    for name, look in styles_for(landforms["method"]).items():
        here = landforms["method"] == name
        for dashed in (False, True):
            part = landforms.geometry[here & ~small & (pending == dashed)]
            draw_outlines(axes, part, look.colour, DASHES if dashed else "solid")
        points = landforms.geometry[here & small].representative_point()
        axes.scatter(points.x, points.y, s=11, c=look.colour, marker=look.marker, ec="white", lw=0.35, zorder=4)


def draw_outlines(
    axes: Axes, outlines: gpd.GeoSeries, colour: str, style: object = "solid", width: float = 1.0
) -> None:
    """Draw outlines with a white halo, so that they can be seen on any ground."""
    paths = [outline_path(one) for one in outlines]
    plain: dict[str, Any] = {"transform": axes.transData, "zorder": 3, "facecolor": "none"}
    axes.add_collection(PathCollection(paths, edgecolor="white", lw=width + 0.9, alpha=0.9, **plain), autolim=False)
    axes.add_collection(PathCollection(paths, edgecolor=colour, lw=width, ls=style, **plain), autolim=False)


def outline_path(shape: shapely.Geometry) -> Outline:
    """Return a polygon or multi-polygon, holes included, as one path."""
    rings = [ring for part in shapely.get_parts(shape) for ring in (part.exterior, *part.interiors)]
    return Outline.make_compound_path(*(Outline(shapely.get_coordinates(ring), closed=True) for ring in rings))


def _heading(figure: Figure, landforms: gpd.GeoDataFrame, title: str, top: float) -> None:
    shrink_to_fit(text_at(figure, LEFT, top - 0.14, title, size=11, weight="bold", va="top"), WIDTH)
    area = f", {landforms['area_km2'].sum():.1f} km\N{SUPERSCRIPT TWO}" if len(landforms) else ""
    count = f"{len(landforms)} landform{'' if len(landforms) == 1 else 's'}{area}"
    shrink_to_fit(text_at(figure, LEFT, top - 0.38, count, size=8, va="top", color=GREY), WIDTH)


def _entries(landforms: gpd.GeoDataFrame) -> list[tuple[Line2D, str]]:
    """Keys and labels of the legend, with counts."""
    counts = landforms["method"].value_counts()
    entries = [
        (_key(look), f"{_short(name)} ({counts[name]})") for name, look in styles_for(landforms["method"]).items()
    ]
    pending = int((landforms["status"] == "pending").sum())
    if pending:
        entries.append((Line2D([], [], color=GREY, lw=1.0, ls=DASHES), f"not reviewed yet ({pending})"))
    return entries or [(Line2D([], [], lw=0), "no landforms")]


def _legend(figure: Figure, entries: list[tuple[Line2D, str]], top: float) -> None:
    keys, labels = zip(*entries, strict=True)
    figure.legend(
        keys, labels, loc="upper left", bbox_to_anchor=(LEFT, top), bbox_transform=figure.dpi_scale_trans, ncols=2,
        borderaxespad=0, borderpad=0, handlelength=2.2, columnspacing=1.5, labelspacing=0.45,
    )  # fmt: skip


def _key(look: MethodStyle) -> Line2D:
    return Line2D([], [], color=look.colour, lw=1.4, marker=look.marker, ms=4, mec="white", mew=0.35)


def _short(name: str) -> str:
    return name if len(name) <= 26 else name[:25].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
