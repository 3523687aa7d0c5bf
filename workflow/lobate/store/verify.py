"""Size of the store, and verification of its objects; lobate.store.gc drops what is unused."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lobate.progress import Progress, Task
from lobate.store.os_errors import PERMISSION_CODES, convert_os_errors
from lobate.store.store import DIGEST, Store

log = logging.getLogger(__name__)

LOG_EVERY_S = 10
"""Seconds between two lines about a verification."""

GB = 1e9


@dataclass(frozen=True)
class Usage:
    """How many recipes and objects the store holds, and the objects' bytes."""

    recipes: int
    objects: int
    bytes: int


@dataclass(frozen=True)
class StoredObject:
    """One object as it stands on disk."""

    digest: str
    size: int
    links: int


def disk_usage(store: Store) -> Usage:
    """Count what the store holds."""
    with convert_os_errors(store.root):
        sizes = [one.size for one in objects(store)]
        return Usage(len(recipe_keys(store)), len(sizes), sum(sizes))


def verify(store: Store) -> list[str]:
    """Read every object, throw away those whose bytes are not what their name says, and return their digests.

    A store that may only be read is read all the same, with a warning about each object that cannot be thrown away.
    """
    with convert_os_errors(store.root):
        broken = sorted(_damaged_objects(store, list(objects(store))))
        for digest in broken:
            _discard(store, digest)
        return broken


def _damaged_objects(store: Store, waiting: list[StoredObject]) -> Iterator[str]:
    """Yield the damaged objects; several threads read the largest first, so that none has one of them left at the end."""
    waiting.sort(key=lambda item: -item.size)
    count = 0

    def line(task: Task) -> str:
        return f"read {count} of {len(waiting)} objects, {task.done / GB:.1f} of {(task.total or 0) / GB:.1f} GB"

    readers = ThreadPoolExecutor(os.cpu_count())
    with Progress(line, every_s=LOG_EVERY_S, unit="bytes") as progress:
        task = progress.task("objects", sum(item.size for item in waiting))
        checks = readers.map(store.is_intact, [item.digest for item in waiting])
        try:
            for item, is_intact in zip(waiting, checks, strict=True):
                if not is_intact:
                    yield item.digest
                count += 1
                task.update(task.done + item.size)
        finally:
            readers.shutdown(cancel_futures=True)


def _discard(store: Store, digest: str) -> None:
    try:
        store.discard(digest)
    except OSError as error:
        if error.errno not in PERMISSION_CODES:
            raise
        log.warning("%s is damaged and cannot be thrown away: %s", store.object_path(digest), error.strerror)


def objects(store: Store) -> Iterator[StoredObject]:
    """Yield the objects in their places, in order; whatever has another name is none."""
    for file in scan_fan_out(store.root / "objects"):
        if DIGEST.fullmatch(file.name):
            with suppress(FileNotFoundError):  # dropped meanwhile
                yield stat_object(file)


def stat_object(entry: os.DirEntry[str]) -> StoredObject:
    """Return the object of a folder's entry; a link is not followed."""
    status = entry.stat(follow_symlinks=False)
    return StoredObject(entry.name, status.st_size, status.st_nlink)


def recipe_keys(store: Store) -> list[str]:
    """Return the keys of the recipes in their places, in order."""
    stems = (
        file.name.removesuffix(".json") for file in scan_fan_out(store.root / "recipes") if file.name.endswith(".json")
    )
    return [stem for stem in stems if DIGEST.fullmatch(stem)]


def scan_fan_out(folder: Path) -> Iterator[os.DirEntry[str]]:
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
