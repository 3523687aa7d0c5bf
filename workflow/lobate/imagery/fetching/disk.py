"""What is said when the disk takes nothing more, or nothing from us."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lobate.errors import Mistake


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a failure to write at ``path`` into a Mistake that says what to do."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        advice = "Free some room" if full else "Give yourself the right to write there"
        raise Mistake(
            f"{error.filename or path} cannot be written: {error.strerror}. {advice} and run again: what has come so far is "
            "kept."
        ) from None
