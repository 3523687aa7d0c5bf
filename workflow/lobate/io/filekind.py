"""The kind of a file: a pipe, a socket or a device is refused before anything opens it, because reading it may never end.

GDAL opens files beside the one that it is given, by their names. These are looked at too.
"""

from __future__ import annotations

import errno
import os
import stat
from functools import lru_cache
from pathlib import Path

from lobate.errors import UserError

MAX_LINKED_FOLDERS = 1_000
"""Links to folders that are followed in one folder: folders that link to one another twice each have no end."""
BESIDE = ("", ".", "_")
"""What stands behind the stem in the name of a file that GDAL may open: ``T.tif.ovr``, ``T_RPC.TXT``."""


def check_kind(path: str | Path) -> int:
    """Return the mode of a file or folder, 0 where there is none.

    Raises UserError if ``path``, or a file beside it that belongs to it, is neither a file nor a folder, and for a link that
    leads back to itself.
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a plan looks at tens of thousands of files
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UserError(
                f"{path} is a link that leads back to itself. Let it point to a file, or delete it."
            ) from None
        return 0
    except ValueError:  # a NUL byte in the name
        return 0
    if stat.S_ISREG(mode):
        _check_beside(path)
    elif not stat.S_ISDIR(mode):
        raise _kind_error(Path(path), mode)
    return mode


def belongs_to(name: str, stem: str) -> bool:
    """Whether GDAL may open the file ``name`` for a file beside it whose name without its ending is ``stem``."""
    return name.lower().startswith(stem.lower()) and name[len(stem) :][:1] in BESIDE


def files_below(folder: Path) -> list[str]:
    """Return the relative names of all files in a folder, sorted; links are followed, but not back to a folder above.

    Readers and digests take the same files by this. Broken links are left out. Raises UserError for a member that is
    neither a file nor a folder, for a folder that cannot be listed, and for links to folders without end.
    """
    names, linked = [], 0
    waiting = [(str(folder), "", frozenset({_identity(folder)}))]
    while waiting:
        place, prefix, above = waiting.pop()
        for entry in _entries(place):
            if entry.is_dir():
                linked += entry.is_symlink()
                if linked > MAX_LINKED_FOLDERS:
                    raise _links_error(folder)
                if (identity := _identity(entry.path)) not in above:
                    waiting.append((entry.path, f"{prefix}{entry.name}/", above | {identity}))
            elif entry.is_file():
                names.append(prefix + entry.name)
            else:
                raise _kind_error(Path(entry.path), entry.stat().st_mode)
    return sorted(names)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """Return the members of a folder without broken links, and without links that lead back to themselves."""
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.is_symlink() or Path(entry.path).exists()]
    except OSError as error:
        raise UserError(
            f"The folder {folder} cannot be listed ({error.strerror}). Give yourself permission to read it, or delete it."
        ) from error


def _identity(folder: str | Path) -> tuple[int, int]:
    status = os.stat(folder)  # noqa: PTH116 - as above
    return status.st_dev, status.st_ino


def _check_beside(path: str | Path) -> None:
    folder, own_name = os.path.split(path)
    folder = folder or "."
    for name in _endless_members(folder, os.stat(folder).st_mtime_ns):  # noqa: PTH116 - as above
        if belongs_to(name, Path(own_name).stem):
            beside = Path(folder, name)
            raise _kind_error(beside, beside.stat().st_mode, f", beside {own_name}")


@lru_cache(maxsize=256)
def _endless_members(folder: str, changed: int) -> tuple[str, ...]:
    """Return the members of a folder that are neither files nor folders; ``changed`` is its time, for the cache."""
    try:
        entries = _entries(folder)
    except UserError:
        return ()  # a file may be readable where its folder cannot be listed
    return tuple(sorted(entry.name for entry in entries if not (entry.is_file() or entry.is_dir())))


def _kind_error(path: Path, mode: int, where: str = "") -> UserError:
    kind = "a named pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
    return UserError(
        f"{path}{where} is {kind}, not a file, so reading it might never end. Copy what it gives into a file and name that "
        "file, or delete it."
    )


def _links_error(folder: Path) -> UserError:
    return UserError(
        f"The folder {folder} holds more than {MAX_LINKED_FOLDERS:,} links to folders, or links that lead round in it. "
        "Replace the links by the folders themselves."
    )
