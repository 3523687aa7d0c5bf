"""Four examples over the image, each with its outlines, its facts above and its scale bar below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import shapely
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from rasterio.crs import CRS
from shapely.geometry import box

from lobate.figures.drawing.basemap import read_basemap
from lobate.figures.drawing.cartography import Bounds, metres_per_unit, north_direction
from lobate.figures.drawing.map import draw_outlines
from lobate.figures.drawing.map_elements import credit_line, credit_lines, no_image_key, north_arrow, scale_bar
from lobate.figures.drawing.page import DOUBLE, Page, axes_at, lines_within, plan_heading, shrink_to_fit, text_at
from lobate.figures.drawing.style import GREEN, GREY, SKY, VERMILION, new_figure
from lobate.figures.examples import ExampleOutline

LEFT, GAP = 0.2, 0.3
NAME, FACT, FOOT, BELOW = 0.2, 0.13, 0.4, 0.06
"""Inches for a panel's title, for a line of its facts, below it for scale bar and arrow, and between two rows."""

ROLES = {"drawn": (SKY, "drawn by hand"), "mapped": (VERMILION, "mapped"), "mended": (GREEN, "mended by a reviewer")}
"""Role of an outline -> its colour and name."""

MARGIN_M = 250.0
"""Metres of ground on each side of an example, in addition to a quarter of its size."""


def draw_examples(
    examples: Sequence[ExampleOutline], images: Sequence[Path], crs: CRS, credit: str, page: Page = DOUBLE
) -> Figure:
    """Return the figure of four examples; everything is drawn in ``crs``."""
    side = (page.width - 2 * LEFT - GAP) / 2
    facts = [lines_within(example.facts, side, size=7.5)[:3] for example in examples]
    above = [NAME + FACT * max(map(len, facts[row : row + 2])) + BELOW for row in (0, 2)]
    entries: list[tuple[str, Artist]] = [
        (name, Line2D([], [], color=colour, lw=1.4)) for colour, name in ROLES.values()
    ]
    heading = plan_heading(
        page, LEFT, LEFT, "Examples of outlines", "", [*entries, no_image_key()], 4, handlelength=2, columnspacing=1.2
    )  # fmt: skip
    credits = credit_lines(page.width - 2 * LEFT, crs, credit)
    foot = 0.1 + 0.12 * len(credits)
    figure = new_figure(foot + 2 * (side + FOOT) + sum(above) + BELOW + heading.height, page.width)
    top = figure.get_figheight() - heading.height - BELOW
    for number, example in enumerate(examples):
        row, column = divmod(number, 2)
        place = PanelPlace(
            figure, LEFT + column * (side + GAP), top - sum(above[: row + 1]) - row * (side + FOOT), side
        )
        place.write(page.lettered(number, example.title), facts[number])
        _draw_panel(place, example, images, crs)
    heading.draw(figure)
    credit_line(figure, LEFT, 0.1, page.width - 2 * LEFT, crs, credit)
    return figure


@dataclass(frozen=True)
class PanelPlace:
    """A square panel of a figure, by its upper left corner and its side in inches."""

    figure: Figure
    x: float
    top: float
    side: float

    def write(self, title: str, facts: Sequence[str]) -> None:
        """Write the title and its lines of facts above the panel."""
        y = self.top + BELOW
        for line in reversed(facts):
            shrink_to_fit(text_at(self.figure, self.x, y, line, size=7.5, color=GREY, va="bottom"), self.side)
            y += FACT
        shrink_to_fit(text_at(self.figure, self.x, y, title, size=8.5, weight="bold", va="bottom"), self.side)


def _draw_panel(place: PanelPlace, example: ExampleOutline, images: Sequence[Path], crs: CRS) -> None:
    x, side, foot = place.x, place.side, place.top - place.side
    axes = axes_at(place.figure, x, foot, side, side, xticks=[], yticks=[])
    if example.focus is None:
        axes.set_facecolor("#F4F4F4")
        return
    bounds = square_around(gpd.GeoSeries([example.focus], crs=4326).to_crs(crs).iloc[0], crs)
    basemap = read_basemap(images, crs, bounds, pixels=600, pale=False)
    axes.imshow(basemap.rgb, extent=basemap.extent, interpolation="nearest", aspect="auto")
    _draw_example(axes, example, bounds, crs)
    metres_x, _ = metres_per_unit(bounds, crs)
    inches_per_metre = side / ((bounds[2] - bounds[0]) * metres_x)
    scale_bar(place.figure, x + side - 0.35, foot - 0.24, inches_per_metre, longest=min(1.1, 0.5 * side))
    north_arrow(place.figure, x + side - 0.1, foot - 0.11, north_direction(bounds, crs), half=0.08)


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
