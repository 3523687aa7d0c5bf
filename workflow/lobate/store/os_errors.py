"""Errors of the disk as a paragraph for the user: disk full, no permission, a file in a folder's place."""

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
MISSING_CODES = (errno.ENOENT, errno.ESTALE)  # ESTALE: another host has removed the file from a network file system
UNREADABLE_CODES = (*MISSING_CODES, errno.EIO)


@contextmanager
def require_writable(path: Path, advice: str) -> Iterator[None]:
    """Turn a permission error of the block into a UserError about ``path``; ``advice`` ends its last sentence."""
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
    """Turn a full disk, and errors of the folder ``store``, into a UserError."""
    try:
        yield
    except Exception as error:
        if any(is_disk_full(cause) for cause in _causes(error)):
            raise UserError(
                f"The disk of the store {store}, or that of the results, is full, or your quota is used up; nothing "
                "half-written was left behind. Free some space (lobate store gc deletes what no result uses) and run "
                "again: finished steps are not repeated."
            ) from error
        if isinstance(error, OSError) and _is_store_path(store, error.filename, error.filename2):
            user_error = _store_error(store, error)
            if user_error:
                raise user_error from error
        raise


def _store_error(store: Path, error: OSError) -> UserError | None:
    reason = f"{error.filename}: {(error.strerror or str(error)).lower()}"
    if error.errno in PERMISSION_CODES:
        return UserError(
            f"You cannot read or write the store {store}: {reason}. People who share a store need a group of their own. "
            f"Its owner runs, once, chgrp -R GROUP {store} and find {store} -type d -exec chmod g+rwxs {{}} +, and "
            "everybody sets umask 002 in their shell. Or name a store of your own in the environment variable LOBATE_STORE."
        )
    if error.errno in (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP):
        return UserError(
            f"The store {store} has a file where a folder belongs, or a folder where a file belongs: {reason}. Move it "
            "away, or name another folder in the environment variable LOBATE_STORE."
        )
    if error.errno == errno.EIO:
        return UserError(f"The disk of the store {store} fails: {reason}. Check the disk, and run again.")
    return None


def _is_store_path(store: Path, *names: object) -> bool:
    root = os.path.abspath(store)  # noqa: PTH100 - links are not to be followed
    paths = [os.path.abspath(os.fsdecode(name)) for name in names if isinstance(name, str | bytes | os.PathLike)]  # noqa: PTH100
    # an error of a folder above the store counts too: without it the store cannot be entered
    return any(path == root or path.startswith(root + os.sep) or root.startswith(path + os.sep) for path in paths)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and the chain of its causes."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def is_disk_full(error: BaseException) -> bool:
    """Whether an error is due to a full disk, a quota or a limit of file size, by its number or a library's message."""
    if isinstance(error, OSError) and error.errno in DISK_FULL_CODES:
        return True
    return not isinstance(error, UserError) and DISK_FULL_TEXT.search(str(error)) is not None
