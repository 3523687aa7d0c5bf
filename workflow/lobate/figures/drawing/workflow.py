"""The workflow diagram: boxes coloured by room, on one ground a phase, with orthogonal wires."""

from __future__ import annotations

import matplotlib.colors as mcolors
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Patch, Rectangle
from matplotlib.path import Path as Outline

from lobate.figures.drawing.graph_layout import BOX_HEIGHT, Box, Layout, Wire, lay_out, layered
from lobate.figures.drawing.map_elements import text_at
from lobate.figures.drawing.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PAGE_WIDTH,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
    new_figure,
    shrink_to_fit,
)
from lobate.figures.rule_graph import PHASES, RuleGraph, room_of

MARGIN, TOP, BOTTOM = 0.15, 0.72, 0.3

COLOURS = {
    "example": GREY,
    "imagery": SKY,
    "labels": YELLOW,
    "patches": ORANGE,
    "training": VERMILION,
    "mapping": BLUE,
    "inventory": GREEN,
    "figures": PURPLE,
    "other": INK,
}
"""Room -> its colour, in the order of the legend."""


def draw_workflow(graph: RuleGraph) -> Figure:
    """Return the diagram of a rule graph; its height follows from the graph."""
    layout = lay_out(layered(graph), PAGE_WIDTH - 2 * MARGIN)
    tall = layout.height + TOP + BOTTOM
    figure = new_figure(tall)
    drawn = Drawing(figure, tall - TOP)
    for phase, top, foot in layout.bands:
        drawn.band(phase, top, foot, layout.width)
    for wire in layout.wires:
        drawn.wire(wire)
    for rule, box in layout.boxes.items():
        drawn.box(rule, box)
    text_at(figure, MARGIN, tall - 0.14, "From scenes and outlines to an inventory", size=11, weight="bold", va="top")
    _legend(figure, graph, tall - 0.42)
    _notes(figure, graph, layout)
    return figure


class Drawing:
    """Puts a layout's parts on a figure; ``top`` is the height of the layout's y = 0 above the page's foot."""

    def __init__(self, figure: Figure, top: float) -> None:
        self.figure, self.top = figure, top
        self.inches = figure.dpi_scale_trans

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return MARGIN + x, self.top - y

    def band(self, phase: int, top: float, foot: float, width: float) -> None:
        """Draw a phase's ground with its name along the left side."""
        x, y = self._at(0, foot)
        colour = "#F4F4F4" if phase % 2 == 0 else "#EAEAEA"
        self.figure.add_artist(Rectangle((x, y), width, foot - top, fc=colour, lw=0, transform=self.inches, zorder=0))
        middle = (x + 0.17, y + (foot - top) / 2)
        name = f"{phase + 1}  {list(PHASES)[phase]}"
        text = text_at(
            self.figure, *middle, name, rotation=90, ha="center", va="center", size=8, weight="bold", color=GREY
        )
        while text.get_window_extent(self.figure.canvas.get_renderer()).height > (foot - top) * self.figure.dpi * 0.96:
            text.set_fontsize(text.get_fontsize() - 0.5)

    def wire(self, wire: Wire) -> None:
        """Draw a wire in its rule's colour, dashed where it goes to the next round."""
        points = [self._at(*point) for point in wire.points]
        colour = _mixed(COLOURS[room_of(wire.source)], "#000000", 0.25)
        look = {"color": colour, "lw": 0.9, "ls": (0, (3, 1.5)) if wire.up else "solid", "transform": self.inches}
        self.figure.add_artist(Line2D(*zip(*points, strict=True), zorder=1, solid_joinstyle="round", **look))
        if wire.arrow:
            tip = Outline([_short_of(points[-1], points[-2]), points[-1]])
            head = "-|>,head_length=3.2,head_width=1.6"
            arrow = FancyArrowPatch(path=tip, arrowstyle=head, color=colour, lw=0.1, transform=self.inches, zorder=2)
            self.figure.add_artist(arrow)

    def box(self, rule: str, box: Box) -> None:
        """Draw a rule's box with its name."""
        x, y = self._at(box.x - box.width / 2, box.foot)
        colour = COLOURS[room_of(rule)]
        shape = FancyBboxPatch(
            (x, y), box.width, BOX_HEIGHT, boxstyle="round,pad=0,rounding_size=0.05", fc=_mixed(colour, "#FFFFFF", 0.72),
            ec=_mixed(colour, "#000000", 0.25), lw=0.8, transform=self.inches, zorder=3,
        )  # fmt: skip
        self.figure.add_artist(shape)
        middle = (x + box.width / 2, y + BOX_HEIGHT / 2 - 0.008)
        text = text_at(self.figure, *middle, rule.replace("_", " "), ha="center", va="center", size=7.5, zorder=4)
        shrink_to_fit(text, box.width - 0.08)


def _legend(figure: Figure, graph: RuleGraph, top: float) -> None:
    rooms = {room_of(rule) for rule in graph.rules}
    shown = {room: colour for room, colour in COLOURS.items() if room in rooms}
    keys = [Patch(fc=_mixed(one, "#FFFFFF", 0.72), ec=_mixed(one, "#000000", 0.25), lw=0.8) for one in shown.values()]
    figure.legend(
        keys, list(shown), loc="upper left", bbox_to_anchor=(MARGIN, top), bbox_transform=figure.dpi_scale_trans,
        ncols=len(shown), borderaxespad=0, borderpad=0, handlelength=1.2, handleheight=0.8, columnspacing=1.3,
    )  # fmt: skip


def _notes(figure: Figure, graph: RuleGraph, layout: Layout) -> None:
    words = f"Drawn from Snakemake's rule graph: {len(graph.rules)} rules, {len(graph.edges)} dependencies"
    if any(wire.up for wire in layout.wires):
        words += "; dashed: to the next round"
    shrink_to_fit(text_at(figure, MARGIN, 0.1, words, size=6.5, color=GREY, va="bottom"), PAGE_WIDTH - 2 * MARGIN)


def _short_of(tip: tuple[float, float], before: tuple[float, float]) -> tuple[float, float]:
    """A point just before the tip, on the wire."""
    dx, dy = before[0] - tip[0], before[1] - tip[1]
    length = max((dx**2 + dy**2) ** 0.5, 1e-9)
    return tip[0] + 0.05 * dx / length, tip[1] + 0.05 * dy / length


def _mixed(colour: str, other: str, share: float) -> tuple[float, float, float]:
    one, two = mcolors.to_rgb(colour), mcolors.to_rgb(other)
    return tuple((1 - share) * a + share * b for a, b in zip(one, two, strict=True))
