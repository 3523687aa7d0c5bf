"""The lineage of the inventory as a tree to unfold: every step down to the raw data, and the libraries of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Steps = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class LineageFile:
    """A file and the step that wrote it; raw data has no step, and a ``repeated`` step no inputs."""

    title: str
    stage: str | None = None
    key: str = ""
    repeated: bool = False
    facts: dict[str, Any] | None = None
    inputs: Sequence[tuple[str, Sequence[LineageFile]]] = ()


def lineage_facts(traced: dict[str, Any]) -> dict[str, Any]:
    """Return the number of steps in figures/lineage.json, and the inventory's file as the root of the tree."""
    steps: Steps = {step["key"]: step for step in traced["steps"]}
    inventory = {"path": traced["file"], "digest": traced["digest"], "step": next(iter(steps))}
    return {"count": len(steps), "file": _file(inventory, steps, set())}


def _file(file: dict[str, Any], steps: Steps, seen: set[str]) -> LineageFile:
    key, title = file["step"], f"{file['path']}  sha256 {file['digest'][:12]}"
    if key is None:
        return LineageFile(title)
    step, short = steps[key], key[:16]
    if key in seen:
        return LineageFile(title, step["stage"], short, repeated=True)
    seen.add(key)
    facts = {"by": step["stage"], "key": short, "code": step["code"][:16], **step["settings"], **step["scalars"]}
    inputs = [
        (name, [_file(source, steps, seen) for source in sources]) for name, sources in sorted(step["inputs"].items())
    ]
    return LineageFile(title, step["stage"], short, facts=facts, inputs=inputs)


def library_versions(traced: dict[str, Any]) -> list[list[str]]:
    """Return rows of library, version and the steps that used it."""
    stages: dict[tuple[str, str], set[str]] = defaultdict(set)
    for step in traced["steps"]:
        for library in step["libraries"].items():
            stages[library].add(step["stage"])
    return [[name, version, ", ".join(sorted(used))] for (name, version), used in sorted(stages.items())]
