"""What can go from the store: what no result that still exists was made by, nor any file outside the store shares.

A collection waits for no job and makes no job wait. It first puts what nobody uses *aside*, by renames into a batch of
its own. Then it lists the jobs at work, and drops a batch only when none of the jobs that were at work as the batch was
closed is there any more, and a second look shows that still nobody uses what is in it. A job that misses something takes
it back from where it lies aside, by a rename as well.

Why nothing is dropped that a result needs: every job makes its folder in ``work`` before it looks at the store, and notes
each result before it removes that folder. So a job that saw an object before it was put aside is in the list, and
the batch waits for it; or it had ended before, and its notes are there at the second look. A job that began later does
not find the object in its place: it takes it back, and then there is nothing to drop; or it comes too late for that,
and computes. No clock is asked, no lock is held, and each step may be the last one of a process that is killed: the next
collection takes a batch over by giving it a new name, so that no two of them ever drop from one batch.

What of the store is used: by results that still exist, and by files outside the store that share an object's bytes.
"""

from __future__ import annotations

import json
import os
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from lobate.store import jobs
from lobate.store.os_errors import convert_os_errors, is_disk_full
from lobate.store.store import DIGEST, Store, output_digests
from lobate.store.verify import Usage, objects, recipe_keys, scan_fan_out, scandir_sorted

READERS = 8  # a network file system answers many at once
PER_TASK = 200
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Reachable:
    """Recipes and objects that are used, and the notes on results that are gone."""

    keys: set[str]
    digests: set[str]
    stale: list[Path]


def reachable(store: Store) -> Reachable:
    """Find out what results use: their objects, and the recipes of all that they were made from.

    A result that was moved has no note, but shares its file with the store where the file system has links. Records are
    small, and a lineage is kept whole: what made an input keeps its recipe, if not its bytes.
    """
    stale: list[Path] = []
    wanted: set[str] = set()
    with ThreadPoolExecutor(READERS) as pool:
        for path, key in _map_batched(pool, lambda one: (one, note_key(one)), map(Path, _note_paths(store))):
            wanted.add(key) if key else stale.append(path)
        records = dict(_map_batched(pool, lambda key: (key, _record(store, key)), wanted))
        kept = {digest for known in records.values() for digest in known.outputs}
        shared = {one.digest for one in objects(store) if one.links > 1}
        makers = _producers(store)
        waiting = {key for digest in shared - kept for key in makers[digest]}
        waiting |= {key for known in records.values() for digest in known.sources for key in makers[digest]}
        while waiting := waiting - records.keys():
            more = dict(_map_batched(pool, lambda key: (key, _record(store, key)), waiting))
            records |= more
            waiting = {key for known in more.values() for digest in known.sources for key in makers[digest]}
    return Reachable(set(records), kept | shared, stale)


@dataclass(frozen=True)
class _Record:
    outputs: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def _record(store: Store, key: str) -> _Record:
    known = store.read_record(key)
    if known is None:
        return _Record()
    sources = (one["digest"] for listed in known["sources"].values() for one in listed)
    return _Record(tuple(output_digests(known)), tuple(sources))


def note_key(note: Path) -> str | None:
    """Return the key of the result that a note tells of; None where that is gone, or the note is damaged."""
    try:
        told: dict[str, Any] = json.loads(note.read_bytes())
        key, path = told["key"], told["path"]
        return key if DIGEST.fullmatch(key) and os.path.lexists(path) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _note_paths(store: Store) -> Iterator[str]:
    return (file.path for file in scan_fan_out(store.root / "links") if file.name.endswith(".json"))


