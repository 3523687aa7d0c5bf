"""The review page as a person uses it: keyboard alone, a screen reader's roles, zoomed, on a phone; looking and mending."""

from __future__ import annotations

import importlib
import json

import numpy as np
import pytest

from .conftest import TWELVE as COUNT
from .person import Person, sitting
from .region import EVIL, rows

pytestmark = pytest.mark.xdist_group("review-page")


def test_a_held_key_decides_once(person):
    person.tab.keyboard.down("a")
    for _ in range(5):
        person.look()
        person.tab.keyboard.down("a")  # the keyboard repeats it
    person.tab.keyboard.up("a")
    person.wait_saved()
    assert (person.decided, person.current) == (1, "d00001")


def test_nothing_is_decided_before_it_is_on_the_screen(person):
    held = []

    def hold(route) -> None:
        held.append(route)

    person.context.route("**/api/item/**", hold)
    person.tab.keyboard.press("End")  # the map: no such key
    person.tab.focus("#list")
    person.tab.keyboard.press("End")
    person.tab.focus("#canvas")
    person.tab.keyboard.press("a")
    assert "not on the screen yet" in person.message
    for route in held:
        route.continue_()
    person.context.unroute("**/api/item/**")
    assert person.decided == 0


def test_typing_and_chosen_buttons_decide_nothing(person):
    person.press("m")
    person.tab.keyboard.type("a rather small one")
    person.tab.keyboard.press("Escape")
    assert person.decided == 0
    person.tab.click("button.reject")
    person.wait_saved()
    person.look()
    person.tab.keyboard.press(" ")  # after a click the keys belong to the map: this goes on, and rejects nothing more
    person.look()
    assert (person.decided, person.current) == (1, "d00002")
    person.go("d00000")
    assert person.tab.input_value("#remark") == "a rather small one"


def test_attributes_by_digits_go_with_the_decision(person, twelve):
    person.press("1")
    assert person.ask("document.activeElement.id") == "palette-list"
    person.tab.keyboard.press("3")
    person.press("2", "ArrowDown", "Enter", "a")
    person.wait_saved()
    person.go("d00000")
    texts = person.tab.locator(".attribute").all_inner_texts()
    assert "landslide" in texts[0]
    assert "transitional" in texts[1] or "active" in texts[1]
    person.press("1", "0")  # not said, after all: saved at once, as it is decided
    person.wait_saved()
    person.tab.reload()
    person.go("d00000")
    assert "not said" in person.tab.locator(".attribute").first.inner_text()


def test_take_back_and_undo(person, twelve):
    person.press("a", "r")
    person.wait_saved()
    person.go("d00000")
    assert person.status == "accepted"
    person.press("p")
    person.wait_saved()
    assert (person.status, person.decided) == ("pending", 1)
    person.press("u")
    person.wait("document.querySelector('#headline .state').textContent === 'accepted'")
    assert person.decided == 2


def test_roles_names_and_live_messages(person):
    tab = person.tab
    assert tab.get_by_role("application", name="Map").count() == 1
    assert tab.get_by_role("status").count() >= 1
    assert tab.locator("#alert").get_attribute("role") == "alert"
    listed = tab.get_by_role("listbox", name="Detections")
    assert tab.locator("#rows [role=option]").count() == COUNT
    active = listed.get_attribute("aria-activedescendant")
    assert tab.locator(f"#{active}").get_attribute("aria-selected") == "true"
    assert tab.locator(f"#{active}").get_attribute("aria-setsize") == str(COUNT)
    assert "pending" in tab.locator(f"#{active}").inner_text()
    person.press("a")
    assert person.message.startswith("d00000 is accepted")
    person.wait_saved()
    nameless = person.ask(
        """[...document.querySelectorAll('button, input, select, textarea, [role=slider], [role=listbox]')]
        .filter((one) => !(one.textContent.trim() || one.ariaLabel || one.labels?.length || one.getAttribute('aria-labelledby')))
        .map((one) => one.outerHTML)"""
    )
    assert nameless == []


def test_focus_is_seen_wherever_the_keyboard_goes(person):
    person.tab.focus("#reviewer")
    reached = set()
    for _ in range(45):
        person.tab.keyboard.press("Tab")
        name, seen = person.ask(
            "[document.activeElement.id || document.activeElement.textContent, getComputedStyle(document.activeElement).outlineStyle]"
        )
        reached.add(name)
        assert seen == "solid" or name == person.ask("document.body.textContent"), name
    assert {"canvas", "list", "search", "remark", "zoom-in", "tab-list", "ask"} <= reached
    assert any("Accept" in name for name in reached)


def test_what_the_server_refuses_is_said_and_taken_back_on_the_page(person):
    words = "The outline crosses itself at 79.1 E, 35.9 N. Mend it there."
    refusal = {"status": 400, "content_type": "application/json", "body": json.dumps({"error": words})}
    person.context.route("**/api/decide", lambda route: route.fulfill(**refusal))
    person.press("a")
    person.wait("document.querySelector('#alert').textContent !== ''")
    assert person.alert.startswith(f"d00000 is not saved: {words}")
    assert person.decided == 0
    person.tab.get_by_role("button", name="Go there").click()
    assert (person.current, person.status) == ("d00000", "pending")
    person.context.unroute("**/api/decide")


