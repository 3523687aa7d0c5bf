"""Decisions on the review page outlive the model, the file and the folder that they were made with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.pages.reviewing import applied, rewritten, saved, world

from lobate.inventory.apply_review import apply_review
from lobate.io.vector import read_polygons

pytestmark = pytest.mark.xdist_group("pages")


def test_decisions_outlive_a_retraining_without_a_file(someone, six, tmp_path):
    person = someone(six)
    person.press("a", "r", "e", "]", "ArrowUp", "a", "c", "5")
    newer = someone(world(tmp_path / "new", 5, across=3, dx=40.0, names="e"))
    assert [newer.status[f"e0000{n}"] for n in range(4)] == ["accepted", "rejected", "edited", "pending"]
    assert newer.ask("entries[3].activity") == "relict"
    first = {
        one["properties"]["detection"]: one["geometry"]
        for one in json.loads(person.save(tmp_path / "a.geojson").read_text())["features"]
    }
    again = {
        one["properties"]["detection"]: one["geometry"]
        for one in json.loads(newer.save(tmp_path / "b.geojson").read_text())["features"]
    }
    assert again["e00000"] == first["d00000"], "the outline that was accepted"
    assert again["e00002"] == first["d00002"], "the outline that was drawn"
    newer.tab.click("#row-0")
    newer.press("r")
    person.until("entries[0].status === 'rejected'")  # it is one decision, in both pages


def test_decisions_can_be_saved_when_no_detection_matches_any_more(someone, six, tmp_path):
    someone(six).press("a", "r", "a")
    for count in (0, 1):
        folder = tmp_path / f"left{count}"
        page = world(folder, 1, across=3, dx=230.0, names="z")
        if not count:
            without_detections(page)
        person = someone(page)
        said = saved(person, folder / "said.geojson")
        assert sorted(one["status"] for one in said.values()) == ["accepted", "accepted", "rejected"]
        assert "3 fit none here" in person.tab.inner_text("#progress-text")
        assert person.tab.locator("#layer-carried").is_visible()


def without_detections(page: Path) -> None:
    text = page.read_text()
    start = text.index('"detections":') + len('"detections":')
    _, end = json.JSONDecoder().raw_decode(text[start:])
    page.write_text(text[:start] + "[]" + text[start + end :])


def test_two_projects_with_one_name_on_other_ground(someone, six, tmp_path):
    here = someone(six)
    here.press("a")
    far = someone(world(tmp_path / "far", 2, dx=0.0, names="f", region="other"))
    assert set(far.status.values()) == {"pending"}, "another region's page in the same browser"
    namesake = someone(moved_ground(world(tmp_path / "namesake", 2, names="n")))
    assert set(namesake.status.values()) == {"pending"}
    assert "1 decision for a region demo on other ground" in namesake.notices
    namesake.press("r")
    assert list(saved(namesake, tmp_path / "n.geojson")) == ["n00000"]
    with namesake.tab.expect_download() as waiting:
        namesake.tab.click("text=Save them in a file of their own")
    waiting.value.save_as(tmp_path / "else.geojson")
    assert [
        one["properties"]["detection"] for one in json.loads((tmp_path / "else.geojson").read_text())["features"]
    ] == ["d00000"]
    assert list(saved(someone(six), tmp_path / "h.geojson")) == ["d00000"], "and it erases nothing there"


def moved_ground(page: Path) -> Path:
    """Move a page's outlines and images by ten degrees."""
    text = page.read_text()
    start = text.index('id="data">') + len('id="data">')
    data, end = json.JSONDecoder().raw_decode(text[start:])
    data["ground"] = [[west + 10, south, east + 10, north] for west, south, east, north in data["ground"]]
    for one in data["detections"]:
        one["outline"] = [[[[x + 10, y] for x, y in ring] for ring in part] for part in one["outline"]]
    page.write_text(text[:start] + json.dumps(data).replace("<", "\\u003c") + text[start + end :])
    return page


def test_decisions_in_the_regions_file_are_known(someone, six, tmp_path):
    first = someone(six)
    first.press("a", "r", "e", "]", "ArrowUp", "a", "c", "5")
    apply_review(six.parent / "detections.gpkg", tmp_path / "reviewed.gpkg", [first.save(tmp_path / "said.geojson")])
    first.tab.context.clear_cookies()
    first.ask("localStorage.clear()")
    first.tab.close()
    page = world(tmp_path / "again", 6, across=3, reviewed=tmp_path / "reviewed.gpkg")
    person = someone(page)
    assert list(person.status.values()) == ["accepted", "rejected", "edited", "pending", "pending", "pending"]
    assert person.ask("entries[3].activity") == "relict"
    assert person.current == "d00003"
    assert "3 of 6 decided" in person.tab.inner_text("#progress-text")
    person.press("a")
    person.tab.click("#row-0")
    person.press("d")  # what the file says can be taken back
    said = saved(person, tmp_path / "more.geojson")
    assert [said[f"d0000{n}"]["status"] for n in range(4)] == ["pending", "rejected", "edited", "accepted"]
    layers = applied(page, tmp_path / "more.geojson", tmp_path)
    assert dict(layers["reviewed"]["status"]) == {
        "d00000": "pending", "d00002": "edited", "d00003": "accepted", "d00004": "pending", "d00005": "pending",
    }  # fmt: skip
    same = read_polygons(tmp_path / "reviewed.gpkg", "reviewed").set_index("detection")
    assert layers["reviewed"].loc["d00002"].geometry.equals(same.loc["d00002"].geometry)


def test_a_file_that_says_otherwise_by_now_is_asked_about(someone, six, tmp_path):
    person = someone(six)
    person.press("a", "a")
    mine = person.save(tmp_path / "mine.geojson")
    theirs = rewritten(mine, tmp_path / "theirs.geojson", d00000={"status": "rejected"})
    apply_review(six.parent / "detections.gpkg", tmp_path / "reviewed.gpkg", [theirs])
    page = world(tmp_path / "again", 6, across=3, reviewed=tmp_path / "reviewed.gpkg")
    again = someone(page)
    again.until("$('clashes').open")
    assert again.tab.locator("#clash-rows fieldset").count() == 1
    again.tab.click("text=All as the region")
    again.tab.click("text=Take these")
    again.until("entries[0].status === 'rejected'")
    third = someone(page)
    assert not third.ask("$('clashes').open"), "it is asked once"
    third.tab.click("#row-0")
    third.press("a")  # a newer decision than the file's stands without a question
    assert someone(page).status["d00000"] == "accepted"


def test_many_decisions_of_another_model_find_their_places(someone, tmp_path):
    person = someone(world(tmp_path / "old", 200))
    person.ask(
        "act(sids.map((sid, i) => ({ sid, before: { status: 'pending' }, after: { status: i % 2 ? 'accepted' : 'rejected' } })))"
    )
    assert person.notices == "", "the browser's store holds them"
    newer = someone(world(tmp_path / "new", 200, dx=30.0, names="e"))
    assert list(newer.status.values()) == ["rejected", "accepted"] * 100
    person.press("z")
    assert set(person.status.values()) == {"pending"}
    newer.until("entries.every((one) => one.status === 'pending')")
