"""Results as hard links to the store's objects, or as copies where links are not possible.

A result shares its file with the store and with no other result. Snakemake touches a job's outputs, and a time stamp
that two results share could make one of them look newer than the files made from it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lobate.io.atomic import atomic_write, temporary_folder
from lobate.io.digest import MAIN_FILE, file_in

log = logging.getLogger(__name__)

UNSHARED_LINKS = 2
FICLONE = 0x40049409  # ioctl of Linux: share the blocks of another file, as btrfs and XFS can
UseObject = Callable[[str, Callable[[Path], None]], None]
"""A function (digest, use) that calls ``use`` with the path of the object."""


@dataclass(frozen=True)
class OutputTarget:
    """The path of an output, and whether a person may edit it."""

    path: Path
    editable: bool = False


def link_output(target: OutputTarget, files: Mapping[str, str], use_object: UseObject) -> None:
    """Link the files of an output, relative name -> digest, to its target; existing files are replaced."""
    target.path.parent.mkdir(parents=True, exist_ok=True)
    if MAIN_FILE in files or target.path.suffix.lower() == ".shp":
        for name in sorted(files, key=lambda name: name in (MAIN_FILE, ".shp")):
            _link_object(use_object, files[name], file_in(target.path, name), target.editable)
    else:
        _link_folder(target, files, use_object)


def _link_folder(target: OutputTarget, files: Mapping[str, str], use_object: UseObject) -> None:
    with temporary_folder(target.path) as new:
        for name, digest in files.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            _link_object(use_object, digest, new / name, target.editable)
        if target.path.is_symlink():
            target.path.unlink()
        elif target.path.is_dir():
            shutil.rmtree(target.path)
        new.replace(target.path)


def _link_object(use_object: UseObject, digest: str, path: Path, editable: bool) -> None:
    use_object(digest, lambda source: _link_file(source, path, editable))


def _link_file(source: Path, path: Path, editable: bool) -> None:
    with atomic_write(path) as new:
        if editable or not _hard_link(source, new, path):
            _copy(source, new)
            new.chmod(0o644 if editable else 0o444)


def _hard_link(source: Path, new: Path, path: Path) -> bool:
    """Link ``new`` to ``source``, unless another result than ``path`` is linked to it; return whether that was possible."""
    with suppress(FileNotFoundError):
        if path.samefile(source):
            path.unlink()
    try:
        os.link(source, new)
        if new.stat().st_nlink == UNSHARED_LINKS:
            # Snakemake compares time stamps: a restored output must not be older than its inputs
            os.utime(new)
            return True
    except FileNotFoundError:
        raise
    except OSError as error:  # another file system, one without links, or somebody else's object
        new.unlink(missing_ok=True)
        _log_no_hard_links(error.strerror)
        return False
    new.unlink()
    return False


@cache
def _log_no_hard_links(reason: str | None) -> None:
    """Log this once, not for each file."""
    log.info("results cannot be linked to the store's files (%s): they are copied", reason)


def _copy(source: Path, new: Path) -> None:
    """Copy a file, sharing its blocks where the file system can."""
    with source.open("rb") as old, new.open("xb") as copy:
        try:
            fcntl.ioctl(copy.fileno(), FICLONE, old.fileno())
            _log_shared_blocks()
        except OSError:
            shutil.copyfileobj(old, copy, 1 << 20)


@cache
def _log_shared_blocks() -> None:
    log.info("copies share their blocks with the store's files and take no space of their own")
