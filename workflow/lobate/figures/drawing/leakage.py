"""Split methods, one below the other: bars of IoU, leaked share and nearest training patch, each with its number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lobate.figures.drawing.page import (
    DOUBLE,
    Page,
    axes_at,
    lines_within,
    notes_above,
    plan_heading,
    shrink_to_fit,
    text_at,
)
from lobate.figures.drawing.style import GREY, INK, ORANGE, PALE, SKY, VERMILION, new_figure
from lobate.io.intervals import digits_of

if TYPE_CHECKING:
    from lobate.figures.figure_leakage import Protocol

LEFT, NAMES, GAP, RIGHT = 0.2, 1.85, 0.3, 0.2
NARROW_GAP, NAME_ROOM = 0.16, 0.36
"""Inches: gap between two panels of a narrow page, and room in each row for the split method's name."""

TITLES, ROW, AXIS, NOTE = 0.3, 0.62, 0.48, 0.12
"""Inches for the panels' titles, for each split method, for the axes' numbers, and for each line of the notes."""


@dataclass(frozen=True)
class Layout:
    """Places of the panels: side by side, right of the split methods' names or, on a narrow page, below them."""

    page: Page
    rows: int
    below: float

    @property
    def left(self) -> float:
        """Left edge of the first panel."""
        return LEFT + (0 if self.page.narrow else NAMES)

    @property
    def gap(self) -> float:
        """Inches between two panels."""
        return NARROW_GAP if self.page.narrow else GAP

    @property
    def width(self) -> float:
        """Width of a panel."""
        return (self.page.width - self.left - RIGHT - 2 * self.gap) / 3

    @property
    def row(self) -> float:
        """Height of a split method's row."""
        return ROW + (NAME_ROOM if self.page.narrow else 0)

    @property
    def bar(self) -> float:
        """Where a bar lies below the middle of its row, in rows."""
        return 0.3 if self.page.narrow else 0.2

    def x(self, column: int) -> float:
        """Return the left edge of a panel."""
        return self.left + column * (self.width + self.gap)


def draw_leakage(protocols: Sequence[Protocol], landform: str, page: Page = DOUBLE) -> Figure:
    """Return the figure; the configured split method comes first."""
    notes = [
        line for note in _notes(protocols) for line in lines_within(note, page.width - LEFT - RIGHT, size=6.5)
    ]  # fmt: skip
    layout = Layout(page, len(protocols), AXIS + 0.1 + NOTE * len(notes))
    subtitle = "Training on the validation ground raises the validation IoU: compare IoUs at the same leakage only."
    heading = plan_heading(page, LEFT, RIGHT, "Leakage by split method", subtitle)
    top = layout.below + layout.row * len(protocols)
    figure = new_figure(top + TITLES + heading.height, page.width)
    iou, leaked, nearest = (_axes(figure, column, layout) for column in range(3))
    _write_names(figure, protocols, layout, top)
    ious = [protocol.iou for protocol in protocols]
    _draw_bars(layout, iou, ious, [_iou_text(protocol) for protocol in protocols], VERMILION, 1.0)
    _draw_folds(layout, iou, protocols)
    shares = [None if protocol.leaked_share is None else 100 * protocol.leaked_share for protocol in protocols]
    _draw_bars(layout, leaked, shares, [_format_value(share, ".1f", " %") for share in shares], ORANGE, 100.0)
    distances = [protocol.nearest_m for protocol in protocols]
    largest = max([distance for distance in distances if distance is not None] + [1.0])
    labels = [_format_value(distance, ",.0f", " m") for distance in distances]
    _draw_bars(layout, nearest, distances, labels, SKY, largest)
    _write_titles(figure, layout, top, landform)
    heading.draw(figure)
    notes_above(figure, notes, LEFT, page.width - LEFT - RIGHT)
    return figure


