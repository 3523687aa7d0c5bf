"""Outputs where they are wanted: linked to the store's objects, or copied where that cannot be.

A result shares its file with the store and with no other result: Snakemake touches what a job made, and a time stamp
shared by two results would make one of them look newer than what was made from it.
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

from lobate.io.atomic import atomic_write, temporary_path
from lobate.io.digest import MAIN_FILE, file_in

log = logging.getLogger(__name__)

UNSHARED_LINKS = 2
FICLONE = 0x40049409  # ioctl of Linux: share the blocks of another file, as btrfs and XFS can
UseObject = Callable[[str, Callable[[Path], None]], None]
"""A digest, and what to do with the store's file that has these bytes."""


@dataclass(frozen=True)
class OutputTarget:
    """Where one output is wanted."""

    path: Path
    editable: bool = False


def link_output(target: OutputTarget, files: Mapping[str, str], using: UseObject) -> None:
    """Put a family of files, relative name -> digest, at its target; each replaces what stood there."""
    target.path.parent.mkdir(parents=True, exist_ok=True)
    if MAIN_FILE in files or target.path.suffix.lower() == ".shp":
        for name in sorted(files, key=lambda one: one in (MAIN_FILE, ".shp")):
            _link_object(using, files[name], file_in(target.path, name), target.editable)
    else:
        _link_folder(target, files, using)


def _link_folder(target: OutputTarget, files: Mapping[str, str], using: UseObject) -> None:
    new = temporary_path(target.path)
    new.mkdir()
    try:
        for name, digest in files.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            _link_object(using, digest, new / name, target.editable)
        if target.path.is_symlink():
            target.path.unlink()
        elif target.path.is_dir():
            shutil.rmtree(target.path)
        new.replace(target.path)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def _link_object(using: UseObject, digest: str, place: Path, editable: bool) -> None:
    using(digest, lambda source: _link_file(source, place, editable))


def _link_file(source: Path, place: Path, editable: bool) -> None:
    with atomic_write(place) as new:
        if editable or not _hard_link(source, new, place):
            _copy(source, new)
            new.chmod(0o644 if editable else 0o444)


def _hard_link(source: Path, new: Path, place: Path) -> bool:
    """Link ``new`` to ``source``, unless that is linked somewhere else than at ``place`` or cannot be."""
    with suppress(FileNotFoundError):
        if place.samefile(source):
            place.unlink()
    try:
        os.link(source, new)
        if new.stat().st_nlink == UNSHARED_LINKS:
            # Snakemake compares time stamps: an output must not be older than the inputs it was restored for
            os.utime(new)
            return True
    except FileNotFoundError:
        raise
    except OSError as error:  # another file system, one without links, or an object that somebody else owns
        new.unlink(missing_ok=True)
        _log_no_hard_links(error.strerror)
        return False
    new.unlink()
    return False


@cache
def _log_no_hard_links(why: str | None) -> None:
    """Say it once, not for each file."""
    log.info("results cannot be linked to the store's files (%s): they are copied", why)


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
    log.info("copies share their blocks with the store's files and take no room of their own")
