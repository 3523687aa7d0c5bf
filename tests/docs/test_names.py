"""Files, verbs and settings that the pages name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lobate.cli.commands import COMMANDS
from lobate.engine import registry
from lobate.settings import Region, load

PROJECT = Path(__file__).resolve().parents[2]
PAGES = [
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "config/README.md")),
    *(PROJECT / "docs").glob("*.md"),
]
FOLDERS = "workflow|docs|tests|config|profiles|envs|benchmarks"
# of the example verb that a reader is led to write, and of the region that the tutorial begins
IMAGINED = {
    "workflow/lobate/mapping/thin_detections.py",
    "tests/mapping/test_thin_detections.py",
    "config/valley.yaml",
    "mapping.thin_m",
}
SECTIONS = "imagery|labels|patches|training|mapping|inventory|figures|example"


def names(page: Path, pattern: str) -> set[str]:
    text = page.read_text(encoding="utf-8")
    return {one for one in re.findall(rf"`({pattern})`", text) if one not in IMAGINED}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_are_there(page):
    named = names(page, rf"(?:{FOLDERS})/[\w./-]+") | set(re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", page.read_text()))
    gone = [one for one in named if not (PROJECT / one).exists() and not (page.parent / one).exists()]
    assert not gone, f"{page.name} names {gone}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tests_that_a_page_names_are_there(page):
    for file, test in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text(encoding="utf-8")):
        assert re.search(rf"^def {test}\(", (PROJECT / file).read_text(), re.M), f"{page.name} names {file}::{test}"


def test_each_promise_names_its_test():
    text = (PROJECT / "docs/architecture.md").read_text().partition("## What is promised")[2].partition("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 10
    assert [row for row in rows if "::test_" not in row.split(" | ")[2]] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_that_a_page_names_are_known(page):
    for name in names(page, rf"(?:{SECTIONS})(?:\.(?!gpkg|parquet|csv)[a-z_]+)+"):
        *place, key = name.split(".")
        assert key in load._known_keys(Region, place), f"{page.name} names the setting {name}"


def test_verbs_of_the_readmes_table_are_known():
    text = (PROJECT / "README.md").read_text().partition("## The verbs")[2].partition("\n## ")[0]
    cells = [line.split(" | ")[1] for line in text.splitlines() if line.startswith("| ") and " | " in line]
    named = [name for cell in cells for name in re.findall(r"`([a-z-]+)`", cell)]
    assert len(named) > 20
    assert [name for name in named if name.replace("-", "_") not in registry.ROOM_OF and name not in COMMANDS] == []
