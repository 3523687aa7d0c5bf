"""The workflow figure: rooms as boxes on a diagonal with their verbs inside, and an arrow from each room to each reader.

A line leaves a verb at its box's right edge and runs to the columns of the rooms that read its results. There an arrow goes
down into the reader's box. Because the boxes stand on a diagonal, no line crosses another box.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import matplotlib.colors as mcolors
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.text import Text

from lobate.engine.registry import ROOMS
from lobate.figures.drawing.page import DOUBLE, Page, shrink_to_fit, text_at
from lobate.figures.drawing.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
    new_figure,
)
from lobate.figures.rule_graph import OTHER, RuleGraph, loop_edges, room_edges, room_of

PHASES: dict[str, tuple[str, ...]] = {
    "Prepare": ("example", "imagery", "labels", "patches"),
    "Train and\nvalidate": ("training",),
    "Infer and\npost-process": ("mapping",),
    "Review and\ncompile": ("inventory", "figures", OTHER),
}
"""Phase of the method (the paper's figure 5) -> its rooms, in the order of the data's flow."""

COLOURS = {
    "example": GREY,
    "imagery": SKY,
    "labels": YELLOW,
    "patches": ORANGE,
    "training": VERMILION,
    "mapping": BLUE,
    "inventory": GREEN,
    "figures": PURPLE,
    OTHER: INK,
}

NOT_NEEDED = "#A6A6A6"
"""Text colour of a verb that the region does not need."""

# Inches
TITLE, NO_TITLE, FOOT = 0.42, 0.1, 0.3
HEAD, PAD = 0.19, 0.05
ROOM_GAP, PHASE_GAP = 0.1, 0.21
ARROW_SPACING, KEY_LINE = 0.085, 0.17


@dataclass(frozen=True)
class Layout:
    """Sizes of the figure on a page, in inches and points: a narrow page has narrower boxes and thinner lines."""

    page: Page
    margin: float
    left: float
    box: float
    clearance: float
    line_width: float
    letters: float
    line: float

    @classmethod
    def of(cls, page: Page) -> Layout:
        """Return the sizes for a page."""
        if page.narrow:
            return cls(page, 0.08, 0.44, 1.1, 0.05, 0.6, 6.0, 0.1)
        return cls(page, 0.15, 0.59, 1.3, 0.12, 0.9, 6.5, 0.108)

    @property
    def top(self) -> float:
        """Inches above the first phase."""
        return TITLE if self.page.titles else NO_TITLE

    @property
    def foot(self) -> float:
        """Inches below the last phase; on a narrow page the key stands there."""
        return FOOT + (3.3 * KEY_LINE if self.page.narrow else 0)

    def step(self, rooms: int) -> float:
        """Return how far right of the box before it a box stands."""
        return (self.page.width - self.margin - 0.08 - self.box - self.left) / (rooms - 1)


@dataclass(frozen=True)
class Box:
    """A room's box, in inches from the page's upper left corner; ``verbs`` maps each verb to the height of its line."""

    room: str
    left: float
    top: float
    width: float
    foot: float
    verbs: dict[str, float]

    @property
    def right(self) -> float:
        """The right edge."""
        return self.left + self.width


@dataclass(frozen=True)
class Arrow:
    """An arrow from a room's verbs to the box of a reader.

    Level lines leave the ``edge`` of the source's box at ``heights``; an upright line at ``x`` ends at ``tip``.
    """

    source: str
    target: str
    edge: float
    x: float
    heights: tuple[float, ...]
    tip: float


def draw_workflow(graph: RuleGraph, page: Page = DOUBLE) -> Figure:
    """Return the figure of a rule graph, on one page."""
    layout = Layout.of(page)
    boxes = place_boxes(graph, layout)
    foot = max(box.foot for box in boxes.values()) + PHASE_GAP / 2
    drawing = Drawing(new_figure(foot + layout.foot, page.width), layout)
    _draw_phases(drawing, boxes)
    arrows = place_arrows(graph, boxes, layout)
    _draw_verb_lines(drawing, arrows)
    for arrow in arrows:
        drawing.arrow(arrow)
    for number, (tail, head) in enumerate(loop_edges(graph)):
        drawing.loop_arrow(boxes[room_of(tail)], tail, head, 0.13 + 0.06 * number)
    for box in boxes.values():
        drawing.box(box, needed={*graph.rules})
    if page.titles:
        title = drawing.text(layout.margin, 0.25, "From scenes and outlines to an inventory", size=11, weight="bold")
        shrink_to_fit(title, page.width - 2 * layout.margin)
    _draw_key(drawing, graph, boxes, foot)
    return drawing.figure


def rooms_of(graph: RuleGraph) -> dict[str, list[str]]:
    """Return room -> its verbs in the registry's order; the example and rules without a verb only where the graph has them."""
    unregistered = [rule for rule in graph.rules if room_of(rule) == OTHER]
    rooms = {room: [*verbs] for room, verbs in ROOMS.items() if room != "example" or {*verbs} & {*graph.rules}}
    return rooms | ({OTHER: unregistered} if unregistered else {})


def place_boxes(graph: RuleGraph, layout: Layout | None = None) -> dict[str, Box]:
    """Return room -> its box, down a diagonal."""
    layout = layout or Layout.of(DOUBLE)
    rooms = rooms_of(graph)
    step = layout.step(len(rooms))
    boxes: dict[str, Box] = {}
    top = layout.top + PHASE_GAP / 2
    for number, (room, verbs) in enumerate(rooms.items()):
        if number and _phase_of(room) != _phase_of([*boxes][-1]):
            top += PHASE_GAP - ROOM_GAP
        heights = {verb: top + HEAD + layout.line * (index + 0.5) for index, verb in enumerate(verbs)}
        foot = top + HEAD + layout.line * len(verbs) + PAD
        boxes[room] = Box(room, layout.left + step * number, top, layout.box, foot, heights)
        top = boxes[room].foot + ROOM_GAP
    return boxes


def place_arrows(graph: RuleGraph, boxes: dict[str, Box], layout: Layout | None = None) -> list[Arrow]:
    """Return an arrow for each pair of rooms where the second reads the first.

    In its target's column, an arrow from a more distant room stands farther from the diagonal, so that arrows do not cross.
    """
    rooms, clearance = [*boxes], (layout or Layout.of(DOUBLE)).clearance
    step = boxes[rooms[1]].left - boxes[rooms[0]].left
    spacing = min(ARROW_SPACING, (step - 1.5 * clearance) / len(rooms))
    arrows = []
    for (source, target), verbs in room_edges(graph).items():
        tail, head = boxes[source], boxes[target]
        offset = clearance + spacing * (abs(rooms.index(target) - rooms.index(source)) - 1)
        down = rooms.index(source) < rooms.index(target)
        edge = tail.right if down else tail.left
        x = head.right - step + offset if down else head.left + step - offset
        heights = tuple(sorted(tail.verbs[verb] for verb in verbs))
        arrows.append(Arrow(source, target, edge, x, heights, head.top if down else head.foot))
    return arrows


def _phase_of(room: str) -> str:
    return next(phase for phase, rooms in PHASES.items() if room in rooms)


class Drawing:
    """A figure with drawing methods in inches from its upper left corner."""

    def __init__(self, figure: Figure, layout: Layout) -> None:
        self.figure, self.layout = figure, layout
        self.height = figure.get_figheight()

    def text(self, x: float, y: float, text: str, **style: Any) -> Text:
        """Write a text at a place, centred in height."""
        return text_at(self.figure, x, self.height - y, text, **{"va": "center", **style})

    def line(self, points: list[tuple[float, float]], **style: Any) -> None:
        """Draw a line through points."""
        xs, ys = zip(*((x, self.height - y) for x, y in points), strict=True)
        self.figure.add_artist(
            Line2D(xs, ys, transform=self.figure.dpi_scale_trans, **{"lw": self.layout.line_width, **style})
        )

    def arrow_head(self, start: tuple[float, float], tip: tuple[float, float], colour: object) -> None:
        """Draw the head of an arrow."""
        ends = [(x, self.height - y) for x, y in (start, tip)]
        style: dict[str, Any] = {
            "arrowstyle": "-|>,head_length=3.4,head_width=1.7",
            "color": colour,
            "lw": 0.1,
            "zorder": 5,
        }
        inches = self.figure.dpi_scale_trans
        self.figure.add_artist(FancyArrowPatch(*ends, shrinkA=0, shrinkB=0, transform=inches, **style))

    def arrow(self, arrow: Arrow) -> None:
        """Draw an arrow's upright line and head in its source's colour, with a dot at each line that joins it."""
        colour = _darker(arrow.source)
        for height in arrow.heights:
            self.line([(arrow.x, height)], color=colour, marker="o", ms=2.6, mew=0, zorder=3)
        far = max(arrow.heights, key=lambda height: abs(arrow.tip - height))
        self.line(
            [(arrow.x, far), (arrow.x, arrow.tip)], color=colour, zorder=2, gid=f"{arrow.source} to {arrow.target}"
        )
        self.arrow_head((arrow.x, arrow.tip + (0.05 if far > arrow.tip else -0.05)), (arrow.x, arrow.tip), colour)

    def loop_arrow(self, box: Box, tail: str, head: str, distance: float) -> None:
        """Draw a dashed arrow at a ``distance`` left of a box, from a verb of the room up to an earlier one."""
        x, colour = max(box.left - distance, self.layout.margin), _darker(box.room)
        points = [(box.left, box.verbs[tail]), (x, box.verbs[tail]), (x, box.verbs[head]), (box.left, box.verbs[head])]
        self.line(points, color=colour, ls=(0, (2.5, 1.2)), zorder=2)
        self.arrow_head((x, box.verbs[head]), (box.left, box.verbs[head]), colour)

    def box(self, box: Box, needed: set[str]) -> None:
        """Draw a room's box with its name and its verbs; verbs that are not ``needed`` are pale."""
        colour = COLOURS[box.room]
        shape = FancyBboxPatch(
            (box.left, self.height - box.foot), box.width, box.foot - box.top,
            boxstyle="round,pad=0,rounding_size=0.05", fc=_mix(colour, "#FFFFFF", 0.8), ec=_darker(box.room), lw=0.8,
            transform=self.figure.dpi_scale_trans, zorder=4,
        )  # fmt: skip
        self.figure.add_artist(shape)
        name = _mix(colour, "#000000", 0.55)
        self.text(box.left + 0.07, box.top + HEAD / 2 + 0.01, box.room, size=8, weight="bold", color=name, zorder=5)
        for verb, height in box.verbs.items():
            style = {"size": self.layout.letters, "color": INK if verb in needed else NOT_NEEDED, "zorder": 5}
            shrink_to_fit(self.text(box.left + 0.07, height, verb.replace("_", " "), **style), box.width - 0.1)


def _draw_verb_lines(drawing: Drawing, arrows: list[Arrow]) -> None:
    """Draw one line from each verb to the farthest arrow that it joins; overlapping lines would look thicker."""
    ends: dict[tuple[str, float, float], list[float]] = {}
    for arrow in arrows:
        for height in arrow.heights:
            ends.setdefault((arrow.source, arrow.edge, height), []).append(arrow.x)
    for (source, edge, height), xs in ends.items():
        farthest = max(xs, key=lambda x: abs(x - edge))
        drawing.line([(edge, height), (farthest, height)], color=_darker(source), zorder=2)


def _draw_phases(drawing: Drawing, boxes: dict[str, Box]) -> None:
    """Draw a band for each phase across the page, with its name along the left edge."""
    tops = [box.top for number, box in enumerate(boxes.values()) if _starts_phase([*boxes], number)]
    edges = [*(top - PHASE_GAP / 2 for top in tops), max(box.foot for box in boxes.values()) + PHASE_GAP / 2]
    margin, size = drawing.layout.margin, 7 if drawing.layout.page.narrow else 8
    for number, (phase, (top, foot)) in enumerate(zip(PHASES, pairwise(edges), strict=True)):
        band = Rectangle(
            (margin, drawing.height - foot), drawing.layout.page.width - 2 * margin, foot - top, lw=0, zorder=0,
            fc="#F7F7F7" if number % 2 == 0 else "#EDEDED", transform=drawing.figure.dpi_scale_trans,
        )  # fmt: skip
        drawing.figure.add_artist(band)
        style = {"rotation": 90, "ha": "center", "size": size, "weight": "bold", "color": GREY, "ma": "center"}
        drawing.text(margin + 0.2 * size / 8, (top + foot) / 2, f"{number + 1}  {phase}", **style)


def _starts_phase(rooms: list[str], number: int) -> bool:
    return number == 0 or _phase_of(rooms[number]) != _phase_of(rooms[number - 1])


def _draw_key(drawing: Drawing, graph: RuleGraph, boxes: dict[str, Box], foot: float) -> None:
    """Explain the lines and the pale names: in the empty corner on the lower left, or below all on a narrow page."""
    layout = drawing.layout
    left, line, size = layout.left + 0.06, KEY_LINE, layout.letters
    y = foot + 0.17 if layout.page.narrow else boxes["figures"].foot - 0.12 - 3 * line
    style = {"color": INK, "zorder": 2}
    drawing.line([(left, y - 0.05), (left + 0.28, y - 0.05), (left + 0.28, y + 0.06)], **style)
    drawing.line([(left + 0.28, y - 0.05)], marker="o", ms=2.6, mew=0, **style)
    drawing.arrow_head((left + 0.28, y + 0.03), (left + 0.28, y + 0.08), INK)
    notes = [(0, "a room reads a verb's results")]
    if loop_edges(graph):
        drawing.line([(left, y + line), (left + 0.28, y + line)], ls=(0, (2.5, 1.2)), **style)
        drawing.arrow_head((left + 0.27, y + line), (left + 0.34, y + line), INK)
        notes.append((1, "for the next round"))
    if any(verb not in graph.rules for box in boxes.values() for verb in box.verbs):
        drawing.text(left, y + 2 * line, "verb", size=size, color=NOT_NEEDED)
        notes.append((2, "not needed for this region"))
    for row, text in notes:
        drawing.text(left + 0.42, y + row * line, text, size=size)
    note = f"Drawn from Snakemake's rule graph: {len(graph.rules)} rules, {len(graph.edges)} dependencies"
    origin = drawing.text(layout.margin, drawing.height - 0.17, note, size=6.5, color=GREY)
    shrink_to_fit(origin, layout.page.width - 2 * layout.margin)


def _darker(room: str) -> tuple[float, float, float]:
    return _mix(COLOURS[room], "#000000", 0.25)


def _mix(colour: str, admixture: str, share: float) -> tuple[float, float, float]:
    (r0, g0, b0), (r1, g1, b1) = mcolors.to_rgb(colour), mcolors.to_rgb(admixture)
    return (1 - share) * r0 + share * r1, (1 - share) * g0 + share * g1, (1 - share) * b0 + share * b1
