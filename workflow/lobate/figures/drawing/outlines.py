"""Four examples over the image, each with its outlines, its facts above and its scale bar below."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import shapely
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from rasterio.crs import CRS
from shapely.geometry import box

from lobate.figures.drawing.basemap import read_basemap
from lobate.figures.drawing.cartography import Bounds, metres_per_unit, north_direction
from lobate.figures.drawing.map import draw_outlines
from lobate.figures.drawing.map_elements import credit_line, north_arrow, scale_bar
from lobate.figures.drawing.page import axes_at, legend_at, shrink_to_fit, text_at, write_heading
from lobate.figures.drawing.style import GREEN, GREY, PAGE_WIDTH, SKY, VERMILION, new_figure
from lobate.figures.examples import ExampleOutline

LEFT, GAP, SIDE = 0.2, 0.3, 3.25
HEAD, FOOT, TOP, BOTTOM = 0.46, 0.36, 0.62, 0.36
HEIGHT = TOP + 2 * (HEAD + SIDE + FOOT) + BOTTOM

ROLES = {"drawn": (SKY, "drawn by hand"), "mapped": (VERMILION, "mapped"), "mended": (GREEN, "mended by a reviewer")}
"""Role of an outline -> its colour and name."""

MARGIN_M = 250.0
"""Metres of ground on each side of an example, in addition to a quarter of its size."""


def draw_examples(examples: Sequence[ExampleOutline], images: Sequence[Path], crs: CRS, credit: str) -> Figure:
    """Return the figure of four examples; everything is drawn in ``crs``."""
    figure = new_figure(HEIGHT)
    for number, example in enumerate(examples):
        x, y = LEFT + (number % 2) * (SIDE + GAP), HEIGHT - TOP - (number // 2) * (HEAD + SIDE + FOOT)
        _add_panel(figure, x, y, "abcd"[number], example, images, crs)
    write_heading(figure, LEFT, PAGE_WIDTH - 2 * LEFT, "Examples of outlines")
    entries = [(name, Line2D([], [], color=colour, lw=1.4)) for colour, name in ROLES.values()]
    legend_at(figure, LEFT, HEIGHT - 0.4, entries, ncols=3, handlelength=2)
    credit_line(figure, LEFT, 0.1, PAGE_WIDTH - 2 * LEFT, crs, credit)
    return figure


def _add_panel(
    figure: Figure, x: float, y: float, letter: str, example: ExampleOutline, images: Sequence[Path], crs: CRS
) -> None:
    """Draw one example with its upper left corner at ``x``, ``y`` (inches)."""
    title = f"({letter}) {example.title}"
    shrink_to_fit(text_at(figure, x, y - 0.2, title, size=8.5, weight="bold", va="baseline"), SIDE)
    shrink_to_fit(text_at(figure, x, y - 0.38, example.facts, size=7.5, color=GREY, va="baseline"), SIDE)
    foot = y - HEAD - SIDE
    axes = axes_at(figure, x, foot, SIDE, SIDE, xticks=[], yticks=[])
    if example.focus is None:
        axes.set_facecolor("#F4F4F4")
        return
    bounds = square_around(gpd.GeoSeries([example.focus], crs=4326).to_crs(crs).iloc[0], crs)
    basemap = read_basemap(images, crs, bounds, pixels=600, pale=False)
    axes.imshow(basemap.rgb, extent=basemap.extent, interpolation="nearest", aspect="auto")
    _draw_example(axes, example, bounds, crs)
    metres_x, _ = metres_per_unit(bounds, crs)
    scale_bar(figure, x + SIDE - 0.35, foot - 0.24, SIDE / ((bounds[2] - bounds[0]) * metres_x), longest=1.1)
    north_arrow(figure, x + SIDE - 0.1, foot - 0.11, north_direction(bounds, crs), half=0.08)


def _draw_example(axes: Axes, example: ExampleOutline, bounds: Bounds, crs: CRS) -> None:
    frame = box(*bounds)
    for role, outlines in example.outlines.items():
        projected = outlines.to_crs(crs)
        draw_outlines(axes, projected[projected.intersects(frame)], ROLES[role][0], width=1.3)
    axes.set(xlim=(bounds[0], bounds[2]), ylim=(bounds[1], bounds[3]))


def square_around(focus: shapely.Geometry, crs: CRS) -> Bounds:
    """Return the bounds of a square on the ground round an outline."""
    left, bottom, right, top = focus.bounds
    metres_x, metres_y = metres_per_unit(focus.buffer(1e-3 * max(right - left, top - bottom)).bounds, crs)
    half = 0.75 * max((right - left) * metres_x, (top - bottom) * metres_y) + MARGIN_M
    x, y = (left + right) / 2, (bottom + top) / 2
    return x - half / metres_x, y - half / metres_y, x + half / metres_x, y + half / metres_y
