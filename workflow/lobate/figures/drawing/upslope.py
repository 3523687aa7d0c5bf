"""Small multiples: one row for all landforms and one for each upslope connection, altitude left and velocity right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lobate.figures.drawing.attributes import UNKNOWN, Group, even_edges, groups_by_upslope, numeric_column, short_name
from lobate.figures.drawing.page import axes_at, shrink_to_fit, text_at, write_heading
from lobate.figures.drawing.style import GREY, INK, PAGE_WIDTH, PALE, new_figure

LEFT, NAMES, PANEL_WIDTH, GAP = 0.2, 1.55, 2.25, 0.62
"""Inches: margin, names of the rows, width of a panel, and gap between two."""

TOP, PANEL_HEIGHT, ROW_GAP, BOTTOM = 0.62, 0.62, 0.28, 0.48
ALL_COLOUR = "white"
"""Fill of the row of all landforms, outlined in ink: every other colour, black too, is one kind's."""

COLUMNS = (
    ("elevation_mean_m", 50, "mean altitude (m)", "m"),
    ("velocity", 1, "downslope velocity (cm a year)", "cm a year"),
)


def draw_upslope(landforms: pd.DataFrame, landform: str) -> Figure:
    """Return the figure of an inventory (columns as in ``inventory.attributes``)."""
    kinds = groups_by_upslope(landforms)
    rows = [Group("all", ALL_COLOUR, pd.Series(True, index=landforms.index)), *kinds]
    height = TOP + len(rows) * (PANEL_HEIGHT + ROW_GAP) + BOTTOM
    figure = new_figure(height)
    for row, group in enumerate(rows):
        middle = height - TOP - (row + 1) * (PANEL_HEIGHT + ROW_GAP) + PANEL_HEIGHT / 2
        name = text_at(figure, LEFT, middle + 0.08, short_name(group.name), size=8.5, weight="bold", va="center")
        shrink_to_fit(name, NAMES - 0.3)
        text_at(figure, LEFT, middle - 0.1, f"{int(group.mask.sum()):,}", size=7, color=GREY, va="center")
    for column, (attribute, min_width, label, unit) in enumerate(COLUMNS):
        _draw_column(figure, column, numeric_column(landforms, attribute), rows, min_width, unit).set_xlabel(label)
    known = sum(int(group.mask.sum()) for group in kinds if group.name != UNKNOWN)
    title = f"Altitude and velocity by upslope connection, {landform}"
    subtitle = (
        f"upslope connection known of {known:,} of {len(landforms):,} landforms; "
        "mean \N{PLUS-MINUS SIGN} standard deviation above each panel"
    )
    write_heading(figure, LEFT, PAGE_WIDTH - 2 * LEFT, title, subtitle)
    return figure


def _draw_column(
    figure: Figure, column: int, values: pd.Series, rows: Sequence[Group], min_width: float, unit: str
) -> Axes:
    """Draw one attribute of all rows on the same bins; return the lowest panel, the only one with labels."""
    edges, height = even_edges(values, min_width), figure.get_figheight()
    x = LEFT + NAMES + column * (PANEL_WIDTH + GAP)
    for row, group in enumerate(rows):
        y = height - TOP - (row + 1) * (PANEL_HEIGHT + ROW_GAP)
        axes = axes_at(figure, x, y, PANEL_WIDTH, PANEL_HEIGHT)
        known = values[group.mask].dropna()
        axes.hist(
            known,
            bins=edges.tolist(),
            color=group.colour,
            edgecolor=INK if group.colour == ALL_COLOUR else ALL_COLOUR,
            lw=0.4,
        )
        axes.set(xlim=(edges[0], edges[-1]))
        axes.set_ylim(0, max(axes.get_ylim()[1], 1))
        axes.yaxis.set_major_locator(MaxNLocator(2, integer=True))
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.tick_params(labelbottom=row == len(rows) - 1)
        axes.grid(color=PALE, lw=0.6)
        axes.set_axisbelow(True)
        shrink_to_fit(
            text_at(figure, x, y + PANEL_HEIGHT + 0.04, _statistics_text(known, unit), size=7, color=GREY, va="bottom"),
            PANEL_WIDTH,
        )
    return axes


def _statistics_text(known: pd.Series, unit: str) -> str:
    if known.empty:
        return "n = 0"
    spread = f" \N{PLUS-MINUS SIGN} {np.std(known, ddof=1):,.1f}" if len(known) > 1 else ""
    return f"n = {len(known):,}: {known.mean():,.1f}{spread} {unit}"
