"""The identity of a clone: a random id that lies in its folder of results.

    results/.lobate/<inode of results>.<inode of .lobate>    the id of the clone

A path does not identify a clone: two hosts or containers may have the same path on other disks, and one disk may be seen
under several paths. So the id lies beside the results, on their disk: a host that sees the id sees the results, and one
that does not see it cannot tell whether they exist.

- The id goes where its folder goes: it outlasts a move, a new name of the host and the loss of any result. It is lost
  with the whole folder, since then nothing tells a removed clone from a moved one.
- A copy of the folder (cp -a, rsync, a restored backup) has other inodes, so the file's name does not fit: the copy gets
  an id of its own. The files of other names are the ids of the folders that it is a copy of.
- A result on another disk than the folder (a mount or a link to a folder inside ``results``) has its identity there.

An image of a whole disk, as of a virtual machine, keeps the inodes: its copies share one id until ``.lobate`` is removed.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lobate.io.atomic import fsync_file, temporary_path
from lobate.store.os_errors import PERMISSION_CODES

IDENTITY = ".lobate"
CLONE_ID = re.compile("[0-9a-f]{16}")
_found: dict[str, str] = {}
"""Folder -> the folder of results that it belongs to, as found before by this process; its identity is read each time."""


@dataclass(frozen=True)
class Clone:
    """A folder of results (absolute), and its id; "" for a copy that has none of its own yet."""

    folder: str
    id: str

    def place(self, target: str) -> str:
        """Return the path of ``target`` (absolute, below the folder) relative to the folder."""
        return target[len(self.folder) :].lstrip(os.sep)

    def copied_from(self) -> list[str]:
        """Return the ids of the clones that this one is a copy of, in order."""
        try:
            files = list(os.scandir(Path(self.folder, IDENTITY)))
        except OSError:
            return []
        return sorted({_read_id(file.path) for file in files} - {"", self.id})


def find_clone(target: str) -> Clone | None:
    """Return the clone that a path (absolute) belongs to: the nearest one above it, on its disk."""
    parent = os.path.dirname(target)  # noqa: PTH120 - thousands of times in a plan
    if parent in _found and (clone := read_clone(_found[parent])):
        return clone
    for folder in _folders_on_disk(parent):
        if clone := read_clone(folder):
            _found[parent] = folder
            return clone
    return None


def read_clone(folder: str) -> Clone | None:
    """Return the clone with this folder of results; None if no identity lies there, or it cannot be read."""
    try:
        name = _identity_file(folder)
        own = Clone(folder, _read_id(name))
        return own if own.id or own.copied_from() else None
    except OSError:
        return None


def own_clone(target: str) -> Clone:
    """Return the clone that a path (absolute) belongs to; a clone without an id gets one.

    A new identity lies as high as possible in the working folder (``results``), and in the target's own folder if that is
    outside. Raises OSError if no folder can be written.
    """
    found = find_clone(target)
    if found and found.id:
        return found
    *higher, last = _folders_for_identity(target, found)
    created = (clone for folder in higher if (clone := _create_if_permitted(folder, target)))
    return next(created, None) or _create(last, target)


def _create_if_permitted(folder: str, target: str) -> Clone | None:
    try:
        return _create(folder, target)
    except OSError as error:
        if error.errno not in PERMISSION_CODES:
            raise
        return None


def _folders_for_identity(target: str, copy: Clone | None) -> list[str]:
    parent, cwd = os.path.dirname(target), os.getcwd()  # noqa: PTH109, PTH120
    inside = [folder for folder in _folders_on_disk(parent) if folder.startswith(cwd.rstrip(os.sep) + os.sep)]
    return [*([copy.folder] if copy else []), *(reversed(inside) if inside else [parent])]


def _folders_on_disk(folder: str) -> Iterator[str]:
    """Yield a folder and those above it, as far as they are on the same file system."""
    device = None
    while True:
        try:
            status = os.stat(folder)  # noqa: PTH116
        except OSError:
            return
        if device not in (None, status.st_dev):
            return
        device = status.st_dev
        yield folder
        folder, below = os.path.dirname(folder), folder  # noqa: PTH120
        if folder == below:
            return


def _identity_file(folder: str) -> str:
    home = f"{folder}/{IDENTITY}"
    inode = os.stat(home).st_ino  # noqa: PTH116
    return f"{home}/{os.stat(folder).st_ino}.{inode}"  # noqa: PTH116


def _read_id(path: str) -> str:
    """Return the id in a file; "" if there is no such file, or no id in it."""
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return ""
    try:
        text = os.read(file, 64).decode("ascii", "replace").strip()
    except IsADirectoryError:
        return ""
    finally:
        os.close(file)
    return text if CLONE_ID.fullmatch(text) else ""


def _create(folder: str, target: str) -> Clone:
    """Give a folder of results an id; of several processes at once the first one does.

    The temporary file is beside ``target``: after a kill, the next job there removes it.
    """
    Path(folder, IDENTITY).mkdir(exist_ok=True)
    path, new = Path(_identity_file(folder)), temporary_path(Path(target))
    try:
        new.write_text(secrets.token_hex(8) + "\n")
        new.chmod(0o644)
        fsync_file(new)
        _publish(new, path)
    finally:
        new.unlink(missing_ok=True)
    return Clone(folder, _read_id(str(path)))


def _publish(new: Path, path: Path) -> None:
    try:
        os.link(new, path)
    except OSError:  # another process was faster, the file is damaged, or the file system has no hard links
        if not _read_id(str(path)):
            new.replace(path)
