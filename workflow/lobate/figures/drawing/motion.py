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
from lobate.figures.drawing.basemap import page_grid, read_basemap, window_over
from lobate.figures.drawing.cartography import Bounds, metres_per_unit, north_direction
from lobate.figures.drawing.map import draw_outlines
from lobate.figures.drawing.map_elements import credit_line, north_arrow, scale_bar
from lobate.figures.drawing.outlines import square_around
from lobate.figures.drawing.page import axes_at, shrink_to_fit, text_at, write_heading
from lobate.figures.drawing.style import INK, new_figure
from lobate.io.grid import Grid
from lobate.io.raster import open_raster
from lobate.io.validity import Validity
from lobate.io.vector import LONLAT

if TYPE_CHECKING:
    from lobate.figures.figure_motion import MovingLandform


LEFT, GAP, SIDE, SINGLE_SIDE = 0.2, 0.3, 3.25, 4.8
"""Inches: margin, gap between the panels, side of each of two panels, and side of a single panel."""

ABOVE, FOOT, BOTTOM = 0.92, 0.42, 0.52
"""Inches above the panels, below each for scale bar and arrow, and for the lines at the foot of the page."""

PIXELS = 600
COLOUR_MAP = "twilight"
"""A perceptually uniform cyclic colour map; colour-blind readers can tell its colours apart."""

RED, NO_DATA = "#E4002B", "#F4F4F4"


@dataclass(frozen=True)
class MotionPanel:
    """The content of both panels, in the CRS of the figure."""

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
    moving: MovingLandform | None, images: Sequence[Path], phase: Path | None, crs: CRS, *, landform: str, credit: str
) -> Figure:
    """Return the figure of ``moving`` in ``crs``: phase and image side by side, or the image alone."""
    side, width = (SINGLE_SIDE, SINGLE_SIDE) if phase is None else (SIDE, 2 * SIDE + GAP)
    figure = new_figure(ABOVE + side + FOOT + BOTTOM, width + 2 * LEFT)
    facts = moving.facts if moving else "the inventory is empty"
    write_heading(figure, LEFT, width, f"Motion of one {landform}", facts)
    if moving:
        panel = MotionPanel.project(moving, crs)
        if phase is not None:
            _draw_phase(figure, panel, phase)
        _draw_image(figure, panel, images, alone=phase is None)
        shrink_to_fit(text_at(figure, LEFT, 0.27, _marks_text(moving), size=7, va="bottom"), width)
    credit_line(figure, LEFT, 0.1, width, crs, credit)
    return figure


def _draw_phase(figure: Figure, panel: MotionPanel, phase: Path) -> None:
    axes = _add_panel(figure, LEFT, SIDE, "(a) wrapped phase", panel)
    axes.set_facecolor(NO_DATA)
    left, bottom, right, top = panel.bounds
    values = wrapped_phase(phase, page_grid(panel.bounds, panel.crs, PIXELS))
    extent = (left, right, bottom, top)
    axes.imshow(values, cmap=COLOUR_MAP, vmin=-np.pi, vmax=np.pi, extent=extent, interpolation="nearest", aspect="auto")
    _draw_marks(axes, panel)
    _colour_bar(figure, LEFT + 0.1, BOTTOM + FOOT - 0.22)


def _draw_image(figure: Figure, panel: MotionPanel, images: Sequence[Path], *, alone: bool) -> None:
    x, side, title = (LEFT, SINGLE_SIDE, "image") if alone else (LEFT + SIDE + GAP, SIDE, "(b) image")
    axes = _add_panel(figure, x, side, title, panel)
    basemap = read_basemap(images, panel.crs, panel.bounds, PIXELS, pale=False)
    axes.imshow(basemap.rgb, extent=basemap.extent, interpolation="nearest", aspect="auto")
    _draw_marks(axes, panel)


def _add_panel(figure: Figure, x: float, side: float, title: str, panel: MotionPanel) -> Axes:
    """Add an empty panel with its title above it, scale bar and north arrow below it."""
    foot = BOTTOM + FOOT
    text_at(figure, x, foot + side + 0.1, title, size=8.5, weight="bold", va="baseline")
    axes = axes_at(figure, x, foot, side, side, xticks=[], yticks=[])
    metres_x, _ = metres_per_unit(panel.bounds, panel.crs)
    inches_per_metre = side / ((panel.bounds[2] - panel.bounds[0]) * metres_x)
    scale_bar(figure, x + side - 0.35, foot - 0.24, inches_per_metre, longest=0.9)
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
    bar.ax.tick_params(length=2, pad=1)
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
