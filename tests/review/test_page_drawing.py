"""Mending and drawing on the review page: by keyboard alone, by pointer, and what the page does not take."""

from __future__ import annotations

import time

import geopandas as gpd
import pytest

from lobate.io.features import read_features
from lobate.review.drawn_file import DrawnFile

from .person import Person, sitting
from .region import UTM, make_region, rows, running

pytestmark = pytest.mark.xdist_group("review-page")


def test_mending_by_keyboard_alone(person, twelve):
    tab = person.tab
    person.press("e", "]", "]", "ArrowUp", "ArrowUp", "i", "ArrowRight", "[", "Delete")
    assert "changed" in tab.inner_text("#tools .measure")
    tab.keyboard.press("a")  # no decision while mending
    tab.keyboard.press("Escape")
    assert "Escape again" in person.message
    tab.keyboard.press("Enter")
    person.wait_saved()
    assert rows(twelve)["d00000"] == "edited"
    person.go("d00000")
    person.press("e", "]", "Delete", "u", "Escape")
    assert person.ask("document.body.classList.contains('drawing')") is False
    assert rows(twelve)["d00000"] == "edited"


def test_drawing_by_keyboard_alone(person):
    tab = person.tab
    person.press("n", " ")
    for arrow in ("ArrowRight", "ArrowDown", "ArrowLeft"):
        tab.keyboard.press(f"Shift+{arrow}")
        tab.keyboard.press(" ")
    assert "4 points" in tab.inner_text("#tools .measure")
    tab.keyboard.press("Backspace")
    assert "3 points" in tab.inner_text("#tools .measure")
    tab.keyboard.press("Enter")
    person.wait_saved()
    person.wait("document.querySelector('#headline').textContent.startsWith('drawn_')")
    assert person.status == "edited"
    person.press("u")
    person.wait("!document.querySelector('#headline').textContent.startsWith('drawn_')")


def test_dragging_a_vertex_and_an_outline_that_would_cross_itself(person, twelve):
    tab = person.tab
    person.press("e")
    person.press("]")  # the fixture's first vertex is on the height of the middle, in the east
    before = tab.inner_text("#tools .measure")
    x, y = chosen_vertex(person)
    drag(tab, (x, y), (x + 60, y))
    after = tab.inner_text("#tools .measure")
    assert "changed" in after and after.split(",")[0] != before.split(",")[0], "area and length are live"
    drag(tab, (x + 60, y), (person.place(0.05, 0)[0], y + 3))
    assert "would cross itself" in person.message
    assert tab.inner_text("#tools .measure") == after
    tab.keyboard.press("Escape")
    tab.keyboard.press("Escape")
    assert person.decided == 0


def drag(tab, start: tuple[float, float], end: tuple[float, float]) -> None:
    tab.mouse.move(*start)
    tab.mouse.down()
    tab.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    tab.mouse.move(*end)
    tab.mouse.up()


def chosen_vertex(person: Person) -> tuple[float, float]:
    """Where in the window the chosen vertex is, by its blue."""
    person.tab.wait_for_timeout(100)
    x, y = person.ask(
        """(() => {
          const canvas = document.querySelector('#canvas'), { width, height } = canvas, found = [];
          const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
          for (let i = 0; i < data.length; i += 4) if (data[i] === 11 && data[i + 1] === 107 && data[i + 2] === 203) found.push(i / 4);
          const middle = found[found.length >> 1];
          return [middle % width / width, Math.floor(middle / width) / height];
        })()"""
    )
    return person.place(x, y)


def test_two_merge_into_one_and_one_undo_takes_both_back(person, twelve):
    person.press("e", "j")
    person.tab.locator(".option").first.wait_for()
    other = person.tab.locator(".option").first.inner_text().split()[1].rstrip(",")
    person.tab.keyboard.press("Enter")
    person.wait("document.querySelector('#tools .measure')?.textContent.includes('changed')")
    person.tab.keyboard.press("Enter")
    person.wait_saved()
    assert (rows(twelve)["d00000"], rows(twelve)[other]) == ("edited", "rejected")
    person.press("u")
    person.wait("document.querySelector('#progress-text').textContent.startsWith('0 of')")


def test_without_detections_labels_are_drawn_and_undone(chromium, tmp_path):
    make_region(tmp_path, 2)
    (tmp_path / "results/demo/mapping/detections.gpkg").unlink()
    with running(tmp_path) as server, sitting(chromium, server.address) as person:
        tab = person.tab
        for key, counted in {"n": "Landform (1)", "o": "Not one (1)", "m": "All mapped (1)"}.items():
            person.press(key, " ")
            for arrow in ("ArrowRight", "ArrowDown"):
                tab.keyboard.press(f"Shift+{arrow}")
                tab.keyboard.press(" ")
            tab.keyboard.press("Enter")
            person.wait(f"document.querySelector('#labelling').textContent.includes({counted!r})")
        person.press("u")
        person.wait("document.querySelector('#labelling').textContent.includes('All mapped (0)')")
    assert (tmp_path / "resources/demo/drawn.gpkg").exists()


