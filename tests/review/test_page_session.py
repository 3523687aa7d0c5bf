"""A whole review end to end: decided by keyboard, drawn, split, the server killed in the middle; then compiled."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import geopandas as gpd
import pytest

from lobate.inventory.apply_review import apply_review
from lobate.inventory.compile_inventory import compile_inventory
from lobate.inventory.describe import describe
from lobate.io.vector import read_polygons

from .person import Person, sitting
from .region import make_region, running, start

pytestmark = pytest.mark.xdist_group("review-page")

COUNT, FORTY = 45, 40


def rows_of(folder: Path) -> dict[str, str]:
    """What the decisions file says of each detection."""
    with contextlib.closing(sqlite3.connect(folder / "resources/demo/decisions.gpkg")) as file:
        return dict(file.execute("SELECT detection, status FROM review WHERE detection IS NOT NULL"))


def inventory_of(folder: Path) -> gpd.GeoDataFrame:
    """What the chain makes of the decisions file."""
    results = folder / "results/demo"
    reviewed, described = results / "reviewed.gpkg", results / "described.gpkg"
    apply_review(results / "mapping/detections.gpkg", reviewed, [folder / "resources/demo/decisions.gpkg"])
    describe(reviewed, described, folder / "dem.tif", source="reviewed", others_settings={})
    names = ("inventory.gpkg", "i.parquet", "i.csv", "i.geojson", "i.shp.zip", "summary.json")
    probability = results / "mapping/T44SPC_probability.tif"
    compile_inventory(described, [], [probability], *(results / name for name in names), names=[])
    return read_polygons(results / "inventory.gpkg", "inventory")


class Power:
    """The server of a review, which can be cut off and started again on its port."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.server = folder, start(folder)

    def cut(self) -> None:
        self.server.kill()

    def back(self) -> str:
        self.server = start(self.folder, "--port", str(self.server.port))
        return self.server.address


def decide_forty(person: Person, power: Power) -> list[str]:
    """Decide forty by keyboard, of the first twenty every fourth rejected; the server is killed in the middle."""
    seen = []
    for number in range(FORTY // 2):
        seen.append(person.current)
        person.press("r" if number % 4 == 3 else "a")
    person.wait_saved()
    power.cut()
    for _ in range(2):  # the person goes on, and the page says that nothing is saved
        seen.append(person.current)
        person.tab.keyboard.press("a")
    person.wait("document.querySelector('#saving').textContent.includes('No connection: 2 not saved')")
    address = power.back()
    person.wait("document.querySelector('#alert').textContent.includes('Open the address that it printed')")
    person.open(address)
    person.wait_saved()
    assert (person.decided, person.current) == (FORTY // 2 + 2, "d00022")
    while person.decided < FORTY:
        seen.append(person.current)
        person.press("1", "1", "a")  # talus, accepted
        person.wait_saved()
    return seen


def draw_one(person: Person) -> None:
    person.press("n")
    for x, y in [(0.1, 0.55), (0.2, 0.55), (0.2, 0.7), (0.1, 0.7)]:
        person.click(x, y)
    person.tab.keyboard.press("Enter")
    person.wait_saved()
    person.wait("document.querySelector('#headline').textContent.startsWith('drawn_')")


def split_one(person: Person, name: str) -> None:
    person.go(name)
    person.press("e", "k")
    person.click(0.02, 0.5)
    person.click(0.98, 0.5)
    person.tab.keyboard.press("Enter")
    person.wait("document.querySelector('#tools .measure')?.textContent.includes('+')")
    person.tab.keyboard.press("Enter")
    person.wait_saved()


def rescue_one(person: Person) -> str:
    """Take one back that the filters left out; return its id."""
    person.tab.select_option("#which", "removed")
    person.wait("document.querySelector('#headline').textContent.startsWith('x')")
    rescued = person.current
    person.tab.focus("#canvas")
    person.press("a")
    person.wait_saved()
    return rescued


@pytest.mark.slow
def test_forty_decisions_a_drawing_a_split_a_rescue_and_a_killed_server(chromium, tmp_path):
    make_region(tmp_path, COUNT)
    power, split = Power(tmp_path), "d00042"
    try:
        with sitting(chromium, power.server.address) as person:
            seen = decide_forty(person, power)
            draw_one(person)
            split_one(person, split)
            rescued = rescue_one(person)
    finally:
        power.cut()
    assert len(set(seen)) == FORTY
    assert sorted(path.name for path in (tmp_path / "resources/demo").glob("decisions*")) == ["decisions.gpkg"]
    statuses = rows_of(tmp_path)
    rejected = {name for number, name in enumerate(seen[: FORTY // 2]) if number % 4 == 3}
    assert {name for name, status in statuses.items() if status == "rejected"} == rejected
    assert all(statuses[name] == "accepted" for name in {*seen, rescued} - rejected)
    assert statuses[split] == "edited"
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


@pytest.mark.slow
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
        ben.tab.click("#more summary")
        ben.tab.select_option("#sort", "confidence")
        ben.go("d00199")
        ben.tab.keyboard.press("Escape")
        for _ in range(100):
            ada.press("a")
            ben.press("r")
        ada.wait_saved()
        for _ in range(10):
            ben.press("r")
        ben.wait_saved()
        rows = rows_of(tmp_path)
        both = [f"d{number:05d}" for number in range(90, 100)]
        assert all(rows[f"d{number:05d}"] == "accepted" for number in range(90))
        assert all(rows[f"d{number:05d}"] == "rejected" for number in range(100, 200))
        ada.wait("document.querySelector('#tab-conflicts .badge')?.textContent === '10'")
        ada.press("x")
        cards = ada.tab.locator(".conflict")
        cards.first.wait_for()
        assert sorted(card.get_attribute("aria-label").split()[-1] for card in cards.all()) == both
        ada.tab.get_by_role("region", name="Conflict about d00090").get_by_role("button", name="rejected").click()
        ada.wait("document.querySelector('#tab-conflicts .badge')?.textContent === '9'")
        ada.press("l")
        ada.go("d00090")
        assert ada.status == "rejected"
