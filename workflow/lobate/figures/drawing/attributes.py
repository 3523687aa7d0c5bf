"""Histograms of altitude, area, slope, velocity and length and a rose of aspects, stacked by kind of landform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from lobate.figures.drawing.map import styles_for
from lobate.figures.drawing.page import DOUBLE, Page, axes_at, plan_heading, shrink_to_fit, text_at
from lobate.figures.drawing.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
    new_figure,
)

LEFT, RIGHT, BOTTOM, COLUMN_GAP = 0.62, 0.2, 0.5, 0.75
ABOVE, ROW_GAP = 0.3, 0.85
"""Inches above each panel for its letter and its note, and between two rows of panels."""

PANEL_HEIGHT, LOW_PANEL = 1.6, 1.15
"""Inches, on a wide and on a narrow page."""

UNKNOWN = "unknown"
PALETTE = (BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW, INK)

BINS = 18
SECTORS = 16


@dataclass(frozen=True)
class Group:
    """Landforms of one kind: their name, their colour, and the mask of their rows."""

    name: str
    colour: str
    mask: pd.Series


def draw_attributes(landforms: pd.DataFrame, landform: str, page: Page = DOUBLE) -> Figure:
    """Return the figure of an inventory's attributes (columns as in ``inventory.attributes``)."""
    groups = _groups(landforms)
    title = f"{landform[:1].upper()}{landform[1:]} attributes"
    spacing = {"handlelength": 1.2, "handleheight": 0.8, "columnspacing": 1.6}
    heading = plan_heading(page, LEFT, RIGHT, title, "", _legend_keys(groups), 4, **spacing)
    height = LOW_PANEL if page.narrow else PANEL_HEIGHT
    figure = new_figure(heading.height + ABOVE + 3 * height + 2 * ROW_GAP + BOTTOM, page.width)
    grid = PanelGrid(figure, page, height)
    altitude, area, slope, aspect, velocity, length = (
        grid.panel(column, row, polar=(column, row) == (1, 1)) for row in range(3) for column in range(2)
    )
    for axes, name, min_width, label in (
        (altitude, "elevation_mean_m", 50, "mean altitude (m)"),
        (slope, "slope_deg", 1, "mean slope (\N{DEGREE SIGN})"),
        (velocity, "velocity", 1, "downslope velocity (cm a year)"),
        (length, "length_m", 50, "length (m)"),
    ):
        values = numeric_column(landforms, name)
        _stacked_histogram(grid, axes, values, groups, even_edges(values, min_width), label)
    sizes = landforms["area_km2"]
    _stacked_histogram(grid, area, sizes, groups, _log_edges(sizes), "area (km\N{SUPERSCRIPT TWO})")
    area.set_xscale("log")
    area.xaxis.set_major_locator(LogLocator(subs=_log_steps(sizes.dropna(), page)))
    area.xaxis.set_major_formatter("{x:g}")
    area.xaxis.set_minor_locator(NullLocator())
    _rose(grid, aspect, landforms["aspect_deg"], groups)
    heading.draw(figure)
    return figure


@dataclass(frozen=True)
class PanelGrid:
    """Two columns of three panels on a page, lettered along the rows."""

    figure: Figure
    page: Page
    height: float

    @property
    def width(self) -> float:
        """Width of a panel in inches."""
        return (self.page.width - LEFT - RIGHT - COLUMN_GAP) / 2

    def panel(self, column: int, row: int, *, polar: bool = False) -> Axes:
        """Add a panel; rows count from the top."""
        x, y = LEFT + column * (self.width + COLUMN_GAP), BOTTOM + (2 - row) * (self.height + ROW_GAP)
        letter = self.page.letter(2 * row + column)
        text_at(self.figure, x, y + self.height + 0.06, letter, size=8, weight="bold", va="bottom")
        return axes_at(self.figure, x, y, self.width, self.height, projection="polar" if polar else None)

    def note(self, axes: Axes, lines: Sequence[str], lift: float = 0.06) -> None:
        """Write lines above the upper left corner of a panel's rectangle, right of its letter."""
        panel, letter = axes.get_position(original=True), 0.22 if self.page.letters != "none" else 0.0
        x, y = panel.x0 * self.page.width + letter, panel.y1 * self.figure.get_figheight() + lift
        for number, line in enumerate(reversed(lines)):
            text = text_at(self.figure, x, y + 0.11 * number, line, size=7, color=GREY, va="bottom")
            shrink_to_fit(text, self.width - letter + 0.15)


def numeric_column(landforms: pd.DataFrame, name: str) -> pd.Series:
    """Return a column as floats, NaN where there is no number."""
    return pd.to_numeric(landforms[name], errors="coerce").astype(float)


