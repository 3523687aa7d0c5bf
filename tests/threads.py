"""The number of threads that all tests compute with: byte equality is promised for equal threads only.

`docs/architecture.md` says so: threads change the last digits of sums. The tests do not take the number from the machine that
they run on. Every process of the tests starts with it, and each test begins and ends with it. A test of another number
names that number itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

THREADS = 2
"""Threads of a job, and cores of a run of the whole chain."""

VARIABLE = "OMP_NUM_THREADS"
"""PyTorch and the libraries of NumPy take their number of threads from it, as in Snakemake's jobs."""

os.environ[VARIABLE] = str(THREADS)  # before anything imports PyTorch


@pytest.fixture(autouse=True)
def stated_threads() -> Iterator[None]:
    """Let each test begin with `THREADS` threads, and fail one that would leave another number to the next."""
    state_threads()
    yield
    left = {VARIABLE: os.environ.get(VARIABLE), "PyTorch": str(threads_of_pytorch())}
    state_threads()
    assert set(left.values()) == {str(THREADS)}, f"this test changes the number of threads of the next: {left}"


def state_threads() -> None:
    """Let this process, and those that it starts, compute with `THREADS` threads."""
    os.environ[VARIABLE] = str(THREADS)
    if threads_of_pytorch() != THREADS:
        sys.modules["torch"].set_num_threads(THREADS)


def threads_of_pytorch() -> int:
    """Return PyTorch's number of threads in this process; `THREADS`, by the environment, as long as nothing imports it."""
    return sys.modules["torch"].get_num_threads() if "torch" in sys.modules else THREADS
