"""Mending and drawing on the review page: by keyboard alone, by pointer, and what the page does not take."""

from __future__ import annotations

import pytest

from .person import Person, sitting
from .region import make_region, rows, running

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
