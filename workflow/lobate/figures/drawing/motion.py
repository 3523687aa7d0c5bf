"""One landform twice: the phase round it and the image of it, with the same arrow and point on both.

The phase of an interferogram on the ground of a figure, wrapped into one cycle.
"""

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
from lobate.figures.drawing.basemap import ground, page_grid, window_on
from lobate.figures.drawing.cartography import Bounds, metres_per_unit, north_direction
from lobate.figures.drawing.map import draw_outlines
from lobate.figures.drawing.map_elements import credit_line, north_arrow, scale_bar, text_at
from lobate.figures.drawing.outlines import square
from lobate.figures.drawing.style import GREY, INK, new_figure, shrink_to_fit
from lobate.io.grid import Grid
from lobate.io.raster import open_raster
from lobate.io.vector import LONLAT

if TYPE_CHECKING:
    from lobate.figures.figure_motion import Moving


def wrapped_phase(path: Path, grid: Grid) -> np.ndarray:
    """Return a raster's phase on ``grid`` in radians, -pi to pi, float32 (height, width), NaN where there is none.

    The raster (its first band) holds radians, wrapped or not, or complex numbers; the nearest pixel is shown, for a mean of
    phases is none. Raises UserError for integers, which cannot be radians, and where nothing lies on the grid.
    """
    phase = np.full(grid.shape, np.nan, dtype=np.float32)
    with open_raster(path) as dataset:
        _check_kind(dataset, path)
        window = window_on(dataset, grid)
        if window is not None:
            corner = dataset.transform @ Affine.translation(window.col_off, window.row_off)
            reproject(
                _angles(dataset, window), phase, src_transform=corner, src_crs=dataset.crs, src_nodata=np.nan,
                dst_transform=grid.transform, dst_crs=grid.crs, dst_nodata=np.nan, resampling=Resampling.nearest,
            )  # fmt: skip
    if not np.isfinite(phase).any():
        raise UserError(
            f"The phase raster {path} has no value round the landform that is to be shown. Name one that covers it, or "
            "another landform, in figures.motion."
        )
    return phase


def _check_kind(dataset: DatasetReader, path: Path) -> None:
    if np.dtype(dataset.dtypes[0]).kind not in "fc":
        raise UserError(
            f"The phase raster {path} holds {dataset.dtypes[0]}, but radians (float) or complex numbers are wanted. "
            "Export the phase itself, not a picture of it, or leave figures.motion.phase out."
        )


def _angles(dataset: DatasetReader, window: Window) -> np.ndarray:
    """The wrapped phase of a raster's own pixels; a complex zero is no signal, so it has none."""
    values, seen = dataset.read(1, window=window), dataset.read_masks(1, window=window) > 0
    with np.errstate(invalid="ignore"):  # of an infinite phase
        signal = values if np.iscomplexobj(values) else np.exp(1j * values.astype(float))
    angles = np.angle(signal).astype(np.float32)
    angles[~seen | ~np.isfinite(signal) | (signal == 0)] = np.nan
    return angles


LEFT, GAP, SIDE, ALONE = 0.2, 0.3, 3.25, 4.8
"""Inches: margin, between the panels, sides of a panel of two and of the only one."""

ABOVE, FOOT, BOTTOM = 0.92, 0.42, 0.52
"""Inches above the panels, for what stands below each, and for the lines below all."""

PIXELS = 600
CYCLE = "twilight"
"""Matplotlib's cyclic colours of even lightness steps: equal at both ends, and apart for colour-blind readers."""

RED, NOTHING = "#E4002B", "#F4F4F4"


@dataclass(frozen=True)
class MotionPanel:
    """What is drawn on each panel, in the CRS of the figure."""

    moving: Moving
    outline: gpd.GeoSeries
    point: gpd.GeoSeries
    bounds: Bounds
    crs: CRS

    @classmethod
    def of(cls, moving: Moving, crs: CRS) -> MotionPanel:
        """Bring a landform and its reference point into ``crs``, with a square of ground round both."""
        outline = gpd.GeoSeries([moving.outline], crs=LONLAT).to_crs(crs)
        point = gpd.GeoSeries([shapely.Point(moving.reference)] if moving.reference else [], crs=LONLAT).to_crs(crs)
        return cls(moving, outline, point, square(shapely.union_all([outline.iloc[0], *point]), crs), crs)


def draw_motion(
    moving: Moving | None, images: Sequence[Path], phase: Path | None, crs: CRS, *, landform: str, credit: str
) -> Figure:
    """Return the figure of ``moving`` in ``crs``: phase and image side by side, or the image alone."""
    side, room = (ALONE, ALONE) if phase is None else (SIDE, 2 * SIDE + GAP)
    height = ABOVE + side + FOOT + BOTTOM
    figure = new_figure(height, room + 2 * LEFT)
    shrink_to_fit(
        text_at(figure, LEFT, height - 0.14, f"Motion of one {landform}", size=11, weight="bold", va="top"), room
    )
    facts = moving.facts if moving else "the inventory is empty"
    shrink_to_fit(text_at(figure, LEFT, height - 0.38, facts, size=8, va="top", color=GREY), room)
    if moving:
        scene = MotionPanel.of(moving, crs)
        if phase is not None:
            _phase(figure, scene, phase)
        _image(figure, scene, images, alone=phase is None)
        shrink_to_fit(text_at(figure, LEFT, 0.27, _key(moving), size=7, va="bottom"), room)
    credit_line(figure, LEFT, 0.1, room, crs, credit)
    return figure


