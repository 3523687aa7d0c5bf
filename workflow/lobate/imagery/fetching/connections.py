"""The limit of connections to an archive: one for all threads and processes of a user.

A connection holds one of as many lock files as the archive allows. The operating system frees the lock however its
process ends.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

from filelock import FileLock, Timeout

from lobate.imagery.fetching.state_folder import state_errors, state_folder

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 0.2
LOG_AFTER_S = 30.0


class ConnectionLimit:
    """At most ``count`` connections at a time to the archive called ``name``."""

    def __init__(self, name: str, count: int) -> None:
        self._name, self._count = name, count

    @contextmanager
    def connection(self, stop: Event) -> Iterator[bool]:
        """Hold one connection, after a wait for it; yields False where ``stop`` was set first."""
        folder = state_folder("connections", self._name)
        lock, waited = _free_lock(folder, self._count), 0.0
        while lock is None:
            if stop.wait(LOOK_AGAIN_S):
                yield False
                return
            waited += LOOK_AGAIN_S
            if LOG_AFTER_S <= waited < LOG_AFTER_S + LOOK_AGAIN_S:
                log.info("all %d connections to %s are in use; waiting for one", self._count, self._name)
            lock = _free_lock(folder, self._count)
        try:
            yield True
        finally:
            lock.release()


def _free_lock(folder: Path, count: int) -> FileLock | None:
    """Return one of the locks, held from now on; None where all are held."""
    for number in range(count):
        lock = FileLock(folder / f"{number}.lock", mode=0o600, thread_local=False, fallback_to_soft=False)
        with suppress(Timeout), state_errors(folder):
            lock.acquire(blocking=False)
            return lock
    return None
