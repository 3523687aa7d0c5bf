"""The steps as the store recorded them, as the actions of a workflow run crate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from lobate.errors import Mistake
from lobate.explain import steps
from lobate.store import Store

Record = dict[str, Any]
Entity = Any
COMPLETED = "http://schema.org/CompletedActionStatus"


def recorded(files: Iterable[Path], store: Store) -> dict[str, Record]:
    """Return key -> record of every step behind these files; a file that no step made (a graph, settings) has none."""
    found: dict[str, Record] = {}
    for path in files:
        try:
            found |= steps(path, store)
        except Mistake:  # written without the store, by Snakemake or by an outside verb
            continue
    return found


def times(record: Record) -> tuple[datetime, datetime]:
    """Return when a step began and ended."""
    ended = datetime.fromisoformat(record["run"]["when"])
    return ended - timedelta(seconds=record["run"]["seconds"]), ended


def add_steps(crate: ROCrate, records: Mapping[str, Record], entities: dict[str, Entity]) -> list[Entity]:
    """Add an action for each step, in the order of their ends; ``entities``: sha256 -> the file in the crate."""
    ordered = sorted(records.items(), key=lambda one: (times(one[1])[1], one[0]))
    return [_add_step(crate, key, record, entities) for key, record in ordered]


def _add_step(crate: ROCrate, key: str, record: Record, entities: dict[str, Entity]) -> Entity:
    recipe, began_and_ended = record["recipe"], times(record)
    verb = recipe["stage"].replace("_", "-")
    told = {
        "name": f"lobate {verb}",
        "identifier": key,
        "startTime": began_and_ended[0].isoformat(timespec="seconds"),
        "endTime": began_and_ended[1].isoformat(timespec="seconds"),
        "actionStatus": {"@id": COMPLETED},
        "description": f"Recipe {key}, code {recipe['code']}",
    }
    read = [
        _file(crate, one["digest"], one["path"], entities)
        for _, listed in sorted(record["inputs"].items())
        for one in listed
    ]
    wrote = [
        _file(crate, digest, name, entities)
        for output, families in sorted(record["outputs"].items())
        for files, names in zip(families, recipe["outputs"][output], strict=True)
        for part, digest in sorted(files.items())
        for name in [names if len(files) == 1 else f"{names}/{part}"]
    ]
    return crate.add_action(_tool(crate, verb, record), f"#step-{key[:16]}", object=read, result=wrote, properties=told)


def _tool(crate: ROCrate, verb: str, record: Record) -> Entity:
    name = f"#lobate-{verb}"
    told = {
        "@type": "SoftwareApplication",
        "name": f"lobate {verb}",
        "softwareVersion": record["run"]["lobate"],
        "softwareRequirements": ", ".join(f"{one} {version}" for one, version in record["recipe"]["libraries"].items()),
    }
    return crate.get(name) or crate.add(ContextEntity(crate, name, properties=told))


def _file(crate: ROCrate, digest: str, path: str, entities: dict[str, Entity]) -> Entity:
    """Return the file with this content: in the crate, or what is said of one that is not (scenes, rasters, patches)."""
    if digest not in entities:
        told = {"@type": "CreativeWork", "name": path, "sha256": digest, "description": "Not in this crate."}
        entities[digest] = crate.add(ContextEntity(crate, f"#sha256-{digest}", properties=told))
    return entities[digest]
