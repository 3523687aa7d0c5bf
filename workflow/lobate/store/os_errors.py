"""What a store's disk may refuse, told in a paragraph: no room, no right, a place that is no folder."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lobate.errors import UserError

# GDAL, SQLite, NumPy and Arrow do not pass on the system's error number
DISK_FULL_TEXT = re.compile(
    r"no space left|disk (is )?full|quota exceeded|file too large|IO error writing|write (failed|error)"
    r"|requested and \d+ written",
    re.IGNORECASE,
)
DISK_FULL_CODES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
PERMISSION_CODES = (errno.EACCES, errno.EPERM, errno.EROFS)
MISSING_CODES = (errno.ENOENT, errno.ESTALE)  # a network file system calls so what another host has removed
UNREADABLE_CODES = (*MISSING_CODES, errno.EIO)


@contextmanager
def require_writable(path: Path, advice: str) -> Iterator[None]:
    """Turn a refusal to write at ``path`` into a UserError."""
    try:
        yield
    except OSError as error:
        if error.errno not in PERMISSION_CODES:
            raise
        raise UserError(
            f"{path} cannot be written: {(error.strerror or str(error)).lower()}. Give yourself the right to write "
            f"there, or {advice}."
        ) from error


@contextmanager
def convert_os_errors(store: Path) -> Iterator[None]:
    """Turn a full disk, and a refusal of the folder ``store``, into a UserError."""
    try:
        yield
    except Exception as error:
        if any(is_disk_full(one) for one in _causes(error)):
            raise UserError(
                f"The disk of the store {store}, or that of the results, is full, or your quota is used up; nothing "
                "half-written was left behind. Free some room (lobate store gc drops what no result uses) and run again: "
                "finished steps are not repeated."
            ) from error
        if isinstance(error, OSError) and _is_store_path(store, error.filename, error.filename2):
            mistake = _store_error(store, error)
            if mistake:
                raise mistake from error
        raise


def _store_error(store: Path, error: OSError) -> UserError | None:
    said = f"{error.filename}: {(error.strerror or str(error)).lower()}"
    if error.errno in PERMISSION_CODES:
        return UserError(
            f"The store {store} cannot be read or written by you: {said}. People who share a store need a group of their "
            f"own: once, as its owner, chgrp -R GROUP {store} and find {store} -type d -exec chmod g+rwxs {{}} +, and umask "
            "002 in everybody's shell. Or name a store of your own in the environment variable LOBATE_STORE."
        )
    if error.errno in (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP):
        return UserError(
            f"In the store {store} something stands where it does not belong: {said}. Take it out of there, or name "
            "another folder in the environment variable LOBATE_STORE."
        )
    if error.errno == errno.EIO:
        return UserError(f"The disk of the store {store} fails: {said}. Look after it, and run again.")
    return None


def _is_store_path(store: Path, *names: object) -> bool:
    root = os.path.abspath(store)  # noqa: PTH100 - links are not to be followed
    found = [os.path.abspath(os.fsdecode(name)) for name in names if isinstance(name, str | bytes | os.PathLike)]  # noqa: PTH100
    # a folder above the store that cannot be entered refuses the store, too
    return any(one == root or one.startswith(root + os.sep) or root.startswith(one + os.sep) for one in found)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def is_disk_full(error: BaseException) -> bool:
    """Whether an error says that a disk, a quota or a limit of file size was reached, as itself or in a library's words."""
    if isinstance(error, OSError) and error.errno in DISK_FULL_CODES:
        return True
    return not isinstance(error, UserError) and DISK_FULL_TEXT.search(str(error)) is not None
