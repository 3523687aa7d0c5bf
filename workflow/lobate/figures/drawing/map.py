"""The region map: outlines by method over a pale basemap, with title, legend, scale bar, north arrow and credit.

The title stands above the frame, all else below it. Nothing is written inside the frame, so no text lies on a landform or
on another text, at any number of landforms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path as Outline
from rasterio.crs import CRS

from lobate.figures.drawing.basemap import Basemap, read_basemap
from lobate.figures.drawing.cartography import Bounds, metres_per_unit, north_direction
from lobate.figures.drawing.map_elements import (
    credit_line,
    credit_lines,
    graticule,
    no_image_key,
    north_arrow,
    scale_bar,
)
from lobate.figures.drawing.page import DOUBLE, LegendPlan, Page, axes_at, plan_heading, plan_legend
from lobate.figures.drawing.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    new_figure,
)
from lobate.io.decisions import review_in_words

LEFT, RIGHT, ABOVE = 0.62, 0.2, 0.08
"""Inches left of the frame for the latitudes, right of it, and above it below the title."""

LABELS, SCALE = 0.24, 0.5
"""Inches below the frame for the longitudes, and for scale bar and north arrow."""

BAR_ROOM = 1.9
"""Inches that scale bar and north arrow take on the right; on a narrow page the legend stands below them."""

MAX_ASPECT, MIN_ASPECT = 1.15, 0.3
"""Limits of the frame's height over width; white padding keeps it between them."""

MARKER_BELOW = 0.07
"""Inches on the page below which an outline is drawn as a marker."""

DASHES = (0, (2.2, 1.2))
"""Dashes of outlines that are not reviewed yet."""


@dataclass(frozen=True)
class MethodStyle:
    """Colour and marker of one method."""

    colour: str
    marker: str


DEEP_LEARNING, BOTH = MethodStyle(VERMILION, "o"), MethodStyle(BLACK, "D")
OTHER_STYLES = (
    MethodStyle(BLUE, "s"),
    MethodStyle(SKY, "^"),
    MethodStyle(GREEN, "v"),
    MethodStyle(PURPLE, "P"),
    MethodStyle(ORANGE, "X"),
)


def styles_for(methods: Sequence[str]) -> dict[str, MethodStyle]:
    """Return method -> style in the order of the legend: other inventories, both, deep learning."""
    fixed = {"both": BOTH, "deep learning": DEEP_LEARNING}
    inventories = sorted(set(methods) - set(fixed))
    styles = {name: OTHER_STYLES[number % len(OTHER_STYLES)] for number, name in enumerate(inventories)}
    return styles | {name: style for name, style in fixed.items() if name in set(methods)}


def draw_map(
    landforms: gpd.GeoDataFrame,
    images: Sequence[Path],
    covered: Bounds,
    *,
    title: str,
    credit: str,
    page: Page = DOUBLE,
) -> Figure:
    """Return the map of ``landforms`` (columns ``method``, ``status``, ``area_km2``; in the map's CRS).

    ``covered``: bounds of the images in the same CRS. The page's height follows their shape.
    """
    crs = CRS.from_user_input(landforms.crs)
    width = page.width - LEFT - RIGHT
    bounds = _map_bounds(landforms, covered, crs)
    metres_x, metres_y = metres_per_unit(bounds, crs)
    inches_per_metre = width / ((bounds[2] - bounds[0]) * metres_x)
    height = (bounds[3] - bounds[1]) * metres_y * inches_per_metre
    basemap = read_basemap(images, crs, bounds)
    heading = plan_heading(page, LEFT, RIGHT, title, _count_text(landforms))
    legend = _legend(landforms, basemap, width if page.narrow else width - BAR_ROOM)
    credits = credit_lines(width, crs, credit)
    foot = 0.1 + 0.12 * len(credits) + 0.06
    room = SCALE + legend.height if page.narrow else max(SCALE, legend.height)
    below = foot + room + LABELS
    figure = new_figure(below + height + ABOVE + heading.height, page.width)
    axes = axes_at(figure, LEFT, below, width, height)
    axes.imshow(basemap.rgb, extent=basemap.extent, interpolation="nearest", zorder=0, aspect="auto")
    graticule(axes, bounds, crs)
    _draw_landforms(axes, landforms, inches_per_metre * metres_x)
    heading.draw(figure)
    legend.draw(figure, LEFT, foot + (legend.height if page.narrow else room))
    top = below - LABELS
    scale_bar(figure, page.width - RIGHT - 0.5, top - 0.26, inches_per_metre, longest=min(1.5, 0.45 * width))
    north_arrow(figure, page.width - RIGHT - 0.16, top - 0.19, north_direction(bounds, crs))
    credit_line(figure, LEFT, 0.1, width, crs, credit)
    return figure


