"""Servers of a small region: one that tests only look at, and one of a test's own."""

from __future__ import annotations

import pytest

from .client import COUNT, REMOVED, Client
from .person import sitting
from .region import make_region, running

TWELVE = 12


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


@pytest.fixture(scope="module")
def twelve(tmp_path_factory):
    """A server of twelve detections, for the tests of the page."""
    folder = tmp_path_factory.mktemp("twelve")
    make_region(folder, TWELVE, across=5)
    with running(folder) as server:
        yield server


@pytest.fixture
def person(chromium, twelve):
    """Somebody at a review in which nothing is decided."""
    with sitting(chromium, twelve.address) as someone:
        while someone.decided:
            someone.press("u")
            someone.wait_saved()
            someone.tab.wait_for_timeout(100)
        someone.go("d00000")
        yield someone
        someone.wait_saved()