def test_a_lost_connection_is_said_and_decisions_are_sent_when_it_is_back(person, twelve):
    person.context.set_offline(True)
    person.press("a")
    person.wait("document.querySelector('#saving').textContent === 'No connection: 1 not saved'")
    assert "unsaved" in person.tab.get_attribute("#row-0", "class")
    person.context.set_offline(False)
    person.wait_saved()
    assert rows(twelve)["d00000"] == "accepted"


def test_filters_search_order_and_thumbnails(person):
    tab = person.tab
    person.press("a", "r")
    person.wait_saved()
    tab.select_option("#status", "rejected")
    assert tab.inner_text("#found") == f"1 of {COUNT}"
    assert person.current == "d00001"
    tab.select_option("#status", "")
    tab.click("#more summary")
    tab.fill("#min_confidence", "0.8")
    assert 0 < tab.locator("#rows [role=option]").count() < COUNT
    tab.fill("#min_confidence", "")
    tab.select_option("#sort", "confidence")
    assert f"d{COUNT - 1:05d}" in tab.locator("#row-0").inner_text()
    tab.focus("#canvas")
    person.press("/")
    tab.keyboard.type("d00007")
    tab.keyboard.press("Enter")
    assert person.current == "d00007"
    tab.fill("#search", "")
    tab.focus("#canvas")
    person.press("g")
    tab.locator(".cell img").first.wait_for()
    person.wait("[...document.querySelectorAll('.cell img')].every((one) => one.complete && one.naturalWidth > 0)")
    person.press("g")


def test_swipe_flicker_contrast_and_layers_change_the_picture(person):
    tab = person.tab
    plain = person.picture()
    tab.keyboard.down("c")
    person.wait(
        "document.querySelector('#caption-left').textContent.includes('first') || document.querySelector('#caption-left').textContent.includes('second')"
    )
    tab.wait_for_timeout(400)
    assert person.picture() != plain
    tab.keyboard.up("c")
    tab.wait_for_timeout(200)
    assert person.picture() == plain
    person.press("s")
    tab.wait_for_timeout(300)
    swiped = person.picture()
    assert swiped != plain
    tab.focus("#divider")
    tab.keyboard.press("ArrowLeft")
    assert tab.get_attribute("#divider", "aria-valuenow") == "48"
    person.press("y", "s")  # the panel of layers is open, and no letter chooses from its lists
    assert tab.input_value("#picture") == "image"
    tab.focus("#canvas")
    person.press("y", "h")
    tab.wait_for_timeout(200)
    assert person.picture() not in (plain, swiped), "outlines are hidden"
    person.press("h", "y")
    tab.get_by_label("Dark end").fill("60")
    tab.wait_for_timeout(600)
    assert person.picture() != plain
    tab.get_by_role("button", name="Contrast as it was").click()
    tab.get_by_role("checkbox", name="hillshade").check()
    tab.get_by_label("Opacity").wait_for()
    tab.wait_for_timeout(600)
    assert person.picture() != plain
    assert person.tab.inner_text("#scale").strip()
    assert "EPSG:32644" in tab.inner_text("#coordinates")


def test_the_scale_stays_from_one_detection_to_the_next(person):
    first = person.tab.inner_text("#scale")
    person.press("+", "+")
    zoomed = person.tab.inner_text("#scale")
    assert zoomed != first
    person.press(" ", "a", "ArrowDown", "Shift+ ")
    assert person.tab.inner_text("#scale") == zoomed


def test_states_differ_by_dash_and_shape_and_not_by_colour_alone(person):
    looks = person.ask("import('./page/symbols.js').then((module) => Object.values(module.STATUS))")
    assert len({json.dumps(look["dash"]) for look in looks}) == len(looks) == 4
    assert len({look["path"] for look in looks}) == 4
    layers = person.ask(
        "import('./page/symbols.js').then((m) => ['removed', 'hand', 'complete', 'other_a', 'other_b', 'candidates', 'uncertain'].map((id) => m.layerStyle(id)))"
    )
    assert len({json.dumps(look["dash"]) for look in layers}) == len(layers)


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (900, 700), (390, 844)])
def test_messages_cover_neither_the_tools_nor_the_map(person, width, height):
    tab = person.tab
    tab.click("#tab-list")  # closed: on a narrow window the drawer lies over the map
    tab.set_viewport_size({"width": width, "height": height})
    person.press("e")
    for number in range(3):
        person.ask(
            f"import('./page/speech.js').then((m) => m.warn('Note {number}. ' + 'A long note of the server. '.repeat(9)))"
        )
    tab.wait_for_timeout(200)
    covered = person.ask(
        """[...document.querySelectorAll('#tools button, #zooms button, #ask, #alert button')].filter((one) => one.checkVisibility()).filter((one) => {
          const { x, y, width, height } = one.getBoundingClientRect(), box = one.closest('#alert')?.getBoundingClientRect();
          if (box && (y + height > box.bottom || y < box.top)) return false;
          return !one.contains(document.elementFromPoint(x + width / 2, y + height / 2));
        }).map((one) => one.textContent)"""
    )
    assert covered == []
    map_, alert = (tab.locator(one).bounding_box() for one in ("#map", "#alert"))
    assert alert["y"] + alert["height"] <= map_["y"] + 1
    assert map_["height"] > 150
    tab.get_by_role("button", name="Close this message").first.click()
    assert tab.locator(".warning").count() == 2
    tab.focus("#canvas")
    tab.keyboard.press("Escape")
    tab.set_viewport_size({"width": 1280, "height": 720})


