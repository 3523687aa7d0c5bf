"""A headless Chromium for tests of pages, here and in the chain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.needs import lacking

CHROMIUM = Path("/usr/bin/chromium")
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """Debian's Chromium, driven by Playwright; where either is missing tests skip, but not in CI."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if sync_playwright is None or not CHROMIUM.exists():
        lacking("no Chromium with Playwright: install envs/requirements-dev.lock and run tests/pages/install.sh")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM), args=OPTIONS)
        yield browser
        browser.close()
