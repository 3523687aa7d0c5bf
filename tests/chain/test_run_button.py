"""The page's Run button in a real browser, on the tiny region: jobs run, progress is shown, the inventory has the decisions."""

from __future__ import annotations

import re
import time

import geopandas as gpd
import pytest
import shapely
import yaml
from tests.chain.test_review import many_bodies
from tests.review.person import Person, sitting
from tests.review.region import running

from lobate.io.vector import read_polygons
from lobate.review.decisions_file import DecisionsFile

pytestmark = [pytest.mark.xdist_group("chain"), pytest.mark.slow, pytest.mark.timeout(60 * 30)]

CONFIG, OVERLAY = "tests/conf/tiny.yaml", "overlay.yaml"
DECISIONS = "resources/tiny/decisions.gpkg"
INVENTORY = "inventory/inventory.gpkg"
MINUTES = 15
PANEL = """(() => {
  const panel = document.querySelector('#panel-run'), bar = panel.querySelector('progress');
  const facts = Object.fromEntries([...panel.querySelectorAll('dt')].map((one) => [one.textContent, one.nextSibling.textContent]));
  return { running: panel.querySelector('#run').disabled, jobs: facts.Jobs, next: facts['Next for you'],
    bar: bar && [bar.value, bar.max], lines: panel.querySelector('pre')?.textContent };
})()"""
"""What the panel shows, at one moment."""


@pytest.fixture
def waiting(clone):
    """A finished region with several detections that wait, whose configuration names the review's file."""
    overlay = {**many_bodies(clone), "inventory": {"decisions": DECISIONS}}
    done = clone.run("--", f"results/tiny/{INVENTORY}", overlay=overlay)
    assert done.status == 0, done.text[-3000:]
    assert yaml.safe_load((clone.folder / OVERLAY).read_text()) == overlay
    return clone


def watch_run(person: Person) -> list[tuple[int, int]]:
    """Look at the panel until the run ends; return what its bar said of the jobs: done, all."""
    seen: list[tuple[int, int]] = []
    lines = ""
    end = time.monotonic() + 60 * MINUTES
    while "The run is done." not in person.message:
        assert not person.alert, person.alert
        assert time.monotonic() < end, (seen, lines)
        panel = person.ask(PANEL)
        lines = panel["lines"] or lines
        if panel["running"] and panel["jobs"]:
            assert panel["jobs"] == "{} of {}".format(*panel["bar"])
            seen += [tuple(panel["bar"])] if tuple(panel["bar"]) not in seen else []
        person.tab.wait_for_timeout(100)
    assert re.search(r"^(Job \d+: |Finished jobid: |\d+ of \d+ steps)", lines, re.M), f"no line of the run: {lines}"
    return seen


def test_the_button_runs_the_workflow_and_the_inventory_has_the_decisions(waiting, chromium):
    inventory = waiting.results / INVENTORY
    before = read_polygons(inventory, "inventory")
    assert not (before["status"] == "accepted").any()
    config = [CONFIG, OVERLAY]
    with (
        running(waiting.folder, config=config, environment=waiting.environment()) as server,
        sitting(chromium, server.address) as person,
    ):
        accepted = person.current
        person.press("a")
        rejected = person.current
        person.press("r")
        person.wait_saved()
        person.press("w")
        person.tab.get_by_role("button", name="Run the workflow").click()
        person.wait("document.querySelector('#message').textContent.includes('The workflow has started')")
        person.wait("document.querySelector('#run').textContent === 'The workflow is running'")
        meanwhile = person.current
        person.tab.focus("#canvas")
        person.press("a")  # the review goes on while the workflow runs
        person.wait_saved()
        seen = watch_run(person)
        person.wait("!document.querySelector('#run').disabled")
        next_one = person.ask(PANEL)["next"]
    assert len({done for done, _ in seen}) > 1, seen
    assert seen == sorted(seen)
    assert "wait" in next_one
    said = {row.detection: row for row in DecisionsFile(waiting.folder / DECISIONS).rows()}
    assert {name: said[name].status for name in (accepted, rejected, meanwhile)} == {
        accepted: "accepted",
        rejected: "rejected",
        meanwhile: "accepted",
    }
    after = read_polygons(inventory, "inventory")
    assert stands(after, said[accepted].outline) == ["accepted"]
    assert stands(after, said[rejected].outline) == []
    assert stands(before, said[rejected].outline) == ["pending"]


def stands(inventory: gpd.GeoDataFrame, outline: shapely.Geometry) -> list[str]:
    """The statuses of the landforms that have this outline."""
    same = inventory.geometry.normalize().geom_equals_exact(outline.normalize(), 1e-9)
    return inventory["status"][same].tolist()
