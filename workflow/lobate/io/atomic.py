"""Atomic writes: a file appears under its name when it is complete, by a temporary file and a rename."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from lobate.io.process import is_alive, machine_digest, start_ticks

TEMPORARY_NAME = re.compile(r"\.(?P<machine>[0-9a-f]{12})\.(?P<pid>\d+)\.(?P<ticks>\d+)\.[0-9a-f]{32}\.new")
"""Name of a temporary file or folder: who writes it, and a random number."""


@contextmanager
def atomic_write(path: Path, temporary: Path | None = None, *, fsync: bool = False) -> Iterator[Path]:
    """Yield a temporary path, and rename the file that the block writes there to ``path``.

    ``path`` holds its former content or the new one at any moment, also after a kill. An exception removes the temporary
    file and leaves ``path`` as it was. With ``fsync`` the content is on disk before the rename, so it outlasts a power cut.

    The temporary file is a hidden one beside ``path``, unique for concurrent writers. A kill leaves it behind, until the next
    process that writes into this folder removes it. Where only one process writes, a fixed ``temporary`` on the same file system is better: the next run overwrites it. A driver that goes
    by the suffix needs one too.
    """
    new = temporary or temporary_path(path)
    try:
        yield new
        if fsync:
            fsync_file(new)
        new.replace(path)
    finally:  # on success too: a rename between two hard links of one file does nothing
        with suppress(OSError):
            new.unlink(missing_ok=True)


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """Yield a new hidden folder beside ``path``, and remove it afterwards unless it was renamed."""
    folder = temporary_path(path)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def temporary_path(path: Path) -> Path:
    """Return a new hidden path in the folder of ``path``, less what killed processes left there.

    The name is short, so it fits however long ``path``'s is, and ends in ``.new``, so no search for a suffix finds it.
    """
    _remove_leftovers(os.path.abspath(path.parent), os.getpid())  # noqa: PTH100
    return path.parent / f".{_owner(os.getpid())}.{uuid.uuid4().hex}.new"


@cache
def _owner(pid: int) -> str:
    return f"{machine_digest()}.{pid}.{start_ticks(pid)}"


@cache  # a folder is searched once a process: thousands of results in it take a millisecond
def _remove_leftovers(folder: str, pid: int) -> None:
    """Remove the temporary files and folders of processes that were killed; those of other machines stay.

    ``pid``: this process, since one that it forks searches anew.
    """
    with suppress(OSError):
        for name in os.listdir(folder):  # noqa: PTH208
            if name.endswith(".new") and (owner := TEMPORARY_NAME.fullmatch(name)) and _has_ended(owner):
                _remove(Path(folder, name))


def _has_ended(owner: re.Match[str]) -> bool:
    return owner["machine"] == machine_digest() and not is_alive(int(owner["pid"]), owner["ticks"])


def _remove(path: Path) -> None:
    """Remove a file or folder, as far as that is possible: another process may remove it too."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def fsync_file(path: Path) -> None:
    """Wait until the content of the file is on disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
