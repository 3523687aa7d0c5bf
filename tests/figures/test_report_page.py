"""The report: every answer it owes a reviewer, text that is text, and the same bytes for the same results."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.figures.made import FACTS, KEYS, REGION, landforms, made_report, make_results, step

from lobate.errors import UserError
from lobate.figures.report import generalize
from lobate.figures.report_page import landforms as rows
from lobate.figures.report_page.chart import ChartLine, chart, ticks
from lobate.figures.report_page.choices import choices, lineage_section, value_of, versions_section
from lobate.figures.report_page.markup import cell, details, facts, table
from lobate.settings.load import parse


class Words(HTMLParser):
    """The words of a page, and its elements, as a browser would take them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words, self.tags, self.inside = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.inside not in ("script", "style"):
            self.words.append(data)


def words(text: str) -> str:
    return " ".join(" ".join(Words(text).words).split())


@pytest.mark.parametrize("count", [0, 1, 30, 400])
def test_every_number_of_landforms_makes_a_page(tmp_path, count):
    page = made_report(tmp_path, make_results(tmp_path, count)).read_text()
    assert page.count('class="landform"') == count
    assert f"{count} landforms." in words(page)
    assert len(re.findall(r'<tr data-row="', page)) == count


def test_it_answers_what_a_reviewer_asks(tmp_path):
    said = words(made_report(tmp_path, make_results(tmp_path, 3)).read_text())
    for answer in (
        "Rock glacier inventory: made",
        "configured grouped 0.75 0.0 %",
        "other random 0.9 28.7 %",
        "2 folds: mean IoU 0.7500, spread 0.0700",
        "Round 1 is chosen.",
        "rests: round 1 reached the target",
        "IoU on the validation patches",
        "Reliability",
        "all mapped ground 0.6 0.7 0.8 0.75",
        "detections, by the filters area < 0.03 km2 2",
        "scenes S2B_two: cloud cover 70.6 % is over 5 % 1",
        "training.target_iou 0.7 0.8",
        "by compile_inventory",
        "dem.tif sha256 999999999999 (raw data)",
        "numpy 2.4.6 compile_inventory, describe",
        "Hu, Y., Liu, L.",
        "<b>bold</b>",
    ):
        assert answer in said, answer


def test_the_same_results_give_the_same_bytes_and_no_address_to_load_from(tmp_path):
    results = make_results(tmp_path, 5)
    one, other = (made_report(tmp_path, results, name).read_bytes() for name in ("a.html", "b.html"))
    assert one == other
    for tag, attributes in Words(one.decode()).tags:
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:")), tag
    assert b"default-src 'none'" in one


def test_ids_are_told_once(tmp_path):
    tags = Words(made_report(tmp_path, make_results(tmp_path, 3)).read_text()).tags
    names = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["summary", "selection", "scores", "lineage", "facts", "card", "metrics", "inventory"])
def test_a_file_that_is_not_what_it_should_be_is_a_mistake(tmp_path, name):
    results = make_results(tmp_path, 1)
    bad = tmp_path / "bad"
    bad.write_bytes(b"\xff[1]")
    with pytest.raises(UserError):
        made_report(tmp_path, {**results, name: [bad] * len(results[name]) if isinstance(results[name], list) else bad})


def test_of_too_many_landforms_the_largest_are_shown_and_it_says_so(monkeypatch):
    monkeypatch.setattr(rows, "MOST", 4)
    some = landforms(9)
    shown = rows.top_n(some)
    assert set(shown["id"]) == set(some.nlargest(4, "area_km2")["id"])
    assert shown["id"].is_monotonic_increasing
    assert (
        "9 landforms. These are the 4 largest; inventory.csv has all of them." in rows.inventory_section(shown, 9).body
    )


def test_columns_that_hold_nothing_are_named_and_left_out():
    body = rows.inventory_section(landforms(3), 3).body
    assert "empty throughout: activity." in body
    assert ">activity</button>" not in body


@given(st.text())
def test_no_text_becomes_markup(text):
    for made in (cell(text), table([text], [[text]]), facts({text: text}), details(text, "")):
        assert {tag for tag, _ in Words(made).tags} <= {"td", "div", "table", "thead", "tr", "th", "tbody"} | {
            "dl", "dt", "dd", "details", "summary"
        }  # fmt: skip


def test_a_reason_loses_the_number_of_one_feature_only():
    assert generalize("area 9.99806e-05 km2 < 0.03 km2") == "area < 0.03 km2"
    assert generalize("mean slope 41.2 > 35") == "mean slope > 35"
    assert generalize("too small in pixels of 10 m") == "too small in pixels of 10 m"


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_round_and_within(low, width):
    found = ticks(low, low + width)
    assert 1 <= len(found) <= 7
    assert all(low - 1e-6 * width <= one <= low + width * (1 + 1e-6) for one in found)


def test_a_curve_without_points_is_an_empty_chart():
    assert '<polyline points=""' in chart("t", ("x", "y"), [ChartLine("a", "#000", [])], y=(0, 1))


def test_settings_stand_beside_their_defaults():
    listed = choices(parse(REGION))
    assert value_of(listed, "training.target_iou") == 0.7
    changed = {one["name"] for one in listed if one["value"] != one["default"]}
    assert changed == {"region", "imagery.tiles", "labels.positives", "training.target_iou"}
    assert json.loads(json.dumps(listed)) == listed


def test_a_step_of_the_lineage_is_told_once_and_then_named():
    body = lineage_section(FACTS["lineage.json"]).body
    assert body.count("<details") == 2
    assert f'<a href="#s-{KEYS[1][:16]}">see above</a>' in body


def test_versions_that_differ_between_steps_both_stand():
    old = {**step(KEYS[2], "train"), "libraries": {"numpy": "2.3.0"}}
    said = words(versions_section({"steps": [*FACTS["lineage.json"]["steps"], old]}).body)
    assert "numpy 2.3.0 train numpy 2.4.6 compile_inventory, describe" in said
