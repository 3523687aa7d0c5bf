"""Where fetching works: half-fetched files, a lock, and a journal of what has arrived.

The journal of ``resources/scenes/<scene>`` is ``resources/scenes/.fetching/<scene>``, so the scene's own folder holds nothing
half. The journal outlives the scene's checksums.json, which Snakemake deletes before it runs a job again: what it lists and
what still has its bytes is not fetched twice, and not even asked for.

What is said when the disk takes nothing more, or nothing from us.
"""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from filelock import BaseFileLock, FileLock, Timeout

from lobate.errors import UserError
from lobate.imagery.fetching.checksum import Checksum
from lobate.imagery.fetching.urls import strip_query
from lobate.io.atomic import atomic_write
from lobate.io.digest import file_digest
from lobate.io.jsonfile import json_text


@contextmanager
def os_errors(path: Path) -> Iterator[None]:
    """Turn a failure to write at ``path`` into a UserError that says what to do."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "Free some room" if full else "Give yourself the right to write there"
        raise UserError(
            f"{error.filename or path} cannot be written: {error.strerror}. {advice} and run again: what has come so far is "
            "kept."
        ) from None


log = logging.getLogger(__name__)

JOURNALS_DIR = ".fetching"
Entry = dict[str, Any]
"""``sha256``, ``bytes`` and ``href`` (without signature) of one file."""


class Journal:
    """The journal of one folder; ``enter_workshop`` opens it."""

    def __init__(self, folder: Path, work_dir: Path) -> None:
        self.folder, self.work_dir = folder, work_dir
        self._file, self._lock = work_dir / "journal.json", Lock()
        known = _read_journal(self._file)
        self.files: dict[str, Entry] = known.get("files", {})
        """Name -> what arrived."""
        self.notes: dict[str, Any] = known.get("notes", {})
        """Whatever else is to be remembered."""
        self.absent: set[str] = set(known.get("absent", []))
        """Names of files that the archive does not have."""

    def is_complete(self, name: str, url: str, checksum: Checksum | None) -> bool:
        """Whether the file is here with the bytes that it arrived with, and those are the right ones."""
        path, entry = self.folder / name, self.files.get(name, {})
        if not path.is_file():
            return False
        digest = file_digest(path)
        if checksum is not None:
            right = checksum.digest == digest if checksum.algorithm == "sha256" else checksum.matches(path)
            if right and entry.get("sha256") != digest:
                self.record(name, url, digest)
            return right
        return entry.get("href") == strip_query(url) and entry.get("sha256") == digest

    def record(self, name: str, url: str, digest: str | None = None) -> None:
        """Note a file that has arrived."""
        path = self.folder / name
        entry = {"sha256": digest or file_digest(path), "bytes": path.stat().st_size, "href": strip_query(url)}
        with self._lock:  # several threads have files arrive
            self.files[name] = entry
            self.save()

    def record_absent(self, name: str) -> None:
        """Note a file that the archive does not have."""
        with self._lock:
            self.absent.add(name)
            self.save()

    def complete(self) -> dict[str, Entry]:
        """Return all that arrived and is still here, by name in order."""
        return {
            name: entry
            for name, entry in sorted(self.files.items())
            if (self.folder / name).is_file() and (self.folder / name).stat().st_size == entry["bytes"]
        }

    def save(self) -> None:
        """Write the journal."""
        write_json_atomically(self._file, {"absent": sorted(self.absent), "files": self.files, "notes": self.notes})


@contextmanager
def open_journal(folder: Path) -> Iterator[Journal]:
    """Open the journal of a folder, for one process at a time; another one waits, and finds the work done.

    Raises UserError where nothing can be written.
    """
    place = folder.parent / JOURNALS_DIR / folder.name
    with os_errors(place):
        place.mkdir(parents=True, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        (place / "lock").open("a").close()
    with _locked(place / "lock", folder):
        yield Journal(folder, place)


@contextmanager
def _locked(path: Path, folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; the system frees it when the process ends, however that comes about."""
    lock = FileLock(path, fallback_to_soft=False)
    try:
        _acquire(lock, folder)
    except OSError as error:  # some network file systems have no locks
        log.info("%s cannot be locked (%s): let no two runs fetch it at once", folder, error.strerror)
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: BaseFileLock, folder: Path) -> None:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        log.info("%s is being fetched by another process; waiting for it", folder)
        lock.acquire()


def write_json_atomically(path: Path, content: Any) -> None:
    """Write JSON, whole or not at all; the same content gives the same bytes."""
    with os_errors(path), atomic_write(path, path.with_name(path.name + ".new")) as new:
        new.write_text(json_text(content), encoding="utf-8")


def _read_journal(file: Path) -> dict[str, Any]:
    """Return the journal; empty where there is none, or where it is damaged."""
    try:
        known = json.loads(file.read_bytes())
        whole = (
            isinstance(known["notes"], dict)
            and isinstance(known["absent"], list)
            and all(
                isinstance(one["sha256"], str) and isinstance(one["bytes"], int) and isinstance(one["href"], str)
                for one in known["files"].values()
            )
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return known if whole else {}