def _phase(figure: Figure, scene: MotionPanel, phase: Path) -> None:
    axes = _panel(figure, LEFT, SIDE, "(a) wrapped phase", scene)
    axes.set_facecolor(NOTHING)
    left, bottom, right, top = scene.bounds
    values = wrapped_phase(phase, page_grid(scene.bounds, scene.crs, PIXELS))
    extent = (left, right, bottom, top)
    axes.imshow(values, cmap=CYCLE, vmin=-np.pi, vmax=np.pi, extent=extent, interpolation="nearest", aspect="auto")
    _marks(axes, scene)
    _colour_bar(figure, LEFT + 0.1, BOTTOM + FOOT - 0.22)


def _image(figure: Figure, scene: MotionPanel, images: Sequence[Path], *, alone: bool) -> None:
    x, side, title = (LEFT, ALONE, "image") if alone else (LEFT + SIDE + GAP, SIDE, "(b) image")
    axes = _panel(figure, x, side, title, scene)
    backdrop = ground(images, scene.crs, scene.bounds, PIXELS, quiet=False)
    axes.imshow(backdrop.rgb, extent=backdrop.extent, interpolation="nearest", aspect="auto")
    _marks(axes, scene)


def _panel(figure: Figure, x: float, side: float, title: str, scene: MotionPanel) -> Axes:
    """An empty panel with its title above it, scale bar and north arrow below it."""
    foot = BOTTOM + FOOT
    wide, high = figure.get_size_inches()
    text_at(figure, x, foot + side + 0.1, title, size=8.5, weight="bold", va="baseline")
    axes = figure.add_axes((x / wide, foot / high, side / wide, side / high), xticks=[], yticks=[])
    across, _ = metres_per_unit(scene.bounds, scene.crs)
    per_metre = side / ((scene.bounds[2] - scene.bounds[0]) * across)
    scale_bar(figure, x + side - 0.35, foot - 0.24, per_metre, longest=0.9)
    north_arrow(figure, x + side - 0.1, foot - 0.11, north_direction(scene.bounds, scene.crs), half=0.08)
    return axes


def _marks(axes: Axes, scene: MotionPanel) -> None:
    left, bottom, right, top = scene.bounds
    draw_outlines(axes, scene.outline, INK, width=1.0)
    axes.scatter(scene.point.x, scene.point.y, s=34, c=RED, ec="white", lw=0.9, zorder=6)
    axes.set(xlim=(left, right), ylim=(bottom, top))
    if scene.moving.direction is not None:
        middle = scene.outline.iloc[0].centroid
        at = np.array([(middle.x - left) / (right - left), (middle.y - bottom) / (top - bottom)])
        _arrow(axes, at, scene.moving.direction + north_direction(scene.bounds, scene.crs))


def _arrow(axes: Axes, at: np.ndarray, degrees: float) -> None:
    """A white arrow round a place of the panel, ``degrees`` clockwise from up on the page, a quarter of the panel long."""
    half = 0.125 * np.array([np.sin(np.radians(degrees)), np.cos(np.radians(degrees))])
    arrow = FancyArrowPatch(
        tuple(at - half), tuple(at + half), transform=axes.transAxes, arrowstyle="-|>", mutation_scale=12, color="white",
        lw=2, shrinkA=0, shrinkB=0, zorder=5, path_effects=[withStroke(linewidth=3.6, foreground=INK)],
    )  # fmt: skip
    axes.add_patch(arrow)


def _colour_bar(figure: Figure, x: float, y: float) -> None:
    wide, high = figure.get_size_inches()
    axes = figure.add_axes((x / wide, y / high, 1.05 / wide, 0.09 / high))
    bar = figure.colorbar(ScalarMappable(Normalize(-np.pi, np.pi), CYCLE), cax=axes, orientation="horizontal")
    pi = "\N{GREEK SMALL LETTER PI}"
    bar.set_ticks([-np.pi, 0, np.pi], labels=[f"\N{MINUS SIGN}{pi}", "0", pi])
    bar.ax.tick_params(length=2, pad=1)
    text_at(figure, x + 1.13, y + 0.045, "phase (rad)", size=7, va="center")


def _key(moving: Moving) -> str:
    """Say in words what the marks are."""
    words = ["Black line: outline"]
    if moving.direction is not None:
        arrow = "direction of motion" if moving.measured else "mean aspect (no direction of motion is given)"
        words.append(f"white arrow: {arrow}, {moving.direction:.0f}\N{DEGREE SIGN}")
    if moving.reference:
        words.append("red dot: reference point of the phase")
    return "; ".join(words)
