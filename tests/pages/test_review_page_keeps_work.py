"""No way is left in which the review page loses a person's work: each was one, or could have been, in a real browser."""

from __future__ import annotations

import json

import geopandas as gpd
import pytest
from tests.pages.reviewing import Person, applied, rewritten, saved, world

pytestmark = pytest.mark.xdist_group("pages")

FORBIDDEN = "for (const name of ['localStorage', 'sessionStorage']) Object.defineProperty(window, name, { get() { throw new DOMException('no', 'SecurityError'); } })"
FILL = """(() => { let size = 4_000_000, n = 0;
  while (size >= 1) { try { localStorage.setItem(`filler ${n++}`, "x".repeat(size)); } catch { size = Math.floor(size / 2); } } })()"""


def test_words_about_a_pending_detection_reach_the_inventory(someone, six, tmp_path):
    person = someone(six)
    person.press("c", "1", "o", "2", "k", "4", "m")
    person.tab.keyboard.type("look again")
    person.press("Escape")
    layers = applied(six, person.save(tmp_path / "said.geojson"), tmp_path)
    row = layers["reviewed"].loc["d00000"]
    assert row[["status", "activity", "outline_type", "kinematics", "remark"]].tolist() == [
        "pending", "active", "Restricted", "dm", "look again",
    ]  # fmt: skip


def test_two_tabs_share_their_decisions(someone, six, tmp_path):
    one, other = someone(six), someone(six)
    one.press("a")
    other.until("entries[0].status === 'accepted'")
    other.tab.click("#row-2")
    other.press("r")
    one.until("entries[2].status === 'rejected'")
    one.tab.click("#row-4")
    one.press("a")
    other.until("entries[4].status === 'accepted'")
    assert {name: said["status"] for name, said in saved(other, tmp_path / "a.geojson").items()} == {
        "d00000": "accepted", "d00002": "rejected", "d00004": "accepted",
    }  # fmt: skip
    one.until("unsaved.size === 0")
    third = someone(six)
    assert list(third.status.values()).count("pending") == 3


def test_a_tab_that_hears_nothing_erases_nothing(someone, six):
    one, deaf = someone(six), someone(six)
    deaf.ask("window.addEventListener('storage', (event) => event.stopImmediatePropagation(), true)")
    deaf.ask("heard = () => {}")
    one.press("a")
    one.tab.click("#row-0")
    one.press("m")
    one.tab.keyboard.type("mine")
    deaf.tab.click("#row-0")
    deaf.press("c", "1")
    again = someone(six)
    assert again.ask("[entries[0].status, entries[0].remark, entries[0].activity]") == ["accepted", "mine", "active"]
    assert deaf.status["d00000"] == "accepted", "it has read what is there before it wrote"


def test_undo_does_not_touch_what_another_tab_decided_since(someone, six):
    one, other = someone(six), someone(six)
    one.press("a")
    other.until("entries[0].status === 'accepted'")
    other.tab.click("#row-0")
    other.press("r")
    one.until("entries[0].status === 'rejected'")
    one.press("z")
    assert "another tab" in one.message
    assert one.status["d00000"] == "rejected"


def test_an_emptied_store_is_filled_again(someone, six):
    one, other = someone(six), someone(six)
    one.press("a", "r")
    other.ask("localStorage.clear()")
    one.until("Object.keys(localStorage).filter((name) => name.startsWith(PREFIX)).length === 2")
    assert list(someone(six).status.values()).count("pending") == 4


def test_loading_asks_where_it_contradicts_and_can_be_undone(someone, six, tmp_path):
    person = someone(six)
    person.press("a", "r", "a")
    mine = person.save(tmp_path / "mine.geojson")
    theirs = rewritten(
        mine,
        tmp_path / "theirs.geojson",
        d00000={"status": "rejected", "remark": "a lake"},
        d00001={"activity": "relict"},
    )
    person.press("d")  # something that only this page says
    person.tab.click("#row-5")
    person.press("a")
    person.load(theirs)
    assert person.tab.locator("#clash-rows fieldset").count() == 1
    person.press("r")  # no key decides behind the question
    person.tab.click("text=Cancel")
    person.until("$('message').textContent === 'Nothing was loaded.'")
    assert person.status["d00000"] == "accepted"
    person.load(theirs)
    person.tab.click("text=All as the file says")
    person.tab.click("text=Take these")
    person.until("$('message').textContent.includes('loaded')")
    assert person.status["d00000"] == "rejected"
    assert person.ask("[entries[0].remark, entries[1].activity]") == ["a lake", "relict"]
    assert person.status["d00005"] == "accepted", "what the file does not know stays"
    person.press("z")
    assert person.status["d00000"] == "accepted"
    assert person.ask("[entries[0].remark, entries[1].activity]") == ["", ""]
    person.press("z")
    assert person.status["d00005"] == "pending", "what came before the file can still be undone"


