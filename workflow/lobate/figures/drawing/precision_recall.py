"""Precision and recall in three panels: pixels and detections by probability, and detections by the IoU of a match."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lobate.figures.drawing.page import axes_at, legend_at, shrink_to_fit, text_at, write_heading
from lobate.figures.drawing.style import BLUE, GREEN, GREY, PAGE_WIDTH, PALE, VERMILION, new_figure

if TYPE_CHECKING:
    from lobate.figures.figure_precision_recall import PrecisionRecall

HEIGHT, LEFT, RIGHT, BOTTOM, SIDE, GAP = 3.75, 0.55, 0.2, 0.72, 1.8, 0.52
GROUNDS = {"all": "all mapped ground", "unseen": "ground neither trained nor validated on"}
COLOURS = {"all": BLUE, "unseen": VERMILION}
WIDTHS = {"all": 2.2, "unseen": 1.2}
DASHES = (0, (4, 1.5))
TICKS = np.arange(0, 1.01, 0.2)


def draw_precision_recall(
    pixels: PrecisionRecall, detections: dict[str, PrecisionRecall], overlaps: dict[str, Any], landform: str
) -> Figure:
    """Return the figure; ``detections``, and curves and counts of ``overlaps``, are of `all` and of `unseen` ground."""
    figure = new_figure(HEIGHT)
    first, second, third = (_axes(figure, column) for column in range(3))
    _draw_equal_iou(first)
    first.plot(pixels.recall, pixels.precision, color=GREEN, lw=1.4, marker="o", ms=3)
    half = np.isclose(pixels.thresholds, 0.5)
    first.plot(pixels.recall[half], pixels.precision[half], color=GREEN, ls="", marker="D", ms=6, mec="white", mew=0.8)
    _draw_equal_iou(second)
    for name, curve in detections.items():
        marker = "o" if len(curve.thresholds) <= 12 else ""
        second.plot(curve.recall, curve.precision, color=COLOURS[name], lw=WIDTHS[name], marker=marker, ms=3)
        _draw_overlap_curve(third, overlaps["curves"][name], name)
    third.axvline(overlaps["match_iou"], color=GREY, lw=0.9, ls=(0, (1, 1.2)), zorder=1)
    third.set(xlabel="minimum IoU of a match", ylabel="precision, recall")
    _write_headings(figure, overlaps["counts"], landform)
    _legend(figure, overlaps["match_iou"])
    return figure


def _axes(figure: Figure, column: int) -> Axes:
    axes = axes_at(figure, LEFT + column * (SIDE + GAP), BOTTOM, SIDE, SIDE)
    axes.set(xlim=(0, 1.03), ylim=(0, 1.03), xticks=TICKS, yticks=TICKS)
    axes.set_axisbelow(True)
    return axes


def _draw_equal_iou(axes: Axes) -> None:
    """Draw lines of equal IoU, 1 / (1 / precision + 1 / recall - 1); each meets the right side at its own value."""
    axes.set(xlabel="recall", ylabel="precision")
    for iou in TICKS[1:-1]:
        recall = np.linspace(iou, 1, 100)
        axes.plot(recall, 1 / (1 / iou + 1 - 1 / recall), color=PALE, lw=0.9, zorder=1)


def _draw_overlap_curve(axes: Axes, curve: PrecisionRecall, name: str) -> None:
    axes.plot(curve.thresholds, curve.precision, color=COLOURS[name], lw=WIDTHS[name], marker="o", ms=2.5)
    axes.plot(
        curve.thresholds, curve.recall, color=COLOURS[name], lw=WIDTHS[name], ls=DASHES, marker="s", ms=2.5, mfc="white"
    )
    axes.grid(axis="y", color=PALE, lw=0.6)


def _write_headings(figure: Figure, counts: dict[str, tuple[int, int]], landform: str) -> None:
    width = PAGE_WIDTH - LEFT - RIGHT
    write_heading(figure, LEFT, width, f"Precision and recall, {landform}")
    titles = ("(a) pixels of the map", "(b) detections, by probability", "(c) detections, by overlap")
    for column, title in enumerate(titles):
        x, y = LEFT + column * (SIDE + GAP), BOTTOM + SIDE + 0.08
        shrink_to_fit(text_at(figure, x, y, title, size=8, weight="bold", va="bottom"), SIDE + GAP - 0.1)
    notes = [
        f"{GROUNDS[name]}: detections {detections:,}, reference outlines {references:,}"
        for name, (detections, references) in counts.items()
    ]
    notes.append("unknown detections count as wrong")
    shrink_to_fit(text_at(figure, LEFT, 0.1, "; ".join(notes), size=6.5, color=GREY, va="bottom"), width)


def _legend(figure: Figure, match_iou: float) -> None:
    keys = {
        "(a) at thresholds 0.01 to 0.99": Line2D([], [], color=GREEN, lw=1.4, marker="o", ms=3),
        "at 0.5": Line2D([], [], color=GREEN, lw=0, marker="D", ms=6, mec="white"),
        "(a, b) equal IoU: 0.2, 0.4, 0.6, 0.8": Line2D([], [], color="#CCCCCC", lw=0.9),
        f"(b, c) {GROUNDS['all']}": Line2D([], [], color=BLUE, lw=2.2),
        GROUNDS["unseen"]: Line2D([], [], color=VERMILION, lw=1.2),
        "(c) precision": Line2D([], [], color=GREY, lw=1.4, marker="o", ms=2.5),
        "recall": Line2D([], [], color=GREY, lw=1.1, ls=DASHES, marker="s", ms=2.5, mfc="white"),
        f"IoU used, {match_iou:g}": Line2D([], [], color=GREY, lw=0.9, ls=(0, (1, 1.2))),
    }
    spacing = {"handlelength": 2.4, "columnspacing": 1.6, "labelspacing": 0.4}
    legend_at(figure, LEFT, HEIGHT - 0.4, keys.items(), ncols=3, **spacing)
