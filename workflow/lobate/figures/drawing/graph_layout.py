"""Places for boxes and orthogonal wires of a layered rule graph, in inches, y downwards.

A wire leaves a box at its foot, runs along a track of its own in the channel below, and enters the next layer's boxes
from above. To layers further down it goes by a lane of its own on the left, and branches off in the channel above each
target. So no wire crosses a box, and no two rules' wires run on top of each other. Wires of the rounds go up on the right.

Rules in layers: phase after phase, and within a phase each rule below all that it reads from there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import networkx as nx

from lobate.figures.rule_graph import RuleGraph, phase_of, rank_of

Edge = tuple[str, str]

MOST = 4
"""Rules that stand side by side in one layer; with more, their names would not be legible."""


@dataclass(frozen=True)
class Layers:
    """Rules by layer from top to bottom, the phase of each layer, and edges that go down and up."""

    rules: list[list[str]]
    phases: list[int]
    down: list[Edge]
    up: list[Edge]

    @property
    def layer(self) -> dict[str, int]:
        """Rule -> its layer."""
        return {rule: place for place, rules in enumerate(self.rules) for rule in rules}


def layered(graph: RuleGraph) -> Layers:
    """Layer a rule graph by longest paths; what is too wide for a page goes into several layers.

    The rounds make a circle (training reads what was mined after training): of the edges on a circle, those against the
    order of the flow go up; so do edges from a later phase to an earlier one.
    """
    up = _against_the_flow(graph)
    down = [edge for edge in graph.edges if edge not in up]
    rules: list[list[str]] = []
    phases: list[int] = []
    for phase in sorted({phase_of(rule) for rule in graph.rules}):
        members = {rule for rule in graph.rules if phase_of(rule) == phase}
        part = nx.DiGraph([edge for edge in down if members.issuperset(edge)])
        part.add_nodes_from(members)
        for generation in nx.topological_generations(part):
            rows = _rows(_ordered(generation, up))
            rules += rows
            phases += [phase] * len(rows)
    return Layers(rules, phases, down, sorted(up))


def _against_the_flow(graph: RuleGraph) -> set[Edge]:
    whole = nx.DiGraph(graph.edges)
    circle = {rule: place for place, part in enumerate(nx.strongly_connected_components(whole)) for rule in part}
    return {
        (one, other)
        for one, other in graph.edges
        if phase_of(one) > phase_of(other) or (circle[one] == circle[other] and rank_of(one) > rank_of(other))
    }


def _rows(generation: list[str]) -> list[list[str]]:
    """Rows of almost equal length, ``MOST`` at most."""
    count = -(-len(generation) // MOST)
    edges = [round(place * len(generation) / count) for place in range(count + 1)]
    return [generation[start:stop] for start, stop in pairwise(edges)]


def _ordered(rules: list[str], up: set[Edge]) -> list[str]:
    """From left to right in the order of the flow; what an upward edge meets stands rightmost, beside its way up."""
    turning = {rule for edge in up for rule in edge}
    return sorted(rules, key=lambda rule: (rule in turning, rank_of(rule)))


BOX_WIDTH, BOX_HEIGHT = 1.34, 0.25
COLUMN, LANE, TRACK, PORT = 1.52, 0.085, 0.07, 0.09
AIR, PHASE_AIR, LEFT, RIGHT = 0.1, 0.16, 0.42, 0.34

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A rule's box: its middle in x, its upper edge in y."""

    x: float
    top: float
    width: float

    @property
    def foot(self) -> float:
        """Its lower edge."""
        return self.top + BOX_HEIGHT


@dataclass(frozen=True)
class Wire:
    """A line from a rule, through these points; ``arrow`` where it ends at a rule, ``up`` for the next round's."""

    source: str
    points: tuple[Point, ...]
    arrow: bool = True
    up: bool = False


@dataclass
class Layout:
    """Where everything is; ``bands`` holds each phase with the top and foot of its ground."""

    boxes: dict[str, Box] = field(default_factory=dict)
    wires: list[Wire] = field(default_factory=list)
    bands: list[tuple[int, float, float]] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0


