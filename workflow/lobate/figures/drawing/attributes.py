"""Histograms of altitude, area, slope, velocity and length and a rose of aspects, stacked by kind of landform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from lobate.figures.drawing.map import styles_for
from lobate.figures.drawing.page import axes_at, figure_of, legend_at, shrink_to_fit, text_at, write_heading
from lobate.figures.drawing.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PAGE_WIDTH,
    PALE,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
    new_figure,
)

HEIGHT, LEFT, RIGHT, TOP, BOTTOM, COLUMN_GAP, ROW_GAP = 8.3, 0.62, 0.2, 1.12, 0.5, 0.75, 0.85
PANEL_WIDTH, PANEL_HEIGHT = (PAGE_WIDTH - LEFT - RIGHT - COLUMN_GAP) / 2, (HEIGHT - TOP - BOTTOM - 2 * ROW_GAP) / 3

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


def draw_attributes(landforms: pd.DataFrame, landform: str) -> Figure:
    """Return the figure of an inventory's attributes (columns as in ``inventory.attributes``)."""
    figure = new_figure(HEIGHT)
    groups = _groups(landforms)
    altitude, area = _axes(figure, 0, 0), _axes(figure, 1, 0)
    slope, aspect = _axes(figure, 0, 1), _axes(figure, 1, 1, polar=True)
    for axes, name, min_width, label in (
        (altitude, "elevation_mean_m", 50, "mean altitude (m)"),
        (slope, "slope_deg", 1, "mean slope (\N{DEGREE SIGN})"),
        (_axes(figure, 0, 2), "velocity", 1, "downslope velocity (cm a year)"),
        (_axes(figure, 1, 2), "length_m", 50, "length (m)"),
    ):
        values = numeric_column(landforms, name)
        _stacked_histogram(axes, values, groups, even_edges(values, min_width), label)
    _stacked_histogram(
        area, landforms["area_km2"], groups, _log_edges(landforms["area_km2"]), "area (km\N{SUPERSCRIPT TWO})"
    )
    area.set_xscale("log")
    area.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    area.xaxis.set_major_formatter("{x:g}")
    area.xaxis.set_minor_locator(NullLocator())
    _rose(aspect, landforms["aspect_deg"], groups)
    title = f"{landform[:1].upper()}{landform[1:]} attributes"
    write_heading(figure, LEFT, PAGE_WIDTH - LEFT - RIGHT, title)
    _legend(figure, groups)
    return figure


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


def _axes(figure: Figure, column: int, row: int, *, polar: bool = False) -> Axes:
    x, y = LEFT + column * (PANEL_WIDTH + COLUMN_GAP), BOTTOM + (2 - row) * (PANEL_HEIGHT + ROW_GAP)
    return axes_at(figure, x, y, PANEL_WIDTH, PANEL_HEIGHT, projection="polar" if polar else None)


def _stacked_histogram(axes: Axes, values: pd.Series, groups: Sequence[Group], edges: np.ndarray, label: str) -> None:
    parts = [values[group.mask].dropna().to_numpy() for group in groups]
    axes.set_xlabel(label)
    _panel_note(axes, _count_text(values))
    if not values.notna().any():
        axes.set(xticks=[], yticks=[])
        return
    colours = [group.colour for group in groups]
    axes.hist(parts, bins=edges.tolist(), stacked=True, color=colours, edgecolor="white", lw=0.3)
    axes.set(ylabel="landforms", xlim=(edges[0], edges[-1]))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.grid(axis="y", color=PALE, lw=0.6)
    axes.set_axisbelow(True)


def _rose(axes: Axes, aspects: pd.Series, groups: Sequence[Group]) -> None:
    """Draw sectors centred on the compass directions; a sector's area, not its length, shows the count."""
    axes.set(theta_zero_location="N", theta_direction=-1)
    axes.set_xticks(np.radians([0, 90, 180, 270]), ["N", "E", "S", "W"])
    axes.tick_params(pad=0)
    _panel_note(axes, f"aspect\n{_count_text(aspects)}", 0.42 * PANEL_WIDTH)  # the letter N stands in the middle
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


def _panel_note(axes: Axes, text: str, width: float = PANEL_WIDTH) -> None:
    """Write a note above the upper left corner of a panel's rectangle."""
    panel = axes.get_position(original=True)
    x, y = panel.x0 * PAGE_WIDTH, panel.y1 * HEIGHT + 0.06
    shrink_to_fit(text_at(figure_of(axes), x, y, text, size=7, color=GREY, va="bottom"), width)


def _count_text(values: pd.Series) -> str:
    without = int(values.isna().sum())
    return f"n = {values.notna().sum()}" + (f", {without} without a value" if without else "")


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


def _legend(figure: Figure, groups: Sequence[Group]) -> None:
    if not groups:
        return
    entries = [
        (f"{short_name(group.name)} ({int(group.mask.sum())})", Patch(fc=group.colour, lw=0)) for group in groups
    ]
    spacing = {"handlelength": 1.2, "handleheight": 0.8, "columnspacing": 1.6}
    legend_at(figure, LEFT, HEIGHT - 0.4, entries, ncols=4, **spacing)


def short_name(name: str) -> str:
    """Return a kind's name with spaces, at most 20 letters long."""
    text = name.replace("_", " ")
    return text if len(text) <= 20 else text[:19].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
