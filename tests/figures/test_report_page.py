"""The report: every answer it owes a reviewer, text that is text, and the same bytes for the same results."""

from __future__ import annotations

import json
import re
from math import inf, nan
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jinja2 import UndefinedError
from tests.figures.made import FACTS, KEYS, REGION, contours, landforms, made_report, make_results, step
from tests.figures.words import Words, words

from lobate.errors import UserError
from lobate.figures.report_page import landforms as table_rows
from lobate.figures.report_page.chart import Chart, ChartLine, draw_chart
from lobate.figures.report_page.lineage import library_versions, lineage_facts
from lobate.figures.report_page.page import environment
from lobate.figures.report_page.removed import generalize
from lobate.figures.report_page.settings_table import settings_with_defaults, value_of
from lobate.io.vector import write_layers
from lobate.settings.load import parse


def macros():
    return environment().get_template("macros.html").module


EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\" onload=alert(1) x='{{ 7 * 7 }}"


def hostile(facts):
    """The same facts with a hostile end to every text in them; keys, paths of steps and methods stay as they are."""
    if isinstance(facts, dict):
        return {name: value if name in ("key", "step") else hostile(value) for name, value in facts.items()}
    return (
        [hostile(part) for part in facts]
        if isinstance(facts, list)
        else f"{facts}{EVIL}"
        if isinstance(facts, str)
        else facts
    )


@pytest.mark.parametrize("count", [0, 1, 30, 400])
def test_every_number_of_landforms_makes_a_page(tmp_path, count):
    page = made_report(tmp_path, make_results(tmp_path, count)).read_text()
    assert page.count('class="landform"') == count
    assert f"{count} landforms." in words(page)
    assert len(re.findall(r'<tr data-row="', page)) == count


def test_it_answers_what_a_reviewer_asks(tmp_path):
    text = words(made_report(tmp_path, make_results(tmp_path, 3)).read_text())
    for answer in (
        "Rock glacier inventory: made",
        "configured grouped 0.750 0.0 %",
        "other random 0.900 28.7 %",
        "2 folds: mean IoU 0.75, spread from 0.70 to 0.80",
        "20 0.8 0.75 (95 %: 0.61 to 0.85)",
        "IoU on validation patches 0.75 (95 %: 0.61 to 0.85)",
        "Round 1 is chosen.",
        "rests: round 1 reached the target",
        "IoU on the validation patches",
        "Pixels with a probability of at least 0.6 form detections: the IoU at 0.6 is 0.120 above that at 0.5.",
        "0.6 0.52 0.4 0.6 5",
        "A map that calls all this ground landform has an IoU of 0.030.",
        "Expected calibration error (mean gap, weighted by area): 0.012. It holds for ground with 1.31 % landform",
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
        assert answer in text, answer


def test_the_iou_that_judges_stands_with_its_ground(tmp_path):
    results = make_results(tmp_path, 3)
    facts = json.loads(results["selection"].read_text())
    facts["rounds"][0]["judged"] = {
        "ground": "windows of the map",
        "iou": 0.91,
        "interval": {"blocks": 3},
        "groups": {},
    }
    results["selection"].write_text(json.dumps(facts))
    text = words(made_report(tmp_path, results).read_text())
    assert "The target, an IoU of 0.7 on windows of the map, was reached." in text
    assert "IoU on windows of the map 0.910 (no interval: 3 groups)" in text


TEST = {
    "iou": {"landform": 0.7131},
    "patches": 12,
    "models_judged": 1,
    "intervals": {"iou": {"blocks": 6, "low": 0.61, "high": 0.79}},
    "groups": {"36.1/81.0": {"patches": 12, "true_positive": 7, "false_positive": 1, "false_negative": 2}},
}


def test_without_a_test_side_it_says_what_the_iou_was_selected_on(tmp_path):
    text = words(made_report(tmp_path, make_results(tmp_path, 3)).read_text())
    assert (
        "There is no test side: the validation IoU of 0.75 (95 %: 0.61 to 0.85) was selected on, by 2 looks in 1 round, so it flatters."
        in text
    )


@pytest.mark.parametrize(
    ("models", "judged"), [(1, "1 model."), (3, "3 different models, so its IoU is selected on too.")]
)
def test_the_iou_of_the_test_side_stands_with_its_ground_and_the_models_it_has_judged(tmp_path, models, judged):
    (tmp_path / "test.json").write_text(json.dumps(TEST | {"models_judged": models}))
    page = made_report(tmp_path, make_results(tmp_path, 3) | {"test": tmp_path / "test.json"})
    text = words(page.read_text())
    assert (
        "the IoU of the landform is 0.71 (95 %: 0.61 to 0.79) at a probability of 0.5 (12 patches in 1 groups)" in text
    )
    assert f"It has judged {judged}" in text
    assert "There is no test side" not in text


@pytest.mark.parametrize("by", ["selection", "threshold"])
def test_a_model_that_learnt_nothing_stands_in_red_above_all(tmp_path, by):
    """Whether its verdict says so, or its map."""
    results = make_results(tmp_path, 3)
    assert "learnt nothing" not in made_report(tmp_path, results).read_text()
    facts = json.loads(results[by].read_text())
    (facts["rounds"][0] if by == "selection" else facts)["learnt_nothing"] = "its validation IoU is low"
    results[by].write_text(json.dumps(facts))
    page = made_report(tmp_path, results).read_text()
    assert '<p role="alert" class="alarm">The model learnt nothing: its validation IoU is low.' in page
    assert page.index('class="alarm"') < page.index('id="overview"')


@pytest.mark.parametrize("content", ["{}", '{"iou": {"landform": 1}}', "[]", ""])
def test_what_is_no_test_json(tmp_path, content):
    (tmp_path / "test.json").write_text(content)
    with pytest.raises(UserError, match=r"test\.json"):
        made_report(tmp_path, make_results(tmp_path, 3) | {"test": tmp_path / "test.json"})


def test_the_same_results_give_the_same_bytes_and_no_address_to_load_from(tmp_path):
    results = make_results(tmp_path, 5)
    first, second = (made_report(tmp_path, results, name).read_bytes() for name in ("a.html", "b.html"))
    assert first == second
    tags = Words(first.decode()).tags
    for tag, attributes in tags:
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:")), tag
    policies = [attributes["content"] for _, attributes in tags if "http-equiv" in attributes]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-")


def test_ids_are_unique(tmp_path):
    tags = Words(made_report(tmp_path, make_results(tmp_path, 3)).read_text()).tags
    names = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "name", ["summary", "selection", "scores", "lineage", "facts", "card", "metrics", "inventory", "threshold"]
)
def test_a_file_that_is_not_what_it_should_be_is_a_mistake(tmp_path, name):
    results = make_results(tmp_path, 1)
    bad = tmp_path / "bad"
    bad.write_bytes(b"\xff[1]")
    with pytest.raises(UserError):
        made_report(tmp_path, {**results, name: [bad] * len(results[name]) if isinstance(results[name], list) else bad})


