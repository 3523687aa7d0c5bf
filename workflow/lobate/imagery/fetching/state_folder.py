"""The folder of what all processes of a user share while they fetch: tokens and connections.

It lies in the user's cache, outside of every project, so that no result, store, crate or backup of a project holds it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lobate.errors import UserError


def state_folder(*parts: str) -> Path:
    """Return a folder below ``$XDG_CACHE_HOME/lobate`` (``~/.cache/lobate``) that only the user can read; make it."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "lobate"
    for part in ("", *parts):
        folder = folder / re.sub(r"[^A-Za-z0-9.-]", "_", part) if part else folder
        with state_errors(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder.stat().st_mode & 0o077:
                folder.chmod(0o700)
    return folder


@contextmanager
def state_errors(folder: Path) -> Iterator[None]:
    """Turn an OSError on the folder into a UserError: it cannot be written, or its file system has no locks."""
    try:
        yield
    except TimeoutError:  # filelock's own, of a lock that another holds
        raise
    except OSError as error:
        raise UserError(
            f"The folder {folder} cannot be used: {error.strerror}. All processes keep the archive's token and the count of its "
            "connections there. Make it writable, or name another folder, outside the project, in XDG_CACHE_HOME."
        ) from None
