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
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lobate import jobs
from lobate.care import Usage, entries, files, objects, recipes
from lobate.records import DIGEST
from lobate.store import Store
from lobate.trouble import no_room, told
from lobate.used import Used, noted, used

OBJECT, RECIPE, NOTE = "", ".json", ".note"
JOBS = "jobs"
"""In a batch: the folders of the jobs that were at work when it was closed."""


@dataclass(frozen=True)
class Collected:
    """What was dropped, what lies aside for a later collection, and the jobs at work that it waits for."""

    dropped: Usage
    aside: Usage
    jobs: list[jobs.Job]


@dataclass(frozen=True)
class _Thing:
    """Something that may go: its place in the store, what it is, its size, and whether other files share it."""

    home: Path
    kind: str
    size: int = 0
    shared: bool = False

    @property
    def name(self) -> str:
        return self.home.name.removesuffix(".json") + self.kind

    def is_used(self, by: Used) -> bool:
        if self.kind == RECIPE:
            return self.home.stem in by.keys
        return self.kind == OBJECT and self.home.name in by.digests


def collect(store: Store, *, dry_run: bool = False, abandoned: Collection[str] = ()) -> Collected:
    """Drop what nobody uses; what jobs at work might still use is put aside, and dropped by a later collection.

    ``abandoned`` names hosts on which no job runs any more, as a person knows: what jobs left there is removed. With
    ``dry_run`` nothing goes, and what would is returned as dropped. Raises Mistake where the store cannot be changed.
    """
    with told(store.root):
        at_work = jobs.bury(store.root / "work", abandoned, dry_run=dry_run)
        going = _unused(store, used(store))
        if dry_run:
            return Collected(_usage(going + _aside(store)), Usage(0, 0, 0), at_work)
        dropped: list[_Thing] = []
        while True:
            left = _put_aside(store, going)
            gone, held, at_work = _drop(store)
            dropped += gone
            if not left or not gone:
                return Collected(_usage(dropped), _usage(held), at_work if held else [])
            going = left  # the disk was full: now there is room to go on


def _usage(things: list[_Thing]) -> Usage:
    bytes_of_each = [one.size for one in things if one.kind == OBJECT]
    return Usage(sum(one.kind == RECIPE for one in things), len(bytes_of_each), sum(bytes_of_each))


def _unused(store: Store, by: Used) -> list[_Thing]:
    """Return what is in its place and not used: recipes first, for a recipe should name no object that is not there."""
    return [
        *(_Thing(store.recipe(key), RECIPE) for key in recipes(store) if key not in by.keys),
        *(_Thing(store.object(one.digest), OBJECT, one.size) for one in objects(store) if one.digest not in by.digests),
        *(_Thing(note, NOTE) for note in by.stale),
    ]


def _put_aside(store: Store, things: list[_Thing]) -> list[_Thing]:
    """Put things aside, as many as there is room for in the list of a folder on a full disk; return those left."""
    batch, moved = store.root / "aside" / uuid.uuid4().hex, 0
    try:
        if things:
            batch.mkdir(parents=True)
        for one in things:
            with suppress(FileNotFoundError):  # gone, or the whole batch is another collection's by now
                os.rename(one.home, batch / one.name)  # noqa: PTH104 - a hundred thousand times
            moved += 1
    except OSError as error:
        if not (moved and no_room(error)):
            raise
    return things[moved:]


def _drop(store: Store) -> tuple[list[_Thing], list[_Thing], list[jobs.Job]]:
    """Drop the batches that wait for nobody; return what went, what stays aside, and who is at work."""
    batches = [mine for one in entries(store.root / "aside") if (mine := _taken_over(Path(one.path)))]
    at_work = jobs.at_work(store.root / "work")  # after the last rename into any of these batches
    folders = {job.folder.name for job in at_work}
    ready = [batch for batch in batches if not folders & _closed(batch, folders)]
    by = used(store) if ready else None  # after the list of jobs: what has ended by then is seen
    dropped = [one for batch in ready if by for one in _emptied(store, batch, by)]
    _forget(store)
    return dropped, _aside(store), at_work


def _taken_over(batch: Path) -> Path | None:
    mine = batch.with_name(uuid.uuid4().hex)
    try:
        return batch.rename(mine)
    except FileNotFoundError:  # another collection was faster
        return None


def _closed(batch: Path, at_work: set[str]) -> set[str]:
    """Write down who was at work when nothing more could come into the batch, unless it is written; return them."""
    listed, part = batch / JOBS, batch / f"{JOBS}.new"
    try:
        return set(os.fsdecode(listed.read_bytes()).splitlines())
    except FileNotFoundError:
        pass
    try:
        part.write_bytes(os.fsencode("\n".join(sorted(at_work))))
        part.replace(listed)
    except OSError as error:  # another collection's, or a full disk: then the next one lists those who work then
        if not (no_room(error) or isinstance(error, FileNotFoundError)):
            raise
    return at_work


def _things(store: Store, batch: Path) -> list[_Thing]:
    """Return what lies in a batch: recipes, objects, notes."""
    found = []
    for entry in entries(batch):
        name, kind = os.path.splitext(entry.name)  # noqa: PTH122
        if DIGEST.fullmatch(name) and kind in (OBJECT, RECIPE, NOTE):
            home = {OBJECT: store.object, RECIPE: store.recipe, NOTE: store.note}[kind](name)
            with suppress(FileNotFoundError):
                stat = entry.stat(follow_symlinks=False)
                found.append(_Thing(home, kind, stat.st_size, stat.st_nlink > 1))
    return found


def _aside(store: Store) -> list[_Thing]:
    return [one for batch in entries(store.root / "aside") for one in _things(store, Path(batch.path))]


def _emptied(store: Store, batch: Path, by: Used) -> list[_Thing]:
    """Give back what is used after all, objects before recipes, and drop the rest of a batch; return what was dropped."""
    things = sorted(_things(store, batch), key=lambda one: one.kind)
    dropped = []
    for one in things:
        try:
            if one.shared or one.is_used(by) or (one.kind == NOTE and noted(batch / one.name)):
                _give_back(batch / one.name, one.home)
            else:
                os.unlink(batch / one.name)  # noqa: PTH108 - a hundred thousand times
                dropped.append(one)
        except FileNotFoundError:  # a job has taken it back
            continue
    for name in (JOBS, f"{JOBS}.new"):
        (batch / name).unlink(missing_ok=True)
    with suppress(OSError):  # what stays is nothing of the store's
        batch.rmdir()
    return dropped


def _give_back(lying: Path, home: Path) -> None:
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


def _forget(store: Store) -> None:
    """Remove the markers of recipes that are gone; a recipe is written before its markers."""
    known = {*recipes(store), *(one.home.stem for one in _aside(store) if one.kind == RECIPE)}
    for marker in files(store.root / "made"):
        key = marker.name.partition(".")[2]
        if DIGEST.fullmatch(key) and key not in known and not store.recipe(key).exists():
            Path(marker.path).unlink(missing_ok=True)
