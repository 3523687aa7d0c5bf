"""Precision and recall in three panels: pixels over probability, detections by certainty, matches over overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lobate.figures.drawing.map_elements import text_at
from lobate.figures.drawing.style import BLUE, GREEN, GREY, PAGE_WIDTH, PALE, VERMILION, new_figure, shrink_to_fit

if TYPE_CHECKING:
    from lobate.figures.figure_precision_recall import PrecisionRecall

HEIGHT, LEFT, RIGHT, BOTTOM, SIDE, GAP = 3.75, 0.55, 0.2, 0.72, 1.8, 0.52
GROUNDS = {"all": "all mapped ground", "unseen": "ground unseen in training"}
COLOURS = {"all": BLUE, "unseen": VERMILION}
WIDTHS = {"all": 2.2, "unseen": 1.2}
DASHES = (0, (4, 1.5))
TICKS = np.arange(0, 1.01, 0.2)


def draw_precision_recall(
    pixels: PrecisionRecall, ranked: dict[str, PrecisionRecall], overlaps: dict[str, Any], landform: str
) -> Figure:
    """Return the figure; ``ranked`` and the curves and counts of ``overlaps`` are of `all` and of `unseen` ground."""
    figure = new_figure(HEIGHT)
    first, second, third = (_axes(figure, column) for column in range(3))
    _equal_iou(first)
    first.plot(pixels.recall, pixels.precision, color=GREEN, lw=1.4, marker="o", ms=3)
    middle = np.isclose(pixels.at, 0.5)
    first.plot(
        pixels.recall[middle], pixels.precision[middle], color=GREEN, ls="", marker="D", ms=6, mec="white", mew=0.8
    )
    _equal_iou(second)
    for name, curve in ranked.items():
        points = "o" if len(curve.at) <= 12 else ""
        second.plot(curve.recall, curve.precision, color=COLOURS[name], lw=WIDTHS[name], marker=points, ms=3)
        _over_overlap(third, overlaps["curves"][name], name)
    third.axvline(overlaps["match_iou"], color=GREY, lw=0.9, ls=(0, (1, 1.2)), zorder=1)
    third.set(xlabel="IoU a match asks for", ylabel="precision, recall")
    _heads(figure, overlaps["counts"], landform)
    _legend(figure, overlaps["match_iou"])
    return figure


def _axes(figure: Figure, column: int) -> Axes:
    x = LEFT + column * (SIDE + GAP)
    axes = figure.add_axes((x / PAGE_WIDTH, BOTTOM / HEIGHT, SIDE / PAGE_WIDTH, SIDE / HEIGHT))
    axes.set(xlim=(0, 1.03), ylim=(0, 1.03), xticks=TICKS, yticks=TICKS)
    axes.set_axisbelow(True)
    return axes


def _equal_iou(axes: Axes) -> None:
    """Lines of equal IoU, 1 / (1 / precision + 1 / recall - 1); each meets the right side at its own value."""
    axes.set(xlabel="recall", ylabel="precision")
    for iou in TICKS[1:-1]:
        recall = np.linspace(iou, 1, 100)
        axes.plot(recall, 1 / (1 / iou + 1 - 1 / recall), color=PALE, lw=0.9, zorder=1)


def _over_overlap(axes: Axes, curve: PrecisionRecall, name: str) -> None:
    axes.plot(curve.at, curve.precision, color=COLOURS[name], lw=WIDTHS[name], marker="o", ms=2.5)
    axes.plot(curve.at, curve.recall, color=COLOURS[name], lw=WIDTHS[name], ls=DASHES, marker="s", ms=2.5, mfc="white")
    axes.grid(axis="y", color=PALE, lw=0.6)


def _heads(figure: Figure, counts: dict[str, tuple[int, int]], landform: str) -> None:
    title = f"Precision and recall, {landform}"
    shrink_to_fit(
        text_at(figure, LEFT, HEIGHT - 0.14, title, size=11, weight="bold", va="top"), PAGE_WIDTH - LEFT - RIGHT
    )
    heads = ("(a) pixels, validation set", "(b) detections, surest first", "(c) detections, by overlap")
    for column, head in enumerate(heads):
        x = LEFT + column * (SIDE + GAP)
        shrink_to_fit(
            text_at(figure, x, BOTTOM + SIDE + 0.08, head, size=8, weight="bold", va="bottom"), SIDE + GAP - 0.1
        )
    told = [
        f"{GROUNDS[name]}: detections {found:,}, reference outlines {drawn:,}"
        for name, (found, drawn) in counts.items()
    ]
    shrink_to_fit(
        text_at(figure, LEFT, 0.1, "; ".join(told), size=6.5, color=GREY, va="bottom"), PAGE_WIDTH - LEFT - RIGHT
    )


def _legend(figure: Figure, match_iou: float) -> None:
    keys = {
        "(a) at thresholds 0.1 to 0.9": Line2D([], [], color=GREEN, lw=1.4, marker="o", ms=3),
        "at 0.5": Line2D([], [], color=GREEN, lw=0, marker="D", ms=6, mec="white"),
        "(a, b) equal IoU: 0.2, 0.4, 0.6, 0.8": Line2D([], [], color="#CCCCCC", lw=0.9),
        f"(b, c) {GROUNDS['all']}": Line2D([], [], color=BLUE, lw=2.2),
        GROUNDS["unseen"]: Line2D([], [], color=VERMILION, lw=1.2),
        "(c) precision": Line2D([], [], color=GREY, lw=1.4, marker="o", ms=2.5),
        "recall": Line2D([], [], color=GREY, lw=1.1, ls=DASHES, marker="s", ms=2.5, mfc="white"),
        f"match used, {match_iou:g}": Line2D([], [], color=GREY, lw=0.9, ls=(0, (1, 1.2))),
    }
    figure.legend(
        list(keys.values()), list(keys), loc="upper left", bbox_to_anchor=(LEFT, HEIGHT - 0.4),
        bbox_transform=figure.dpi_scale_trans, ncols=3, borderaxespad=0, borderpad=0, handlelength=2.4, columnspacing=1.6,
        labelspacing=0.4,
    )  # fmt: skip
