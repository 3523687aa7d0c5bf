"""The sample of the map on the page: answered blindly, by keyboard alone, and nothing of our map to be had in its lists."""

from __future__ import annotations

import geopandas as gpd
import pytest

from lobate.io.features import read_features

from .person import Person, sitting
from .region import make_region, running
from .sampled import FOLDER, IMAGERY, PLACES, SQUARES, write_sample

pytestmark = pytest.mark.xdist_group("review-page")


@pytest.fixture
def sampled(tmp_path):
    """A server of a region with a sample."""
    folder = tmp_path / "sampled"
    make_region(folder, 20, across=5, removed=1)
    write_sample(folder)
    with running(folder) as server:
        yield server


@pytest.fixture
def ada(chromium, sampled):
    """Somebody at the review, who has not opened the sample yet."""
    with sitting(chromium, sampled.address) as person:
        yield person
        person.wait_saved()


def open_list(person: Person, name: str, first: str) -> None:
    """Choose a list and wait until one of it stands on the screen."""
    person.tab.select_option("#which", name)
    person.wait(f"document.querySelector('#headline').textContent.includes({first!r})")
    person.tab.focus("#canvas")
    person.look()


def answers(server, layer: str) -> gpd.GeoDataFrame:
    """Read the file beside a server that may write it meanwhile, which lobate's own reader waits for."""
    return read_features(server.folder / FOLDER / "answers.gpkg", layer)


def draw_square(person: Person) -> None:
    """Draw four points by keyboard and save them."""
    person.press("n", " ")
    for arrow in ("ArrowRight", "ArrowDown", "ArrowLeft"):
        person.tab.keyboard.press(f"Shift+{arrow}")
        person.tab.keyboard.press(" ")
    person.tab.keyboard.press("Enter")


def test_places_are_answered_by_keyboard_in_the_order_of_the_sample(ada, sampled):
    open_list(ada, "sample_places", "p0001")
    facts = ada.tab.inner_text("#facts")
    assert "Is there a rock glacier at the cross?" in facts
    assert f"Answer on {IMAGERY}." in facts
    assert ada.tab.inner_text("#progress-text") == f"0 of {PLACES} answered"
    ada.press("a", "r", "v")
    ada.wait_saved()
    assert ada.current == "p0004"
    assert ada.message.startswith("p0003: cannot say")
    rows = answers(sampled, "places")
    assert rows["answer"].dropna().tolist() == ["yes", "no", "cannot_say"]
    assert rows["unit"].tolist()[:3] == ["p0001", "p0002", "p0003"]
    assert rows["reviewer"].tolist()[0] == "Ada"
    ada.press("m")
    ada.tab.keyboard.type("shade")
    ada.tab.keyboard.press("Escape")
    ada.wait_saved()
    ada.press("ArrowUp", "p")
    ada.wait_saved()
    assert ada.status == "pending"
    ada.press("u")
    ada.wait("document.querySelector('#headline .state').textContent === 'cannot say'")
    ada.press("u", "u", "u", "u")
    ada.wait("document.querySelector('#progress-text').textContent.startsWith('0 of')")
    assert answers(sampled, "places")["answer"].isna().all()


