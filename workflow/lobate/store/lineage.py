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
    """Return the tree behind a file: digest, the record of its making, and the same for each of its inputs.

    Raises UserError when the file was not made by lobate, or has changed since.
    """
    digest = content_digest(path)
    store.check_unmodified(path, digest)
    node = _node(str(path), digest, store)
    if "stage" not in node:
        raise _unknown_file_error(path, digest, store)
    return node


def _unknown_file_error(path: Path, digest: str, store: Store) -> UserError:
    return UserError(
        f"Nothing in the store {store.root} made the file {path} as it is now (sha256 {digest[:12]}...). Either it is raw "
        "data, or it was changed by hand, or it was made with another store: name that one in LOBATE_STORE."
    )


def _node(path: str, digest: str, store: Store) -> Node:
    node: Node = {"path": path, "digest": digest}
    known = _producer(path, digest, store)
    if known is None:
        return node
    recipe = known["recipe"]
    inputs = {
        name: [_node(one["path"], one["digest"], store) for one in listed] for name, listed in known["sources"].items()
    }
    facts = {name: recipe[name] for name in ("stage", "code", "settings", "scalars", "libraries")}
    return {**node, "key": known["key"], **facts, "run": known["run"], "inputs": inputs}


def _producer(path: str, digest: str, store: Store) -> Node | None:
    noted = _noted_key(path, store)
    ordered = [noted, *store.producers(digest)] if noted else store.producers(digest)
    return next(
        (known for key in ordered if (known := store.read_record(key)) and digest in _produced_digests(known)), None
    )


def _produced_digests(known: Node) -> set[str]:
    families = [files for listed in known["outputs"].values() for files in listed]
    return {digest for files in families for digest in (family_digest(files), *files.values())}


def _noted_key(path: str, store: Store) -> str | None:
    try:
        key = json.loads(store.link_note_path(Path(path)).read_bytes())["key"]
        return key if isinstance(key, str) and DIGEST.fullmatch(key) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def lineage_steps(path: Path, store: Store) -> dict[str, Node]:
    """Return every step behind a file once, key -> its record, the file's own step first.

    Each input names its path, its digest and the key of the step that made it, None for raw data. Raises UserError as
    ``lineage`` does.
    """
    digest = content_digest(path)
    store.check_unmodified(path, digest)
    own = _producer(str(path), digest, store)
    if own is None:
        raise _unknown_file_error(path, digest, store)
    found: dict[str, Node] = {}
    waiting = [own]
    while waiting:
        known = waiting.pop(0)
        if known["key"] in found:
            continue
        inputs: dict[str, list[Node]] = {}
        for name, listed in sorted(known["sources"].items()):
            makers = [_producer(one["path"], one["digest"], store) for one in listed]
            inputs[name] = [
                {"path": one["path"], "digest": one["digest"], "step": maker and maker["key"]}
                for one, maker in zip(listed, makers, strict=True)
            ]
            waiting += [maker for maker in makers if maker]
        found[known["key"]] = {**known, "inputs": inputs}
    return found


def format_tree(node: Node) -> str:
    """Return a lineage as an indented text; a step that stands above already is only named."""
    return "\n".join(_lines(node, "", set())) + "\n"


def _lines(node: Node, indent: str, seen: set[str]) -> list[str]:
    head = f"{indent}{node['path']}  sha256 {node['digest'][:12]}"
    if "stage" not in node:
        return [f"{head}  (raw data)"]
    title = f"{indent}  by {node['stage']}  key {node['key'][:12]}"
    if node["key"] in seen:
        return [head, f"{title}  (see above)"]
    seen.add(node["key"])
    run = node["run"]
    lines = [head, f"{title}  {run['seconds']} s, {run['when']}, {run['host']}, lobate {run['lobate']}"]
    lines.append(f"{indent}  code {node['code'][:12]}; " + ", ".join(f"{k} {v}" for k, v in node["libraries"].items()))
    said = {**node["settings"], **node["scalars"]}
    lines += [f"{indent}  {name} = {json.dumps(value, ensure_ascii=False)}" for name, value in sorted(said.items())]
    for name, listed in sorted(node["inputs"].items()):
        for one in listed:
            lines.append(f"{indent}  from {name}:")
            lines += _lines(one, indent + "    ", seen)
    return lines
