"""The lineage of a file: the stages that made it, down to the raw data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lobate.errors import UserError
from lobate.io.digest import content_digest, family_digest
from lobate.store.store import DIGEST, Store

Node = dict[str, Any]


def trace_lineage(path: Path, store: Store) -> Node:
    """Return the tree behind a file: its path and digest, the record of its stage, and the same for each input.

    Raises UserError if lobate did not make the file, or if it has changed since.
    """
    digest = content_digest(path)
    store.check_unmodified(path, digest)
    node = _node(str(path), digest, store)
    if "stage" not in node:
        raise _unknown_file_error(path, digest, store)
    return node


def _node(path: str, digest: str, store: Store) -> Node:
    node: Node = {"path": path, "digest": digest}
    record = _producer(path, digest, store)
    if record is None:
        return node
    recipe = record["recipe"]
    inputs = {
        name: [_node(source["path"], source["digest"], store) for source in sources]
        for name, sources in record["sources"].items()
    }
    facts = {name: recipe[name] for name in ("stage", "code", "settings", "scalars", "libraries")}
    return {**node, "key": record["key"], **facts, "run": record["run"], "inputs": inputs}


def lineage_steps(path: Path, store: Store) -> dict[str, Node]:
    """Return every stage behind a file once, key -> its record, the file's own stage first.

    Each input has its path, its digest and, as ``step``, the key of the stage that made it; None for raw data. Raises
    UserError as ``trace_lineage`` does.
    """
    digest = content_digest(path)
    store.check_unmodified(path, digest)
    own = _producer(str(path), digest, store)
    if own is None:
        raise _unknown_file_error(path, digest, store)
    steps: dict[str, Node] = {}
    queue = [own]
    while queue:
        record = queue.pop(0)
        if record["key"] in steps:
            continue
        inputs: dict[str, list[Node]] = {}
        for name, sources in sorted(record["sources"].items()):
            producers = [_producer(source["path"], source["digest"], store) for source in sources]
            inputs[name] = [
                {"path": source["path"], "digest": source["digest"], "step": producer and producer["key"]}
                for source, producer in zip(sources, producers, strict=True)
            ]
            queue += [producer for producer in producers if producer]
        steps[record["key"]] = {**record, "inputs": inputs}
    return steps


def _unknown_file_error(path: Path, digest: str, store: Store) -> UserError:
    return UserError(
        f"Nothing in the store {store.root} made the file {path} as it is now (sha256 {digest[:12]}...). Either it is raw "
        "data, or it was changed by hand, or it was made with another store: name that one in LOBATE_STORE."
    )


def _producer(path: str, digest: str, store: Store) -> Node | None:
    """Return the record of the stage that made this content, first those of the link notes on ``path``; None if unknown."""
    keys = [*_noted_keys(Path(path), store), *store.producers(digest)]
    return next(
        (record for key in keys if (record := store.read_record(key)) and digest in _produced_digests(record)), None
    )


def _produced_digests(record: Node) -> set[str]:
    families = [files for families in record["outputs"].values() for files in families]
    return {digest for files in families for digest in (family_digest(files), *files.values())}


def _noted_keys(path: Path, store: Store) -> list[str]:
    notes = [store.notes.own(path), *store.notes.inherited(path)]
    return [note.key for note in notes if note and DIGEST.fullmatch(note.key)]


def format_tree(node: Node) -> str:
    """Return a lineage as an indented text; a stage that occurs again has one line only."""
    return "\n".join(_lines(node, "", set())) + "\n"


def limit_depth(node: Node, depth: int) -> Node:
    """Return a lineage down to ``depth`` stages; an input below has, as ``beyond``, the number of stages behind it."""
    if "stage" not in node:
        return node
    if depth == 0:
        return {"path": node["path"], "digest": node["digest"], "beyond": len(_keys(node))}
    inputs = {name: [limit_depth(source, depth - 1) for source in sources] for name, sources in node["inputs"].items()}
    return {**node, "inputs": inputs}


def _keys(node: Node) -> set[str]:
    """Return the keys of all stages of a lineage."""
    keys: set[str] = set()
    queue = [node]
    while queue:
        one = queue.pop()
        if "stage" in one and one["key"] not in keys:
            keys.add(one["key"])
            queue += [source for sources in one["inputs"].values() for source in sources]
    return keys


def _lines(node: Node, indent: str, seen: set[str]) -> list[str]:
    head = f"{indent}{node['path']}  sha256 {node['digest'][:12]}"
    if "beyond" in node:
        stages = "1 stage that is" if node["beyond"] == 1 else f"{node['beyond']} stages that are"
        return [f"{head}  (made in {stages} not shown)"]
    if "stage" not in node:
        return [f"{head}  (raw data)"]
    title = f"{indent}  by {node['stage']}  key {node['key'][:12]}"
    if node["key"] in seen:
        return [head, f"{title}  (see above)"]
    seen.add(node["key"])
    run = node["run"]
    lines = [head, f"{title}  {run['seconds']} s, {run['when']}, {run['host']}, lobate {run['lobate']}"]
    lines += [f"{indent}  {_machine(run)}"] * ("processor" in run)  # older records have no such facts
    libraries = ", ".join(f"{name} {version}" for name, version in node["libraries"].items())
    lines.append(f"{indent}  code {node['code'][:12]}; {libraries}")
    values = {**node["settings"], **node["scalars"]}
    lines += [f"{indent}  {name} = {json.dumps(value, ensure_ascii=False)}" for name, value in sorted(values.items())]
    for name, inputs in sorted(node["inputs"].items()):
        for source in inputs:
            lines.append(f"{indent}  from {name}:")
            lines += _lines(source, indent + "    ", seen)
    return lines


def _machine(run: dict[str, Any]) -> str:
    return f"{run['processor']}, {run['threads']} threads, device {run['device']}"