def _producers(store: Store) -> defaultdict[str, list[str]]:
    """Return digest -> keys of the recipes that made it, in one go over all markers."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for marker in scan_fan_out(store.root / "made"):
        digest, _, key = marker.name.partition(".")
        found[digest].append(key)
    return found


def _map_batched(pool: ThreadPoolExecutor, function: Callable[[T], R], things: Iterable[T]) -> Iterator[R]:
    """Do something with each of many small files, some hundred a task: a task has its price."""
    listed = list(things)
    parts = [listed[first : first + PER_TASK] for first in range(0, len(listed), PER_TASK)]
    for done in pool.map(lambda part: [function(one) for one in part], parts):
        yield from done


OBJECT, RECIPE, NOTE = "", ".json", ".note"
JOBS_FILE = "jobs"
"""In a batch: the folders of the jobs that were at work when it was closed."""


@dataclass(frozen=True)
class Collected:
    """What was dropped, what lies aside for a later collection, and the jobs at work that it waits for."""

    dropped: Usage
    waiting: Usage
    jobs: list[jobs.Job]


@dataclass(frozen=True)
class _Item:
    """Something that may go: its place in the store, what it is, its size, and whether other files share it."""

    path: Path
    kind: str
    size: int = 0
    shared: bool = False

    @property
    def name(self) -> str:
        return self.path.name.removesuffix(".json") + self.kind

    def is_used(self, by: Reachable) -> bool:
        if self.kind == RECIPE:
            return self.path.stem in by.keys
        return self.kind == OBJECT and self.path.name in by.digests


def collect(store: Store, *, dry_run: bool = False, abandoned: Collection[str] = ()) -> Collected:
    """Drop what nobody uses; what jobs at work might still use is put aside, and dropped by a later collection.

    ``abandoned`` names hosts on which no job runs any more, as a person knows: what jobs left there is removed. With
    ``dry_run`` nothing goes, and what would is returned as dropped. Raises UserError where the store cannot be changed.
    """
    with convert_os_errors(store.root):
        at_work = jobs.remove_dead(store.root / "work", abandoned, dry_run=dry_run)
        going = _unused_items(store, reachable(store))
        if dry_run:
            return Collected(_usage(going + _trashed_items(store)), Usage(0, 0, 0), at_work)
        dropped: list[_Item] = []
        while True:
            left = move_to_trash(store, going)
            gone, held, at_work = _drop_batches(store)
            dropped += gone
            if not left or not gone:
                return Collected(_usage(dropped), _usage(held), at_work if held else [])
            going = left  # the disk was full: now there is room to go on


def _usage(things: list[_Item]) -> Usage:
    bytes_of_each = [thing.size for thing in things if thing.kind == OBJECT]
    return Usage(sum(thing.kind == RECIPE for thing in things), len(bytes_of_each), sum(bytes_of_each))


def _unused_items(store: Store, by: Reachable) -> list[_Item]:
    """Return what is in its place and not used: recipes first, for a recipe should name no object that is not there."""
    return [
        *(_Item(store.recipe_path(key), RECIPE) for key in recipe_keys(store) if key not in by.keys),
        *(
            _Item(store.object_path(one.digest), OBJECT, one.size)
            for one in objects(store)
            if one.digest not in by.digests
        ),
        *(_Item(note, NOTE) for note in by.stale),
    ]


def move_to_trash(store: Store, things: list[_Item]) -> list[_Item]:
    """Put things aside, as many as there is room for in the list of a folder on a full disk; return those left."""
    batch, moved = store.root / "aside" / uuid.uuid4().hex, 0
    try:
        if things:
            batch.mkdir(parents=True)
        for thing in things:
            with suppress(FileNotFoundError):  # gone, or the whole batch is another collection's by now
                os.rename(thing.path, batch / thing.name)  # noqa: PTH104 - a hundred thousand times
            moved += 1
    except OSError as error:
        if not (moved and is_disk_full(error)):
            raise
    return things[moved:]


def _drop_batches(store: Store) -> tuple[list[_Item], list[_Item], list[jobs.Job]]:
    """Drop the batches that wait for nobody; return what went, what stays aside, and who is at work."""
    batches = [mine for one in scandir_sorted(store.root / "aside") if (mine := claim(Path(one.path)))]
    at_work = jobs.running_jobs(store.root / "work")  # after the last rename into any of these batches
    folders = {job.folder.name for job in at_work}
    ready = [batch for batch in batches if not folders & snapshot_jobs(batch, folders)]
    by = reachable(store) if ready else None  # after the list of jobs: what has ended by then is seen
    dropped = [one for batch in ready if by for one in purge(store, batch, by)]
    drop_backrefs(store)
    return dropped, _trashed_items(store), at_work


def claim(batch: Path) -> Path | None:
    """Rename a batch in the trash so that no other collection handles it; None where another came first."""
    mine = batch.with_name(uuid.uuid4().hex)
    try:
        return batch.rename(mine)
    except FileNotFoundError:  # another collection was faster
        return None


def snapshot_jobs(batch: Path, at_work: set[str]) -> set[str]:
    """Write down who was at work when nothing more could come into the batch, unless it is written; return them."""
    listed, part = batch / JOBS_FILE, batch / f"{JOBS_FILE}.new"
    try:
        return set(os.fsdecode(listed.read_bytes()).splitlines())
    except FileNotFoundError:
        pass
    try:
        part.write_bytes(os.fsencode("\n".join(sorted(at_work))))
        part.replace(listed)
    except OSError as error:  # another collection's, or a full disk: then the next one lists those who work then
        if not (is_disk_full(error) or isinstance(error, FileNotFoundError)):
            raise
    return at_work


def _batch_items(store: Store, batch: Path) -> list[_Item]:
    """Return what lies in a batch: recipes, objects, notes."""
    found = []
    for entry in scandir_sorted(batch):
        name, kind = os.path.splitext(entry.name)  # noqa: PTH122
        if DIGEST.fullmatch(name) and kind in (OBJECT, RECIPE, NOTE):
            home = {OBJECT: store.object_path, RECIPE: store.recipe_path, NOTE: store.note_path}[kind](name)
            with suppress(FileNotFoundError):
                stat = entry.stat(follow_symlinks=False)
                found.append(_Item(home, kind, stat.st_size, stat.st_nlink > 1))
    return found


def _trashed_items(store: Store) -> list[_Item]:
    return [thing for batch in scandir_sorted(store.root / "aside") for thing in _batch_items(store, Path(batch.path))]


def purge(store: Store, batch: Path, by: Reachable) -> list[_Item]:
    """Give back what is used after all, objects before recipes, and drop the rest of a batch; return what was dropped."""
    things = sorted(_batch_items(store, batch), key=lambda one: one.kind)
    dropped = []
    for thing in things:
        try:
            if thing.shared or thing.is_used(by) or (thing.kind == NOTE and note_key(batch / thing.name)):
                untrash(batch / thing.name, thing.path)
            else:
                os.unlink(batch / thing.name)  # noqa: PTH108 - a hundred thousand times
                dropped.append(thing)
        except FileNotFoundError:  # a job has taken it back
            continue
    for name in (JOBS_FILE, f"{JOBS_FILE}.new"):
        (batch / name).unlink(missing_ok=True)
    with suppress(OSError):  # what stays is nothing of the store's
        batch.rmdir()
    return dropped


def untrash(lying: Path, home: Path) -> None:
    """Put something back in its place, unless its like is there by now."""
    try:
        os.link(lying, home)
    except FileExistsError:
        pass
    except FileNotFoundError:
        return
    except OSError:  # no hard links here
        if not os.path.lexists(home):
            lying.replace(home)
            return
    lying.unlink(missing_ok=True)


def drop_backrefs(store: Store) -> None:
    """Remove the markers of recipes that are gone; a recipe is written before its markers."""
    known = {*recipe_keys(store), *(one.path.stem for one in _trashed_items(store) if one.kind == RECIPE)}
    for marker in scan_fan_out(store.root / "made"):
        key = marker.name.partition(".")[2]
        if DIGEST.fullmatch(key) and key not in known and not store.recipe_path(key).exists():
            Path(marker.path).unlink(missing_ok=True)