def drawn(folder, layer: str) -> gpd.GeoDataFrame:
    """Read the file beside a server that may write it meanwhile, which lobate's own reader waits for."""
    return read_features(folder / "resources/demo/drawn.gpkg", layer)


@pytest.mark.parametrize(
    ("key", "layer", "title"),
    [("n", "positives", "Landform"), ("o", "negatives", "Not one"), ("m", "complete", "All mapped")],
)
def test_a_single_label_is_mended_deleted_and_brought_back(chromium, tmp_path, key, layer, title):
    make_region(tmp_path, 2)
    (tmp_path / "results/demo/mapping/detections.gpkg").unlink()
    with running(tmp_path) as server, sitting(chromium, server.address) as person:
        tab = person.tab
        person.press(key, " ")
        for arrow in ("ArrowRight", "ArrowDown"):
            tab.keyboard.press(f"Shift+{arrow}")
            tab.keyboard.press(" ")
        tab.keyboard.press("Enter")
        person.wait(f"document.querySelector('#labelling').textContent.includes('{title} (1)')")
        before = drawn(tmp_path, layer)
        person.press("]")
        person.wait("document.querySelector('#message').textContent.includes('is chosen')")
        person.press("e", "]", "Shift+ArrowLeft", "i", "Enter")
        person.wait("document.querySelector('#message').textContent.includes('is mended')")
        mended = drawn(tmp_path, layer)
        assert mended["id"].tolist() == before["id"].tolist()
        assert mended.get_coordinates().shape[0] == before.get_coordinates().shape[0] + 1
        tab.wait_for_selector("html[data-whole]")
        ring = mended.to_crs(UTM).geometry.iloc[0].representative_point()
        x, y = person.ask(f"import('./page/view.js').then((m) => m.toScreen({ring.x}, {ring.y}))")
        box = tab.locator("#canvas").bounding_box()
        tab.mouse.click(box["x"] + x, box["y"] + y)
        person.wait("document.querySelector('#message').textContent.includes('is chosen')")
        tab.get_by_role("button", name="Delete").click()
        person.wait(f"document.querySelector('#labelling').textContent.includes('{title} (0)')")
        assert drawn(tmp_path, layer).empty
        person.press("u")
        person.wait(f"document.querySelector('#labelling').textContent.includes('{title} (1)')")
        person.press("u")
        end = time.monotonic() + 10
        while not drawn(tmp_path, layer).geometry.geom_equals(before.geometry).all():
            assert time.monotonic() < end, "the second undo takes the mending back"


def test_a_label_is_mended_beside_detections_and_its_undo_touches_no_decision(chromium, tmp_path):
    make_region(tmp_path, 4, across=2)
    file = DrawnFile(tmp_path / "resources/demo/drawn.gpkg")
    shape = gpd.read_file(tmp_path / "results/demo/mapping/detections.gpkg", layer="kept").geometry.iloc[0]
    file.draw("Ben", "negatives", shape)
    with running(tmp_path) as server, sitting(chromium, server.address) as person:
        person.go("d00001")
        person.press("a")
        person.wait_saved()
        person.go("d00000")
        person.press("]")
        person.wait("document.querySelector('#message').textContent.includes('negative 1 is chosen')")
        person.press("Delete")
        person.wait("document.querySelector('#message').textContent.includes('is deleted')")
        assert drawn(tmp_path, "negatives").empty
        person.press("u")
        person.wait("document.querySelector('#message').textContent.includes('Undone')")
        assert len(drawn(tmp_path, "negatives")) == 1
        assert rows(server)["d00001"] == "accepted"
        person.press("ArrowDown", "u")
        person.wait("document.querySelector('#progress-text').textContent.startsWith('0 of')")


def test_the_buttons_mend_and_new_begin_to_mend_and_to_draw(person):
    person.tab.locator("#buttons").get_by_role("button", name="Mend").click()
    assert person.tab.inner_text("#tools .measure").startswith("d00000")
    person.tab.keyboard.press("Escape")
    person.tab.locator("#buttons").get_by_role("button", name="New").click()
    assert person.tab.inner_text("#tools .measure").startswith("New landform")
    person.tab.keyboard.press("Escape")
