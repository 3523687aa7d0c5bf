"""Looking after the store: how much is in it, and is it whole. What can go: lobate.store.gc."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from lobate.store.os_errors import REFUSED, convert_os_errors
from lobate.store.store import DIGEST, Store

log = logging.getLogger(__name__)

EVERY_S = 10


@dataclass(frozen=True)
class Usage:
    """How many recipes and objects the store holds, and the objects' bytes."""

    recipes: int
    objects: int
    bytes: int


@dataclass(frozen=True)
class Object:
    """One object as it stands on disk."""

    digest: str
    size: int
    links: int
    stamp: tuple[int, int, int]

    def note(self) -> str:
        """Return the line that says that this very file was found whole."""
        return " ".join(map(str, (self.digest, self.size, *self.stamp)))


def disk_usage(store: Store) -> Usage:
    """Count what the store holds."""
    with convert_os_errors(store.root):
        sizes = [one.size for one in objects(store)]
        return Usage(len(recipe_keys(store)), len(sizes), sum(sizes))


def verify(store: Store, *, anew: bool = False) -> list[str]:
    """Read every object, throw away those whose bytes are not what their name says, and return their digests.

    What was found whole is noted in the store's file ``verified`` until the end is reached, so that a verification that
    was cut short goes on where it was. Only an object that is still the very same file, by inode, size and both time
    stamps, is passed over: they are compared for being equal, and with no clock. ``anew`` forgets what was noted. A store
    that may only be read is read all the same, with no notes and nothing thrown away; that is told.
    """
    with convert_os_errors(store.root):
        notes = store.root / "verified"
        if anew:
            notes.unlink(missing_ok=True)
        done = _noted(notes)
        waiting = [one for one in objects(store) if one.note() not in done]
        if done:
            log.warning("going on with a verification that was cut short: %d objects are left", len(waiting))
        with _appended(notes) as noting:
            reading = _Reading(store, noting, len(waiting), sum(one.size for one in waiting))
            reading.read(waiting)
        for digest in reading.broken:
            _throw_away(store, digest)
        with suppress(OSError):
            notes.unlink()
        return sorted(reading.broken)


class _Reading:
    """Several threads that read objects, note the whole ones at once, and tell how far they are."""

    def __init__(self, store: Store, noting: TextIO, number: int, size: int) -> None:
        self._store, self._noting, self._number, self._size = store, noting, number, size
        self._lock, self._told_at = threading.Lock(), time.monotonic()
        self._read_objects = self._read_bytes = 0
        self.broken: list[str] = []

    def read(self, waiting: list[Object]) -> None:
        """Read them all; the largest first, so that no thread is left with one of them at the end."""
        readers = ThreadPoolExecutor(max_workers=os.cpu_count())
        try:
            running = [readers.submit(self._one, one) for one in sorted(waiting, key=lambda one: -one.size)]
            for one in wait(running, return_when=FIRST_EXCEPTION).done:
                one.result()
        finally:
            readers.shutdown(cancel_futures=True)

    def _one(self, one: Object) -> None:
        whole = self._store.is_intact(one.digest)
        with self._lock:
            if whole:
                self._noting.write(one.note() + "\n")
            else:
                self.broken.append(one.digest)
            self._read_objects += 1
            self._read_bytes += one.size
            if time.monotonic() - self._told_at > EVERY_S:
                self._told_at = time.monotonic()
                log.info(
                    "read %d of %d objects, %.1f of %.1f GB",
                    *(self._read_objects, self._number, self._read_bytes / 1e9, self._size / 1e9),
                )


def _throw_away(store: Store, digest: str) -> None:
    try:
        store.discard(digest)
    except OSError as error:
        if error.errno not in REFUSED:
            raise
        log.warning("%s is damaged and cannot be thrown away: %s", store.object(digest), error.strerror)


def _appended(notes: Path) -> TextIO:
    """Open the notes for more; a line that a killed verification left half-written is ended, and matches nothing."""
    try:
        opened = notes.open("a", encoding="utf-8", buffering=1)
    except FileNotFoundError:
        return Path(os.devnull).open("a", encoding="utf-8")
    except OSError as error:
        if error.errno not in REFUSED:
            raise
        log.warning("%s cannot be written: if this verification is cut short, the next begins again", notes)
        return Path(os.devnull).open("a", encoding="utf-8")
    opened.write("\n")
    return opened


def _noted(notes: Path) -> set[str]:
    try:
        return set(filter(None, notes.read_text(encoding="utf-8", errors="replace").split("\n")))
    except FileNotFoundError:
        return set()


def objects(store: Store) -> Iterator[Object]:
    """Yield the objects in their places, in order; whatever has another name is none."""
    for one in files(store.root / "objects"):
        if DIGEST.fullmatch(one.name):
            with suppress(FileNotFoundError):  # dropped meanwhile
                yield stat_object(one)


def stat_object(entry: os.DirEntry[str]) -> Object:
    """Return an object as its folder's entry tells; the file itself, should it be a link to elsewhere."""
    found = entry.stat(follow_symlinks=False)
    stamp = (found.st_ino, found.st_mtime_ns, found.st_ctime_ns)
    return Object(entry.name, found.st_size, found.st_nlink, stamp)


def recipe_keys(store: Store) -> list[str]:
    """Return the keys of the recipes in their places, in order."""
    stems = (one.name.removesuffix(".json") for one in files(store.root / "recipes") if one.name.endswith(".json"))
    return [stem for stem in stems if DIGEST.fullmatch(stem)]


def files(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the entries two levels down, in order; a hundred thousand of them in half a second."""
    for fan in scandir_sorted(folder):
        if fan.is_dir(follow_symlinks=False):
            yield from scandir_sorted(fan.path)


def scandir_sorted(folder: str | Path) -> list[os.DirEntry[str]]:
    """Return what is in a folder, in order; nothing where there is none."""
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda one: one.name)
    except FileNotFoundError:
        return []
