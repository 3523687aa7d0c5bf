"""Precision and recall in three panels: pixels and detections by probability, and detections by the IoU of a match."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lobate.figures.drawing.page import (
    DOUBLE,
    Heading,
    Page,
    axes_at,
    lines_within,
    notes_above,
    plan_heading,
    shrink_to_fit,
    text_at,
)
from lobate.figures.drawing.style import BLUE, GREEN, GREY, PALE, VERMILION, new_figure

if TYPE_CHECKING:
    from lobate.figures.figure_precision_recall import PrecisionRecall

LEFT, RIGHT, ABOVE, AXIS, GAP, MAX_SIDE = 0.55, 0.2, 0.3, 0.4, 0.52, 1.75
GROUNDS = {"all": "all mapped ground", "unseen": "ground neither trained nor validated on"}
COLOURS = {"all": BLUE, "unseen": VERMILION}
WIDTHS = {"all": 2.2, "unseen": 1.2}
DASHES = (0, (4, 1.5))
TICKS = np.arange(0, 1.01, 0.2)


def draw_precision_recall(
    pixels: PrecisionRecall, detections: dict[str, PrecisionRecall], overlaps: dict[str, Any], landform: str,
    page: Page = DOUBLE,
) -> Figure:  # fmt: skip
    """Return the figure; ``detections``, and curves and counts of ``overlaps``, are of `all` and of `unseen` ground."""
    keys = _legend_keys(overlaps["match_iou"], page)
    spacing = {"handlelength": 2.4, "columnspacing": 1.6, "labelspacing": 0.4}
    heading = plan_heading(
        page, LEFT, RIGHT, f"Precision and recall, {landform}", "", keys.items(), 3, **spacing
    )  # fmt: skip
    notes = lines_within(_notes(overlaps["counts"]), page.width - LEFT - RIGHT, size=6.5)
    figure, (first, second, third) = _panels(page, heading, 0.16 + 0.12 * len(notes))
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
    heading.draw(figure)
    notes_above(figure, notes, LEFT, page.width - LEFT - RIGHT)
    return figure


def _panels(page: Page, heading: Heading, foot: float) -> tuple[Figure, list[Axes]]:
    """Return the figure with three square panels and their titles: side by side, or one below the other on a narrow page."""
    room = page.width - LEFT - RIGHT
    side = min(room, MAX_SIDE) if page.narrow else (room - 2 * GAP) / 3
    rows = 3 if page.narrow else 1
    figure = new_figure(foot + rows * (AXIS + side + ABOVE) + heading.height, page.width)
    panels = []
    for number, title in enumerate(("pixels of the map", "detections, by probability", "detections, by overlap")):
        column, row = (0, number) if page.narrow else (number, 0)
        x = LEFT + column * (side + GAP)
        y = foot + AXIS + (rows - 1 - row) * (AXIS + side + ABOVE)
        axes = axes_at(figure, x, y, side, side)
        axes.set(xlim=(0, 1.03), ylim=(0, 1.03), xticks=TICKS, yticks=TICKS)
        axes.set_axisbelow(True)
        text = text_at(figure, x, y + side + 0.08, page.lettered(number, title), size=8, weight="bold", va="bottom")
        shrink_to_fit(text, room if page.narrow else side + GAP - 0.1)
        panels.append(axes)
    return figure, panels


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


def _notes(counts: dict[str, tuple[int, int]]) -> str:
    notes = [
        f"{GROUNDS[name]}: detections {detections:,}, reference outlines {references:,}"
        for name, (detections, references) in counts.items()
    ]
    return "; ".join([*notes, "unknown detections count as wrong"])


def _legend_keys(match_iou: float, page: Page) -> dict[str, Artist]:
    def of(panels: str, name: str) -> str:
        letters = ", ".join(page.letter(number).strip("()") for number in map("abc".index, panels))
        before = f"({letters})" if page.letters == "(a)" else letters
        return f"{before} {name}" if page.letters != "none" else name

    return {
        of("a", "at thresholds 0.01 to 0.99"): Line2D([], [], color=GREEN, lw=1.4, marker="o", ms=3),
        "at 0.5": Line2D([], [], color=GREEN, lw=0, marker="D", ms=6, mec="white"),
        of("ab", "equal IoU: 0.2, 0.4, 0.6, 0.8"): Line2D([], [], color="#CCCCCC", lw=0.9),
        of("bc", GROUNDS["all"]): Line2D([], [], color=BLUE, lw=2.2),
        GROUNDS["unseen"]: Line2D([], [], color=VERMILION, lw=1.2),
        of("c", "precision"): Line2D([], [], color=GREY, lw=1.4, marker="o", ms=2.5),
        "recall": Line2D([], [], color=GREY, lw=1.1, ls=DASHES, marker="s", ms=2.5, mfc="white"),
        f"IoU used, {match_iou:g}": Line2D([], [], color=GREY, lw=0.9, ls=(0, (1, 1.2))),
    }
