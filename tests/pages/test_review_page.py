"""The review page as a person uses it, in a real browser: what is clicked is what apply-review makes of the saved file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from tests.pages.reviewing import EVIL, UTM, Person, applied, world

from lobate.io.vector import LONLAT

pytestmark = pytest.mark.xdist_group("pages")

SLOW_MS = 100


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
    newer_person.until("$('message').textContent.includes('loaded')")
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
    person.until("$('message').textContent.includes('no decisions file')")
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
    assert min(times) < SLOW_MS, "the quickest tells what the page costs, the others tell of the machine's other work"
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


def test_no_request_leaves_the_machine_in_a_whole_session(chromium, six, tmp_path):
    context = chromium.new_context(accept_downloads=True)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url.split(":")[0]))
    someone = Person(context.new_page(), six)
    someone.press("a", "r", "e", "]", "ArrowUp", "a", "+", "-", "n", "?", "Escape")
    someone.load(someone.save(tmp_path / "said.geojson"))
    blocked = someone.ask("fetch('https://example.org').then(() => 'sent', () => 'refused')")
    assert blocked == "refused", "the page's policy lets nothing out, whatever its code does"
    assert set(asked) <= {"file", "data", "blob"}
    context.close()


def test_contours_are_a_layer_and_no_confidence_interval(person):
    for share in ("0.25", "0.75"):
        assert person.tab.is_visible(f"text=contours at the calibrated {share} (no confidence interval)")
    with_contours = person.ask("canvas.toDataURL()")
    person.tab.uncheck("[id='layer-contours_0.25']")
    person.ask("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    without_outer = person.ask("canvas.toDataURL()")
    person.tab.uncheck("[id='layer-contours_0.75']")
    person.ask("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert len({with_contours, without_outer, person.ask("canvas.toDataURL()")}) == 3
    person.tab.click("#canvas", position={"x": 470, "y": 400})
    assert "calibrated 0.75 (probability 0.40), no confidence interval" in person.message


def test_states_differ_by_dash_and_shape_and_not_by_colour_alone(person):
    looks = person.ask("STATUSES.map((status) => [String(LOOK[status].dash), LOOK[status].shape])")
    assert len({dash for dash, _ in looks}) == len({shape for _, shape in looks}) == 4
    layers = person.ask(
        "Object.keys({neighbours: 0, ...data.context}).map((name) => [LOOK[name].colour, String(LOOK[name].dash)].join())"
    )
    assert len(set(layers)) == len(layers)
    person.press("a")
    assert person.tab.locator("#row-0 svg path").get_attribute("d") == person.ask("LOOK.accepted.shape")


PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}


@pytest.fixture
def phone(chromium, six):
    context = chromium.new_context(**PHONE, accept_downloads=True)
    someone = Person(context.new_page(), six)
    yield someone
    assert someone.errors == []
    context.close()


class Fingers:
    """Fingers on a screen."""

    def __init__(self, someone: Person) -> None:
        self.session = someone.tab.context.new_cdp_session(someone.tab)

    def __call__(self, kind: str, *fingers: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(fingers)]
        self.session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})


def test_two_fingers_zoom_where_they_are(phone):
    touch, before = Fingers(phone), phone.ask("view.scale")
    fixed = phone.ask("fromScreen([195, 150])")
    touch("Start", (175, 150))
    touch("Start", (175, 150), (215, 150))
    touch("Move", (155, 150), (235, 150))
    touch("End")
    assert phone.ask("view.scale") == pytest.approx(2 * before, rel=0.1)
    assert phone.ask("fromScreen([195, 150])") == pytest.approx(fixed, abs=1)
    assert set(phone.status.values()) == {"pending"}
    assert phone.ask("fingers.size") == 0
    zoomed = phone.ask("view.scale")
    phone.tab.tap("#closer")
    phone.until(f"view.scale > {1.2 * zoomed}")
    phone.tab.tap("#whole")
    phone.until(f"Math.abs(view.scale - {before}) < 1e-6")


def test_deciding_and_mending_with_a_finger(phone):
    phone.tab.tap("#accept")
    phone.until("entries[0].status === 'accepted'")
    phone.tab.tap("#edit")
    phone.until("state.mending")
    x, y = phone.vertex(6)
    phone.tab.touchscreen.tap(x + 12, y)  # near enough for a finger
    phone.until("state.vertex?.[2] === 6")
    phone.tab.tap("#insert")
    phone.until("outlineOf(1)[0][0].length === shown[1][0][0].length + 1")
    phone.tab.tap("#delete")
    phone.until("outlineOf(1)[0][0].length === shown[1][0][0].length")
    touch, (x, y) = Fingers(phone), phone.vertex(3)
    touch("Start", (x, y))
    touch("Move", (x + 15, y))
    touch("Move", (x + 30, y))
    touch("End")
    phone.until("outlineOf(1)[0][0][3][0] !== shown[1][0][0][3][0]")
    phone.tab.tap("#mended")
    phone.until("$('mend-tools').hidden")
    phone.tab.tap("#undo")
    phone.until("outlineOf(1)[0][0][3][0] === shown[1][0][0][3][0]")


def test_legible_on_a_phone(phone, tmp_path):
    phone.tab.screenshot(path=tmp_path / "phone.png")
    assert phone.ask("document.documentElement.scrollWidth <= innerWidth")
    small = "[...document.querySelectorAll('button, select, input:not([type=checkbox]):not([hidden])')].filter((one) => one.offsetParent && one.offsetHeight < 43).map((one) => one.id)"
    assert phone.ask(small) == [], "large enough for a finger"
    accept, picture = (phone.tab.locator(name).bounding_box() for name in ("#accept", "#canvas"))
    assert picture["height"] > 300
    assert accept["y"] + accept["height"] < 844, "picture and decision are on one screen"
    phone.tab.tap("#next")
    phone.until("state.current === 1")
    assert phone.ask("scrollY") == 0, "going on does not move the page"