def test_nothing_of_our_map_is_seen_or_asked_for_and_none_of_it_can_be_put_on(ada):
    tab = ada.tab
    ada.press("y")
    tab.get_by_role("checkbox", name="probability of rock glacier").check()
    tab.get_by_role("tab", name="List").click()
    open_list(ada, "sample_places", "p0001")
    tab.wait_for_timeout(500)
    ada.requests.clear()
    ada.press(" ", " ", "-", "-", "-", "h", "h", ".", ",", "s", "s")
    tab.click("#tab-layers")
    texts = tab.inner_text("#panel-layers")
    pictures = tab.locator("#picture option").all_inner_texts()
    compared = tab.locator("#compare option").all_inner_texts()
    assert any("image of the map" in one for one in pictures)
    for words in (
        "probability",
        "detections",
        "removed",
        "candidates",
        "drawn by hand",
        "contours at",
        "landforms drawn",
    ):
        assert words not in "".join([texts.partition("Picture")[2], *pictures, *compared]).lower()
    tab.wait_for_selector("html[data-whole]")
    asked = [
        url
        for url in ada.requests
        if any(word in url for word in ("outlines/", "probability", "detections", "thumbnail"))
    ]
    assert asked == []
    tab.click("#tab-list")
    assert not tab.is_visible("#more")
    assert not tab.is_visible("#grid")
    ada.press("g", "e", "[")
    assert "confidence" not in tab.inner_text("#side").lower()
    assert tab.locator("#status option").all_inner_texts() == ["all", "pending", "yes", "no", "cannot say"]
    open_list(ada, "detections", "d00000")
    tab.click("#tab-layers")
    assert "detections" in tab.inner_text("#panel-layers")
    assert "probability" in tab.inner_text("#picture")


def test_the_map_shows_the_same_pixels_with_and_without_detections(chromium, sampled, tmp_path):
    """A region whose detections are others looks alike in the list of the sample."""
    make_region(tmp_path, 20, across=5, removed=1)
    write_sample(tmp_path)
    (tmp_path / "results/demo/mapping/T44SPC_probability.tif").unlink()
    kept = gpd.read_file(tmp_path / "results/demo/mapping/detections.gpkg", layer="kept").iloc[-1:]
    kept.to_file(tmp_path / "results/demo/mapping/detections.gpkg", layer="kept")
    seen = []
    with running(tmp_path) as other:
        for server in (sampled, other):
            with sitting(chromium, server.address) as person:
                open_list(person, "sample_places", "p0001")
                person.press("0", "ArrowDown", "ArrowDown")
                person.tab.wait_for_timeout(300)
                seen.append(person.picture())
    assert seen[0] == seen[1]


def test_landforms_of_a_square_by_keyboard_alone(ada, sampled):
    tab = ada.tab
    open_list(ada, "sample_squares", "s001")
    assert "0 outlined so far" in tab.inner_text("#facts")
    draw_square(ada)
    ada.wait("document.querySelector('#facts').textContent.includes('1 outlined so far')")
    ada.press("]")
    ada.wait("document.querySelector('#message').textContent.includes('is chosen')")
    ada.press("e", "]", "ArrowLeft", "Enter")
    ada.wait("document.querySelector('#message').textContent.includes('is mended')")
    ada.press("]")
    ada.wait("document.querySelector('#message').textContent.includes('is chosen')")
    ada.press("q")
    ada.wait("document.querySelector('#message').textContent.includes('Not sure of it')")
    assert answers(sampled, "landforms")["answer"].tolist() == ["cannot_say"]
    ada.press("]")
    ada.wait("document.querySelector('#message').textContent.includes('not sure')")
    ada.press("Delete")
    ada.wait("document.querySelector('#facts').textContent.includes('0 outlined so far')")
    ada.press("u")
    ada.wait("document.querySelector('#facts').textContent.includes('1 outlined so far')")
    ada.press("a")
    ada.wait_saved()
    assert answers(sampled, "squares").set_index("unit").loc["s001", "answer"] == "done"
    assert answers(sampled, "landforms")["unit"].tolist() == ["s001"]
    assert tab.inner_text("#progress-text") == f"1 of {SQUARES} answered"


def test_the_second_look_shows_no_answer_of_the_first(ada, sampled):
    open_list(ada, "sample_squares", "s001")
    draw_square(ada)
    ada.wait("document.querySelector('#message').textContent.includes('is saved')")
    open_list(ada, "second_look_squares", "s001")
    assert ada.status == "pending"
    ada.tab.wait_for_selector("html[data-whole]")
    ada.requests.clear()
    ada.press("+", "-")
    ada.tab.wait_for_selector("html[data-whole]")
    assert not [url for url in ada.requests if "sample_landforms" in url]
    assert "0 outlined" in ada.tab.inner_text("#facts")