def test_hostile_text_in_every_fact_is_text(tmp_path):
    results = make_results(tmp_path, 3)
    plain = Words(made_report(tmp_path, results).read_text()).tags
    for name, facts in FACTS.items():
        (tmp_path / name).write_text(json.dumps(hostile(facts)))
    results["card"].write_text(f"# Card {EVIL}\n\n{EVIL}\n")
    frame = landforms(3)
    frame["remark"], frame["activity"], frame["id"] = EVIL, [EVIL] * 3, [f"{n}{EVIL}" for n in range(3)]
    removed = frame.rename(columns={"remark": "reason"})
    write_layers(results["inventory"], {"inventory": frame.rename(columns={"velocity": EVIL}), "removed": removed})
    page = Words(made_report(tmp_path, {**results, "removed": [results["inventory"]]}).read_text())
    assert [tag for tag, _ in page.tags if tag in ("script", "style", "img")] == [
        tag for tag, _ in plain if tag in ("script", "style", "img")
    ]
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    text = " ".join(page.words)
    assert text.count(EVIL) > 30
    assert "49" not in text.replace("{{ 7 * 7 }}", "")


def test_of_too_many_landforms_the_largest_are_shown_and_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(table_rows, "MAX_LANDFORMS", 4)
    table = landforms(9)
    shown = table_rows.top_n(table)
    assert set(shown["id"]) == set(table.nlargest(4, "area_km2")["id"])
    assert shown["id"].is_monotonic_increasing
    page = made_report(tmp_path, make_results(tmp_path, 9)).read_text()
    assert "9 landforms. These are the 4 largest; inventory.csv has all of them." in words(page)
    assert page.count('class="landform"') == len(re.findall(r'<tr data-row="', page)) == 4


def test_columns_that_hold_nothing_are_named_and_left_out(tmp_path):
    body = made_report(tmp_path, make_results(tmp_path, 3)).read_text()
    assert "empty throughout: activity." in body
    assert ">velocity</button>" in body
    assert ">activity</button>" not in body