def _axes(figure: Figure, column: int, layout: Layout) -> Axes:
    axes = axes_at(figure, layout.x(column), layout.below, layout.width, layout.row * layout.rows)
    axes.set(ylim=(layout.rows - 0.5, -0.5), yticks=[])
    axes.xaxis.set_major_locator(MaxNLocator(2 if layout.page.narrow else 4, steps=[1, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.grid(axis="x", color=PALE, lw=0.6)
    axes.set_axisbelow(True)
    return axes


def _draw_bars(
    layout: Layout, axes: Axes, values: Sequence[float | None], labels: Sequence[str], colour: str, largest: float
) -> None:
    """Draw a bar for each known value in the lower part of its row, with its label above it."""
    axes.set_xlim(0, 1.04 * largest)
    label_at = 0.04 if layout.page.narrow else -0.16
    for row, (value, label) in enumerate(zip(values, labels, strict=True)):
        axes.barh(row + layout.bar, value or 0, 0.18 / layout.row, color=colour)
        style: dict[str, Any] = {"weight": "bold"} if value is not None else {"color": GREY}
        place = (0, row + label_at)
        text = axes.annotate(label, place, (3, 0), textcoords="offset points", size=7.5, va="center", **style)
        shrink_to_fit(text, layout.width - 0.06)


def _iou_text(protocol: Protocol) -> str:
    """Return the IoU with the digits that its interval allows, and the interval."""
    if protocol.iou is None:
        return "unknown"
    low, high = protocol.interval or (None, None)
    digits = digits_of({"low": low, "high": high})
    ends = "" if low is None or high is None else f" ({low:.{digits}f} to {high:.{digits}f})"
    return f"{protocol.iou:.{digits}f}{ends}"


def _format_value(value: float | None, digits: str, unit: str) -> str:
    return "unknown" if value is None else f"{value:{digits}}{unit}"


def _draw_folds(layout: Layout, axes: Axes, protocols: Sequence[Protocol]) -> None:
    style: dict[str, Any] = {"ls": "", "marker": "o", "ms": 4, "mfc": "white", "mec": INK, "mew": 0.8}
    for row, protocol in enumerate(protocols):
        axes.plot(protocol.folds, np.full(len(protocol.folds), row + layout.bar), **style)


def _write_names(figure: Figure, protocols: Sequence[Protocol], layout: Layout, top: float) -> None:
    narrow = layout.page.narrow
    room = layout.page.width - LEFT - RIGHT - 0.1 if narrow else NAMES - 0.15
    for row, protocol in enumerate(protocols):
        y = top - layout.row * row - 0.16 if narrow else top - layout.row * (row + 0.5) + 0.1
        title = f"{protocol.method}, as configured" if protocol.configured else protocol.method
        box = {"bbox": {"fc": "white", "lw": 0, "pad": 1}, "zorder": 5} if narrow else {}
        x = LEFT + (0.05 if narrow else 0)
        shrink_to_fit(text_at(figure, x, y, title, size=8.5, weight="bold", va="center", **box), room)
        counts = f"{protocol.training:,} training, {protocol.validation:,} validation"
        counts += f", {protocol.dropped:,} dropped" if protocol.dropped else ""
        text = "impossible" if protocol.leaked_share is None else counts
        y -= 0.14 if narrow else 0.2
        shrink_to_fit(text_at(figure, x, y, text, size=7, color=GREY, va="center", **box), room)


def _write_titles(figure: Figure, layout: Layout, top: float, landform: str) -> None:
    titles = (f"validation IoU, {landform}", "validation ground seen", "nearest training patch (m)")
    for column, title in enumerate(titles):
        x, words = layout.x(column), layout.page.lettered(column, title)
        lines = lines_within(words, layout.width + 0.1, size=7)[:2]
        for number, line in enumerate(reversed(lines)):
            text = text_at(figure, x, top + 0.05 + 0.115 * number, line, size=7, va="bottom")
            shrink_to_fit(text, layout.width + 0.1)


def _notes(protocols: Sequence[Protocol]) -> list[str]:
    """Return what explains the bars, and why an IoU or a whole split is missing."""
    circles = " Circles: folds of the configured split." if any(protocol.folds for protocol in protocols) else ""
    return [
        f"IoU: of a model with the chosen round's settings, trained on that split; in brackets: 95 %.{circles}",
        "Validation ground seen: share of the union of validation patches that lies inside training patches, in per cent.",
        *(f"No IoU, {protocol.method}: {protocol.reason}" for protocol in protocols if protocol.iou is None),
    ]
