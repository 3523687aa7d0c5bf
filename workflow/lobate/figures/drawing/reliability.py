"""The reliability diagram: predicted probability against observed share, with the pixels each point stands for."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from lobate.figures.drawing.map_elements import text_at
from lobate.figures.drawing.style import BLUE, GREY, PAGE_WIDTH, PALE, VERMILION, new_figure, shrink_to_fit

if TYPE_CHECKING:
    from lobate.figures.figure_reliability import Reliability

HEIGHT, LEFT, RIGHT, BOTTOM, SIDE, GAP = 4.35, 0.62, 0.2, 0.5, 2.85, 0.83
BEYOND = "#AAAAAA"
DASHES = (0, (6, 2))
WIDTH = 0.1
"""Of a bin of probability."""


def draw_reliability(rounds: Sequence[Reliability], landform: str) -> Figure:
    """Return the figure; each of ``rounds`` trained, one of them is chosen."""
    figure = new_figure(HEIGHT)
    left, right = _axes(figure, LEFT), _axes(figure, LEFT + SIDE + GAP)
    shown = next((one for one in rounds if one.chosen), None)
    _diagonal(left)
    for one in sorted(rounds, key=lambda one: one.chosen):
        _curve(left, one)
    _counts(right, shown.bins if shown else [])
    _heading(figure, shown, landform)
    _legend(figure, shown, others=len(rounds) > 1)
    return figure


def _axes(figure: Figure, x: float) -> Axes:
    return figure.add_axes((x / PAGE_WIDTH, BOTTOM / HEIGHT, SIDE / PAGE_WIDTH, SIDE / HEIGHT))


def _diagonal(axes: Axes) -> None:
    ticks = np.arange(0, 1.01, 0.2)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="predicted probability", xticks=ticks, yticks=ticks)
    axes.set_ylabel("observed share")
    axes.plot([0, 1], [0, 1], color=GREY, lw=0.9, ls=DASHES, zorder=1)
    axes.grid(color=PALE, lw=0.6)
    axes.set_axisbelow(True)


def _curve(axes: Axes, one: Reliability) -> None:
    predicted, observed = [mean for mean, _, _ in one.bins], [share for _, share, _ in one.bins]
    look: dict[str, Any] = (
        {"color": VERMILION, "lw": 1.6, "ms": 4, "zorder": 4} if one.chosen else {"color": BEYOND, "lw": 0.8, "ms": 2.5}
    )
    axes.plot(predicted, observed, marker="o", **look)
    if one.chosen and one.threshold is not None:
        axes.axvline(one.threshold, color=BLUE, lw=1, ls=(0, (1, 1.2)), zorder=2)


def _counts(axes: Axes, bins: Sequence[tuple[float, float, int]]) -> None:
    """Bars of pixels by bin of probability, on a logarithmic axis."""
    axes.set(
        xlim=(-0.02, 1.02), xlabel="predicted probability", ylabel="validation pixels", xticks=np.arange(0, 1.01, 0.2)
    )
    if not bins:
        axes.set_yticks([])
        return
    edges = [min(floor(mean / WIDTH), 9) * WIDTH for mean, _, _ in bins]
    counts = np.array([count for _, _, count in bins])
    axes.bar(edges, counts, WIDTH, align="edge", color=VERMILION, alpha=0.75, ec="white", lw=0.5)
    axes.set_yscale("log")
    axes.set_ylim(0.7, 3 * counts.max())
    axes.yaxis.set_major_locator(LogLocator(numticks=6))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(axis="y", color=PALE, lw=0.6)
    axes.set_axisbelow(True)


def _heading(figure: Figure, shown: Reliability | None, landform: str) -> None:
    title, room = f"Reliability of the probabilities, {landform}", PAGE_WIDTH - LEFT - RIGHT
    shrink_to_fit(text_at(figure, LEFT, HEIGHT - 0.14, title, size=11, weight="bold", va="top"), room)
    words = "no round is chosen, so there is nothing to tell"
    if shown:
        pixels = sum(count for _, _, count in shown.bins)
        error = "unknown" if shown.error is None else f"{shown.error:.4f}"
        words = f"round {shown.round}, {pixels:,} validation pixels: expected calibration error {error}"
    shrink_to_fit(text_at(figure, LEFT, HEIGHT - 0.38, words, size=8, va="top", color=GREY), room)


def _legend(figure: Figure, shown: Reliability | None, *, others: bool) -> None:
    keys = {"as good as its word": Line2D([], [], color=GREY, lw=0.9, ls=DASHES)}
    if shown:
        keys[f"round {shown.round}, chosen"] = Line2D([], [], color=VERMILION, lw=1.6, marker="o", ms=4)
    if shown and shown.threshold is not None:
        keys[f"threshold with the best IoU, {shown.threshold:g}"] = Line2D([], [], color=BLUE, lw=1, ls=(0, (1, 1.2)))
    if others:
        keys["other rounds"] = Line2D([], [], color=BEYOND, lw=0.8, marker="o", ms=2.5)
    figure.legend(
        list(keys.values()), list(keys), loc="upper left", bbox_to_anchor=(LEFT, HEIGHT - 0.66),
        bbox_transform=figure.dpi_scale_trans, ncols=4, borderaxespad=0, borderpad=0, handlelength=2.4, columnspacing=1.6,
    )  # fmt: skip
