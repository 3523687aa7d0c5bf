"""What of the store is used: by results that still exist, and by files outside the store that share an object's bytes."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from lobate.care import files, objects
from lobate.records import DIGEST, digests
from lobate.store import Store

READERS = 8  # a network file system answers many at once
AT_ONCE = 200
One, Other = TypeVar("One"), TypeVar("Other")


@dataclass(frozen=True)
class Used:
    """Recipes and objects that are used, and the notes on results that are gone."""

    keys: set[str]
    digests: set[str]
    stale: list[Path]


def used(store: Store) -> Used:
    """Find out what results use: their objects, and the recipes of all that they were made from.

    A result that was moved has no note, but shares its file with the store where the file system has links. Records are
    small, and a lineage is kept whole: what made an input keeps its recipe, if not its bytes.
    """
    stale: list[Path] = []
    wanted: set[str] = set()
    with ThreadPoolExecutor(READERS) as pool:
        for path, key in _each(pool, lambda one: (one, noted(one)), map(Path, _notes(store))):
            wanted.add(key) if key else stale.append(path)
        records = dict(_each(pool, lambda key: (key, _record(store, key)), wanted))
        kept = {digest for known in records.values() for digest in known.outputs}
        shared = {one.digest for one in objects(store) if one.links > 1}
        makers = _makers(store)
        waiting = {key for digest in shared - kept for key in makers[digest]}
        waiting |= {key for known in records.values() for digest in known.sources for key in makers[digest]}
        while waiting := waiting - records.keys():
            more = dict(_each(pool, lambda key: (key, _record(store, key)), waiting))
            records |= more
            waiting = {key for known in more.values() for digest in known.sources for key in makers[digest]}
    return Used(set(records), kept | shared, stale)


@dataclass(frozen=True)
class _Record:
    outputs: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def _record(store: Store, key: str) -> _Record:
    known = store.find(key)
    if known is None:
        return _Record()
    sources = (one["digest"] for listed in known["sources"].values() for one in listed)
    return _Record(tuple(digests(known)), tuple(sources))


def noted(note: Path) -> str | None:
    """Return the key of the result that a note tells of; None where that is gone, or the note is damaged."""
    try:
        told: dict[str, Any] = json.loads(note.read_bytes())
        key, path = told["key"], told["path"]
        return key if DIGEST.fullmatch(key) and os.path.lexists(path) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _notes(store: Store) -> Iterator[str]:
    return (one.path for one in files(store.root / "links") if one.name.endswith(".json"))


def _makers(store: Store) -> defaultdict[str, list[str]]:
    """Return digest -> keys of the recipes that made it, in one go over all markers."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for marker in files(store.root / "made"):
        digest, _, key = marker.name.partition(".")
        found[digest].append(key)
    return found


def _each(pool: ThreadPoolExecutor, function: Callable[[One], Other], things: Iterable[One]) -> Iterator[Other]:
    """Do something with each of many small files, some hundred a task: a task has its price."""
    listed = list(things)
    parts = [listed[first : first + AT_ONCE] for first in range(0, len(listed), AT_ONCE)]
    for done in pool.map(lambda part: [function(one) for one in part], parts):
        yield from done
