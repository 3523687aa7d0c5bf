"""A whole review end to end: decided by keyboard, drawn, split, the server killed in the middle; then compiled."""

from __future__ import annotations

import contextlib
import sqlite3

import geopandas as gpd
import pytest

from lobate.inventory.apply_review import apply_review
from lobate.inventory.compile_inventory import compile_inventory
from lobate.inventory.describe import describe
from lobate.io.vector import read_polygons

from .person import sitting
from .region import make_region, running, start

pytestmark = pytest.mark.xdist_group("review-page")

COUNT, FORTY = 45, 40


def inventory_of(folder) -> gpd.GeoDataFrame:
    """What the chain makes of the decisions file."""
    results = folder / "results/demo"
    reviewed, described = results / "reviewed.gpkg", results / "described.gpkg"
    apply_review(results / "mapping/detections.gpkg", reviewed, [folder / "resources/demo/decisions.gpkg"])
    describe(reviewed, described, folder / "dem.tif", source="reviewed", others_settings={})
    names = ("inventory.gpkg", "i.parquet", "i.csv", "i.geojson", "i.shp.zip", "summary.json")
    probability = results / "mapping/T44SPC_probability.tif"
    compile_inventory(described, [], [probability], *(results / name for name in names), names=[])
    return read_polygons(results / "inventory.gpkg", "inventory")


def test_forty_decisions_a_drawing_a_split_a_rescue_and_a_killed_server(chromium, tmp_path):
    make_region(tmp_path, COUNT)
    server = start(tmp_path, "--port", "0")
    with contextlib.ExitStack() as closing, sitting(chromium, server.address) as person:
        closing.callback(lambda: server.kill())
        seen = []
        for number in range(FORTY // 2):
            seen.append(person.current)
            person.press("r" if number % 4 == 3 else "a")
        person.wait_saved()
        server.kill()
        for _ in range(2):  # the person goes on, and the page says that nothing is saved
            seen.append(person.current)
            person.tab.keyboard.press("a")
        person.wait("document.querySelector('#saving').textContent.includes('No connection: 2 not saved')")
        server = start(tmp_path, "--port", str(server.port))
        person.wait("document.querySelector('#alert').textContent.includes('Open the address that it printed')")
        person.open(server.address)
        person.wait_saved()
        assert (person.decided, person.current) == (FORTY // 2 + 2, "d00022")
        while person.decided < FORTY:
            seen.append(person.current)
            person.press("1", "1", "a")  # talus, accepted
            person.wait_saved()
        assert len(set(seen)) == FORTY

        person.press("n")  # draw a landform
        for x, y in [(0.1, 0.55), (0.2, 0.55), (0.2, 0.7), (0.1, 0.7)]:
            person.click(x, y)
        person.tab.keyboard.press("Enter")
        person.wait_saved()
        person.wait("document.querySelector('#headline').textContent.startsWith('drawn_')")

        split = "d00042"
        person.go(split)
        person.press("e", "k")
        person.click(0.02, 0.5)
        person.click(0.98, 0.5)
        person.tab.keyboard.press("Enter")
        person.wait("document.querySelector('#tools .measure')?.textContent.includes('+')")
        person.tab.keyboard.press("Enter")
        person.wait_saved()

        person.tab.select_option("#which", "removed")  # take one back that the filters left out
        person.wait("document.querySelector('#headline').textContent.startsWith('x')")
        rescued = person.current
        person.tab.focus("#canvas")
        person.press("a")
        person.wait_saved()
        server.kill()
        person.check()

    assert sorted(path.name for path in (tmp_path / "resources/demo").glob("decisions*")) == ["decisions.gpkg"]
    with contextlib.closing(sqlite3.connect(tmp_path / "resources/demo/decisions.gpkg")) as file:
        statuses = dict(file.execute("SELECT detection, status FROM review WHERE detection IS NOT NULL"))
    rejected = {name for number, name in enumerate(seen[:20]) if number % 4 == 3}
    assert {name for name, status in statuses.items() if status == "rejected"} == rejected
    assert all(statuses[name] == "accepted" for name in set(seen) - rejected)
    assert statuses[split] == "edited"
    assert statuses[rescued] == "accepted"

    inventory = inventory_of(tmp_path)
    stated = inventory[inventory["status"].isin(["accepted", "edited"])]
    # 40 less the rejected, the drawn one, two pieces, the rescued one
    assert len(stated) == FORTY - len(rejected) + 1 + 2 + 1
    assert (stated["reviewer"] == "Ada").all()
    assert (inventory["upslope_connection"] == "talus").sum() == FORTY - FORTY // 2 - 2
    sources = {name.removeprefix("reviewed:") for text in inventory["sources"] for name in text.split(";")}
    assert set(seen) - rejected <= sources and not sources & rejected


def test_undo_reaches_over_sessions(chromium, tmp_path):
    make_region(tmp_path, 6, across=3)
    with running(tmp_path) as server, sitting(chromium, server.address) as person:
        first = person.current
        person.press("a", "r")
        person.wait_saved()
    with running(tmp_path) as server, sitting(chromium, server.address) as person:
        assert person.decided == 2
        person.press("u", "u")
        person.wait("document.querySelector('#progress-text').textContent.startsWith('0 of')")
        person.wait("document.querySelector('#message').textContent !== ''")
        person.press("u")
        person.wait("document.querySelector('#message').textContent.includes('othing')")
        assert person.decided == 0
        person.go(first)
        assert person.status == "pending"


def test_two_browsers_on_two_hundred_detections(chromium, tmp_path):
    """Both decide at once; where they contradict each other without knowing, the place waits in the list of conflicts."""
    make_region(tmp_path, 200, across=15)
    with (
        running(tmp_path) as server,
        sitting(chromium, server.address, "Ada") as ada,
        sitting(chromium, server.address, "Ben") as ben,
    ):
        ben.context.route("**/api/events", lambda route: route.abort())
        ben.tab.reload()  # Ben hears of nothing from now on
        ben.look()
        ben.tab.select_option("#sort", "confidence") if ben.tab.is_visible("#sort") else ben.ask(
            "document.querySelector('#more').open = true"
        )
        ben.tab.select_option("#sort", "confidence")
        ben.go("d00199")
        ben.tab.keyboard.press("Escape")
        for number in range(110):
            ada.press("a")
            ben.press("r")
        ada.wait_saved()
        ben.wait_saved()
        with contextlib.closing(sqlite3.connect(tmp_path / "resources/demo/decisions.gpkg")) as file:
            rows = dict(file.execute("SELECT detection, status FROM review"))
            acts = file.execute("SELECT count(*) FROM history").fetchone()[0]
        assert acts >= 220
        both = [f"d{number:05d}" for number in range(90, 110)]
        assert all(rows[f"d{number:05d}"] == "accepted" for number in range(90))
        assert all(rows[f"d{number:05d}"] == "rejected" for number in range(110, 200))
        ada.wait("document.querySelector('#tab-conflicts .badge')?.textContent === '20'")
        ada.press("x")
        cards = ada.tab.locator(".conflict")
        cards.first.wait_for()
        assert sorted(card.get_attribute("aria-label").split()[-1] for card in cards.all()) == both
        ada.tab.get_by_role("region", name="Conflict about d00090").get_by_role("button", name="rejected").click()
        ada.wait("document.querySelector('#tab-conflicts .badge')?.textContent === '19'")
        ada.go("d00090")
        assert ada.status == "rejected"
