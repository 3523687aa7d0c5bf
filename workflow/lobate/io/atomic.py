"""Atomic writes: a file appears under its name when it is complete, by a temporary file and a rename."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def atomic_write(path: Path, temporary: Path | None = None, *, fsync: bool = False) -> Iterator[Path]:
    """Yield a temporary path, and rename the file that the block writes there to ``path``.

    ``path`` holds its former content or the new one at any moment, also after a kill. An exception removes the temporary
    file and leaves ``path`` as it was. With ``fsync`` the content is on disk before the rename, so it outlasts a power cut.

    The temporary file is a hidden one beside ``path``, unique for concurrent writers; a kill leaves it behind. Where only one
    process writes, a fixed ``temporary`` on the same file system is better: the next run overwrites it. A driver that goes
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


def temporary_path(path: Path) -> Path:
    """Return a new hidden path in the folder of ``path``.

    The name is short, so it fits however long ``path``'s is, and ends in ``.new``, so no search for a suffix finds it.
    """
    return path.parent / f".{uuid.uuid4().hex}.new"


def fsync_file(path: Path) -> None:
    """Wait until the content of the file is on disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
