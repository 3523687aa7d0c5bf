"""Disk usage of the store, scans of its folders, and verification of its objects."""

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
"""Seconds between two log lines of a verification."""

GB = 1e9


@dataclass(frozen=True)
class Usage:
    """Number of recipes, number of objects, and total bytes of the objects."""

    recipes: int
    objects: int
    bytes: int


@dataclass(frozen=True)
class StoredObject:
    """An object on disk: its digest, its size in bytes and its number of hard links."""

    digest: str
    size: int
    links: int


def disk_usage(store: Store) -> Usage:
    """Return the number of recipes and objects in the store, and their bytes."""
    with convert_os_errors(store.root):
        sizes = [item.size for item in objects(store)]
        return Usage(len(recipe_keys(store)), len(sizes), sum(sizes))


def verify(store: Store) -> list[str]:
    """Read every object, delete the damaged ones (those with another digest than their name), and return their digests.

    In a read-only store, a warning names each damaged object that cannot be deleted.
    """
    with convert_os_errors(store.root):
        damaged = sorted(_damaged_objects(store, list(objects(store))))
        # reading all may take hours, in which a job may have built a damaged object again
        damaged = [digest for digest in damaged if not store.is_intact(digest)]
        for digest in damaged:
            _discard(store, digest)
        return damaged


def _damaged_objects(store: Store, waiting: list[StoredObject]) -> Iterator[str]:
    """Yield the damaged objects; several threads read them, the largest first, so that all threads end together."""
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
        log.warning("%s is damaged and cannot be deleted: %s", store.object_path(digest), error.strerror)


def objects(store: Store) -> Iterator[StoredObject]:
    """Yield the objects in their places, in order; files of other names are skipped."""
    for file in scan_fan_out(store.root / "objects"):
        if DIGEST.fullmatch(file.name):
            with suppress(FileNotFoundError):  # dropped meanwhile
                yield stat_object(file)


def stat_object(entry: os.DirEntry[str]) -> StoredObject:
    """Return the object in a folder's entry; a link is not followed."""
    status = entry.stat(follow_symlinks=False)
    return StoredObject(entry.name, status.st_size, status.st_nlink)


def recipe_keys(store: Store) -> list[str]:
    """Return the keys of the recipes in their places, in order."""
    stems = (
        file.name.removesuffix(".json") for file in scan_fan_out(store.root / "recipes") if file.name.endswith(".json")
    )
    return [stem for stem in stems if DIGEST.fullmatch(stem)]


def scan_fan_out(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the entries of all subfolders (``ab/``), in order; a hundred thousand of them in half a second."""
    for subfolder in scandir_sorted(folder):
        if subfolder.is_dir(follow_symlinks=False):
            yield from scandir_sorted(subfolder.path)


def scandir_sorted(folder: str | Path) -> list[os.DirEntry[str]]:
    """Return the entries of a folder by name; none if there is no folder."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
