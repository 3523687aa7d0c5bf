"""The reliability diagram: observed share against predicted probability, with the pixel count of each bin."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from lobate.figures.drawing.page import axes_at, legend_at, write_heading
from lobate.figures.drawing.style import BLUE, GREY, PAGE_WIDTH, PALE, VERMILION, new_figure

if TYPE_CHECKING:
    from lobate.figures.figure_reliability import Reliability

HEIGHT, LEFT, RIGHT, BOTTOM, SIDE, GAP = 4.35, 0.62, 0.2, 0.5, 2.85, 0.83
OTHER_COLOUR = "#AAAAAA"
DASHES = (0, (6, 2))
BIN_WIDTH = 0.1
"""Width of a bin of probability."""


def draw_reliability(rounds: Sequence[Reliability], landform: str) -> Figure:
    """Return the figure of the rounds that trained; one of them is chosen."""
    figure = new_figure(HEIGHT)
    left, right = (axes_at(figure, x, BOTTOM, SIDE, SIDE) for x in (LEFT, LEFT + SIDE + GAP))
    chosen = next((reliability for reliability in rounds if reliability.chosen), None)
    _draw_diagonal(left)
    for reliability in sorted(rounds, key=lambda reliability: reliability.chosen):
        _draw_curve(left, reliability)
    _draw_counts(right, chosen.bins if chosen else [])
    title = f"Reliability of the probabilities, {landform}"
    write_heading(figure, LEFT, PAGE_WIDTH - LEFT - RIGHT, title, _summary(chosen))
    _legend(figure, chosen, several=len(rounds) > 1)
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
    style: dict[str, Any] = {"color": OTHER_COLOUR, "lw": 0.8, "ms": 2.5}
    if reliability.chosen:
        style = {"color": VERMILION, "lw": 1.6, "ms": 4, "zorder": 4}
    axes.plot(predicted, observed, marker="o", **style)
    if reliability.chosen and reliability.threshold is not None:
        axes.axvline(reliability.threshold, color=BLUE, lw=1, ls=(0, (1, 1.2)), zorder=2)


def _draw_counts(axes: Axes, bins: Sequence[tuple[float, float, int]]) -> None:
    """Draw bars of pixel counts by bin of probability, on a logarithmic axis."""
    axes.set(
        xlim=(-0.02, 1.02), xlabel="predicted probability", ylabel="validation pixels", xticks=np.arange(0, 1.01, 0.2)
    )
    if not bins:
        axes.set_yticks([])
        return
    edges = [min(floor(mean / BIN_WIDTH), 9) * BIN_WIDTH for mean, _, _ in bins]
    counts = np.array([count for _, _, count in bins])
    axes.bar(edges, counts, BIN_WIDTH, align="edge", color=VERMILION, alpha=0.75, ec="white", lw=0.5)
    axes.set_yscale("log")
    axes.set_ylim(0.7, 3 * counts.max())
    axes.yaxis.set_major_locator(LogLocator(numticks=6))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y", color=PALE, lw=0.6)
    axes.set_axisbelow(True)


def _summary(chosen: Reliability | None) -> str:
    if chosen is None:
        return "no round is chosen"
    pixels = sum(count for _, _, count in chosen.bins)
    error = "unknown" if chosen.error is None else f"{chosen.error:.4f}"
    return f"round {chosen.round}, {pixels:,} validation pixels: expected calibration error {error}"


def _legend(figure: Figure, chosen: Reliability | None, *, several: bool) -> None:
    keys = {"perfect calibration": Line2D([], [], color=GREY, lw=0.9, ls=DASHES)}
    if chosen:
        keys[f"round {chosen.round}, chosen"] = Line2D([], [], color=VERMILION, lw=1.6, marker="o", ms=4)
    if chosen and chosen.threshold is not None:
        keys[f"threshold with the best IoU, {chosen.threshold:g}"] = Line2D([], [], color=BLUE, lw=1, ls=(0, (1, 1.2)))
    if several:
        keys["other rounds"] = Line2D([], [], color=OTHER_COLOUR, lw=0.8, marker="o", ms=2.5)
    legend_at(figure, LEFT, HEIGHT - 0.66, keys.items(), ncols=4, handlelength=2.4, columnspacing=1.6)
