"""IoU of training and validation set against iteration, in two panels on one axis, with all rounds end to end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lobate.figures.drawing.map_elements import text_at
from lobate.figures.drawing.style import BLUE, GREY, INK, PAGE_WIDTH, PALE, VERMILION, new_figure, shrink_to_fit

HEIGHT, LEFT, RIGHT, TOP, BOTTOM, GAP = 4.9, 0.62, 0.2, 0.82, 0.5, 0.16

TARGET = (0, (6, 2))

SPLITS = ("training", "validation")

LABEL = 0.62
"""Inches that a round's name takes above its part of the axis."""


@dataclass(frozen=True)
class IouCurve:
    """One class's look."""

    column: str
    colour: str
    style: object
    width: float


CURVES = (
    IouCurve("iou_background", BLUE, (0, (4, 1.5)), 1.0),
    IouCurve("iou_landform", VERMILION, "solid", 1.7),
    IouCurve("iou_overall", INK, (0, (1, 1.2)), 1.1),
)


@dataclass(frozen=True)
class RoundSpan:
    """One round on the common axis: its metrics and where it starts and ends."""

    number: int
    metrics: pd.DataFrame
    start: float
    stop: float


def draw_curves(rounds: dict[int, pd.DataFrame], landform: str, target: float) -> Figure:
    """Return the figure; ``rounds`` holds each round's metrics by its number."""
    parts = list(_end_to_end(rounds))
    figure = new_figure(HEIGHT)
    panels = _panels(figure)
    for split, axes in zip(SPLITS, panels, strict=True):
        for part in parts:
            _curves(axes, part, split)
        _frame(axes, parts, split)
    panels[1].set_xlabel("iteration" if len(parts) <= 1 else "iteration, rounds end to end")
    panels[1].axhline(target, color=GREY, lw=0.9, ls=TARGET, zorder=2)
    _rounds(panels[0], parts)
    text_at(figure, LEFT, HEIGHT - 0.14, "IoU of training and validation set", size=11, weight="bold", va="top")
    _legend(figure, landform, target)
    return figure


def _end_to_end(rounds: dict[int, pd.DataFrame]) -> Iterator[RoundSpan]:
    start = 0.0
    for number, metrics in sorted(rounds.items()):
        stop = start + max(float(metrics["iteration"].max()) if len(metrics) else 1.0, 1.0)
        yield RoundSpan(number, metrics, start, stop)
        start = stop


def _panels(figure: Figure) -> tuple[Axes, Axes]:
    high = (HEIGHT - TOP - BOTTOM - GAP) / 2
    width = (PAGE_WIDTH - LEFT - RIGHT) / PAGE_WIDTH
    lower = figure.add_axes((LEFT / PAGE_WIDTH, BOTTOM / HEIGHT, width, high / HEIGHT))
    upper = figure.add_axes((LEFT / PAGE_WIDTH, (BOTTOM + high + GAP) / HEIGHT, width, high / HEIGHT), sharex=lower)
    upper.tick_params(labelbottom=False)
    return upper, lower


def _curves(axes: Axes, part: RoundSpan, split: str) -> None:
    rows = part.metrics[part.metrics["split"] == split].sort_values("iteration")
    for curve in CURVES:
        x, y = part.start + rows["iteration"], pd.to_numeric(rows[curve.column], errors="coerce")
        points = "o" if len(rows) <= 12 else ""
        axes.plot(x, y, color=curve.colour, ls=curve.style, lw=curve.width, marker=points, ms=2.5, zorder=3)


def _frame(axes: Axes, parts: list[RoundSpan], split: str) -> None:
    end = parts[-1].stop if parts else 1.0
    axes.set(xlim=(-0.012 * end, 1.012 * end), ylim=(0, 1.02), ylabel=f"IoU, {split}")
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, prune="upper"))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.grid(axis="y", color=PALE, lw=0.6)
    axes.set_axisbelow(True)
    for part in parts[1:]:
        axes.axvline(part.start, color=GREY, lw=0.7, zorder=2)


def _rounds(axes: Axes, parts: list[RoundSpan]) -> None:
    """Name the rounds above the panel, as many as there is room for."""
    if not parts:
        return
    inches = (PAGE_WIDTH - LEFT - RIGHT) / (1.024 * parts[-1].stop)
    free = -LEFT / 2
    for part in parts:
        middle = (part.start + part.stop) / 2
        if middle * inches - LABEL / 2 >= free or len(parts) == 1:
            axes.annotate(
                f"round {part.number}", (middle, 1), (0, 3), xycoords=("data", "axes fraction"),
                textcoords="offset points", ha="center", va="bottom", size=7, color=GREY,
            )  # fmt: skip
            free = middle * inches + LABEL / 2


def _legend(figure: Figure, landform: str, target: float) -> None:
    names = {"iou_background": "background", "iou_landform": landform, "iou_overall": "overall (mean of both)"}
    keys = [Line2D([], [], color=one.colour, ls=one.style, lw=one.width) for one in CURVES]
    keys.append(Line2D([], [], color=GREY, lw=0.9, ls=TARGET))
    labels = [*(names[one.column] for one in CURVES), f"target, {target:.2f}"]
    legend = figure.legend(
        keys, labels, loc="upper left", bbox_to_anchor=(LEFT, HEIGHT - 0.4), bbox_transform=figure.dpi_scale_trans,
        ncols=4, borderaxespad=0, borderpad=0, handlelength=2.6, columnspacing=1.6,
    )  # fmt: skip
    shrink_to_fit(legend.get_texts()[1], 2.4)