def _map_bounds(landforms: gpd.GeoDataFrame, covered: Bounds, crs: CRS) -> Bounds:
    """Return the bounds of images and landforms with a margin, padded to the limits of the frame's shape."""
    boxes = np.array([covered, landforms.total_bounds] if len(landforms) else [covered])
    left, bottom = boxes[:, :2].min(axis=0)
    right, top = boxes[:, 2:].max(axis=0)
    metres_x, metres_y = metres_per_unit((left, bottom, right, top), crs)
    width, height = (right - left) * metres_x * 1.03, (top - bottom) * metres_y * 1.03
    width, height = max(width, height / MAX_ASPECT), max(height, width * MIN_ASPECT)
    x, y = (left + right) / 2, (bottom + top) / 2
    half_x, half_y = width / metres_x / 2, height / metres_y / 2
    return x - half_x, y - half_y, x + half_x, y + half_y


def _draw_landforms(axes: Axes, landforms: gpd.GeoDataFrame, inches_per_unit: float) -> None:
    """Draw each method's outlines with a white halo, and the markers of small ones above them.

    What nobody has reviewed is dashed, and hollow where it is a marker.
    """
    size = landforms.geometry.bounds
    small = np.fmax(size["maxx"] - size["minx"], size["maxy"] - size["miny"]) * inches_per_unit < MARKER_BELOW
    pending = landforms["status"] == "pending"
    for name, style in styles_for(landforms["method"]).items():
        of_method = landforms["method"] == name
        for unreviewed in (False, True):
            chosen = of_method & (pending == unreviewed)
            draw_outlines(axes, landforms.geometry[chosen & ~small], style.colour, DASHES if unreviewed else "solid")
            _draw_markers(axes, landforms.geometry[chosen & small], style, hollow=unreviewed)


def _draw_markers(axes: Axes, outlines: gpd.GeoSeries, style: MethodStyle, *, hollow: bool) -> None:
    points = outlines.representative_point()
    if hollow:  # a white marker with a coloured rim, on a wider white one
        axes.scatter(points.x, points.y, s=26, c="white", marker=style.marker, lw=0, zorder=4)
        axes.scatter(points.x, points.y, s=9, c="white", marker=style.marker, ec=style.colour, lw=0.9, zorder=4)
    else:
        axes.scatter(points.x, points.y, s=11, c=style.colour, marker=style.marker, ec="white", lw=0.35, zorder=4)


def draw_outlines(
    axes: Axes, outlines: gpd.GeoSeries, colour: str, linestyle: object = "solid", width: float = 1.0
) -> None:
    """Draw outlines with a white halo, so that they are visible on any ground."""
    paths = [outline_path(outline) for outline in outlines]
    common: dict[str, Any] = {"transform": axes.transData, "zorder": 3, "facecolor": "none"}
    axes.add_collection(PathCollection(paths, edgecolor="white", lw=width + 0.9, alpha=0.9, **common), autolim=False)
    axes.add_collection(PathCollection(paths, edgecolor=colour, lw=width, ls=linestyle, **common), autolim=False)


def outline_path(shape: shapely.Geometry) -> Outline:
    """Return a polygon or multi-polygon, holes included, as one path."""
    rings = [ring for part in shapely.get_parts(shape) for ring in (part.exterior, *part.interiors)]
    return Outline.make_compound_path(*(Outline(shapely.get_coordinates(ring), closed=True) for ring in rings))


def _count_text(landforms: gpd.GeoDataFrame) -> str:
    area = f", {landforms['area_km2'].sum():.1f} km\N{SUPERSCRIPT TWO}" if len(landforms) else ""
    pending, detected = int((landforms["status"] == "pending").sum()), int((landforms["status"] != "mapped").sum())
    review = f"; {words}" if (words := review_in_words(pending, detected, len(landforms))) else ""
    return f"{len(landforms)} landform{'' if len(landforms) == 1 else 's'}{area}{review}"


def _legend(landforms: gpd.GeoDataFrame, basemap: Basemap, width: float) -> LegendPlan:
    keys = _legend_keys(landforms)
    if not basemap.covered.all():
        keys.append(no_image_key())
    return plan_legend(keys, width, 2, handlelength=2.2, columnspacing=1.5, labelspacing=0.45)


def _legend_keys(landforms: gpd.GeoDataFrame) -> list[tuple[str, Artist]]:
    """Return labels with counts, and keys of the legend."""
    counts = landforms["method"].value_counts()
    keys: list[tuple[str, Artist]] = [
        (f"{_short_name(name)} ({counts[name]})", _line(style))
        for name, style in styles_for(landforms["method"]).items()
    ]
    pending = int((landforms["status"] == "pending").sum())
    if pending:
        key = Line2D([], [], color=GREY, lw=1.0, ls=DASHES, marker="o", ms=3.6, mfc="white", mec=GREY, mew=0.9)
        keys.append((f"dashed, hollow: not reviewed yet ({pending})", key))
    return keys or [("no landforms", Line2D([], [], lw=0))]


def _line(style: MethodStyle) -> Line2D:
    return Line2D([], [], color=style.colour, lw=1.4, marker=style.marker, ms=4, mec="white", mew=0.35)


def _short_name(name: str) -> str:
    return name if len(name) <= 26 else name[:25].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
