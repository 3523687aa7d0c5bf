"""Small multiples: one row for all landforms and one for each upslope connection, altitude left and velocity right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lobate.figures.drawing.attributes import UNKNOWN, Group, by_upslope, even_edges, numbers, short
from lobate.figures.drawing.map_elements import text_at
from lobate.figures.drawing.style import GREY, INK, PAGE_WIDTH, PALE, new_figure, shrink_to_fit

LEFT, NAMES, WIDE, GAP = 0.2, 1.55, 2.25, 0.62
"""Inches: margin, room for the names of the rows, width of a panel, and between two."""

TOP, HIGH, DOWN, BOTTOM = 0.62, 0.62, 0.28, 0.48
PAPER = "white"
"""All landforms are outlined bars: every colour, black too, is one kind's."""

COLUMNS = (
    ("elevation_mean_m", 50, "mean altitude (m)", "m"),
    ("velocity", 1, "downslope velocity (cm a year)", "cm a year"),
)


def draw_upslope(landforms: pd.DataFrame, landform: str) -> Figure:
    """Return the figure of an inventory (columns as in ``inventory.attributes``)."""
    kinds = by_upslope(landforms)
    rows = [Group("all", PAPER, pd.Series(True, index=landforms.index)), *kinds]
    height = TOP + len(rows) * (HIGH + DOWN) + BOTTOM
    figure = new_figure(height)
    for place, group in enumerate(rows):
        y = height - TOP - (place + 1) * (HIGH + DOWN)
        shrink_to_fit(
            text_at(figure, LEFT, y + HIGH / 2 + 0.08, short(group.name), size=8.5, weight="bold", va="center"),
            NAMES - 0.3,
        )
        text_at(figure, LEFT, y + HIGH / 2 - 0.1, f"{int(group.rows.sum()):,}", size=7, color=GREY, va="center")
    for column, (name, least, label, unit) in enumerate(COLUMNS):
        _column(figure, column, numbers(landforms, name), rows, least, unit).set_xlabel(label)
    title = f"Altitude and velocity by upslope connection, {landform}"
    shrink_to_fit(text_at(figure, LEFT, height - 0.14, title, size=11, weight="bold", va="top"), PAGE_WIDTH - 2 * LEFT)
    known = sum(int(group.rows.sum()) for group in kinds if group.name != UNKNOWN)
    words = f"upslope connection known of {known:,} of {len(landforms):,} landforms; mean \N{PLUS-MINUS SIGN} standard deviation above each"
    shrink_to_fit(text_at(figure, LEFT, height - 0.38, words, size=8, color=GREY, va="top"), PAGE_WIDTH - 2 * LEFT)
    return figure


def _column(figure: Figure, column: int, values: pd.Series, rows: Sequence[Group], least: float, unit: str) -> Axes:
    """Draw one attribute of all rows on the same bins; return the lowest panel, which alone is labelled."""
    edges, height = even_edges(values, least), figure.get_figheight()
    x = LEFT + NAMES + column * (WIDE + GAP)
    for place, group in enumerate(rows):
        y = height - TOP - (place + 1) * (HIGH + DOWN)
        axes = figure.add_axes((x / PAGE_WIDTH, y / height, WIDE / PAGE_WIDTH, HIGH / height))
        known = values[group.rows].dropna()
        axes.hist(
            known, bins=edges.tolist(), color=group.colour, edgecolor=INK if group.colour == PAPER else PAPER, lw=0.4
        )
        axes.set(xlim=(edges[0], edges[-1]))
        axes.set_ylim(0, max(axes.get_ylim()[1], 1))
        axes.yaxis.set_major_locator(MaxNLocator(2, integer=True))
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.tick_params(labelbottom=place == len(rows) - 1)
        axes.grid(color=PALE, lw=0.6)
        axes.set_axisbelow(True)
        shrink_to_fit(text_at(figure, x, y + HIGH + 0.04, _told(known, unit), size=7, color=GREY, va="bottom"), WIDE)
    return axes


def _told(known: pd.Series, unit: str) -> str:
    if known.empty:
        return "n = 0"
    spread = f" \N{PLUS-MINUS SIGN} {np.std(known, ddof=1):,.1f}" if len(known) > 1 else ""
    return f"n = {len(known):,}: {known.mean():,.1f}{spread} {unit}"
