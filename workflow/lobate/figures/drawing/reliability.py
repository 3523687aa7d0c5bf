"""The reliability diagram: observed share against predicted probability, with the ground in each bin."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from lobate.figures.drawing.page import DOUBLE, Page, axes_at, letter_above, plan_heading
from lobate.figures.drawing.style import BLUE, GREY, PALE, VERMILION, new_figure

if TYPE_CHECKING:
    from lobate.figures.figure_reliability import Reliability

LEFT, RIGHT, ABOVE, BOTTOM, GAP = 0.62, 0.2, 0.24, 0.5, 0.83
LOW = 1.4
"""Inches: height of the lower panel on a narrow page."""

DASHES, DOTS = (0, (6, 2)), (0, (1, 1.2))
BIN_WIDTH = 0.1
"""Width of a bin of probability."""


def draw_reliability(reliability: Reliability, landform: str, page: Page = DOUBLE) -> Figure:
    """Return the figure of the map's calibration."""
    title, keys = f"Reliability of the map's probabilities, {landform}", _legend_keys(reliability)
    spacing = {"handlelength": 2.4, "columnspacing": 1.6}
    heading = plan_heading(page, LEFT, RIGHT, title, _summary(reliability), keys.items(), 3, **spacing)
    room = page.width - LEFT - RIGHT
    side = room if page.narrow else (room - GAP) / 2
    below = LOW + GAP if page.narrow else 0.0
    figure = new_figure(BOTTOM + below + side + ABOVE + heading.height, page.width)
    curve = axes_at(figure, LEFT, BOTTOM + below, side, side)
    areas = (
        axes_at(figure, LEFT, BOTTOM, side, LOW) if page.narrow
        else axes_at(figure, LEFT + side + GAP, BOTTOM, side, side)
    )  # fmt: skip
    _draw_diagonal(curve)
    _draw_curve(curve, reliability)
    _draw_areas(areas, reliability.bins)
    for number, axes in enumerate((curve, areas)):
        letter_above(axes, page, number)
    heading.draw(figure)
    return figure


def _draw_diagonal(axes: Axes) -> None:
    ticks = np.arange(0, 1.01, 0.2)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="predicted probability", xticks=ticks, yticks=ticks)
    axes.set_ylabel("observed share")
    axes.plot([0, 1], [0, 1], color=GREY, lw=0.9, ls=DASHES, zorder=1)
    axes.grid(color=PALE, lw=0.6)
    axes.set_axisbelow(True)


def _draw_curve(axes: Axes, reliability: Reliability) -> None:
    predicted, observed = [mean for mean, _, _ in reliability.bins], [share for _, share, _ in reliability.bins]
    axes.plot(predicted, observed, marker="o", color=VERMILION, lw=1.6, ms=4, zorder=4)
    axes.axvline(reliability.threshold, color=BLUE, lw=1, ls=DOTS, zorder=2)


def _draw_areas(axes: Axes, bins: Sequence[tuple[float, float, float]]) -> None:
    """Draw bars of mapped ground by bin of probability, on a logarithmic axis."""
    axes.set(
        xlim=(-0.02, 1.02), xlabel="predicted probability", ylabel="mapped ground, km²", xticks=np.arange(0, 1.01, 0.2)
    )
    if not bins:
        axes.set_yticks([])
        return
    edges = [min(floor(mean / BIN_WIDTH), 9) * BIN_WIDTH for mean, _, _ in bins]
    areas = np.array([km2 for _, _, km2 in bins])
    axes.bar(edges, areas, BIN_WIDTH, align="edge", color=VERMILION, alpha=0.75, ec="white", lw=0.5)
    axes.set_yscale("log")
    axes.set_ylim(0.3 * areas.min(), 3 * areas.max())
    axes.yaxis.set_major_locator(LogLocator(numticks=6))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:,g}")
    axes.grid(axis="y", color=PALE, lw=0.6)
    axes.set_axisbelow(True)


def _summary(reliability: Reliability) -> str:
    if reliability.error is None or reliability.landform_share is None:
        return "no ground outside the training patches shows it"
    share = f"{100 * reliability.landform_share:.3g} % landform"
    return f"expected calibration error {reliability.error:.3f}; holds for ground with {share}"


def _legend_keys(reliability: Reliability) -> dict[str, Artist]:
    return {
        "perfect calibration": Line2D([], [], color=GREY, lw=0.9, ls=DASHES),
        "the map": Line2D([], [], color=VERMILION, lw=1.6, marker="o", ms=4),
        f"threshold of the map, {reliability.threshold:g}": Line2D([], [], color=BLUE, lw=1, ls=DOTS),
    }
