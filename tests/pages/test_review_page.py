"""The review page as a person uses it, in a real browser: what is clicked is what apply-review makes of the saved file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from lobate.inventory.apply_review import apply_review
from lobate.inventory.review_page import review_page
from lobate.io.vector import LONLAT, read_polygons, write_layers
from lobate.settings.inventory import OtherInventory

pytestmark = pytest.mark.xdist_group("pages")

UTM, LEFT, TOP = "EPSG:32644", 600_000.0, 3_990_000.0
STEP = 46
SLOW_MS = 100
EVIL = '</script><img src=x onerror="document.title=1">'


def place(number: int, across: int, dx: float = 0.0) -> shapely.Polygon:
    """A landform of 24 vertices and some 300 m, in UTM."""
    x, y = LEFT + 10 * (40 + STEP * (number % across)) + dx, TOP - 10 * (40 + STEP * (number // across))
    return shapely.Point(x, y).buffer(150, quad_segs=6)


def world(folder: Path, count: int, *, across: int = 25, dx: float = 0.0, names: str = "d") -> Path:
    """Write an image, detections and another inventory; return the page made of them."""
    side = (70 + STEP * across, 70 + STEP * -(-count // across))
    rows, columns = np.mgrid[: side[1], : side[0]]
    pixels = np.stack([(127 + 90 * np.sin(columns / k) * np.cos(rows / (k + 2))) for k in (7, 11, 17)]).astype("uint8")
    profile = {"driver": "GTiff", "count": 3, "width": side[0], "height": side[1], "dtype": "uint8", "crs": UTM}
    with rasterio.open(folder / "T.tif", "w", transform=from_origin(LEFT, TOP, 10, 10), tiled=True, **profile) as image:
        image.write(pixels)
    outlines = gpd.GeoSeries([place(n, across, dx) for n in range(count)], crs=UTM).to_crs(LONLAT)
    mean = [0.5 + 0.4 * n / count for n in range(count)]
    kept = {"detection": [f"{names}{n:05d}" for n in range(count)], "mean": mean, "area_m2": 70_000.0}
    removed = {"detection": ["x"], "mean": [0.1], "reason": [EVIL]}
    layers = {
        "kept": gpd.GeoDataFrame(kept, geometry=outlines),
        "removed": gpd.GeoDataFrame(removed, geometry=outlines.iloc[:1].translate(0.006), crs=LONLAT),
    }
    write_layers(folder / "detections.gpkg", layers)
    write_layers(
        folder / "insar.gpkg", {"insar": gpd.GeoDataFrame({"id": ["i1"]}, geometry=outlines.iloc[:1].scale(1.2, 1.2))}
    )
    review_page(
        folder / "detections.gpkg",
        [folder / "T.tif"],
        folder / "review.html",
        [folder / "insar.gpkg"],
        tiles=["T"],
        names=["insar"],
        others_settings={"insar": OtherInventory(path="insar.gpkg", id_field="id")},
        region="demo",
    )
    return folder / "review.html"


class Person:
    """Somebody in front of the page."""

    def __init__(self, tab, page: Path) -> None:
        self.tab, self.errors = tab, []
        tab.on("pageerror", lambda error: self.errors.append(str(error)))
        tab.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        tab.on("request", lambda request: self.errors.append(request.url) if request.url.startswith("http") else None)
        tab.goto(page.as_uri())

    def press(self, *keys: str) -> None:
        for key in keys:
            self.tab.keyboard.press(key)

    def ask(self, words: str):
        return self.tab.evaluate(words)

    @property
    def status(self) -> dict[str, str]:
        return dict(self.ask("detections.map((one, i) => [one.id, entries[i].status])"))

    @property
    def current(self) -> str:
        return self.ask("detections[state.current].id")

    @property
    def message(self) -> str:
        return self.tab.inner_text("#message")

    def vertex(self, number: int) -> tuple[float, float]:
        """Where a vertex of the current outline is on the screen."""
        x, y = self.ask(f"toScreen(toPixel(outlineOf(state.current)[0][0][{number}]))")
        box = self.tab.locator("#canvas").bounding_box()
        return box["x"] + x, box["y"] + y

    def drag(self, start: tuple[float, float], way: tuple[float, float]) -> None:
        self.tab.mouse.move(*start)
        self.tab.mouse.down()
        self.tab.mouse.move(start[0] + way[0] / 2, start[1] + way[1] / 2)
        self.tab.mouse.move(start[0] + way[0], start[1] + way[1])
        self.tab.mouse.up()

    def save(self, target: Path) -> Path:
        with self.tab.expect_download() as waiting:
            self.press("s")
        waiting.value.save_as(target)
        assert waiting.value.suggested_filename == "demo_decisions.geojson"
        return target


@pytest.fixture(scope="module")
def six(tmp_path_factory) -> Path:
    return world(tmp_path_factory.mktemp("six"), 6, across=3)


@pytest.fixture
def person(chromium, six):
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    someone = Person(context.new_page(), six)
    yield someone
    assert someone.errors == []
    context.close()


def applied(six: Path, decisions: Path, folder: Path) -> dict[str, gpd.GeoDataFrame]:
    apply_review(six.parent / "detections.gpkg", folder / "reviewed.gpkg", [decisions])
    return {
        name: read_polygons(folder / "reviewed.gpkg", name).set_index("detection") for name in ("reviewed", "rejected")
    }


def test_accept_reject_mend_undo_and_save(person, six, tmp_path):
    assert person.current == "d00000", "least certain first"
    person.tab.fill("#reviewer", "A. Person")
    person.tab.click("#canvas")
    person.press("u")
    person.tab.select_option("#upslope_connection", "talus")
    person.press("Escape", "a")  # d00000
    assert person.current == "d00001"
    person.tab.click("#reject")
    person.press("r", "z")  # d00002 rejected, and taken back
    assert (person.current, person.status["d00002"]) == ("d00002", "pending")
    person.press("e")
    before = np.array(person.ask("outlineOf(state.current)[0][0]"))
    person.drag(person.vertex(0), (60, 0))
    person.drag(tuple(np.mean([person.vertex(6), person.vertex(7)], axis=0)), (0, 40))
    assert person.ask("outlineOf(state.current)[0][0].length") == len(before) + 1
    person.press("a")
    assert person.status == {
        "d00000": "accepted", "d00001": "rejected", "d00002": "edited", "d00003": "pending", "d00004": "pending", "d00005": "pending",
    }  # fmt: skip
    drawn = shapely.Polygon(person.ask("outlineOf(2)[0][0]"))
    layers = applied(six, person.save(tmp_path / "said.geojson"), tmp_path)
    reviewed = layers["reviewed"]
    assert dict(reviewed["status"])["d00000"] == "accepted"
    assert list(layers["rejected"].index) == ["d00001"]
    assert reviewed.loc["d00000", "upslope_connection"] == "talus"
    assert reviewed.loc["d00000", "reviewer"] == "A. Person"
    assert reviewed.loc["d00002"].geometry.normalize().equals_exact(drawn.normalize(), 1e-9)
    kept = [tuple(vertex) for vertex in before[1:]]
    assert set(kept) <= set(drawn.exterior.coords), "vertices that nobody touched keep their coordinates"
    moved = gpd.GeoSeries([shapely.Point(before[0]), shapely.Point(drawn.exterior.coords[0])], crs=LONLAT).to_crs(UTM)
    scale = person.ask("view.scale")
    assert moved.iloc[1].x - moved.iloc[0].x == pytest.approx(60 / scale * 10, abs=2)


def test_by_keyboard_alone(person, tmp_path):
    person.press("e", "]", "]", "ArrowUp", "i", "ArrowRight", "[", "Delete")
    count = person.ask("shown[0][0][0].length")
    assert person.ask("outlineOf(0)[0][0].length") == count
    assert person.status["d00000"] == "edited"
    person.press("z", "z", "z", "z")
    assert person.status["d00000"] == "pending"
    assert person.ask("entries[0].outline") is None
    person.press("z")
    assert person.message == "There is nothing to undo."
    person.press("Escape", "n", "n", "p")
    assert person.current == "d00001"
    person.press("?")
    assert person.tab.is_visible("#help")
    person.press("a", "Escape")  # the help is open, so nothing is accepted
    assert not person.tab.is_visible("#help")
    assert set(person.status.values()) == {"pending"}
    for _ in range(9):
        person.press("Tab")
    assert person.ask("getComputedStyle(document.activeElement).outlineStyle") == "solid", "focus is seen"


def test_mending_one_that_was_chosen_in_the_list(person):
    person.tab.click("#row-3")
    person.press("e", "]", "ArrowUp")
    assert (person.current, person.status["d00003"]) == ("d00003", "edited")
    person.tab.click("#row-2")
    person.press("ArrowDown")
    assert person.current == "d00003", "arrow keys move through the list"


def test_typing_in_the_form_decides_nothing(person):
    person.press("m")
    person.tab.keyboard.type("a rather small one")
    assert set(person.status.values()) == {"pending"}
    assert person.ask("entries[0].remark") == "a rather small one"


def test_an_outline_cannot_be_made_to_cross_itself(person):
    person.press("e")
    across = np.subtract(person.vertex(12), person.vertex(0)) * 1.3
    person.drag(person.vertex(0), tuple(across))
    assert "would cross itself" in person.message
    assert person.status["d00000"] == "pending"


def test_filter(person):
    person.press("a", "r")
    person.tab.select_option("#filter", "pending")
    shown = person.tab.locator("#list li:visible")
    assert shown.count() == 4
    person.press("Escape", "n", "n", "n", "n", "n")
    assert person.message == "This is the last one."
    person.tab.select_option("#filter", "rejected")
    assert person.current == "d00001"
    assert shown.count() == 1


def test_a_closed_tab_loses_nothing(person, six):
    person.press("a", "r")
    person.tab.fill("#remark", "not sure")
    again = Person(person.tab.context.new_page(), six)
    assert [again.status[f"d0000{n}"] for n in range(3)] == ["accepted", "rejected", "pending"]
    assert again.current == "d00002"
    assert again.ask("$('remark').value") == "not sure"


def test_an_earlier_file_finds_the_detections_of_another_model(person, chromium, tmp_path):
    person.press("a", "r")
    saved = person.save(tmp_path / "said.geojson")
    (tmp_path / "new").mkdir()
    newer = world(tmp_path / "new", 5, across=3, dx=40.0, names="e")
    newer_person = Person(chromium.new_context(accept_downloads=True).new_page(), newer)
    newer_person.tab.set_input_files("#file", saved)
    newer_person.tab.wait_for_function("$('message').textContent.includes('loaded')")
    assert [newer_person.status[f"e0000{n}"] for n in range(3)] == ["accepted", "rejected", "pending"]
    newer_person.press("n", "n", "r")
    again = json.loads(newer_person.save(tmp_path / "again.geojson").read_text())["features"]
    first = json.loads(saved.read_text())["features"]
    assert again[0]["geometry"] == first[0]["geometry"], "the outline that was accepted, not the new model's"
    assert len(again) == 3
    assert newer_person.errors == []


@pytest.mark.parametrize("text", ["nothing", '{"type": "FeatureCollection", "features": [{"geometry": null}]}', "{}"])
def test_what_is_no_decisions_file_is_reported(person, tmp_path, text):
    (tmp_path / "said.geojson").write_text(text)
    person.tab.set_input_files("#file", tmp_path / "said.geojson")
    person.tab.wait_for_function("$('message').textContent.includes('no decisions file')")
    assert set(person.status.values()) == {"pending"}


def test_text_from_data_is_only_text(person, six):
    assert EVIL not in six.read_text()
    person.ask(
        "explain(data.context.removed[0].outline[0][0].reduce((a, b) => [a[0] + b[0] / 24, a[1] + b[1] / 24], [0, 0]))"
    )
    assert EVIL in person.message
    assert person.tab.title() == "demo: rock glacier detections"


def test_nothing_comes_from_elsewhere(six):
    text = six.read_text()
    assert not re.search(r"https?://", text)
    assert "default-src 'none'" in text


def test_five_hundred_detections_without_lag(chromium, tmp_path):
    page = world(tmp_path, 500)
    assert page.stat().st_size < 40e6
    someone = Person(chromium.new_context(viewport={"width": 1280, "height": 800}).new_page(), page)
    someone.press("a")
    times = someone.ask(
        """(async () => { const taken = [];
        for (let n = 0; n < 30; n++) {
          const began = performance.now();
          document.dispatchEvent(new KeyboardEvent("keydown", { key: n % 3 ? "a" : "n", bubbles: true }));
          await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
          taken.push(performance.now() - began);
        }
        return taken; })()""".replace("document.dispatch", "canvas.dispatch")
    )
    print(
        f"500 detections, {page.stat().st_size / 1e6:.1f} MB: moving on takes {np.median(times):.0f} ms, at most {max(times):.0f}"
    )
    assert np.median(times) < SLOW_MS
    assert list(someone.status.values()).count("accepted") == 21
    assert someone.errors == []


def test_legible_at_125_percent(chromium, six, tmp_path):
    """The page of a browser zoomed to 125 %: nothing overlaps, all buttons can be read and reached."""
    context = chromium.new_context(viewport={"width": 1024, "height": 640}, device_scale_factor=1.25)
    someone = Person(context.new_page(), six)
    someone.tab.screenshot(path=tmp_path / "zoomed.png")
    assert someone.ask("document.documentElement.scrollWidth <= innerWidth")
    assert someone.ask(
        "[...document.querySelectorAll('button')].every((one) => one.scrollWidth <= one.clientWidth + 1)"
    )
    assert someone.ask(
        "[...document.querySelectorAll('aside *')].every((one) => parseFloat(getComputedStyle(one).fontSize) >= 11)"
    )
    assert someone.ask(
        "document.querySelector('aside').getBoundingClientRect().left >= $('canvas').getBoundingClientRect().right - 1"
    )
