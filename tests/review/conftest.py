"""Servers of a small region: one that tests only look at, and one of a test's own."""

from __future__ import annotations

import pytest

from .client import COUNT, REMOVED, Client
from .region import make_region, running


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """A server that tests only look at."""
    folder = tmp_path_factory.mktemp("shared")
    make_region(folder, COUNT, across=5, removed=REMOVED)
    with running(folder, "--port", "0") as server:
        yield server


@pytest.fixture(scope="session")
def client(shared) -> Client:
    return Client(shared.address)


@pytest.fixture
def own(tmp_path):
    """A server of the test's own."""
    make_region(tmp_path, COUNT, across=5, removed=REMOVED)
    with running(tmp_path, "--port", "0") as server:
        yield server
