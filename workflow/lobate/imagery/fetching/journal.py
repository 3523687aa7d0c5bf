"""The journal of a download folder: which files have arrived, and a lock against a second process.

The journal of ``resources/scenes/<scene>`` and its half-fetched files lie in ``resources/scenes/.fetching/<scene>``, so the
scene's own folder holds complete files only. Snakemake deletes the scene's checksums.json before it runs a job again, but
not the journal: a listed file with unchanged bytes is neither downloaded nor requested a second time.
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

log = logging.getLogger(__name__)

JOURNALS_DIR = ".fetching"
Entry = dict[str, Any]
"""``sha256``, ``bytes`` and ``href`` (without signature) of one file."""


class Journal:
    """The files that have arrived in one folder; ``open_journal`` opens it."""

    def __init__(self, folder: Path, work_dir: Path) -> None:
        self.folder, self.work_dir = folder, work_dir
        self._file, self._lock = work_dir / "journal.json", Lock()
        content = _read_journal(self._file)
        self.files: dict[str, Entry] = content.get("files", {})
        """Name -> entry of a file that has arrived."""
        self.notes: dict[str, Any] = content.get("notes", {})
        """Further values to keep, such as the STAC item."""
        self.absent: set[str] = set(content.get("absent", []))
        """Names of files that the archive does not have."""

    def is_complete(self, name: str, url: str, checksum: Checksum | None) -> bool:
        """Whether the file is here, unchanged since it arrived, and with the expected checksum if there is one."""
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
        """Add a file that has arrived."""
        path = self.folder / name
        entry = {"sha256": digest or file_digest(path), "bytes": path.stat().st_size, "href": strip_query(url)}
        with self._lock:  # download threads share the journal
            self.files[name] = entry
            self.save()

    def record_absent(self, name: str) -> None:
        """Add a file that the archive does not have."""
        with self._lock:
            self.absent.add(name)
            self.save()

    def complete(self) -> dict[str, Entry]:
        """Return the entries of all files that are still here in full size, sorted by name."""
        return {
            name: entry
            for name, entry in sorted(self.files.items())
            if (self.folder / name).is_file() and (self.folder / name).stat().st_size == entry["bytes"]
        }

    def save(self) -> None:
        """Write the journal to disk."""
        write_json_atomically(self._file, {"absent": sorted(self.absent), "files": self.files, "notes": self.notes})


@contextmanager
def open_journal(folder: Path) -> Iterator[Journal]:
    """Open the journal of a folder for one process at a time; a second process waits, and then finds the files there.

    Raises UserError where nothing can be written.
    """
    work_dir = folder.parent / JOURNALS_DIR / folder.name
    with os_errors(work_dir):
        work_dir.mkdir(parents=True, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        (work_dir / "lock").open("a").close()
    with _locked(work_dir / "lock", folder):
        yield Journal(folder, work_dir)


@contextmanager
def os_errors(path: Path) -> Iterator[None]:
    """Turn an OSError while writing at ``path`` into a UserError with advice: disk full, or no permission."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "Free some disk space" if full else "Make the folder writable"
        raise UserError(
            f"{error.filename or path} cannot be written: {error.strerror}. {advice} and run again: what has been downloaded so "
            "far is kept."
        ) from None


def write_json_atomically(path: Path, content: Any) -> None:
    """Write JSON by a temporary file and a rename; the same content gives the same bytes."""
    with os_errors(path), atomic_write(path, path.with_name(path.name + ".new")) as new:
        new.write_text(json_text(content), encoding="utf-8")


@contextmanager
def _locked(path: Path, folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; the operating system frees it however the process ends."""
    lock = FileLock(path, fallback_to_soft=False)
    try:
        _acquire(lock, folder)
    except OSError as error:  # some network file systems have no locks
        log.info("%s cannot be locked (%s): do not fetch it in two runs at once", folder, error.strerror)
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


def _read_journal(file: Path) -> dict[str, Any]:
    """Return the journal's content; empty for a missing or damaged file."""
    try:
        content = json.loads(file.read_bytes())
        valid = (
            isinstance(content["notes"], dict)
            and isinstance(content["absent"], list)
            and all(
                isinstance(entry["sha256"], str) and isinstance(entry["bytes"], int) and isinstance(entry["href"], str)
                for entry in content["files"].values()
            )
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return content if valid else {}
