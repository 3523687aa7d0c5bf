"""The server's memory: what is free is given back to the machine, where the C library can."""

from __future__ import annotations

import ctypes
from contextlib import suppress

ARENAS_OPTION, ARENAS = -8, 2
"""glibc's M_ARENA_MAX, and how many pools of memory all threads share: one a thread would each keep what it once used."""


def share_pools() -> None:
    """Let all threads share a few pools of memory; call it before there are threads."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(ARENAS_OPTION, ARENAS)


def give_back() -> None:
    """Give free memory back to the machine, as after a large file was read."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
