"""What all tests share."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.pages.browser import chromium
from tests.threads import stated_threads
from tests.toy import toy

__all__ = ["chromium", "stated_threads", "toy"]  # one browser a worker: Playwright allows no second one beside it

# No test depends on how busy the machine is; in CI the examples are the same each time.
settings.register_profile(
    "lobate", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("lobate")

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def log_as_found() -> Iterator[None]:
    """Take away the log's handlers after a test that ran a command: they write to what that test has closed."""
    logger = logging.getLogger("lobate")
    before = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.level, logger.propagate = before


@pytest.fixture(scope="session")
def project() -> Path:
    return PROJECT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data, never part of the project; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("LOBATE_REAL_DATA", PROJECT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is not there; set LOBATE_REAL_DATA to its folder")
    return folder


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long runs of the chain, here and on Slurm, so that no worker is left with one of them at the end."""
    items.sort(key=lambda item: item.path.parent.name not in ("chain", "real", "slurm"))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Stop where groups of tests would be torn apart: each worker would run the whole chain for itself."""
    grouped = [item for item in session.items if item.get_closest_marker("xdist_group")]
    if session.config.getoption("loadgroup", False) and any("@" not in item.nodeid for item in grouped):
        pytest.exit("this pytest and pytest-xdist do not keep groups of tests on one worker; see pyproject.toml", 3)