class Router:
    """Channels, tracks and lanes of one layered graph."""

    def __init__(self, layers: Layers, width: float) -> None:
        self.layers = layers
        self.layer = layers.layer
        self.targets = {rule: [other for one, other in layers.down if one == rule] for rule in self.layer}
        self.channels = [self._users(number) for number in range(len(layers.rules))]
        self.lane = self._lanes()
        self.edge = LEFT + LANE * (max(self.lane.values(), default=-1) + 2)
        room = width - self.edge - RIGHT
        self.column = min(COLUMN, room / max(len(rules) for rules in layers.rules))
        self.middle = self.edge + room / 2
        self.width = width
        self.tops = self._tops()

    def _users(self, channel: int) -> list[str]:
        """Rules whose wires run in the channel above a layer: to a target there, or from the layer above to a lane."""
        here = [rule for rule, targets in self.targets.items() if any(self.layer[one] == channel for one in targets)]
        leaving = [
            rule
            for rule, targets in self.targets.items()
            if self.layer[rule] == channel - 1 and any(self.layer[one] > channel for one in targets)
        ]
        return sorted(
            {*here, *leaving}, key=lambda rule: (-self.layer[rule], self.layers.rules[self.layer[rule]].index(rule))
        )

    def _lanes(self) -> dict[str, int]:
        """A lane for each rule with far targets; short ways lie next to the boxes (high numbers), and lanes are shared."""
        ways = {
            rule: (self.layer[rule], max(self.layer[one] for one in targets))
            for rule, targets in self.targets.items()
            if any(self.layer[one] > self.layer[rule] + 1 for one in targets)
        }
        lanes: list[list[tuple[int, int]]] = []
        chosen = {}
        for rule, (start, stop) in sorted(ways.items(), key=lambda item: (item[1][1] - item[1][0], item)):
            free = (number for number, taken in enumerate(lanes) if all(stop < a or start > b for a, b in taken))
            number = next(free, len(lanes))
            if number == len(lanes):
                lanes.append([])
            lanes[number].append((start, stop))
            chosen[rule] = number
        return {rule: len(lanes) - 1 - number for rule, number in chosen.items()}

    def _tops(self) -> list[float]:
        y, tops = 0.0, []
        for number, users in enumerate(self.channels):
            turn = number > 0 and self.layers.phases[number] != self.layers.phases[number - 1]
            y += 2 * AIR + TRACK * max(len(users) - 1, 0) + (PHASE_AIR if turn or number == 0 else 0)
            tops.append(y)
            y += BOX_HEIGHT
        return tops

    def track(self, rule: str, channel: int) -> float:
        """Height of a rule's track in a channel; the rules of the layer right above have the upper ones."""
        users = self.channels[channel]
        return self.tops[channel] - AIR - TRACK * (len(users) - 1 - users.index(rule))

    def port(self, rule: str, channel: int) -> float:
        """How far from a box's middle a rule's wire meets it, the same at both ends in one channel."""
        users = self.channels[channel]
        step = min(PORT, 0.8 * self.column / max(len(users), 1))
        return step * (users.index(rule) - (len(users) - 1) / 2)

    def boxes(self) -> dict[str, Box]:
        """Every rule's box; layers are centred."""
        width = min(BOX_WIDTH, 0.9 * self.column)
        return {
            rule: Box(self.middle + self.column * (place - (len(rules) - 1) / 2), top, width)
            for rules, top in zip(self.layers.rules, self.tops, strict=True)
            for place, rule in enumerate(rules)
        }

    def wires(self, boxes: dict[str, Box]) -> list[Wire]:
        """All wires that go down, then those that go up."""
        down = [wire for rule, targets in self.targets.items() if targets for wire in self._down(rule, targets, boxes)]
        return down + [self._up(place, edge, boxes) for place, edge in enumerate(self.layers.up)]

    def _down(self, rule: str, targets: list[str], boxes: dict[str, Box]) -> list[Wire]:
        channel = self.layer[rule] + 1
        y = self.track(rule, channel)
        leave = boxes[rule].x + self.port(rule, channel)
        start = ((leave, boxes[rule].foot), (leave, y))
        wires = [Wire(rule, (*start, *self._into(rule, one, boxes))) for one in targets if self.layer[one] == channel]
        far = [one for one in targets if self.layer[one] > channel]
        if far:
            lane = LEFT + LANE * (self.lane[rule] + 1)
            last = max(self.track(rule, self.layer[one]) for one in far)
            wires.append(Wire(rule, (*start, (lane, y), (lane, last)), arrow=False))
            wires += [
                Wire(rule, ((lane, self.track(rule, self.layer[one])), *self._into(rule, one, boxes))) for one in far
            ]
        return wires

    def _into(self, rule: str, target: str, boxes: dict[str, Box]) -> tuple[Point, Point]:
        channel = self.layer[target]
        enter = boxes[target].x + self.port(rule, channel)
        return (enter, self.track(rule, channel)), (enter, boxes[target].top)

    def _up(self, place: int, edge: Edge, boxes: dict[str, Box]) -> Wire:
        source, target = (boxes[rule] for rule in edge)
        x = self.width - RIGHT + 0.1 + LANE * place
        y0, y1 = source.top + BOX_HEIGHT / 2, target.top + BOX_HEIGHT / 2
        points = ((source.x + source.width / 2, y0), (x, y0), (x, y1), (target.x + target.width / 2, y1))
        return Wire(edge[0], points, up=True)


def lay_out(layers: Layers, width: float) -> Layout:
    """Return places for all of a layered graph on a page ``width`` inches wide; the height follows."""
    router = Router(layers, width)
    boxes = router.boxes()
    feet = [top + BOX_HEIGHT for top in router.tops]
    starts = [n for n in range(len(feet)) if n == 0 or layers.phases[n] != layers.phases[n - 1]]
    edges = [0.0, *(feet[n - 1] + AIR + PHASE_AIR / 2 for n in starts[1:]), feet[-1] + AIR]
    bands = [(layers.phases[n], edges[place], edges[place + 1]) for place, n in enumerate(starts)]
    return Layout(boxes, router.wires(boxes), bands, width, feet[-1] + AIR)
