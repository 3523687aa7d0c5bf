"""Split methods, one below the other: bars of IoU, leaked share and nearest training patch, each with its number."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lobate.figures.drawing.page import axes_at, shrink_to_fit, text_at, write_heading
from lobate.figures.drawing.style import GREY, INK, ORANGE, PAGE_WIDTH, PALE, SKY, VERMILION, new_figure

if TYPE_CHECKING:
    from lobate.figures.figure_leakage import Protocol

LEFT, NAMES, PANEL_WIDTH, GAP, RIGHT = 0.2, 1.85, 1.4, 0.3, 0.2
TOP, ROW, AXIS, NOTE = 0.95, 0.62, 0.48, 0.15
"""Inches above the panels, for each split method, for the axes' numbers, and for each line of the notes."""

NOTE_LETTERS = 130
"""Letters in a line of the notes."""


def draw_leakage(protocols: Sequence[Protocol], landform: str) -> Figure:
    """Return the figure; the configured split method comes first."""
    notes = _notes(protocols)
    below = AXIS + NOTE * len(notes)
    height = TOP + ROW * len(protocols) + below
    figure = new_figure(height)
    iou, leaked, nearest = (_axes(figure, column, len(protocols), below) for column in range(3))
    _write_names(figure, protocols, height)
    ious = [protocol.iou for protocol in protocols]
    _draw_bars(iou, ious, [_format_value(value, ".3f", "") for value in ious], VERMILION, 1.0)
    _draw_folds(iou, protocols)
    shares = [None if protocol.leaked_share is None else 100 * protocol.leaked_share for protocol in protocols]
    _draw_bars(leaked, shares, [_format_value(share, ".1f", " %") for share in shares], ORANGE, 100.0)
    distances = [protocol.nearest_m for protocol in protocols]
    largest = max([distance for distance in distances if distance is not None] + [1.0])
    _draw_bars(nearest, distances, [_format_value(distance, ",.0f", " m") for distance in distances], SKY, largest)
    _write_headings(figure, height, landform)
    for line, note in enumerate(reversed(notes)):
        text_at(figure, LEFT, 0.1 + NOTE * line, note, size=6.5, color=GREY, va="bottom")
    return figure


def _axes(figure: Figure, column: int, rows: int, below: float) -> Axes:
    x = LEFT + NAMES + column * (PANEL_WIDTH + GAP)
    axes = axes_at(figure, x, below, PANEL_WIDTH, ROW * rows)
    axes.set(ylim=(rows - 0.5, -0.5), yticks=[])
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.grid(axis="x", color=PALE, lw=0.6)
    axes.set_axisbelow(True)
    return axes


def _draw_bars(axes: Axes, values: Sequence[float | None], labels: Sequence[str], colour: str, largest: float) -> None:
    """Draw a bar for each known value in the lower part of its row, with its label above it."""
    axes.set_xlim(0, 1.04 * largest)
    for row, (value, label) in enumerate(zip(values, labels, strict=True)):
        axes.barh(row + 0.2, value or 0, 0.3, color=colour)
        style: dict[str, Any] = {"weight": "bold"} if value is not None else {"color": GREY}
        text = axes.annotate(label, (0, row - 0.16), (3, 0), textcoords="offset points", size=7.5, va="center", **style)
        shrink_to_fit(text, PANEL_WIDTH - 0.1)


def _format_value(value: float | None, digits: str, unit: str) -> str:
    return "unknown" if value is None else f"{value:{digits}}{unit}"


def _draw_folds(axes: Axes, protocols: Sequence[Protocol]) -> None:
    style: dict[str, Any] = {"ls": "", "marker": "o", "ms": 4, "mfc": "white", "mec": INK, "mew": 0.8}
    for row, protocol in enumerate(protocols):
        axes.plot(protocol.folds, np.full(len(protocol.folds), row + 0.2), **style)


def _write_names(figure: Figure, protocols: Sequence[Protocol], height: float) -> None:
    for row, protocol in enumerate(protocols):
        y = height - TOP - ROW * (row + 0.5)
        title = f"{protocol.method}, as configured" if protocol.configured else protocol.method
        shrink_to_fit(text_at(figure, LEFT, y + 0.1, title, size=8.5, weight="bold", va="center"), NAMES - 0.15)
        counts = f"{protocol.training:,} training, {protocol.validation:,} validation"
        counts += f", {protocol.dropped:,} dropped" if protocol.dropped else ""
        text = "impossible" if protocol.leaked_share is None else counts
        shrink_to_fit(text_at(figure, LEFT, y - 0.1, text, size=7, color=GREY, va="center"), NAMES - 0.15)


def _write_headings(figure: Figure, height: float, landform: str) -> None:
    subtitle = "Training on the validation ground raises the validation IoU: compare IoUs at the same leakage only."
    write_heading(figure, LEFT, PAGE_WIDTH - LEFT - RIGHT, "Leakage by split method", subtitle)
    titles = (f"validation IoU, {landform}", "validation ground seen", "nearest training patch (m)")
    for column, title in enumerate(titles):
        x = LEFT + NAMES + column * (PANEL_WIDTH + GAP)
        shrink_to_fit(text_at(figure, x, height - TOP + 0.08, title, size=7.5, va="bottom"), PANEL_WIDTH + 0.2)


def _notes(protocols: Sequence[Protocol]) -> list[str]:
    """Return the lines that explain the bars, and why an IoU or a whole split is missing."""
    circles = " Circles: folds of the configured split." if any(protocol.folds for protocol in protocols) else ""
    notes = [
        f"IoU: of a model with the chosen round's settings, trained on that split.{circles}",
        "Validation ground seen: share of the union of validation patches that lies inside training patches, in per cent.",
        *(f"No IoU, {protocol.method}: {protocol.reason}" for protocol in protocols if protocol.iou is None),
    ]
    return [line for note in notes for line in wrap(note, NOTE_LETTERS)]