def test_every_link_of_the_page_has_its_anchor(tmp_path):
    tags = Words(made_report(tmp_path, make_results(tmp_path, 3)).read_text()).tags
    anchors = {f"#{attributes['id']}" for _, attributes in tags if "id" in attributes}
    links = {attributes["href"] for tag, attributes in tags if tag in ("a", "use")}
    assert len(links) > 13
    assert links <= anchors


def test_a_fact_that_a_template_lacks_is_an_error():
    with pytest.raises(UndefinedError):
        environment().from_string("{{ missing }}").render()


@given(st.text())
def test_no_text_becomes_markup(text):
    html = macros()
    for markup in (
        html.cell(text),
        html.table([text], [[text]], text),
        html.facts({text: text}),
        html.details(text, caller=lambda: ""),
    ):
        tags = Words(markup).tags
        assert {tag for tag, _ in tags} <= {"td", "div", "table", "caption", "thead", "tr", "th", "tbody"} | {
            "dl", "dt", "dd", "details", "summary"
        }  # fmt: skip
        assert {name for _, attributes in tags for name in attributes} <= {"class", "tabindex", "scope"}


def test_a_reason_loses_the_number_of_one_feature_only():
    assert generalize("area 9.99806e-05 km2 < 0.03 km2") == "area < 0.03 km2"
    assert generalize("mean slope 41.2 > 35") == "mean slope > 35"
    assert generalize("too small in pixels of 10 m") == "too small in pixels of 10 m"


POINTS = st.tuples(st.floats(0, 1e7) | st.sampled_from([nan, inf]), st.floats())


@given(st.lists(POINTS, max_size=5), st.floats(1e-3, 1e6))
@example([], 1.0)
@example([(1.0, nan), (3.0, 2.0)], 1.0)
@settings(max_examples=10, deadline=None)
def test_any_points_make_a_picture_that_loads_nothing(points, highest):
    chart = Chart("t", "x", "y", [ChartLine("a", "#000000", points)], (0.0, highest))
    picture = draw_chart(chart)
    assert picture == draw_chart(chart)
    tree = ElementTree.fromstring(picture)
    assert tree.tag.endswith("svg")
    for part in tree.iter():
        assert not part.tag.endswith(("script", "image", "metadata", "foreignObject"))
        for name, value in part.attrib.items():
            assert not name.endswith("href") or value.startswith("#")


def test_a_chart_stands_in_words_too():
    known, empty = ChartLine("a", "#000000", [(1.0, 0.25), (2.0, nan), (3.0, 0.5)]), ChartLine("b", "#000000", [])
    chart = Chart("Loss", "iteration", "cross-entropy", [known, empty], (0.0, 1.0))
    assert chart.alt == "Loss: cross-entropy by iteration; a from 0.25 to 0.5, b not measured"
    tags = Words(macros().picture(chart)).tags
    assert [attributes["alt"] for tag, attributes in tags if tag == "img"] == [chart.alt]


def test_settings_stand_beside_their_defaults():
    settings_list = settings_with_defaults(parse(REGION))
    assert value_of(settings_list, "training.target_iou") == 0.7
    changed = {setting["name"] for setting in settings_list if setting["value"] != setting["default"]}
    assert changed == {"region", "imagery.tiles", "labels.positives", "training.target_iou"}
    assert json.loads(json.dumps(settings_list)) == settings_list


def test_a_step_of_the_lineage_stands_once_and_is_then_linked():
    body = macros().lineage(lineage_facts(FACTS["lineage.json"])["file"])
    assert body.count("<details") == 2
    assert f'<a href="#s-{KEYS[1][:16]}">see above</a>' in body


def test_versions_that_differ_between_steps_both_stand():
    old = {**step(KEYS[2], "train"), "libraries": {"numpy": "2.3.0"}}
    versions = library_versions({"steps": [*FACTS["lineage.json"]["steps"], old]})
    assert versions == [["numpy", "2.3.0", "train"], ["numpy", "2.4.6", "compile_inventory, describe"]]


ACCURACY = {
    "sample": "abc123",
    "level": 0.95,
    "imagery": ["Pleiades 2021", "<b>bold</b>"],
    "drawn": {"detections": {"small, sure": [10, 40]}, "pixels": {"detected": [100, 70000]}, "squares": [8, 24]},
    "tables": [
        {"cannot_say_counts_as": "no landform", "rows": [["user's accuracy", "0.90 (0.83 to 0.95)"]]},
        {"cannot_say_counts_as": "landform", "rows": [["user's accuracy", "0.92 (0.85 to 0.96)"]]},
    ],
    "notes": ["Two looks agree."],
}


