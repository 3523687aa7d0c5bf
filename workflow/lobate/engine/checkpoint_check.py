"""What a verb asks before it writes a checkpoint: whether its inputs and its code are still those of its key.

A checkpoint outlasts a killed run, and a later run with the same key resumes from it. It must not hold what came from other
bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_check: ContextVar[Callable[[], None] | None] = ContextVar("_check", default=None)


def check_unchanged() -> None:
    """Raise UserError if an input or the code of the running stage has changed; outside a stage nothing is checked."""
    check = _check.get()
    if check:
        check()


@contextmanager
def checked_by(check: Callable[[], None]) -> Iterator[None]:
    """Let `check_unchanged` call ``check`` within the block."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)
