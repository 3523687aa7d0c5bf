"""One landform in two panels: the wrapped phase of an interferogram and the image, with the same arrow and point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.patheffects import withStroke
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.warp import reproject
from rasterio.windows import Window

from lobate.errors import UserError
from lobate.figures.drawing.basemap import hatch, page_grid, read_basemap, window_over
from lobate.figures.drawing.cartography import Bounds, metres_per_unit, north_direction
from lobate.figures.drawing.map import draw_outlines
from lobate.figures.drawing.map_elements import credit_lines, north_arrow, scale_bar
from lobate.figures.drawing.outlines import square_around
from lobate.figures.drawing.page import (
    DOUBLE,
    Heading,
    Page,
    axes_at,
    lines_within,
    notes_above,
    plan_heading,
    text_at,
)
from lobate.figures.drawing.style import INK, new_figure
from lobate.io.grid import Grid
from lobate.io.raster import open_raster
from lobate.io.validity import Validity
from lobate.io.vector import LONLAT

if TYPE_CHECKING:
    from lobate.figures.figure_motion import MovingLandform


LEFT, GAP, SINGLE_SIDE = 0.2, 0.3, 4.8
"""Inches: margin, gap between the panels, and side of a single panel on a wide page."""

ABOVE, FOOT = 0.28, 0.42
"""Inches above each panel for its title, and below it for scale bar and arrow."""

PIXELS = 600
COLOUR_MAP = "twilight"
"""A perceptually uniform cyclic colour map; colour-blind readers can tell its colours apart."""

RED, NO_DATA = "#E4002B", "#F4F4F4"

NO_MOTION = (
    "Not drawn: no landform has a velocity, and no phase raster is given. Name an inventory with velocities in "
    "inventory.others, or a raster in figures.motion.phase."
)
"""What the figure says where nothing is known of any motion."""


@dataclass(frozen=True)
class MotionPanel:
    """The content of both panels, in the CRS of the figure, and their places on its page."""

    moving: MovingLandform
    outline: gpd.GeoSeries
    point: gpd.GeoSeries
    bounds: Bounds
    crs: CRS

    @classmethod
    def project(cls, moving: MovingLandform, crs: CRS) -> MotionPanel:
        """Return a landform and its reference point in ``crs``, with the bounds of a square round both."""
        outline = gpd.GeoSeries([moving.outline], crs=LONLAT).to_crs(crs)
        point = gpd.GeoSeries([shapely.Point(moving.reference)] if moving.reference else [], crs=LONLAT).to_crs(crs)
        return cls(moving, outline, point, square_around(shapely.union_all([outline.iloc[0], *point]), crs), crs)


def draw_motion(
    moving: MovingLandform | None, images: Sequence[Path], phase: Path | None, crs: CRS, *, landform: str, credit: str,
    page: Page = DOUBLE,
) -> Figure:  # fmt: skip
    """Return the figure of ``moving`` in ``crs``: phase and image, or the image alone; without a motion, why there is none."""
    width = page.width - 2 * LEFT
    facts = moving.facts if moving else NO_MOTION
    heading = plan_heading(page, LEFT, LEFT, f"Motion of one {landform}", facts)
    notes = [*(lines_within(_marks_text(moving), width, size=6.5) if moving else []), *credit_lines(width, crs, credit)]
    foot = 0.16 + 0.12 * len(notes)
    if moving is None:
        figure = new_figure(foot + 0.2 + heading.height, page.width)
        if not page.titles:
            notes = [*lines_within(NO_MOTION, width, size=6.5), *notes]
    else:
        figure = _draw_panels(MotionPanel.project(moving, crs), images, phase, page, heading, foot)
    heading.draw(figure)
    notes_above(figure, notes, LEFT, width)
    return figure


def _draw_panels(
    panel: MotionPanel, images: Sequence[Path], phase: Path | None, page: Page, heading: Heading, foot: float
) -> Figure:
    """Draw phase and image side by side, one below the other on a narrow page, or the image alone."""
    width = page.width - 2 * LEFT
    beside = phase is not None and not page.narrow
    side = (width - GAP) / 2 if beside else min(width, SINGLE_SIDE)
    side = min(side, 2.9) if phase is not None and page.narrow else side
    rows = 1 if beside or phase is None else 2
    figure = new_figure(foot + rows * (FOOT + side + ABOVE) + heading.height, page.width)
    places = [(LEFT + column * (side + GAP), foot + FOOT) for column in range(2)] if beside else [
        (LEFT, foot + FOOT + (rows - 1 - row) * (FOOT + side + ABOVE)) for row in range(rows)
    ]  # fmt: skip
    if phase is not None:
        _draw_phase(figure, panel, phase, places[0], side, page.lettered(0, "wrapped phase"))
    title = "image" if phase is None else page.lettered(1, "image")
    _draw_image(figure, panel, images, places[-1], side, title)
    return figure


def _draw_phase(
    figure: Figure, panel: MotionPanel, phase: Path, place: tuple[float, float], side: float, title: str
) -> None:
    axes = _add_panel(figure, place, side, title, panel)
    axes.set_facecolor(NO_DATA)
    left, bottom, right, top = panel.bounds
    values = wrapped_phase(phase, page_grid(panel.bounds, panel.crs, PIXELS))
    extent = (left, right, bottom, top)
    axes.imshow(hatch(values.shape), extent=extent, interpolation="nearest", aspect="auto")
    axes.imshow(values, cmap=COLOUR_MAP, vmin=-np.pi, vmax=np.pi, extent=extent, interpolation="nearest", aspect="auto")
    _draw_marks(axes, panel)
    _colour_bar(figure, place[0] + 0.1, place[1] - 0.22)


def _draw_image(
    figure: Figure, panel: MotionPanel, images: Sequence[Path], place: tuple[float, float], side: float, title: str
) -> None:
    axes = _add_panel(figure, place, side, title, panel)
    basemap = read_basemap(images, panel.crs, panel.bounds, PIXELS, pale=False)
    axes.imshow(basemap.rgb, extent=basemap.extent, interpolation="nearest", aspect="auto")
    _draw_marks(axes, panel)


def _add_panel(figure: Figure, place: tuple[float, float], side: float, title: str, panel: MotionPanel) -> Axes:
    """Add an empty panel with its title above it, scale bar and north arrow below it; ``place`` is its lower left corner."""
    x, foot = place
    text_at(figure, x, foot + side + 0.1, title, size=8.5, weight="bold", va="baseline")
    axes = axes_at(figure, x, foot, side, side, xticks=[], yticks=[])
    metres_x, _ = metres_per_unit(panel.bounds, panel.crs)
    inches_per_metre = side / ((panel.bounds[2] - panel.bounds[0]) * metres_x)
    scale_bar(figure, x + side - 0.35, foot - 0.24, inches_per_metre, longest=min(0.9, 0.28 * side))
    north_arrow(figure, x + side - 0.1, foot - 0.11, north_direction(panel.bounds, panel.crs), half=0.08)
    return axes


def _draw_marks(axes: Axes, panel: MotionPanel) -> None:
    left, bottom, right, top = panel.bounds
    draw_outlines(axes, panel.outline, INK, width=1.0)
    axes.scatter(panel.point.x, panel.point.y, s=34, c=RED, ec="white", lw=0.9, zorder=6)
    axes.set(xlim=(left, right), ylim=(bottom, top))
    if panel.moving.direction is not None:
        middle = panel.outline.iloc[0].centroid
        centre = np.array([(middle.x - left) / (right - left), (middle.y - bottom) / (top - bottom)])
        _draw_arrow(axes, centre, panel.moving.direction + north_direction(panel.bounds, panel.crs))


def _draw_arrow(axes: Axes, centre: np.ndarray, degrees: float) -> None:
    """Draw a white arrow, ``degrees`` clockwise from up on the page, a quarter of the panel long."""
    half = 0.125 * np.array([np.sin(np.radians(degrees)), np.cos(np.radians(degrees))])
    arrow = FancyArrowPatch(
        tuple(centre - half), tuple(centre + half), transform=axes.transAxes, arrowstyle="-|>", mutation_scale=12, color="white",
        lw=2, shrinkA=0, shrinkB=0, zorder=5, path_effects=[withStroke(linewidth=3.6, foreground=INK)],
    )  # fmt: skip
    axes.add_patch(arrow)


def _colour_bar(figure: Figure, x: float, y: float) -> None:
    axes = axes_at(figure, x, y, 1.05, 0.09)
    bar = figure.colorbar(ScalarMappable(Normalize(-np.pi, np.pi), COLOUR_MAP), cax=axes, orientation="horizontal")
    pi = "\N{GREEK SMALL LETTER PI}"
    bar.set_ticks([-np.pi, 0, np.pi], labels=[f"\N{MINUS SIGN}{pi}", "0", pi])
    bar.ax.tick_params(length=2, pad=1, labelsize=6.5)
    text_at(figure, x + 1.13, y + 0.045, "phase (rad)", size=7, va="center")


def _marks_text(moving: MovingLandform) -> str:
    """Return the line that explains the marks."""
    marks = ["Black line: outline"]
    if moving.direction is not None:
        arrow = "direction of motion" if moving.measured else "mean aspect (no direction of motion is given)"
        marks.append(f"white arrow: {arrow}, {moving.direction:.0f}\N{DEGREE SIGN}")
    if moving.reference:
        marks.append("red dot: reference point of the phase")
    return "; ".join(marks)


def wrapped_phase(path: Path, grid: Grid) -> np.ndarray:
    """Return a raster's phase on ``grid`` in radians, -pi to pi, float32 (height, width), NaN where there is none.

    The first band holds radians, wrapped or not, or complex numbers. Resampling takes the nearest pixel, because a mean of
    phases is no phase. Raises UserError for integers, and where the raster has no value on the grid.
    """
    phase = np.full(grid.shape, np.nan, dtype=np.float32)
    with open_raster(path) as dataset:
        _check_dtype(dataset, path)
        window = window_over(dataset, grid)
        if window is not None:
            corner = dataset.transform @ Affine.translation(window.col_off, window.row_off)
            reproject(
                _phase_angles(dataset, window), phase, src_transform=corner, src_crs=dataset.crs, src_nodata=np.nan,
                dst_transform=grid.transform, dst_crs=grid.crs, dst_nodata=np.nan, resampling=Resampling.nearest,
            )  # fmt: skip
    if not np.isfinite(phase).any():
        raise UserError(
            f"The phase raster {path} has no value round the landform of the figure. Name one that covers it, or "
            "another landform, in figures.motion."
        )
    return phase


def _check_dtype(dataset: DatasetReader, path: Path) -> None:
    if np.dtype(dataset.dtypes[0]).kind not in "fc":
        raise UserError(
            f"The phase raster {path} holds {dataset.dtypes[0]}, but it must hold radians (float) or complex numbers. "
            "Export the phase itself, not a picture of it, or leave figures.motion.phase out."
        )


def _phase_angles(dataset: DatasetReader, window: Window) -> np.ndarray:
    """Return the wrapped phase of a raster's own pixels, NaN for nodata and for a complex zero, which is no signal."""
    values = dataset.read(1, window=window)
    valid = Validity(dataset, (1,), zero_is_nodata=False).of(values[np.newaxis], window)
    with np.errstate(invalid="ignore"):  # an infinite phase
        signal = values if np.iscomplexobj(values) else np.exp(1j * values.astype(float))
    angles = np.angle(signal).astype(np.float32)
    angles[~valid | ~np.isfinite(signal) | (signal == 0)] = np.nan
    return angles