def test_accuracy_from_a_sample_stands_in_a_section_of_its_own(tmp_path):
    results = make_results(tmp_path, 3)
    (tmp_path / "accuracy.json").write_text(json.dumps(ACCURACY))
    page = made_report(tmp_path, {**results, "accuracy": tmp_path / "accuracy.json"}).read_text()
    for answer in (
        "judged on Pleiades 2021, <b>bold</b>, without sight of the map. In brackets: intervals at 95%.",
        "'cannot say' counted as no landform estimate user's accuracy 0.90 (0.83 to 0.95)",
        "'cannot say' counted as landform estimate user's accuracy 0.92 (0.85 to 0.96)",
        "Two looks agree.",
        "pixels detected 100 70000",
        "squares of 1 km 8 24",
    ):
        assert answer in words(page), answer
    assert '<a href="#accuracy">' in page and "<b>bold</b>, without" not in page
    without = made_report(tmp_path, results, "without.html").read_text()
    assert "accuracy" not in without.lower().split("settings differ")[0]


def test_notes_stand_before_the_numbers(tmp_path):
    results = make_results(tmp_path, 1)
    old = {**ACCURACY, "notes": ["THESE NUMBERS ARE OF AN EARLIER MAP"]}
    (tmp_path / "accuracy.json").write_text(json.dumps(old))
    page = made_report(tmp_path, {**results, "accuracy": tmp_path / "accuracy.json"}).read_text()
    section = page.split('<section id="accuracy">')[1]
    assert section.index("EARLIER MAP") < section.index("<table>"), "before any number"


def test_what_nobody_has_reviewed_looks_so_and_is_said_beside_the_totals(tmp_path):
    results = make_results(tmp_path, 6)
    facts = json.loads(results["summary"].read_text())
    facts["detections"] = {"accepted": 2, "edited": 0, "pending": 2}
    facts["inventory"]["total"] = 6
    results["summary"].write_text(json.dumps(facts))
    page = made_report(tmp_path, results).read_text()
    assert page.count('data-status="pending" d=') == page.count('class="hole"') == 2
    text = words(page)
    assert "6 landforms. 2 of the 4 detections in it are not reviewed." in text
    assert text.index("2 of the 4 detections in it are not reviewed: nobody has looked") < text.index("by both 3")
    assert "dashed, and hollow where it is small: nobody has reviewed it (2)." in text
    facts["detections"] = {"accepted": 0, "edited": 0, "pending": 6}
    results["summary"].write_text(json.dumps(facts))
    assert "6 landforms. Nothing of this is reviewed." in words(made_report(tmp_path, results, "b.html").read_text())
    facts["detections"] = {"accepted": 6, "edited": 0, "pending": 0}
    results["summary"].write_text(json.dumps(facts))
    assert "reviewed." not in words(made_report(tmp_path, results, "c.html").read_text()).split("Map")[0]


def test_the_map_has_a_scale_bar_contours_that_are_no_interval_and_a_hatch_where_there_is_no_image(tmp_path):
    page = made_report(tmp_path, make_results(tmp_path, 3)).read_text()
    assert "contours at a calibrated share of 0.25 (dotted) and 0.75: no confidence interval" in words(page)
    assert page.count('class="contour"') == 2
    assert "Hatched: no image; snow is white." in words(page)
    label, length = re.search(r"<text[^>]*>([^<]+)</text>", page)[1], float(re.search(r"V4H([\d.]+)V", page)[1])
    width, pixel = (float(re.search(pattern, page)[1]) for pattern in (r'data-width="(\d+)"', r'data-pixel="([\d.]+)"'))
    assert label == "1 km"
    assert length / 1000 * width * pixel == pytest.approx(1000, rel=1e-3)
    write_layers(tmp_path / "contours.gpkg", {"contours": contours().iloc[:0]})
    bare = made_report(tmp_path, make_results_but(tmp_path, "contours"), "b.html").read_text()
    assert 'class="contour"' not in bare and "calibrated share of" not in bare


def make_results_but(folder, kept):
    """Make results anew, but keep one file as it is."""
    path = folder / f"{kept}.gpkg"
    content = path.read_bytes()
    results = make_results(folder, 3)
    path.write_bytes(content)
    return results
