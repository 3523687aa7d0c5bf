"""The draw: the same each time, every member equally likely, and nothing in people's files that tells what the map says."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections import Counter
from contextlib import closing
from itertools import pairwise
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from lobate.errors import UserError
from lobate.io.grid import LONLAT
from lobate.io.vector import read_layer
from lobate.mapping.accuracy import draw
from lobate.mapping.accuracy.draw import FEWEST, SampleSizes, allocate, detection_classes
from lobate.mapping.accuracy.frozen import map_digests, read_frozen
from lobate.mapping.accuracy.response import ANSWERS, read_answers, second_look_units
from lobate.mapping.accuracy.strata import STRATA

from .conftest import EPSG, LEFT, SIZES, TOP, answer, empty_response, read_response


def test_the_same_map_and_seed_give_the_same_bytes(made_map, sample, tmp_path):
    again = made_map.draw()
    assert again.text() == sample.text()
    first, second = (empty_response(tmp_path / name, sample) for name in ("a.gpkg", "b.gpkg"))
    assert first.read_bytes() == second.read_bytes()
    assert made_map.draw(seed=1).name != sample.name


def test_one_parts_size_does_not_change_another_parts_draw(made_map, sample):
    more = made_map.draw(SampleSizes(12, (50, 60, 200), 8))
    chosen = [
        {(place.lon, place.lat) for place in some.places if place.part == "detections"} for some in (sample, more)
    ]
    assert chosen[0] == chosen[1]
    assert sample.squares == more.squares


def test_inclusion_probabilities_are_kept(sample):
    strata = {
        **{("pixels", stratum.name): stratum for stratum in sample.strata},
        **{("detections", stratum.name): stratum for stratum in sample.classes},
    }
    drawn = Counter((place.part, place.stratum) for place in sample.places)
    assert drawn == {name: stratum.sampled for name, stratum in strata.items()}
    for place in sample.places:
        stratum = strata[place.part, place.stratum]
        assert place.inclusion == stratum.sampled / stratum.size
    assert [stratum.sampled for stratum in sample.strata] == list(SIZES.pixels)
    assert sum(stratum.size for stratum in sample.classes) == 30
    assert {square.inclusion for square in sample.squares} == {8 / sample.squares_in_region}


def test_places_lie_in_their_stratum(made_map, sample):
    kept = read_layer(made_map.files.detections, "kept").set_index("detection").geometry
    everything = kept.union_all()
    for place in sample.places:
        point = shapely.Point(place.lon, place.lat)
        if place.part == "detections":
            assert kept[place.detection].contains(point)
        else:
            assert everything.contains(point) == (place.stratum == STRATA[0])


def test_every_detection_is_drawn_as_often_as_its_probability_says(made_map):
    frame, times, draws = made_map.frame, Counter(), 60
    for seed in range(draws):
        places, _ = draw._draw_detections(frame.ground, 12, seed)
        times.update(place.detection for place in places)
    expected = {place.stratum: place.inclusion for place in places}
    names, class_of = frame.ground.kept["detection"], detection_classes(frame.ground.kept)
    for name, number in zip(names, class_of, strict=True):
        share = expected[draw.class_name(int(number))]
        assert times[name] / draws == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / draws))


@given(st.lists(st.integers(1, 400), min_size=1, max_size=6), st.integers(1, 500))
def test_allocation(sizes, total):
    drawn = allocate(sizes, total)
    assert all(min(2, size) <= number <= size for size, number in zip(sizes, drawn, strict=True))
    assert sum(drawn) == max(min(total, sum(sizes)), sum(min(2, size) for size in sizes))
    for size, number in zip(sizes, drawn, strict=True):
        assert number <= max(2, np.ceil(size * total / sum(sizes)))


@pytest.mark.parametrize("part", FEWEST)
def test_a_sample_that_says_nothing_is_refused(part):
    few = {"pixels": (100, FEWEST[part] - 1, 1000)} if part == "pixels" else {part: FEWEST[part] - 1}
    with pytest.raises(UserError, match=f"--{part} asks for .* at least {FEWEST[part]}"):
        dataclasses.replace(SIZES, **few).check()


def test_a_stratum_smaller_than_its_sample_is_taken_whole(made_map):
    whole = made_map.draw(SampleSizes(500, (40, 10**7, 200), 5000))
    assert [stratum.sampled for stratum in whole.classes] == [stratum.size for stratum in whole.classes]
    assert whole.strata[1].sampled == whole.strata[1].size
    assert len(whole.squares) == whole.squares_in_region


# blind answers


def test_peoples_files_hold_no_outline_probability_or_stratum(made_map, sample, tmp_path):
    for second in (False, True):
        path = empty_response(tmp_path / f"{second}.gpkg", sample, second=second)
        layers = read_response(path)
        fields = {name: set(frame.columns) - {"geometry"} for name, frame in layers.items()}
        person = {"answer", "reviewer", "remark"}
        assert fields == {
            "places": {"unit", "imagery", "sample"} | person,
            "squares": {"unit", "imagery", "sample"} | person,
            "landforms": person,
        }
        assert set(layers["places"].geom_type) == {"Point"}
        assert not len(layers["landforms"])
        content = path.read_bytes()
        secrets = [*STRATA, *(stratum.name for stratum in sample.classes), "detections"]
        secrets += [place.detection for place in sample.places if place.detection]
        assert not [secret for secret in secrets if secret.encode() in content]


def test_neither_order_nor_name_nor_place_on_the_grid_tells_the_stratum(sample):
    units = [place.unit for place in sample.places]
    assert units == sorted(units) and len(set(units)) == len(units)
    kinds = [(place.part, place.stratum) for place in sample.places]
    runs = 1 + sum(one != other for one, other in pairwise(kinds))
    sizes = np.array([*Counter(kinds).values()])
    expected = 1 + (len(kinds) ** 2 - (sizes**2).sum()) / len(kinds)  # of runs in a random order
    assert runs > 0.85 * expected
    points = gpd.GeoSeries(
        gpd.points_from_xy([place.lon for place in sample.places], [place.lat for place in sample.places]), crs=LONLAT
    ).to_crs(EPSG)
    within = np.abs((np.column_stack([points.x - LEFT, TOP - points.y]) % 10) - 5)
    assert within.max() < 0.05, "markers of detections are pixel centres too"


def test_a_tenth_of_each_stratum_is_looked_at_twice_in_another_order(sample):
    places, squares = second_look_units(sample)
    drawn = Counter((place.part, place.stratum) for place in sample.places)
    again = Counter((place.part, place.stratum) for place in places)
    assert again == {name: int(np.ceil(0.1 * count)) for name, count in drawn.items()}
    assert len(squares) == 1
    assert [place.unit for place in places] != sorted(place.unit for place in places)
    assert (places, squares) == second_look_units(sample)


# the frozen file


def test_the_frozen_file_names_the_map_and_comes_back(made_map, sample, tmp_path):
    path = tmp_path / "sample.json"
    path.write_text(sample.text())
    assert read_frozen(path) == sample
    assert sample.map == map_digests(made_map.files.detections, made_map.files.probabilities)
    assert set(sample.map["probabilities"]) == {"T1_probability.tif", "T2_probability.tif"}


@pytest.mark.parametrize(
    "edit",
    [
        lambda content: content["places"][0].update(stratum="near"),
        lambda content: content["places"][0].update(inclusion=0.5),
        lambda content: content["strata"][2].update(size=content["strata"][2]["size"] - 1),
        lambda content: content["places"].pop(),
        lambda content: content.update(near_squares=[]),
        lambda content: content["map"].update(detections="0" * 64),
    ],
)
def test_an_edited_frozen_sample_is_refused(sample, tmp_path, edit):
    content = json.loads(sample.text())
    edit(content)
    path = tmp_path / "sample.json"
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match="was changed after it was drawn"):
        read_frozen(path)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 2, "digest": "a"}', '{"format": 1, "digest": "a", "places": 3}']
)
def test_another_file_is_no_frozen_sample(tmp_path, text):
    (tmp_path / "sample.json").write_text(text)
    with pytest.raises(UserError, match="lobate sample"):
        read_frozen(tmp_path / "sample.json")


def test_answers_by_the_truth_can_be_read(made_map, sample, tmp_path):
    answers = read_answers(answer(empty_response(tmp_path / "a.gpkg", sample), made_map.truth), sample)
    assert set(answers.places.values()) == {"yes", "no"}
    assert answers.imagery == ("Pleiades 0.5 m, 2021",)
    assert answers.reviewers == ("first",)


def test_the_form_offers_the_answers(sample, tmp_path):
    path = empty_response(tmp_path / "a.gpkg", sample)
    with closing(sqlite3.connect(path)) as package:
        styles = dict(package.execute("SELECT f_table_name, styleQML FROM layer_styles"))
    for layer, answers in ANSWERS.items():
        fields = ElementTree.fromstring(styles[layer]).findall("fieldConfiguration/field")
        (choice,) = (field for field in fields if field.get("name") == "answer")
        values = [option.get("value") for option in choice.iter("Option") if option.get("value")]
        assert values == list(answers), layer
