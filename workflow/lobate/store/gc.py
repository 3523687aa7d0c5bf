"""Garbage collection: drops recipes and objects that no existing result was made from and no outside file shares.

A collection waits for no job, and no job waits for it:

1. It moves unused files to the trash: a new *batch*, a folder in ``aside``.
2. It lists the running jobs, and saves the list in each batch that has none yet.
3. It drops a batch when none of the jobs in its list runs any more. A second look at all results comes first: files that
   are used by now go back to their place.

A job that misses a file takes it back from the trash. Both directions are renames.

No result loses a file. Each job creates its folder in ``work`` before it looks at the store, and writes its link notes
before it removes that folder. So a job that saw an object before the move is in the batch's list, and the batch waits
for it; or it has ended, and the second look finds its notes. A job that began later does not find the object: it takes
it back, or it comes too late and computes.

A result is gone only if this host sees its clone without it. What an unseen clone has noted is kept, until a person says
that this clone is gone for good (lobate.store.sight).

No clock is compared and no lock is held, and a collection may be killed after any step. The next collection claims its
batches by renaming them, so no two collections drop from one batch.
"""

from __future__ import annotations

import os
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from lobate.errors import UserError
from lobate.store import jobs
from lobate.store.notes import read_note
from lobate.store.os_errors import convert_os_errors, is_disk_full
from lobate.store.sight import EARLIER, Sight, UnseenClone
from lobate.store.store import DIGEST, Store, output_digests
from lobate.store.verify import Usage, objects, recipe_keys, scan_fan_out, scandir_sorted

READERS = 8  # a network file system answers many at once
PER_TASK = 200
OBJECT, RECIPE, NOTE = "", ".json", ".note"
"""Kinds of items, and the suffixes of their names in a batch."""
JOBS_FILE = "jobs"
"""File in a batch: names of the folders of the jobs that ran after the last item came into the batch."""
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Collected:
    """Sizes of the dropped files and of those that wait in the trash, the running jobs that they wait for, and the
    clones whose results were kept unseen."""

    dropped: Usage
    waiting: Usage
    jobs: list[jobs.Job]
    unseen: list[UnseenClone]


@dataclass(frozen=True)
class _Item:
    """A file that may go: its place in the store, its kind and size, and whether other files share its bytes."""

    path: Path
    kind: str
    size: int = 0
    shared: bool = False

    @property
    def name(self) -> str:
        return self.path.name.removesuffix(".json") + self.kind

    def is_used(self, used: Reachable) -> bool:
        if self.kind == RECIPE:
            return self.path.stem in used.keys
        return self.kind == OBJECT and self.path.name in used.digests


@dataclass
class Noted:
    """What the link notes tell: keys of results in use, notes on results that are gone, and the clones that use results.

    ``n_results`` counts the notes that each clone keeps in use.
    """

    sight: Sight
    keys: set[str] = field(default_factory=set)
    stale: list[_Item] = field(default_factory=list)
    users: set[str] = field(default_factory=set)
    n_results: Counter[str | None] = field(default_factory=Counter)

    def unseen(self) -> list[UnseenClone]:
        """Return the clones that keep results in use and cannot be seen, in order."""
        return self.sight.unseen({user: count for user, count in self.n_results.items() if user})


@dataclass(frozen=True)
class Reachable:
    """Keys of the recipes and digests of the objects in use, and the link notes."""

    keys: set[str]
    digests: set[str]
    notes: Noted


@dataclass(frozen=True)
class _Record:
    outputs: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


