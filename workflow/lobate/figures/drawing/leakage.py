"""Ways of splitting, one below the other: IoU, leaked share and nearest training patch, each with its number."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lobate.figures.drawing.map_elements import text_at
from lobate.figures.drawing.style import GREY, INK, ORANGE, PAGE_WIDTH, PALE, SKY, VERMILION, new_figure, shrink_to_fit

if TYPE_CHECKING:
    from lobate.figures.figure_leakage import Protocol

LEFT, NAMES, WIDE, GAP, RIGHT = 0.2, 1.85, 1.4, 0.3, 0.2
TOP, ROW, AXIS, NOTE = 0.95, 0.62, 0.48, 0.15
"""Inches above, for each way of splitting, for the axes' numbers, and for each line of the notes."""

LETTERS = 130
"""Of a line of the notes."""


def draw_leakage(protocols: Sequence[Protocol], landform: str) -> Figure:
    """Return the figure; the configured way of splitting comes first."""
    notes = _notes(protocols)
    below = AXIS + NOTE * len(notes)
    height = TOP + ROW * len(protocols) + below
    figure = new_figure(height)
    iou, leaked, nearest = (_axes(figure, column, len(protocols), below) for column in range(3))
    _names(figure, protocols, height)
    _bars(iou, [one.iou for one in protocols], [_unknown(one.iou, ".3f", "") for one in protocols], VERMILION, 1.0)
    _folds(iou, protocols)
    shares = [None if one.leaked_share is None else 100 * one.leaked_share for one in protocols]
    _bars(leaked, shares, [_unknown(one, ".1f", " %") for one in shares], ORANGE, 100.0)
    far = [one.nearest_m for one in protocols]
    longest = max([one for one in far if one is not None] + [1.0])
    _bars(nearest, far, [_unknown(one, ",.0f", " m") for one in far], SKY, longest)
    _heads(figure, height, landform)
    for line, note in enumerate(reversed(notes)):
        text_at(figure, LEFT, 0.1 + NOTE * line, note, size=6.5, color=GREY, va="bottom")
    return figure


def _axes(figure: Figure, column: int, rows: int, below: float) -> Axes:
    x = LEFT + NAMES + column * (WIDE + GAP)
    height = figure.get_figheight()
    axes = figure.add_axes((x / PAGE_WIDTH, below / height, WIDE / PAGE_WIDTH, ROW * rows / height))
    axes.set(ylim=(rows - 0.5, -0.5), yticks=[])
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.grid(axis="x", color=PALE, lw=0.6)
    axes.set_axisbelow(True)
    return axes


def _bars(axes: Axes, values: Sequence[float | None], words: Sequence[str], colour: str, most: float) -> None:
    """A bar for each known value in the lower part of its row, its number above it."""
    axes.set_xlim(0, 1.04 * most)
    for row, (value, said) in enumerate(zip(values, words, strict=True)):
        axes.barh(row + 0.2, value or 0, 0.3, color=colour)
        look: dict[str, Any] = {"weight": "bold"} if value is not None else {"color": GREY}
        text = axes.annotate(said, (0, row - 0.16), (3, 0), textcoords="offset points", size=7.5, va="center", **look)
        shrink_to_fit(text, WIDE - 0.1)


def _unknown(value: float | None, digits: str, unit: str) -> str:
    return "unknown" if value is None else f"{value:{digits}}{unit}"


def _folds(axes: Axes, protocols: Sequence[Protocol]) -> None:
    for row, one in enumerate(protocols):
        axes.plot(one.folds, np.full(len(one.folds), row + 0.2), ls="", marker="o", ms=4, mfc="white", mec=INK, mew=0.8)


def _names(figure: Figure, protocols: Sequence[Protocol], height: float) -> None:
    for row, one in enumerate(protocols):
        y = height - TOP - ROW * (row + 0.5)
        title = f"{one.method}, as configured" if one.configured else one.method
        shrink_to_fit(text_at(figure, LEFT, y + 0.1, title, size=8.5, weight="bold", va="center"), NAMES - 0.15)
        counts = f"{one.training:,} training, {one.validation:,} validation"
        counts += f", {one.dropped:,} dropped" if one.dropped else ""
        words = "impossible" if one.leaked_share is None else counts
        shrink_to_fit(text_at(figure, LEFT, y - 0.1, words, size=7, color=GREY, va="center"), NAMES - 0.15)


def _heads(figure: Figure, height: float, landform: str) -> None:
    room = PAGE_WIDTH - LEFT - RIGHT
    text_at(figure, LEFT, height - 0.14, "What the split gives away", size=11, weight="bold", va="top")
    words = "A model that saw the ground it is validated on has an easier exam: compare IoUs only at the same leakage."
    shrink_to_fit(text_at(figure, LEFT, height - 0.38, words, size=8, va="top", color=GREY), room)
    heads = (f"validation IoU, {landform}", "validation ground seen", "nearest training patch (m)")
    for column, head in enumerate(heads):
        x = LEFT + NAMES + column * (WIDE + GAP)
        shrink_to_fit(text_at(figure, x, height - TOP + 0.08, head, size=7.5, va="bottom"), WIDE + 0.2)


def _notes(protocols: Sequence[Protocol]) -> list[str]:
    """Lines that say what is drawn, and why an IoU or a whole way of splitting is missing."""
    circles = " Circles: folds of the configured split." if any(one.folds for one in protocols) else ""
    notes = [
        f"IoU: of a model with the chosen round's settings, trained on that split.{circles}",
        "Validation ground seen: share of the union of validation patches that lies inside training patches, in per cent.",
        *(f"No IoU, {one.method}: {one.why}" for one in protocols if one.iou is None),
    ]
    return [line for note in notes for line in wrap(note, LETTERS)]