def test_texts_of_the_data_are_only_text(person):
    person.tab.select_option("#which", "removed")
    person.wait("document.querySelector('#headline').textContent.startsWith('x00000')")
    assert EVIL.replace("_", " ") in person.tab.inner_text("#facts")
    assert person.tab.title() == "demo: review"
    assert person.tab.locator("img[src='x']").count() == 0
    person.tab.select_option("#which", "detections")


def test_legible_at_125_percent(chromium, twelve):
    """1280 x 720 zoomed to 125 %: nothing overlaps or is cut off, the map keeps room, all buttons are in sight."""
    options = {"viewport": {"width": 1024, "height": 576}, "device_scale_factor": 1.25}
    with sitting(chromium, twelve.address, **options) as person:
        assert person.ask("document.documentElement.scrollWidth <= innerWidth")
        cut = person.ask(
            "[...document.querySelectorAll('header button, #buttons button, #zooms button')].filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent)"
        )
        assert cut == []
        small = person.ask(
            "[...document.querySelectorAll('header *, #side *, #drawer *')].filter((one) => one.textContent.trim() && one.checkVisibility() && parseFloat(getComputedStyle(one).fontSize) < 10.4).map((one) => one.outerHTML)"
        )
        assert small == []
        box = person.tab.locator("#canvas").bounding_box()
        assert box["width"] >= 440 and box["height"] >= 480
        for name in ("Accept", "Reject", "Mend", "Undo", "Next"):
            button = person.tab.locator("#buttons").get_by_role("button", name=name).bounding_box()
            assert button["y"] + button["height"] <= 576


def test_a_phone_decides_and_zooms_by_touch(chromium, twelve):
    options = {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "has_touch": True,
        "is_mobile": True,
    }
    with sitting(chromium, twelve.address, **options) as person:
        tab = person.tab
        assert person.ask("document.documentElement.scrollWidth <= innerWidth")
        low = person.ask(
            "[...document.querySelectorAll('button, select, input:not([type=file])')].filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 43).map((one) => one.outerHTML)"
        )
        assert low == []
        assert tab.locator("#canvas").bounding_box()["height"] > 300
        first, decided = person.current, person.decided
        tab.locator("#buttons").get_by_role("button", name="Accept").tap()
        person.look()
        person.wait_saved()
        assert person.current != first
        assert person.decided == decided + 1
        before = tab.inner_text("#scale")
        pinch(person, 60, 300)
        person.wait(f"document.querySelector('#scale').innerText !== {before!r}")
        tab.get_by_role("tab", name="Layers").tap()
        tab.get_by_role("checkbox", name="hillshade").tap()
        tab.get_by_role("button", name="Close the panel").tap()
        assert tab.is_visible("#canvas")
        tab.locator("#buttons").get_by_role("button", name="Undo").tap()
        person.wait(f"document.querySelector('#progress-text').textContent.startsWith('{decided} of')")


def pinch(person: Person, start: float, end: float) -> None:
    """Two fingers move apart on the map."""
    session = person.context.new_cdp_session(person.tab)
    x, y = person.place(0.5, 0.5)

    def fingers(apart: float) -> list[dict[str, float]]:
        return [{"x": x - apart / 2, "y": y, "id": 1}, {"x": x + apart / 2, "y": y, "id": 2}]

    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": fingers(start)})
    for apart in np.linspace(start, end, 6):
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": fingers(apart)})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_another_reviewer_is_seen_at_once(chromium, twelve, person):
    with sitting(chromium, twelve.address, "Ben") as ben:
        ben.go("d00005")
        ben.press("r")
        ben.wait_saved()
        person.wait("document.querySelector('#row-5').textContent.includes('rejected')")
        ben.press("u")
        person.wait("document.querySelector('#row-5').textContent.includes('pending')")


def test_the_documentation_has_the_keys_of_the_page(person, project, monkeypatch):
    monkeypatch.syspath_prepend(str(project / "docs"))
    pictures = importlib.import_module("review_pictures")
    assert pictures.keys_table(person.tab) == (project / "docs/review_keys.md").read_text()
    person.tab.keyboard.press("Escape")
