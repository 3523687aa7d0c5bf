"""Line charts as SVG pictures in the page, with the same bytes for the same points."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 3.75, 2.625
"""Inches: 360 by 252 pixels on the page."""

MAX_MARKED_POINTS = 40
"""Points of a line up to which each gets a marker."""

NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))

Range = tuple[float, float]
Point = tuple[float, float]


@dataclass(frozen=True)
class ChartLine:
    """One line: its name, its colour, whether it is dashed, and its points."""

    name: str
    colour: str
    points: Sequence[Point]
    dashed: bool = False

    @property
    def known(self) -> list[Point]:
        """The points with finite coordinates."""
        return [point for point in self.points if all(map(isfinite, point))]

    @property
    def summary(self) -> str:
        """The line in words: its first and its last value."""
        if not self.known:
            return f"{self.name} not measured"
        return f"{self.name} from {self.known[0][1]:.4g} to {self.known[-1][1]:.4g}"


@dataclass(frozen=True)
class Chart:
    """A chart's title, its axes and its lines; without ``x_range`` the x axis spans the points."""

    title: str
    x_label: str
    y_label: str
    lines: Sequence[ChartLine]
    y_range: Range
    x_range: Range | None = None

    @property
    def alt(self) -> str:
        """The chart in words, for screen readers."""
        return f"{self.title}: {self.y_label} by {self.x_label}; {', '.join(line.summary for line in self.lines)}"


def chart_data_uri(chart: Chart) -> str:
    """Return the chart's SVG as a data URI; letters are paths, so that it needs no font."""
    return "data:image/svg+xml;base64," + base64.b64encode(draw_chart(chart)).decode()


def draw_chart(chart: Chart) -> bytes:
    """Return the chart as an SVG file."""
    from lobate.figures.drawing.style import new_figure, styled

    with styled():
        figure = new_figure(HEIGHT, WIDTH)
        figure.set_layout_engine("constrained")
        axes = figure.add_subplot()
        _draw_axes(axes, chart)
        for line in chart.lines:
            _draw_line(axes, line)
        figure.legend(loc="outside upper left", ncols=3, borderpad=0, columnspacing=1.2)
        file = BytesIO()
        figure.savefig(file, format="svg", metadata=NO_METADATA)
    return file.getvalue()


def _draw_axes(axes: Axes, chart: Chart) -> None:
    from lobate.figures.drawing.style import PALE

    axes.set(xlabel=chart.x_label, ylabel=chart.y_label, ylim=chart.y_range)
    axes.set_xlim(chart.x_range or _span([x for line in chart.lines for x, _ in line.known]))
    axes.locator_params(nbins=5)
    axes.grid(color=PALE, lw=0.6)
    axes.set_axisbelow(True)


def _draw_line(axes: Axes, line: ChartLine) -> None:
    marker = "o" if len(line.known) <= MAX_MARKED_POINTS and not line.dashed else ""
    style = "--" if line.dashed else "-"
    xs, ys = [x for x, _ in line.known], [y for _, y in line.known]
    (artist,) = axes.plot(xs, ys, color=line.colour, ls=style, lw=1.4, marker=marker, ms=3, label=line.name)
    artist.set(clip_on=False, in_layout=False)  # markers on the frame stay whole, and no point moves the frame


def _span(values: Sequence[float]) -> Range:
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)
