"""Looking after the store: how much is in it, is it whole, and what can go."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from lobate.errors import Mistake
from lobate.store import Store

log = logging.getLogger(__name__)

DIGEST = re.compile("[0-9a-f]{64}")
"""Names of objects and recipes; a network file system may leave files of its own beside them."""


@dataclass(frozen=True)
class Usage:
    """How many recipes and objects the store holds, and the objects' bytes."""

    recipes: int
    objects: int
    bytes: int


def usage(store: Store) -> Usage:
    """Count what the store holds."""
    sizes = [one.size for one in _objects(store)]
    return Usage(len(_recipes(store)), len(sizes), sum(sizes))


def verify(store: Store, *, anew: bool = False) -> list[str]:
    """Read every object, throw away those whose bytes are not what their name says, and return their digests.

    What was found whole is noted in the store's file ``verified`` until the end is reached, so that a verification that
    was cut short goes on where it was. Only an object that is still the very same file, by inode, size and both time
    stamps, is passed over: they are compared for being equal, and with no clock. ``anew`` forgets what was noted.
    """
    notes = store.root / "verified"
    if anew:
        notes.unlink(missing_ok=True)
    done = _noted(notes)
    waiting = [one for one in _objects(store) if one.note() not in done]
    if done:
        log.warning("going on with a verification that was cut short: %d objects are left", len(waiting))
    broken = []
    readers = ThreadPoolExecutor(max_workers=os.cpu_count())
    try:
        with _appended(notes) as noting:
            for one, whole in zip(waiting, readers.map(store.intact, [one.digest for one in waiting]), strict=True):
                if whole:
                    noting.write(one.note() + "\n")
                else:
                    store.discard(one.digest)
                    broken.append(one.digest)
    finally:
        readers.shutdown(cancel_futures=True)
    notes.unlink(missing_ok=True)
    return broken


def _appended(notes: Path) -> TextIO:
    """Open the notes for more; a line that a killed verification left half-written is ended, and matches nothing."""
    if not notes.parent.is_dir():
        notes = Path(os.devnull)
    opened = notes.open("a", encoding="utf-8", buffering=1 << 12)
    opened.write("\n")
    return opened


def _noted(notes: Path) -> set[str]:
    try:
        return set(filter(None, notes.read_text(encoding="utf-8", errors="replace").split("\n")))
    except FileNotFoundError:
        return set()


def collect(store: Store, *, dry_run: bool = False) -> Usage:
    """Drop what no result that still exists was made by, nor any file outside the store shares; return what goes.

    What may go is listed before it is made sure that no job is at work: a job that begins later adds to the store and
    is left alone. Raises Mistake while jobs run in the store, since what they are about to use cannot be known.
    """
    recipes, objects = _recipes(store), list(_objects(store))
    _sweep_work(store, dry_run=dry_run)
    used = {note["key"] for note in _links(store, dry_run=dry_run)}
    shared = {one.digest for one in objects if one.links > 1}  # a result that was moved, or is linked from elsewhere
    kept = {digest for key in used for digest in _outputs(store.find(key))}
    ancestors = _with_ancestors(store, used | {key for digest in shared - kept for key in _makers(store, digest)})
    recipes = [key for key in recipes if key not in ancestors]
    kept |= shared
    objects = [one for one in objects if one.digest not in kept]
    going = Usage(len(recipes), len(objects), sum(one.size for one in objects))
    if not dry_run:
        _drop(store, recipes, [one.digest for one in objects])
    return going


def _drop(store: Store, recipes: list[str], objects: list[str]) -> None:
    for key in recipes:  # recipes first: a recipe must never name an object that was dropped
        for digest in _outputs(store.find(key)):
            (store.makers(digest) / key).unlink(missing_ok=True)
        store.recipe(key).unlink(missing_ok=True)
    for digest in objects:
        store.discard(digest)
        with suppress(OSError):  # some other recipe made the same
            store.makers(digest).rmdir()


def _with_ancestors(store: Store, keys: set[str]) -> set[str]:
    """Return these recipes and all that made their inputs: records are small, and a lineage is kept whole."""
    found: set[str] = set()
    waiting = set(keys)
    while waiting:
        key = waiting.pop()
        found.add(key)
        sources = (store.find(key) or {}).get("sources", {})
        digests = {source["digest"] for listed in sources.values() for source in listed}
        waiting |= {maker for digest in digests for maker in _makers(store, digest)} - found
    return found


def _makers(store: Store, digest: str) -> list[str]:
    return [one.name for one in _entries(store.makers(digest))]


def _outputs(known: dict[str, Any] | None) -> set[str]:
    families = [files for listed in (known or {}).get("outputs", {}).values() for files in listed]
    return {digest for files in families for digest in files.values()}


def _links(store: Store, *, dry_run: bool) -> Iterator[dict[str, str]]:
    for note in _files(store.root / "links"):
        try:
            link = json.loads(Path(note.path).read_bytes())
            gone = not os.path.lexists(link["path"]) or "key" not in link
        except (ValueError, KeyError, TypeError):
            gone = True
        if not gone:
            yield link
        elif not dry_run:
            Path(note.path).unlink(missing_ok=True)


def _sweep_work(store: Store, *, dry_run: bool) -> None:
    running = []
    for job in sorted((store.root / "work").glob("*@*@*@*")):
        _, host, pid, _ = job.name.rsplit("@", 3)
        if host == socket.gethostname() and not (pid.isdigit() and _alive(int(pid))):
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


@dataclass(frozen=True)
class _Object:
    """One object as it stands on disk."""

    digest: str
    size: int
    links: int
    stamp: tuple[int, int, int]

    def note(self) -> str:
        return " ".join(map(str, (self.digest, self.size, *self.stamp)))


def _objects(store: Store) -> Iterator[_Object]:
    for one in _files(store.root / "objects"):
        if DIGEST.fullmatch(one.name):
            with suppress(FileNotFoundError):  # dropped meanwhile
                found = one.stat()
                stamp = (found.st_ino, found.st_mtime_ns, found.st_ctime_ns)
                yield _Object(one.name, found.st_size, found.st_nlink, stamp)


def _recipes(store: Store) -> list[str]:
    names = (one.name.removesuffix(".json") for one in _files(store.root / "recipes") if one.name.endswith(".json"))
    return [name for name in names if DIGEST.fullmatch(name)]


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the files two levels down, in order; a hundred thousand of them in half a second."""
    for fan in _entries(folder):
        if fan.is_dir():
            yield from _entries(fan.path)


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda one: one.name)
    except FileNotFoundError:
        return []
