"""IoU of the training and validation set against iteration: two panels on one axis, all rounds end to end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lobate.figures.drawing.page import DOUBLE, Page, axes_at, letter_above, plan_heading
from lobate.figures.drawing.style import BLUE, GREY, INK, PALE, VERMILION, new_figure

PANEL_HEIGHT, LEFT, RIGHT, ABOVE, BOTTOM, GAP = 1.75, 0.62, 0.2, 0.22, 0.5, 0.24

TARGET_DASHES = (0, (6, 2))

SPLITS = ("training", "validation")

LABEL = 0.62
"""Inches for a round's name above the panel."""


@dataclass(frozen=True)
class CurveStyle:
    """Style of one class's curve; ``column`` is its column of the metrics."""

    column: str
    colour: str
    style: object
    width: float


CURVES = (
    CurveStyle("iou_background", BLUE, (0, (4, 1.5)), 1.0),
    CurveStyle("iou_landform", VERMILION, "solid", 1.7),
    CurveStyle("iou_overall", INK, (0, (1, 1.2)), 1.1),
)


@dataclass(frozen=True)
class RoundSpan:
    """One round on the common axis: its metrics, its start and its end."""

    number: int
    metrics: pd.DataFrame
    start: float
    stop: float


def draw_iou(
    rounds: dict[int, pd.DataFrame],
    landform: str,
    target: float,
    intervals: dict[int, tuple[float, float, float]] | None = None,
    page: Page = DOUBLE,
) -> Figure:
    """Return the figure; ``rounds`` holds each round's metrics by its number.

    ``intervals``: by round, the iteration that was chosen and both ends of the validation IoU's interval there.
    """
    spans = list(_round_spans(rounds))
    title = "IoU of training and validation set"
    keys = _legend_keys(landform, target)
    heading = plan_heading(page, LEFT, RIGHT, title, "", keys, 4, handlelength=2.6, columnspacing=1.6)
    figure = new_figure(heading.height + ABOVE + 2 * PANEL_HEIGHT + GAP + BOTTOM, page.width)
    panels = _panels(figure, page)
    for split, axes in zip(SPLITS, panels, strict=True):
        for span in spans:
            _plot_curves(axes, span, split)
        _format_axes(axes, spans, split)
    panels[1].set_xlabel("iteration" if len(spans) <= 1 else "iteration, rounds end to end")
    panels[1].axhline(target, color=GREY, lw=0.9, ls=TARGET_DASHES, zorder=2)
    for span in spans:
        if interval := (intervals or {}).get(span.number):
            iteration, low, high = interval
            panels[1].vlines(span.start + iteration, low, high, color=VERMILION, lw=1, zorder=4)
            panels[1].set_ylabel("IoU, validation; bar: 95 %")
    for number, axes in enumerate(panels):
        letter_above(axes, page, number)
    _label_rounds(panels[0], spans, page)
    heading.draw(figure)
    return figure


def _round_spans(rounds: dict[int, pd.DataFrame]) -> Iterator[RoundSpan]:
    start = 0.0
    for number, metrics in sorted(rounds.items()):
        stop = start + max(float(metrics["iteration"].max()) if len(metrics) else 1.0, 1.0)
        yield RoundSpan(number, metrics, start, stop)
        start = stop


def _panels(figure: Figure, page: Page) -> tuple[Axes, Axes]:
    width = page.width - LEFT - RIGHT
    lower = axes_at(figure, LEFT, BOTTOM, width, PANEL_HEIGHT)
    upper = axes_at(figure, LEFT, BOTTOM + PANEL_HEIGHT + GAP, width, PANEL_HEIGHT, sharex=lower)
    upper.tick_params(labelbottom=False)
    return upper, lower


def _plot_curves(axes: Axes, span: RoundSpan, split: str) -> None:
    rows = span.metrics[span.metrics["split"] == split].sort_values("iteration")
    for curve in CURVES:
        x, y = span.start + rows["iteration"], pd.to_numeric(rows[curve.column], errors="coerce")
        marker = "o" if len(rows) <= 12 else ""
        axes.plot(x, y, color=curve.colour, ls=curve.style, lw=curve.width, marker=marker, ms=2.5, zorder=3)


def _format_axes(axes: Axes, spans: list[RoundSpan], split: str) -> None:
    end = spans[-1].stop if spans else 1.0
    axes.set(xlim=(-0.012 * end, 1.012 * end), ylim=(0, 1.02), ylabel=f"IoU, {split}")
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, prune="upper"))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.grid(axis="y", color=PALE, lw=0.6)
    axes.set_axisbelow(True)
    for span in spans[1:]:
        axes.axvline(span.start, color=GREY, lw=0.7, zorder=2)


def _label_rounds(axes: Axes, spans: list[RoundSpan], page: Page) -> None:
    """Write the rounds' names above the panel, right of its letter, as many as fit."""
    if not spans:
        return
    inches = (page.width - LEFT - RIGHT) / (1.024 * spans[-1].stop)
    free = 0.25
    for span in spans:
        middle = (span.start + span.stop) / 2
        if middle * inches - LABEL / 2 >= free or len(spans) == 1:
            axes.annotate(
                f"round {span.number}", (middle, 1), (0, 3), xycoords=("data", "axes fraction"),
                textcoords="offset points", ha="center", va="bottom", size=7, color=GREY,
            )  # fmt: skip
            free = middle * inches + LABEL / 2


def _legend_keys(landform: str, target: float) -> list[tuple[str, Artist]]:
    names = {"iou_background": "background", "iou_landform": landform, "iou_overall": "overall (mean of both)"}
    keys: list[tuple[str, Artist]] = [
        (names[curve.column], Line2D([], [], color=curve.colour, ls=curve.style, lw=curve.width)) for curve in CURVES
    ]
    return [*keys, (f"target, {target:.2f}", Line2D([], [], color=GREY, lw=0.9, ls=TARGET_DASHES))]