def test_what_fits_nothing_is_kept_of_every_file(someone, six, tmp_path):
    files = []
    for number, word in enumerate(("accepted", "rejected")):
        folder = tmp_path / f"far{number}"
        far = someone(world(folder, 1, across=1, dx=1500.0 * (number + 1) + 150, names=f"far{number}_", region="far"))
        far.press("a" if word == "accepted" else "r")
        files.append(far.save(folder / "said.geojson"))
    person = someone(six)
    person.press("a")
    for file in [*files, files[0]]:
        person.load(file)
        person.until("$('message').textContent.includes('loaded')")
    assert person.ask("carried.size") == 2, "the same file twice is the same decision"
    said = saved(person, tmp_path / "all.geojson")
    assert {name: one["status"] for name, one in said.items()} == {
        "d00000": "accepted", "far0_00000": "accepted", "far1_00000": "rejected",
    }  # fmt: skip
    assert saved(someone(six), tmp_path / "again.geojson").keys() == said.keys(), "a new tab keeps them too"
    person.press("z")
    assert person.ask("carried.size") == 1


def test_a_full_store_is_said_until_the_decisions_are_saved(someone, six, tmp_path):
    person = someone(six)
    person.press("a")
    person.ask(FILL)
    person.tab.click("#row-1")
    person.press("r", "a")
    assert "2 decisions are in this tab only" in person.notices
    person.press("n", "p", "n")
    assert "2 decisions are in this tab only" in person.notices, "it does not fade"
    assert leaving_is_asked(person)
    assert len(saved(person, tmp_path / "a.geojson")) == 3
    assert person.notices == ""
    assert not leaving_is_asked(person)
    person.press("r")
    assert "1 decision is in this tab only" in person.notices
    person.ask(
        "Object.keys(localStorage).filter((name) => name.startsWith('filler')).forEach((name) => localStorage.removeItem(name))"
    )
    person.press("a")
    assert person.notices == "", "with room again, all are kept"
    assert list(someone(six).status.values()).count("pending") == 1


def leaving_is_asked(person: Person) -> bool:
    return not person.ask("window.dispatchEvent(new Event('beforeunload', { cancelable: true }))")


def test_a_browser_that_keeps_nothing_says_so_at_once(context, someone, six, tmp_path):
    context.add_init_script(FORBIDDEN)
    person = someone(six)
    assert "keeps nothing" in person.notices
    person.press("a", "r")
    assert "2 decisions are in this tab only" in person.notices
    assert leaving_is_asked(person)
    assert len(saved(person, tmp_path / "a.geojson")) == 2
    assert "Save before you close" in person.notices


def test_closing_with_unsaved_decisions_asks(someone, six, tmp_path):
    person = someone(six)
    assert not leaving_is_asked(person), "nothing was done"
    person.press("a")
    assert leaving_is_asked(person)
    assert "1 unsaved" in person.tab.inner_text("aside")
    person.save(tmp_path / "a.geojson")
    assert not leaving_is_asked(person)
    assert "unsaved" not in person.tab.inner_text("aside")


def test_letters_in_a_list_are_keys_of_the_page(someone, six):
    person = someone(six)
    person.tab.select_option("#activity", "active")  # the focus stays in the list, as after a click
    person.tab.focus("#activity")
    person.press("r")
    assert person.status["d00000"] == "rejected"
    assert person.ask("entries[0].activity") == "active", "not 'relict'"
    assert person.ask("entries[1].activity") == ""
    person.press("x", "t")
    assert person.ask("entries[1].activity") == "", "no letter changes a word"
    person.press("3")
    assert person.ask("entries[1].activity") == "transitional"
    person.press("0")
    assert person.ask("entries[1].activity") == ""
    person.press("ArrowDown", "ArrowDown")
    assert person.ask("entries[1].activity") == "active_uncertain"
    person.press("z")
    assert person.ask("entries[1].activity") == "active", "words can be undone"


