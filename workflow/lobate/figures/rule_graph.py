"""The graph of the rules: followed from file to file through Snakemake's rules, as DOT text, and by rooms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from lobate.engine.registry import ROOM_OF
from lobate.errors import UserError

Edge = tuple[str, str]

NODE = re.compile(r'^\s*(\d+)\s*\[\s*label\s*=\s*"((?:[^"\\]|\\.)*)"', re.MULTILINE)
EDGE = re.compile(r"^\s*(\d+)\s*->\s*(\d+)", re.MULTILINE)

NO_STEPS = ("all", "rule_graph")
"""Rules that are no steps of the method: the target, and the rule that writes this graph."""

OTHER = "other"
"""Room of a rule that is no verb."""


@dataclass(frozen=True)
class RuleGraph:
    """Rules, and edges from a rule to one that reads its results; both sorted, without loops and ``NO_STEPS``."""

    rules: tuple[str, ...]
    edges: tuple[Edge, ...]

    @classmethod
    def of(cls, rules: Iterable[str], edges: Iterable[Edge]) -> RuleGraph:
        """Return the graph of these rules and edges."""
        return cls(
            tuple(sorted(set(rules) - {*NO_STEPS})),
            tuple(sorted({edge for edge in edges if edge[0] != edge[1] and not set(NO_STEPS) & {*edge}})),
        )


def trace_rules(rules: Iterable[Any], target: str) -> RuleGraph:
    """Return the rules that the rule ``target`` needs, and which reads which.

    ``rules`` are Snakemake's own rule objects, as a parsed Snakefile leaves them. Files are followed from the target
    backwards, each looked up once; no job is made. With 1,000 tiles that takes 0.3 s.
    """
    producers = Producers(rules)
    edges: set[Edge] = set()
    pending = [(producers.rules[target], SimpleNamespace())]
    seen: set[str] = set()
    while pending:
        reader, wildcards = pending.pop()
        for path in _input_files(reader, wildcards):
            producer, values = producers.find(path)
            if producer is None:
                continue
            edges.add((producer.name, reader.name))
            job = f"{producer.name} {values}"
            if job not in seen:
                seen.add(job)
                pending.append((producer, SimpleNamespace(**values)))
    return RuleGraph.of({rule for edge in edges for rule in edge}, edges)


class Producers:
    """The rules by name, and by the files they write."""

    def __init__(self, rules: Iterable[Any]) -> None:
        self.rules = {rule.name: rule for rule in rules}
        outputs = [(path, rule) for rule in self.rules.values() for path in rule.output]
        self.fixed = {str(path): rule for path, rule in outputs if "{" not in path}
        self.patterns = [
            (path.constant_prefix(), path.constant_suffix(), path.regex(), rule)
            for path, rule in outputs
            if "{" in path
        ]
        self.known: dict[str, tuple[Any, dict[str, str]]] = {}

    def find(self, path: str) -> tuple[Any, dict[str, str]]:
        """Return the rule that writes a file, with the values of its wildcards; None for a file from outside."""
        if path not in self.known:
            self.known[path] = self._match(path)
        return self.known[path]

    def _match(self, path: str) -> tuple[Any, dict[str, str]]:
        if path in self.fixed:
            return self.fixed[path], {}
        for prefix, suffix, pattern, rule in self.patterns:
            if path.startswith(prefix) and path.endswith(suffix) and (match := pattern.match(path)):
                return rule, match.groupdict()
        return None, {}


def _input_files(rule: Any, wildcards: SimpleNamespace) -> Iterator[str]:
    for item in rule.input:
        files = item(wildcards) if callable(item) else item
        for path in [files] if isinstance(files, str) else files:
            yield path.format(**vars(wildcards)) if "{" in path else str(path)


def parse_dot(text: str, where: str = "The rule graph") -> RuleGraph:
    """Return the graph in DOT text, ours or that of `snakemake --rulegraph dot`; a UserError where there is none."""
    names = {number: label.split("\\n")[0] for number, label in NODE.findall(text)}
    if not names:
        raise UserError(f"{where} holds no rules. Make it with: snakemake --rulegraph dot > rules.dot")
    edges = [(names[tail], names[head]) for tail, head in EDGE.findall(text) if tail in names and head in names]
    return RuleGraph.of(names.values(), edges)


def as_dot(graph: RuleGraph) -> str:
    """Return the graph as DOT text, the same for the same graph."""
    number = {rule: place for place, rule in enumerate(graph.rules)}
    nodes = [f'    {place}[label = "{rule}"];' for rule, place in number.items()]
    edges = [f"    {number[tail]} -> {number[head]};" for tail, head in graph.edges]
    return "\n".join(["digraph rules {", *nodes, *edges, "}"]) + "\n"


def room_of(rule: str) -> str:
    """Return the room a rule belongs to: that of its verb."""
    return ROOM_OF.get(rule, OTHER)


def links(graph: RuleGraph) -> dict[Edge, list[str]]:
    """Return (room, room that reads it) -> the rules of the first that the second reads."""
    pairs = {(room_of(tail), room_of(head), tail) for tail, head in graph.edges}
    return {
        (source, target): sorted(rule for room, reader, rule in pairs if (room, reader) == (source, target))
        for source, target in sorted({pair[:2] for pair in pairs})
        if source != target
    }


def rounds(graph: RuleGraph) -> list[Edge]:
    """Return the edges that lead back to an earlier verb of the same room, and so close a circle."""
    place = {verb: number for number, verb in enumerate(ROOM_OF)}
    return [
        (tail, head)
        for tail, head in graph.edges
        if room_of(tail) == room_of(head) != OTHER and place[tail] > place[head] and tail in _readers(graph, head)
    ]


def _readers(graph: RuleGraph, rule: str) -> set[str]:
    """All rules that read a rule's results, at once or through others."""
    reached: set[str] = set()
    pending = [rule]
    while pending:
        rule = pending.pop()
        new = {head for tail, head in graph.edges if tail == rule} - reached
        reached |= new
        pending += new
    return reached
