"""The rule graph that Snakemake prints, read from its DOT text, and where each rule belongs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lobate.engine.registry import ROOM_OF
from lobate.errors import UserError

NODE = re.compile(r'^\s*(\d+)\s*\[\s*label\s*=\s*"((?:[^"\\]|\\.)*)"', re.MULTILINE)
EDGE = re.compile(r"^\s*(\d+)\s*->\s*(\d+)", re.MULTILINE)

PHASES: dict[str, tuple[str, ...]] = {
    "Prepare": ("example", "imagery", "labels", "patches"),
    "Train and validate": ("training",),
    "Infer and post-process": ("mapping",),
    "Review and compile": ("inventory", "figures"),
}
"""The method's phases (METHOD, figure 5) and their rooms, in the order of the data's flow."""

OTHER = "other"
"""Room of a rule that is no verb."""


@dataclass(frozen=True)
class RuleGraph:
    """Rules and the edges from a rule to one that reads its results; both sorted, without ``all`` and without loops."""

    rules: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]


def parse_dot(text: str, where: str = "The rule graph") -> RuleGraph:
    """Return the graph in DOT text from `snakemake --rulegraph`; a UserError where there is none.

    Snakemake prints rules and edges in an order that changes from run to run; here they are sorted.
    """
    names = {number: label.split("\\n")[0] for number, label in NODE.findall(text)}
    if not names:
        raise UserError(f"{where} holds no rules. Make it with: snakemake --rulegraph dot > rules.dot")
    pairs = {(names[one], names[other]) for one, other in EDGE.findall(text) if one in names and other in names}
    return RuleGraph(
        tuple(sorted(set(names.values()) - {"all"})),
        tuple(sorted((one, other) for one, other in pairs if one != other and "all" not in (one, other))),
    )


def as_dot(graph: RuleGraph) -> str:
    """Return the graph as DOT text, the same for the same graph."""
    number = {rule: place for place, rule in enumerate(graph.rules)}
    nodes = [f'    {place}[label = "{rule}"];' for rule, place in number.items()]
    edges = [f"    {number[one]} -> {number[other]};" for one, other in graph.edges]
    return "\n".join(["digraph rules {", *nodes, *edges, "}"]) + "\n"


def room_of(rule: str) -> str:
    """Return the room a rule belongs to: that of its verb."""
    return ROOM_OF.get(rule, OTHER)


def phase_of(rule: str) -> int:
    """Return the place of a rule's phase in ``PHASES``; rules of no room come in the last."""
    room = room_of(rule)
    return next((place for place, rooms in enumerate(PHASES.values()) if room in rooms), len(PHASES) - 1)


def rank_of(rule: str) -> tuple[int, str]:
    """Return what rules are sorted by: their verb's place in the flow, then their name."""
    return ([*ROOM_OF].index(rule) if rule in ROOM_OF else len(ROOM_OF), rule)
