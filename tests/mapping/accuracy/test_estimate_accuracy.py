"""The verb, from answers to estimates: the truth's own numbers come back, bad answers do not, and no other verb sees them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from tests.mapping.accuracy.truth import landform_by_stratum
from tests.project.test_layers import IMPORTS
from tests.project.test_rules import TEXTS

from lobate.engine import registry, stage
from lobate.errors import UserError
from lobate.io.grid import LONLAT
from lobate.io.vector import geodesic_area_m2, write_layers
from lobate.mapping.accuracy.draw import SampleSizes
from lobate.mapping.accuracy.frozen import FrozenSample
from lobate.mapping.accuracy.wording import in_words
from lobate.mapping.estimate_accuracy import ANOTHER_MAP, LIMITS_ONLY, NO_SECOND_LOOK, estimate_accuracy
from lobate.settings.load import parse

from .conftest import MadeMap, answer, empty_response, read_response


def estimated(folder: Path, made_map: MadeMap, sample: FrozenSample, answers: Path, second: Path | None = None) -> dict:
    frozen = folder / "sample.json"
    frozen.write_text(sample.text())
    files = made_map.files
    estimate_accuracy(frozen, answers, files.detections, list(files.probabilities), folder / "accuracy.json", second)
    return json.loads((folder / "accuracy.json").read_text())


@pytest.fixture
def answers(made_map, sample, tmp_path):
    return answer(empty_response(tmp_path / "answers.gpkg", sample), made_map.truth)


def test_a_census_gives_the_truth(made_map, tmp_path):
    """All detections, all pixels and all squares, answered by the truth: every value is known exactly."""
    sample = made_map.draw(SampleSizes(30, (500, 10**6, 2000), 24))
    result = estimated(tmp_path, made_map, sample, answer(empty_response(tmp_path / "a.gpkg", sample), made_map.truth))
    (estimates,) = result["estimates"]
    assert estimates["detections"]["real"] == 26 and estimates["detections"]["sampled"] == 30
    landforms = estimates["landforms"]
    assert (landforms["landforms"], landforms["missed"], landforms["marker_in_no_square"]) == (30, 4, 0)
    assert landforms["share_found"]["value"] == pytest.approx(26 / 30, abs=1e-6)
    table = landform_by_stratum(made_map.frame.ground, made_map.truth)
    near = next(row for row in estimates["pixels"]["strata"] if row["stratum"] == "near")
    assert (near["sampled"], near["landform"]) == table["near"]
    area = estimates["pixels"]["area_km2"]
    assert area["low"] < geodesic_area_m2(made_map.truth).sum() / 1e6 < area["high"]
    assert result["map"]["is_current"] and result["notes"] == [NO_SECOND_LOOK]
    plain = estimates["pixels"]["stehman_2014"]
    assert plain["users_accuracy"]["value"] == pytest.approx(estimates["pixels"]["users_accuracy"]["value"], abs=1e-6)
    assert plain["producers_accuracy"]["value"] == pytest.approx(
        estimates["pixels"]["producers_accuracy"]["value"], abs=1e-6
    )


def test_the_same_answers_give_the_same_bytes(made_map, sample, answers, tmp_path):
    texts = []
    for _ in range(2):
        estimated(tmp_path, made_map, sample, answers)
        texts.append((tmp_path / "accuracy.json").read_bytes())
    assert texts[0] == texts[1]


def test_cannot_say_is_counted_both_ways(made_map, sample, tmp_path):
    def unsure(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        frame.loc[frame.index[::10], "answer"] = "cannot_say"
        return frame

    path = answer(empty_response(tmp_path / "a.gpkg", sample), made_map.truth, places=unsure, landforms=unsure)
    result = estimated(tmp_path, made_map, sample, path)
    without, with_ = result["estimates"]
    assert [some["cannot_say_counts_as"] for some in (without, with_)] == ["no landform", "landform"]
    assert without["detections"]["real"] <= with_["detections"]["real"]
    for share in ("users_accuracy", "area_km2"):
        assert without["pixels"][share]["value"] < with_["pixels"][share]["value"]
    assert without["landforms"]["landforms"] < with_["landforms"]["landforms"]
    assert any("could not say at" in note for note in result["notes"])
    assert result["answers"]["places_cannot_say"] == len(range(0, len(sample.places), 10))


def test_squares_that_cannot_be_judged_are_left_out_and_counted(made_map, sample, tmp_path):
    def unsure(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        frame.loc[0, "answer"] = "cannot_say"
        return frame

    result = estimated(
        tmp_path, made_map, sample, answer(empty_response(tmp_path / "a.gpkg", sample), made_map.truth, squares=unsure)
    )
    landforms = result["estimates"][0]["landforms"]
    assert (landforms["squares"], landforms["squares_left_out"]) == (7, 1)
    assert "1 of 8 squares could not be judged and are left out." in result["notes"]


def test_a_landform_belongs_to_the_square_of_its_marker(made_map, sample, tmp_path):
    first = shapely.from_wkt(sample.squares[0].outline)
    west, south, _, _ = first.bounds
    across = shapely.box(west - 0.004, south + 0.001, west + 0.003, south + 0.005)  # its middle lies outside

    def outside(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        return gpd.GeoDataFrame({"answer": [None], "reviewer": ["x"], "remark": [None]}, geometry=[across], crs=LONLAT)

    others = [shapely.from_wkt(square.outline) for square in sample.squares[1:]]
    in_another = any(shape.intersects(shapely.maximum_inscribed_circle(across).interpolate(0)) for shape in others)
    path = answer(empty_response(tmp_path / "a.gpkg", sample), made_map.truth, landforms=outside)
    landforms = estimated(tmp_path, made_map, sample, path)["estimates"][0]["landforms"]
    assert (landforms["landforms"], landforms["marker_in_no_square"]) == ((1, 0) if in_another else (0, 1))


def test_a_small_sample_says_that_it_gives_limits(made_map, tmp_path):
    sample = made_map.draw(SampleSizes(12, (40, 20, 20), 8))
    result = estimated(tmp_path, made_map, sample, answer(empty_response(tmp_path / "a.gpkg", sample), made_map.truth))
    pixels = result["estimates"][0]["pixels"]
    assert pixels["limits_only"] and LIMITS_ONLY in result["notes"]
    rows = dict(result["tables"][0]["rows"])
    assert rows["producer's accuracy: rock glacier pixels that are mapped"].startswith("at least ")
    assert next(text for what, text in rows.items() if what.startswith("area of")).startswith("at most ")


def test_numbers_of_another_map_say_so(made_map, sample, answers, tmp_path):
    from .conftest import write_map

    other = write_map(tmp_path)
    layers = {name: gpd.read_file(other.files.detections, layer=name) for name in ("kept", "removed")}
    write_layers(other.files.detections, {**layers, "kept": layers["kept"].iloc[1:]})
    result = estimated(tmp_path, other, sample, answers)
    assert not result["map"]["is_current"]
    assert result["notes"][0] == ANOTHER_MAP
    same = estimated(tmp_path, made_map, sample, answers)
    assert result["estimates"] == same["estimates"], "the frozen map is judged, whatever is mapped now"


@pytest.mark.parametrize(("reviewer", "by"), [("second", "two people"), ("first", "one person twice"), ("", "unknown")])
def test_agreement_is_the_ceiling(made_map, sample, answers, tmp_path, reviewer, by):
    def other(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        frame.loc[:2, "answer"] = np.where(frame["answer"][:3] == "yes", "no", "yes")
        return frame

    second = answer(
        empty_response(tmp_path / "second.gpkg", sample, second=True), made_map.truth, reviewer, places=other
    )
    agreement = estimated(tmp_path, made_map, sample, answers, second)["agreement"]
    count = len(read_response(second)["places"])
    assert agreement["by"] == by
    assert (agreement["places"], agreement["same_answer"]) == (count, count - 3)
    assert agreement["share"]["low"] < agreement["share"]["value"] < agreement["share"]["high"]
    assert agreement["also_drawn_by_the_other"] == agreement["landforms_first"] + agreement["landforms_second"]


# answers that do not fit


def _set(layer: str, row: int, field: str, value: object):
    def change(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        frame.loc[row, field] = value
        return frame

    return {layer: change}


BAD = {
    "no answer": (_set("places", 3, "answer", None), "1 of .* units have no answer: p0004"),
    "empty answer": (_set("squares", 0, "answer", " "), "layer squares: 1 of 8 units have no answer"),
    "another word": (
        _set("places", 3, "answer", "maybe"),
        "the answer 'maybe' of unit p0004 is none of yes, no, cannot_say",
    ),
    "another word for an outline": (_set("landforms", 0, "answer", "no"), "layer landforms: the answer 'no'"),
    "unknown unit": (_set("places", 3, "unit", "p9999"), "units that are not in the sample: p9999"),
    "another sample": (_set("places", 3, "sample", "abc"), "answers the sample abc"),
    "a unit lost": ({"places": lambda frame: frame.iloc[1:]}, "no row for units of the sample: p0001"),
    "a unit twice": (
        {"places": lambda frame: frame.iloc[[0, *range(len(frame))]]},
        "several rows for one unit: p0001",
    ),
    "a point moved": (
        {"places": lambda frame: frame.set_geometry(frame.geometry.translate(1e-4))},
        "units were moved: p0001, p0002, p0003, ...",
    ),
    "a square moved": (
        {"squares": lambda frame: frame.set_geometry(frame.geometry.translate(1e-4))},
        "layer squares: 8 units were moved",
    ),
    "a field lost": ({"places": lambda frame: frame.drop(columns="sample")}, "lacks the field sample"),
    "an outline without area": (
        {"landforms": lambda frame: frame.set_geometry([shapely.Polygon()] * len(frame))},
        "layer landforms: feature 1 has no area",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_answers_that_do_not_fit_are_refused(made_map, sample, tmp_path, name):
    changes, message = BAD[name]
    path = answer(empty_response(tmp_path / "a.gpkg", sample), made_map.truth, **changes)
    with pytest.raises(UserError, match=message):
        estimated(tmp_path, made_map, sample, path)
    assert not (tmp_path / "accuracy.json").exists()


def test_the_answers_of_another_draw_are_refused(made_map, sample, answers, tmp_path):
    other = made_map.draw(seed=5)
    with pytest.raises(UserError, match=f"answers the sample {sample.name}, but .* is the sample {other.name}"):
        estimated(tmp_path, made_map, other, answers)


def test_the_first_look_is_no_second_one(made_map, sample, answers, tmp_path):
    with pytest.raises(UserError, match="units that are not in the sample"):
        estimated(tmp_path, made_map, sample, answers, answers)


def test_a_file_of_other_layers_is_refused(made_map, sample, tmp_path):
    with pytest.raises(UserError, match="has no layer landforms, places, squares"):
        estimated(tmp_path, made_map, sample, made_map.files.detections)


# nothing else sees the answers

READERS = {"mapping/estimate_accuracy.py", "mapping/accuracy/estimates.py", "cli/sample.py", "cli/check_tables.py"}
WRITERS = {"review/answers_file.py", "review/sample_desk.py"}
"""Where people answer; no rule runs these."""
REGION = {
    "region": "made",
    "imagery": {"tiles": {"T": ["t.tif"]}},
    "labels": {"positives": [{"path": "p.gpkg"}]},
    "inventory": {"others": {"insar": {"path": "o.gpkg"}}},
}
SCALARS = {
    "tile": "T",
    "tiles": ["T"],
    "round": 1,
    "fold": 0,
    "source": "insar",
    "names": ["insar"],
    "scene": "S",
    "standard": "rgik",
}


def test_answers_change_the_settings_of_the_report_only():
    """Fingerprints cover code and settings; the report lists all settings."""
    files = {"frozen": "f.json", "answers": "a.gpkg", "second_look": "b.gpkg"}
    without, with_ = parse(REGION), parse({**REGION, "mapping": {"accuracy": files}})
    verbs = [verb for verb in registry.ROOM_OF if verb != "make_example"]
    changed = [
        verb for verb in verbs if stage.fingerprint(verb, without, SCALARS) != stage.fingerprint(verb, with_, SCALARS)
    ]
    assert changed == ["report"]


def test_one_rule_reads_the_answers():
    assert [rule for rule, text in TEXTS.items() if "REGION.mapping.accuracy" in text] == ["estimate_accuracy"]
    readers = {rule for rule, text in TEXTS.items() if re.search(r"accuracy\.json|estimated_accuracy\(\)", text)}
    assert readers == {"estimate_accuracy", "document_inventory", "report"}


def test_one_verb_imports_the_reader_of_answers():
    reader = "mapping/accuracy/response.py"
    assert {file for file, imports in IMPORTS.items() if reader in imports} == READERS | WRITERS
    beside = {file for file, imports in IMPORTS.items() if WRITERS & imports} - WRITERS
    assert beside == {"review/app.py", "review/server.py"}


# words


@pytest.mark.parametrize(
    ("value", "low", "high", "words"),
    [
        (0.9183, 0.8489, 0.9587, "0.92 (0.85 to 0.96)"),
        (0.91834, 0.9123, 0.9241, "0.918 (0.912 to 0.924)"),
        (712.4, 660.1, 786.2, "712 (660 to 786)"),
        (0.5, 0.1, 0.9, "0.5 (0.1 to 0.9)"),
        (1.0, 0.908, 1.0, "1.00 (0.91 to 1.00)"),
        (None, None, 0.0144, "at most 0.015"),
        (None, 0.559, None, "at least 0.55"),
        (None, None, 12.05, "at most 13"),
        (None, None, None, "unknown"),
    ],
)
def test_no_more_digits_than_the_interval_allows(value, low, high, words):
    assert in_words({"value": value, "low": low, "high": high}) == words
