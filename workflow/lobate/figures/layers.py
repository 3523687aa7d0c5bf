"""Rules in layers: phase after phase, and within a phase each rule below all that it reads from there."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import networkx as nx

from lobate.figures.graph import RuleGraph, phase_of, rank_of

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
