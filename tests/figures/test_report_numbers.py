"""Numbers of the report: their units, and the digits that their intervals allow."""

from __future__ import annotations

import json
import re

from tests.figures.made import landforms, made_report, make_results
from tests.figures.words import words

from lobate.figures.report_page import landforms as table_rows


def test_every_number_with_a_unit_has_it_in_its_heading(tmp_path):
    page = made_report(tmp_path, make_results(tmp_path, 3)).read_text()
    units = dict(
        re.findall(r'data-name="(\w+)" class="number"><button type="button">\w+</button><br><small>([^<]+)<', page)
    )
    assert units == {"velocity": "cm a year", "area_km2": "km\N{SUPERSCRIPT TWO}"}


def test_an_area_has_the_digits_that_its_range_allows():
    table = landforms(2).assign(
        area_km2=[0.1647123, 0.0129], area_low_km2=[0.1512, 0.0111], area_high_km2=[0.1788, 0.0151]
    )
    facts = table_rows.inventory_facts(table, 2)
    at = [name for name, *_ in facts["columns"]].index("area_km2")
    assert [row[at] for row in facts["rows"]] == [0.16, 0.013]


FINE = 0.8123456


def test_no_rate_has_more_digits_than_its_interval_allows(tmp_path):
    """Every IoU of this run is one number: it stands with two digits where it has an interval, and with three where not."""
    ends = {"blocks": 9, "low": 0.7123456, "high": 0.9123456}
    results = make_results(tmp_path, 3)

    def fine(node):
        if isinstance(node, dict):
            with_ends = (
                {"intervals": dict.fromkeys(("iou", "precision", "recall"), ends)}
                if "iou" in node and "f1" in node
                else {}
            )
            return {name: value if name == "match_iou" else fine(value) for name, value in node.items()} | with_ends
        if isinstance(node, list):
            return [fine(value) for value in node]
        return FINE if isinstance(node, float) and 0.05 < node < 1 else node

    for name in ("selection", "scores", "threshold"):
        facts = fine(json.loads(results[name].read_text()))
        if name == "selection":
            for record in (*facts["rounds"], *facts["protocols"].values()):
                record["validation_intervals"] = {"iou": ends}
            facts["rounds"][0]["judged"] = {"ground": "windows", "iou": FINE, "interval": ends, "groups": {}}
        if name == "threshold":
            facts |= {"threshold": 0.5, "iou": {"0.5": {"iou": FINE, "interval": ends}}}
        results[name].write_text(json.dumps(facts))
    text = words(made_report(tmp_path, results).read_text())
    text = re.sub(r"target, an IoU of [\d.]+", "", text)
    shown = re.findall(r"0\.[789]12\d*", text)
    assert not [number for number in shown if len(number) > 5], "three digits at most"
    assert "IoU on validation patches 0.81 (95 %: 0.71 to 0.91)" in text
    assert "IoU on windows 0.81 (95 %: 0.71 to 0.91)" in text
    assert "0.5 0.81 0.71 0.91 9" in text
