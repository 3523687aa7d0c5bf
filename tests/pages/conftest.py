"""Pages to review, each in a tab of one browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.pages.reviewing import Person, world


@pytest.fixture(scope="module")
def six(tmp_path_factory) -> Path:
    return world(tmp_path_factory.mktemp("six"), 6, across=3)


@pytest.fixture
def context(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    yield context
    context.close()


@pytest.fixture
def someone(context):
    """Open a page in a tab of one browser; at the end no tab has seen an error."""
    tabs: list[Person] = []

    def sit_down(page: Path) -> Person:
        tabs.append(Person(context.new_page(), page))
        return tabs[-1]

    yield sit_down
    assert [error for tab in tabs for error in tab.errors] == []