def collect(
    store: Store, *, dry_run: bool = False, abandoned: Collection[str] = (), forget: Collection[str] = ()
) -> Collected:
    """Drop unused files; those that running jobs might still use wait in the trash for a later collection.

    ``abandoned`` names hosts that run no job any more, by the user's word: the leftovers of their jobs are removed.
    ``forget`` names clones that are gone for good: what only they have noted is dropped. With ``dry_run`` nothing is
    changed, and ``dropped`` counts the files that could go. Raises UserError if the store cannot be changed, and for a
    clone to forget that is seen or unknown.
    """
    with convert_os_errors(store.root):
        used = reachable(store, forget)
        _check_forgettable(used, forget)
        running = jobs.remove_dead(store.root / "work", abandoned, dry_run=dry_run)
        if forget and not dry_run:
            _pass_notes_to_copies(store, used.notes.sight, forget)
            used = reachable(store, forget)
        unused = _unused_items(store, used)
        if dry_run:
            return Collected(_usage(unused + _trashed_items(store)), Usage(0, 0, 0), running, used.notes.unseen())
        all_dropped: list[_Item] = []
        while True:
            unmoved = move_to_trash(store, unused)
            dropped, waiting, running = _drop_batches(store, forget)
            all_dropped += dropped
            if not unmoved or not dropped:
                break
            unused = unmoved  # the disk was full, and now has room for the rest
        _remove_records(store, forget)
        return Collected(_usage(all_dropped), _usage(waiting), running if waiting else [], used.notes.unseen())


def _check_forgettable(used: Reachable, forget: Collection[str]) -> None:
    sight = used.notes.sight
    known = sorted({*sight.places, *(user for user in used.notes.users if not sight.is_seen(user))})
    for clone in forget:
        if clone in sight.seen:
            raise UserError(
                f"The clone {clone} is in {sight.seen[clone]}, so it cannot be forgotten. Delete the results there "
                "that you do not need; lobate store gc then deletes what they used."
            )
        if clone != EARLIER and clone not in known:
            raise UserError(f"The store knows no clone {clone}. Clones that it knows: {', '.join(known) or 'none'}.")


def _pass_notes_to_copies(store: Store, sight: Sight, forget: Collection[str]) -> None:
    """Give the copies of clones in ``forget`` notes of their own on what they have from these."""
    for file in map(Path, _note_paths(store)):
        note = read_note(file)
        if note and note.clone in forget:
            for user in sight.users_of(note):
                if user not in forget:
                    store.notes.pass_on(note, user)


def _remove_records(store: Store, clones: Collection[str]) -> None:
    for clone in clones:
        for file in (store.root / "clones").glob(f"{clone}.*.json"):
            file.unlink(missing_ok=True)


def reachable(store: Store, forget: Collection[str] = ()) -> Reachable:
    """Return the objects of all results that exist or are not seen, and the recipes of their whole lineages.

    A result that was moved has no note, but shares its file with the store where the file system has links. Lineages are
    kept whole, because records are small: the recipe of an input stays, if not its bytes. Results that only clones in
    ``forget`` may use count as gone.
    """
    with ThreadPoolExecutor(READERS) as pool:
        notes = _look_at_notes(pool, store, forget)
        records = dict(_map_batched(pool, lambda key: (key, _record(store, key)), notes.keys))
        outputs = {digest for record in records.values() for digest in record.outputs}
        shared = {item.digest for item in objects(store) if item.links > 1}
        producers = _producers(store)
        queue = {key for digest in shared - outputs for key in producers[digest]}
        queue |= {key for record in records.values() for digest in record.sources for key in producers[digest]}
        while queue := queue - records.keys():
            new = dict(_map_batched(pool, lambda key: (key, _record(store, key)), queue))
            records |= new
            queue = {key for record in new.values() for digest in record.sources for key in producers[digest]}
    return Reachable(set(records), outputs | shared, notes)