def groups_by_upslope(landforms: pd.DataFrame) -> list[Group]:
    """Return the landforms of each upslope connection, by name, and last those without one."""
    kinds = landforms["upslope_connection"].fillna(UNKNOWN)
    known = sorted(set(kinds) - {UNKNOWN})
    colours = {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(known)}
    colours |= {UNKNOWN: GREY} if (kinds == UNKNOWN).any() else {}
    return [Group(name, colour, kinds == name) for name, colour in colours.items()]


def _groups(landforms: pd.DataFrame) -> list[Group]:
    groups = groups_by_upslope(landforms)
    if sum(group.name != UNKNOWN for group in groups) >= 2:
        return groups
    styles = styles_for(landforms["method"])
    return [Group(name, style.colour, landforms["method"] == name) for name, style in styles.items()]


def _stacked_histogram(
    grid: PanelGrid, axes: Axes, values: pd.Series, groups: Sequence[Group], edges: np.ndarray, label: str
) -> None:
    parts = [values[group.mask].dropna().to_numpy() for group in groups]
    axes.set_xlabel(label)
    grid.note(axes, _count_lines(values, narrow=grid.page.narrow))
    if not values.notna().any():
        axes.set(xticks=[], yticks=[])
        return
    colours = [group.colour for group in groups]
    axes.hist(parts, bins=edges.tolist(), stacked=True, color=colours, edgecolor="white", lw=0.3)
    axes.set(ylabel="landforms", xlim=(edges[0], edges[-1]))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_locator(MaxNLocator(3 if grid.page.narrow else 6))
    axes.grid(axis="y", color=PALE, lw=0.6)
    axes.set_axisbelow(True)


def _rose(grid: PanelGrid, axes: Axes, aspects: pd.Series, groups: Sequence[Group]) -> None:
    """Draw sectors centred on the compass directions; a sector's area, not its length, shows the count."""
    axes.set(theta_zero_location="N", theta_direction=-1)
    axes.set_xticks(np.radians([0, 90, 180, 270]), ["N", "E", "S", "W"])
    axes.tick_params(pad=0)
    axes.set_xlabel("mean aspect", labelpad=2)
    grid.note(axes, _count_lines(aspects, narrow=grid.page.narrow), lift=0.24)  # the letter N stands below it
    axes.set_yticks([])
    axes.grid(color=PALE, lw=0.6)
    width = 2 * np.pi / SECTORS
    below = np.zeros(SECTORS)
    for group in groups:
        sector = np.round(aspects[group.mask].dropna().to_numpy() / (360 / SECTORS)).astype(int) % SECTORS
        above = below + np.bincount(sector, minlength=SECTORS)
        inner, outer = np.sqrt(below), np.sqrt(above)
        where = np.arange(SECTORS) * width
        axes.bar(where, outer - inner, width, inner, color=group.colour, edgecolor="white", lw=0.3, zorder=2)
        below = above


def _count_lines(values: pd.Series, *, narrow: bool) -> list[str]:
    """Return how many landforms a panel shows, and how many have no value; on two lines where there is little room."""
    without = int(values.isna().sum())
    counts = [f"n = {values.notna().sum()}", *([f"{without} without a value"] if without else [])]
    return counts if narrow else [", ".join(counts)]


def _log_steps(known: pd.Series, page: Page) -> tuple[int, ...]:
    """Return the labelled multiples of powers of ten: as many as a panel has room for."""
    if not page.narrow:
        return (1, 2, 5)
    return (1,) if len(known) and known.max() > 30 * known.min() else (1, 3)


def even_edges(values: pd.Series, min_width: float) -> np.ndarray:
    """Return the edges of equal bins of a round width, ``min_width`` or more; a narrow range gets empty bins beside it."""
    known = values.dropna()
    if known.empty:
        return np.array([0.0, 1.0])
    rough = max((known.max() - known.min()) / BINS, min_width)
    power = 10 ** np.floor(np.log10(rough))
    width = next(step * power for step in (1, 2, 5, 10) if step * power >= rough * (1 - 1e-9))
    low, high = np.floor(known.min() / width), np.floor(known.max() / width) + 1
    padding = 2 if high - low < 4 else 0
    return np.arange(low - padding, high + padding + 1) * width


def _log_edges(values: pd.Series) -> np.ndarray:
    """Return the edges of bins that grow by equal factors, ten to a decade."""
    known = values.dropna()
    if known.empty:
        return np.array([0.1, 1.0])
    low, high = np.floor(10 * np.log10(known.min())), np.floor(10 * np.log10(known.max())) + 1
    if high - low < 4:
        low, high = low - 2, high + 2
    return 10 ** (np.arange(low, high + 1) / 10)


def _legend_keys(groups: Sequence[Group]) -> list[tuple[str, Artist]]:
    return [(f"{short_name(group.name)} ({int(group.mask.sum())})", Patch(fc=group.colour, lw=0)) for group in groups]


def short_name(name: str) -> str:
    """Return a kind's name with spaces, at most 20 letters long."""
    text = name.replace("_", " ")
    return text if len(text) <= 20 else text[:19].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
