"""Four examples side by side over the image, each with its outlines, its facts above and its scale below."""

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

from lobate.figures.drawing.basemap import ground
from lobate.figures.drawing.cartography import Bounds, metres_per_unit, north_direction
from lobate.figures.drawing.map import draw_outlines
from lobate.figures.drawing.map_elements import credit_line, north_arrow, scale_bar, text_at
from lobate.figures.drawing.style import GREEN, GREY, PAGE_WIDTH, SKY, VERMILION, new_figure, shrink_to_fit
from lobate.figures.examples import ExampleOutline

LEFT, GAP, SIDE = 0.2, 0.3, 3.25
HEAD, FOOT, TOP, BOTTOM = 0.46, 0.36, 0.62, 0.36
HEIGHT = TOP + 2 * (HEAD + SIDE + FOOT) + BOTTOM

ROLES = {"drawn": (SKY, "drawn by hand"), "mapped": (VERMILION, "mapped"), "mended": (GREEN, "mended by a reviewer")}
"""What an outline is -> its colour and name."""

AROUND_M = 250.0
"""Ground shown beyond the example, in metres, and half its size besides."""


def draw_examples(examples: Sequence[ExampleOutline], images: Sequence[Path], crs: CRS, credit: str) -> Figure:
    """Return the figure of four examples; everything is drawn in ``crs``."""
    figure = new_figure(HEIGHT)
    for place, example in enumerate(examples):
        x, y = LEFT + (place % 2) * (SIDE + GAP), HEIGHT - TOP - (place // 2) * (HEAD + SIDE + FOOT)
        _panel(figure, x, y, "abcd"[place], example, images, crs)
    text_at(figure, LEFT, HEIGHT - 0.14, "Examples of outlines", size=11, weight="bold", va="top")
    keys = [Line2D([], [], color=colour, lw=1.4) for colour, _ in ROLES.values()]
    figure.legend(
        keys, [name for _, name in ROLES.values()], loc="upper left", bbox_to_anchor=(LEFT, HEIGHT - 0.4),
        bbox_transform=figure.dpi_scale_trans, ncols=3, borderaxespad=0, borderpad=0, handlelength=2,
    )  # fmt: skip
    credit_line(figure, LEFT, 0.1, PAGE_WIDTH - 2 * LEFT, crs, credit)
    return figure


def _panel(
    figure: Figure, x: float, y: float, letter: str, example: ExampleOutline, images: Sequence[Path], crs: CRS
) -> None:
    """Draw one example in the room whose upper left corner is at ``x``, ``y`` (inches)."""
    shrink_to_fit(
        text_at(figure, x, y - 0.2, f"({letter}) {example.title}", size=8.5, weight="bold", va="baseline"), SIDE
    )
    shrink_to_fit(text_at(figure, x, y - 0.38, example.facts, size=7.5, color=GREY, va="baseline"), SIDE)
    foot = y - HEAD - SIDE
    axes = figure.add_axes((x / PAGE_WIDTH, foot / HEIGHT, SIDE / PAGE_WIDTH, SIDE / HEIGHT), xticks=[], yticks=[])
    if example.focus is None:
        axes.set_facecolor("#F4F4F4")
        return
    bounds = square(gpd.GeoSeries([example.focus], crs=4326).to_crs(crs).iloc[0], crs)
    backdrop = ground(images, crs, bounds, pixels=600, quiet=False)
    axes.imshow(backdrop.rgb, extent=backdrop.extent, interpolation="nearest", aspect="auto")
    _outlines(axes, example, bounds, crs)
    across, _ = metres_per_unit(bounds, crs)
    scale_bar(figure, x + SIDE - 0.35, foot - 0.24, SIDE / ((bounds[2] - bounds[0]) * across), longest=1.1)
    north_arrow(figure, x + SIDE - 0.1, foot - 0.11, north_direction(bounds, crs), half=0.08)


def _outlines(axes: Axes, example: ExampleOutline, bounds: Bounds, crs: CRS) -> None:
    frame = box(*bounds)
    for role, outlines in example.outlines.items():
        here = outlines.to_crs(crs)
        draw_outlines(axes, here[here.intersects(frame)], ROLES[role][0], width=1.3)
    axes.set(xlim=(bounds[0], bounds[2]), ylim=(bounds[1], bounds[3]))


def square(focus: shapely.Geometry, crs: CRS) -> Bounds:
    """A square on the ground round an outline."""
    left, bottom, right, top = focus.bounds
    across, up = metres_per_unit(focus.buffer(1e-3 * max(right - left, top - bottom)).bounds, crs)
    half = 0.75 * max((right - left) * across, (top - bottom) * up) + AROUND_M
    x, y = (left + right) / 2, (bottom + top) / 2
    return x - half / across, y - half / up, x + half / across, y + half / up