def _look_at_notes(pool: ThreadPoolExecutor, store: Store, forget: Collection[str]) -> Noted:
    sight, files = Sight(store.root), list(map(Path, _note_paths(store)))
    uses = list(_map_batched(pool, lambda file: note_use(file, sight), files))
    if sight.is_outdated():  # results that seemed to be gone were on a disk that is not mounted any more
        return _look_at_notes(pool, store, forget)
    noted = Noted(sight)
    for file, (key, users) in zip(files, uses, strict=True):
        user = next((user for user in users if sight.is_seen(user) or user not in forget), None)
        noted.users.update(users)
        noted.n_results[user] += 1
        noted.keys.add(key) if user else noted.stale.append(_Item(file, NOTE))
    return noted


def _record(store: Store, key: str) -> _Record:
    record = store.read_record(key)
    if record is None:
        return _Record()
    sources = (source["digest"] for sources in record["sources"].values() for source in sources)
    return _Record(tuple(output_digests(record)), tuple(sources))


def note_use(file: Path, sight: Sight) -> tuple[str, list[str]]:
    """Return a note's key and the clones that may use its result: none if it is gone, or the note is damaged."""
    note = read_note(file)
    if note is None or not DIGEST.fullmatch(note.key):
        return "", []
    return note.key, list(sight.users_of(note))


def _came_back(trashed: Path, sight: Sight) -> bool:
    """Whether the result of a note in the trash is seen to exist."""
    return any(sight.is_seen(user) for user in note_use(trashed, sight)[1])


def _note_paths(store: Store) -> Iterator[str]:
    return (file.path for file in scan_fan_out(store.root / "links") if file.name.endswith(".json"))


def _producers(store: Store) -> defaultdict[str, list[str]]:
    """Return digest -> keys of the recipes that made it, from one scan of all back references."""
    producers: defaultdict[str, list[str]] = defaultdict(list)
    for backref in scan_fan_out(store.root / "made"):
        digest, _, key = backref.name.partition(".")
        producers[digest].append(key)
    return producers


