"""Small multiples: one row for all landforms and one for each upslope connection, altitude left and velocity right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lobate.figures.drawing.attributes import UNKNOWN, Group, even_edges, groups_by_upslope, numeric_column, short_name
from lobate.figures.drawing.page import DOUBLE, Page, axes_at, plan_heading, shrink_to_fit, text_at
from lobate.figures.drawing.style import GREY, INK, PALE, new_figure

LEFT, NAMES, GAP, RIGHT = 0.2, 1.55, 0.62, 0.2
NARROW_LEFT, NARROW_GAP = 0.35, 0.4
"""Inches: margin, names of the rows, gap between two panels; on a narrow page the names stand above the panels."""

PANEL_HEIGHT, ROW_GAP, NAME_LINE, ABOVE, BOTTOM = 0.62, 0.28, 0.32, 0.1, 0.48
ALL_COLOUR = "white"
"""Fill of the row of all landforms, outlined in ink: every other colour, black too, is one kind's."""

COLUMNS = (
    ("elevation_mean_m", 50, "mean altitude (m)", "m"),
    ("velocity", 1, "downslope velocity (cm a year)", "cm a year"),
)


def draw_upslope(landforms: pd.DataFrame, landform: str, page: Page = DOUBLE) -> Figure:
    """Return the figure of an inventory (columns as in ``inventory.attributes``)."""
    kinds = groups_by_upslope(landforms)
    rows = [Group("all", ALL_COLOUR, pd.Series(True, index=landforms.index)), *kinds]
    known = sum(int(group.mask.sum()) for group in kinds if group.name != UNKNOWN)
    heading = plan_heading(
        page, LEFT, RIGHT, f"Altitude and velocity by upslope connection, {landform}",
        f"upslope connection known of {known:,} of {len(landforms):,} landforms; "
        "mean \N{PLUS-MINUS SIGN} standard deviation above each panel",
    )  # fmt: skip
    figure = new_figure(heading.height + ABOVE + len(rows) * _row_height(page) + _foot(page), page.width)
    top = figure.get_figheight() - heading.height - ABOVE
    for row, group in enumerate(rows):
        _write_name(figure, page, group, row, top - (row + 1) * _row_height(page))
    for column, (attribute, min_width, label, unit) in enumerate(COLUMNS):
        values = numeric_column(landforms, attribute)
        lowest = _draw_column(figure, page, column, values, rows, min_width, unit, top)
        lowest.set_xlabel(label.replace(" (", "\n(") if page.narrow else label)
    heading.draw(figure)
    return figure


def _foot(page: Page) -> float:
    return BOTTOM + (0.14 if page.narrow else 0)


def _row_height(page: Page) -> float:
    return PANEL_HEIGHT + ROW_GAP + (NAME_LINE if page.narrow else 0)


def _write_name(figure: Figure, page: Page, group: Group, row: int, y: float) -> None:
    """Write a row's letter, name and count: left of its panels at ``y``, or above them on a narrow page."""
    name, count = page.lettered(row, short_name(group.name)), f"{int(group.mask.sum()):,}"
    if page.narrow:
        line = text_at(figure, LEFT, y + PANEL_HEIGHT + 0.32, f"{name}: {count}", size=8, weight="bold", va="bottom")
        shrink_to_fit(line, page.width - LEFT - RIGHT)
        return
    middle = y + PANEL_HEIGHT / 2
    shrink_to_fit(text_at(figure, LEFT, middle + 0.08, name, size=8.5, weight="bold", va="center"), NAMES - 0.3)
    text_at(figure, LEFT, middle - 0.1, count, size=7, color=GREY, va="center")


def _draw_column(
    figure: Figure, page: Page, column: int, values: pd.Series, rows: Sequence[Group], min_width: float, unit: str,
    top: float,
) -> Axes:  # fmt: skip
    """Draw one attribute of all rows on the same bins; return the lowest panel, the only one with labels."""
    edges = even_edges(values, min_width)
    left, gap = (NARROW_LEFT, NARROW_GAP) if page.narrow else (LEFT + NAMES, GAP)
    width = (page.width - left - gap - RIGHT) / 2
    x = left + column * (width + gap)
    for row, group in enumerate(rows):
        y = top - (row + 1) * _row_height(page)
        axes = axes_at(figure, x, y, width, PANEL_HEIGHT)
        known = values[group.mask].dropna()
        edge = INK if group.colour == ALL_COLOUR else ALL_COLOUR
        axes.hist(known, bins=edges.tolist(), color=group.colour, edgecolor=edge, lw=0.4)
        axes.set(xlim=(edges[0], edges[-1]))
        axes.set_ylim(0, max(axes.get_ylim()[1], 1))
        axes.yaxis.set_major_locator(MaxNLocator(2, integer=True))
        axes.xaxis.set_major_locator(MaxNLocator(3 if page.narrow else 5))
        axes.tick_params(labelbottom=row == len(rows) - 1)
        axes.grid(color=PALE, lw=0.6)
        axes.set_axisbelow(True)
        lines = _statistics_lines(known, unit)
        for number, line in enumerate(reversed(lines if page.narrow else [": ".join(lines)])):
            text = text_at(figure, x, y + PANEL_HEIGHT + 0.04 + 0.115 * number, line, size=7, color=GREY, va="bottom")
            shrink_to_fit(text, width)
    return axes


def _statistics_lines(known: pd.Series, unit: str) -> list[str]:
    if known.empty:
        return ["n = 0"]
    spread = f" \N{PLUS-MINUS SIGN} {np.std(known, ddof=1):,.1f}" if len(known) > 1 else ""
    return [f"n = {len(known):,}", f"{known.mean():,.1f}{spread} {unit}"]
