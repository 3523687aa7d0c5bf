"""Looking after the store: how much is in it, is it whole, and what can go."""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lobate.errors import Mistake
from lobate.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Usage:
    """How many recipes and objects the store holds, and the objects' bytes."""

    recipes: int
    objects: int
    bytes: int


def usage(store: Store) -> Usage:
    """Count what the store holds."""
    sizes = [one.stat().st_size for one in _objects(store)]
    return Usage(sum(1 for _ in _recipes(store)), len(sizes), sum(sizes))


def verify(store: Store) -> list[str]:
    """Read every object, throw away those whose bytes are not what their name says, and return their digests."""
    names = [one.name for one in _objects(store)]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as readers:
        broken = [name for name, whole in zip(names, readers.map(store.intact, names), strict=True) if not whole]
    for digest in broken:
        store.discard(digest)
    return broken


def collect(store: Store, *, dry_run: bool = False) -> Usage:
    """Drop what no result that still exists was made by; return what goes.

    Raises Mistake while jobs run in the store, since what they are about to use cannot be known.
    """
    _sweep_work(store, dry_run=dry_run)
    used = {note["key"] for note in _links(store, dry_run=dry_run)}
    ancestors = _with_ancestors(store, used)
    kept = {digest for key in used for digest in _outputs(store.find(key))}
    recipes = [one for one in _recipes(store) if one.stem not in ancestors]
    objects = [one for one in _objects(store) if one.name not in kept]
    going = Usage(len(recipes), len(objects), sum(one.stat().st_size for one in objects))
    if not dry_run:
        _drop(store, recipes, objects)
    return going


def _drop(store: Store, recipes: list[Path], objects: list[Path]) -> None:
    for recipe in recipes:  # recipes first: a recipe must never name an object that was dropped
        for digest in _outputs(store.find(recipe.stem)):
            (store.makers(digest) / recipe.stem).unlink(missing_ok=True)
        recipe.unlink(missing_ok=True)
    for one in objects:
        one.unlink(missing_ok=True)


def _with_ancestors(store: Store, keys: set[str]) -> set[str]:
    """Return these recipes and all that made their inputs: records are small, and a lineage is kept whole."""
    found: set[str] = set()
    waiting = set(keys)
    while waiting:
        key = waiting.pop()
        found.add(key)
        sources = (store.find(key) or {}).get("sources", {})
        digests = {source["digest"] for listed in sources.values() for source in listed}
        makers = {
            one.name for digest in digests if store.makers(digest).is_dir() for one in store.makers(digest).iterdir()
        }
        waiting |= makers - found
    return found


def _outputs(known: dict[str, Any] | None) -> set[str]:
    families = [files for listed in (known or {}).get("outputs", {}).values() for files in listed]
    return {digest for files in families for digest in files.values()}


def _links(store: Store, *, dry_run: bool) -> Iterator[dict[str, str]]:
    for note in sorted((store.root / "links").glob("??/*.json")):
        try:
            link = json.loads(note.read_bytes())
            gone = not Path(link["path"]).exists()
        except (ValueError, KeyError):
            gone = True
        if not gone:
            yield link
        elif not dry_run:
            note.unlink(missing_ok=True)


def _sweep_work(store: Store, *, dry_run: bool) -> None:
    running = []
    for job in sorted((store.root / "work").glob("*@*@*@*")):
        _, host, pid, _ = job.name.rsplit("@", 3)
        if host == socket.gethostname() and not _alive(int(pid)):
            if not dry_run:
                shutil.rmtree(job, ignore_errors=True)
        else:
            running.append(job.name)
    if running and not dry_run:
        raise Mistake(
            f"Jobs are at work in the store {store.root} ({', '.join(running[:5])}). Wait until they have ended; if they "
            f"died on another machine, delete their folders in {store.root / 'work'}, and run again."
        )


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _objects(store: Store) -> Iterator[Path]:
    return (one for one in sorted((store.root / "objects").glob("??/*")))


def _recipes(store: Store) -> Iterator[Path]:
    return (one for one in sorted((store.root / "recipes").glob("??/*.json")))