def _map_batched(pool: ThreadPoolExecutor, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield the function's value of each item; each task of the pool takes hundreds, since a task has its price."""
    queue = list(items)
    parts = [queue[first : first + PER_TASK] for first in range(0, len(queue), PER_TASK)]
    for values in pool.map(lambda part: [function(item) for item in part], parts):
        yield from values


def _usage(items: list[_Item]) -> Usage:
    sizes = [item.size for item in items if item.kind == OBJECT]
    return Usage(sum(item.kind == RECIPE for item in items), len(sizes), sum(sizes))


def _unused_items(store: Store, used: Reachable) -> list[_Item]:
    """Return the unused items in their places; recipes come first, so that no recipe names an object that is gone."""
    unused_objects = (item for item in objects(store) if item.digest not in used.digests)
    return [
        *(_Item(store.recipe_path(key), RECIPE) for key in recipe_keys(store) if key not in used.keys),
        *(_Item(store.object_path(item.digest), OBJECT, item.size) for item in unused_objects),
        *used.notes.stale,
    ]


def move_to_trash(store: Store, items: list[_Item]) -> list[_Item]:
    """Move items to a new batch of the trash; return the rest if a full disk has no room for more folder entries."""
    batch, n_moved = store.root / "aside" / uuid.uuid4().hex, 0
    try:
        if items:
            batch.mkdir(parents=True)
        for item in items:
            with suppress(FileNotFoundError):  # the item is gone, or another collection has claimed the batch
                os.rename(item.path, batch / item.name)  # noqa: PTH104 - a hundred thousand times
            n_moved += 1
    except OSError as error:
        if not (n_moved and is_disk_full(error)):
            raise
    return items[n_moved:]


def _drop_batches(store: Store, forget: Collection[str]) -> tuple[list[_Item], list[_Item], list[jobs.Job]]:
    """Drop the batches that wait for no job; return the dropped items, those still in the trash, and the running jobs."""
    batches = [claimed for entry in scandir_sorted(store.root / "aside") if (claimed := claim(Path(entry.path)))]
    running = jobs.running_jobs(store.root / "work")  # after the last rename into any of these batches
    folders = {job.folder.name for job in running}
    ready = [batch for batch in batches if not folders & snapshot_jobs(batch, folders)]
    used = (
        reachable(store, forget) if ready else None
    )  # after the list of jobs, to see the results of those that have ended
    dropped = [item for batch in ready if used for item in purge(store, batch, used)]
    drop_backrefs(store)
    return dropped, _trashed_items(store), running


def claim(batch: Path) -> Path | None:
    """Rename a batch so that no other collection handles it, and return its new path; None if another came first."""
    claimed = batch.with_name(uuid.uuid4().hex)
    try:
        return batch.rename(claimed)
    except FileNotFoundError:
        return None


def snapshot_jobs(batch: Path, running: set[str]) -> set[str]:
    """Return the jobs in a closed batch's list; if it has none yet, save ``running`` as its list."""
    jobs_file, part = batch / JOBS_FILE, batch / f"{JOBS_FILE}.new"
    try:
        return set(os.fsdecode(jobs_file.read_bytes()).splitlines())
    except FileNotFoundError:
        pass
    try:
        part.write_bytes(os.fsencode("\n".join(sorted(running))))
        part.replace(jobs_file)
    except OSError as error:  # another collection's batch, or a full disk: the next collection saves a later list
        if not (is_disk_full(error) or isinstance(error, FileNotFoundError)):
            raise
    return running


def _trashed_items(store: Store) -> list[_Item]:
    return [item for batch in scandir_sorted(store.root / "aside") for item in _batch_items(store, Path(batch.path))]


def _batch_items(store: Store, batch: Path) -> list[_Item]:
    """Return the items in a batch: recipes, objects and notes."""
    items = []
    for entry in scandir_sorted(batch):
        name, kind = os.path.splitext(entry.name)  # noqa: PTH122
        if DIGEST.fullmatch(name) and kind in (OBJECT, RECIPE, NOTE):
            path = (store.object_path if kind == OBJECT else store.recipe_path if kind == RECIPE else store.notes.file)(
                name
            )
            with suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                items.append(_Item(path, kind, status.st_size, status.st_nlink > 1))
    return items


def purge(store: Store, batch: Path, used: Reachable) -> list[_Item]:
    """Put used items of a batch back, objects before recipes, and drop the rest; return the dropped ones."""
    dropped = []
    for item in sorted(_batch_items(store, batch), key=lambda item: item.kind):
        trashed = batch / item.name
        try:
            if item.shared or item.is_used(used) or (item.kind == NOTE and _came_back(trashed, used.notes.sight)):
                untrash(trashed, item.path)
            else:
                os.unlink(trashed)  # noqa: PTH108 - a hundred thousand times
                dropped.append(item)
        except FileNotFoundError:  # a job has taken it back
            continue
    for name in (JOBS_FILE, f"{JOBS_FILE}.new"):
        (batch / name).unlink(missing_ok=True)
    with suppress(OSError):  # foreign files may be left in it
        batch.rmdir()
    return dropped


def untrash(trashed: Path, path: Path) -> None:
    """Put an item back in its place, unless a new one stands there by now."""
    try:
        os.link(trashed, path)
    except FileExistsError:
        pass
    except FileNotFoundError:
        return
    except OSError:  # a file system without hard links
        if not os.path.lexists(path):
            trashed.replace(path)
            return
    trashed.unlink(missing_ok=True)


def drop_backrefs(store: Store) -> None:
    """Remove back references and notes of calls of recipes that are gone; a recipe is written before them."""
    keys = {*recipe_keys(store), *(item.path.stem for item in _trashed_items(store) if item.kind == RECIPE)}
    for backref in (file for folder in ("made", "calls") for file in scan_fan_out(store.root / folder)):
        key = backref.name.rpartition(".")[2]
        if DIGEST.fullmatch(key) and key not in keys and not store.recipe_path(key).exists():
            Path(backref.path).unlink(missing_ok=True)