def test_a_held_key_decides_once(someone, six):
    person = someone(six)
    for _ in range(5):
        person.tab.keyboard.down("a")
    person.tab.keyboard.up("a")
    assert list(person.status.values()).count("accepted") == 1
    person.tab.focus("#reject")
    for _ in range(5):
        person.tab.keyboard.down("Enter")
    person.tab.keyboard.up("Enter")
    assert list(person.status.values()).count("rejected") == 1
    person.tab.focus("#canvas")
    for _ in range(3):
        person.tab.keyboard.down("n")
    person.tab.keyboard.up("n")
    assert person.current == "d00005", "going on may be held"


def test_a_reload_in_the_middle_loses_nothing(someone, six):
    person = someone(six)
    person.press("a", "e", "]", "ArrowUp", "m")
    person.tab.keyboard.type("half a senten")
    x, y = person.vertex(3)
    person.tab.mouse.move(x, y)
    person.tab.mouse.down()
    person.tab.mouse.move(x + 9, y)
    drawn = person.ask("entries[1].outline")
    person.tab.reload()
    assert person.status["d00000"] == "accepted"
    assert person.ask("entries[1].outline") == drawn
    assert person.ask("entries[1].remark") == "half a senten"
    person.press("z", "z", "z")
    assert set(person.status.values()) == {"pending"}, "what was done before can still be undone"
    assert person.ask("[entries[1].outline, entries[1].remark]") == [None, ""]


def test_a_clock_that_runs_backwards_matters_not(context, someone, six):
    context.add_init_script("{ let now = 4e12; Date.now = () => (now -= 1e9); }")
    one, other = someone(six), someone(six)
    one.press("a")
    other.until("entries[0].status === 'accepted'")
    other.tab.click("#row-0")
    other.press("r")
    one.until("entries[0].status === 'rejected'")
    assert someone(six).status["d00000"] == "rejected", "the later one"


def test_a_damaged_note_harms_no_other(someone, six):
    person = someone(six)
    person.press("a", "r")
    person.ask("localStorage.setItem(PREFIX + sids[1], '{broken')")
    again = someone(six)
    assert again.status["d00000"] == "accepted"
    assert "1 note in this browser's store cannot be read" in again.notices
    assert again.ask("localStorage.getItem(PREFIX + sids[1])") == "{broken", "it stays as it is"


def test_what_an_earlier_page_kept_is_found(context, six, someone):
    fields = {
        "reviewer": "A",
        "upslope_connection": "",
        "activity": "relict",
        "remark": "",
        "outline": None,
        "seen": None,
    }
    keys = someone(six).ask("detections.map((one) => one.key)")
    kept = {"reviewer": "A", "carried": [], "entries": {keys[2]: {"status": "accepted", **fields}}}
    context.pages[0].evaluate("(text) => localStorage.setItem('lobate review demo', text)", json.dumps(kept))
    person = someone(six)
    assert person.status["d00002"] == "accepted"
    assert person.ask("[entries[2].activity, $('reviewer').value]") == ["relict", "A"]


def test_words_of_no_vocabulary_and_fields_of_others_come_back(someone, six, tmp_path):
    person = someone(six)
    person.press("a")
    strange = rewritten(
        person.save(tmp_path / "a.geojson"), tmp_path / "b.geojson", d00000={"activity": "sleepy", "surveyed": "2019"}
    )
    said = json.loads(strange.read_text())
    said["features"][0]["geometry"]["coordinates"][0][0] = [
        [x, y + 0.02] for x, y in said["features"][0]["geometry"]["coordinates"][0][0]
    ]
    said["features"][0]["properties"] |= {"seen": None, "detection": "mine"}
    strange.write_text(json.dumps(said))
    person.load(strange)
    person.until("$('message').textContent.includes('loaded')")
    assert "1 unknown words stand in the remarks" in person.message
    again = saved(person, tmp_path / "c.geojson")["mine"]
    assert (again["remark"], again["surveyed"]) == ("activity: sleepy", "2019")


def test_what_was_decided_is_said(someone, six):
    person = someone(six)
    assert person.tab.locator("#message").get_attribute("aria-live") == "polite"
    person.press("a")
    assert person.message == "d00000 accepted. Now d00001, confidence 0.57, pending."
    person.press("r", "d")
    assert person.message == "d00002 is pending already."
    person.tab.click("#row-0")
    person.press("d")
    assert person.message == "d00000 is pending again."
    person.press("c", "1")
    assert person.message == "d00000: activity active."


def test_the_saved_file_is_a_decisions_file_for_others_too(someone, six, tmp_path):
    person = someone(six)
    person.press("a", "r")
    frame = gpd.read_file(person.save(tmp_path / "a.geojson"))
    assert frame.geometry.is_valid.all()
    assert frame["status"].tolist() == ["accepted", "rejected"]
