"""The sample of the map in the review: what is told of it, that answers are on disk at once, and that the estimator reads them."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing

import geopandas as gpd
import numpy as np
import pytest
import shapely

from lobate.errors import UserError
from lobate.mapping.accuracy.estimates import estimate
from lobate.mapping.accuracy.response import read_answers, read_second_look
from lobate.review.answers_file import LANDFORMS, PLACES, SQUARES, AnswersFile

from .client import Client
from .region import LEFT, TOP, UTM, make_region, running
from .sampled import FOLDER, IMAGERY, made_sample, write_sample
from .sampled import PLACES as POINTS
from .sampled import SQUARES as BOXES

pytestmark = pytest.mark.xdist_group("review-server")
SECRET = ("stratum", "inclusion", "probability", "confidence", "d000", "rest", "detected", "area_m2", "uncertainty")


@pytest.fixture
def sampled(tmp_path):
    """A server of a region with a sample."""
    make_region(tmp_path, 20, across=5, removed=1)
    write_sample(tmp_path)
    with running(tmp_path, "--port", "0") as server:
        yield server


def answers(folder, layer: str, file: str = "answers.gpkg") -> gpd.GeoDataFrame:
    return gpd.read_file(folder / FOLDER / file, layer=layer)


def said(
    client: Client, list_name: str, unit: str, word: str | None, reviewer: str = "Ada", expected: int = 200, **more
):
    body = {"list": list_name, "id": unit, "base": 0, "status": word, "reviewer": reviewer, **more}
    return client.post("api/decide", expected, **body)


def square(x: float, y: float, side: float) -> list:
    corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side), (x, y)]
    return [[[[LEFT + dx, TOP - dy] for dx, dy in corners]]]


def test_the_lists_are_blind_and_in_the_order_of_the_file(sampled):
    client = Client(sampled.address)
    session = client.get("api/session")
    lists = {one["id"]: one for one in session["lists"] if one.get("blind")}
    assert {name: one["count"] for name, one in lists.items()} == {
        "sample_places": POINTS, "sample_squares": BOXES, "second_look_places": 6, "second_look_squares": 1,
    }  # fmt: skip
    assert lists["sample_places"]["answers"] == ["yes", "no", "cannot_say"]
    for name, one in lists.items():
        file = "answers.gpkg" if name.startswith("sample") else "second_look.gpkg"
        items = client.get(f"api/lists/{name}")["items"]
        assert [item["id"] for item in items] == answers(sampled.folder, one["kind"], file)["unit"].tolist()
        whole = [client.get(f"api/item/{name}/{items[0]['id']}"), *items]
        assert not [word for word in SECRET if word in json.dumps(whole)]
        assert items[0]["imagery"] == IMAGERY
    points = answers(sampled.folder, "places").to_crs(UTM).geometry
    items = client.get("api/lists/sample_places")["items"]
    assert np.allclose([item["centre"] for item in items], np.column_stack([points.x, points.y]), atol=0.02)


def test_layers_of_our_map_are_marked_and_those_of_the_sample_belong_to_it_alone(sampled):
    layers = {one["id"]: one for one in Client(sampled.address).get("api/session")["layers"]}
    shown = {name for name, one in layers.items() if one["kind"] == "picture" and not one["reveals"]}
    assert "probability" not in shown
    assert {"image", "date1", "hillshade", "slope", "contours"} <= shown
    assert layers["sample_landforms"]["lists"] == ["sample_squares"]
    assert layers["second_look_landforms"]["lists"] == ["second_look_squares"]
    assert not any(one.get("lists") for name, one in layers.items() if "landforms" not in name)


def test_the_frozen_sample_is_never_opened(tmp_path):
    make_region(tmp_path, 20, across=5, removed=1)
    write_sample(tmp_path)
    shutil.rmtree(tmp_path / FOLDER / "frozen")
    with running(tmp_path, "--port", "0") as server:
        said(Client(server.address), "sample_places", "p0001", "yes")


def test_an_answer_is_on_disk_at_once_with_its_reviewer_and_nowhere_else(sampled):
    client = Client(sampled.address)
    before = {path for path in sampled.folder.rglob("*") if path.is_file()}
    answer = said(client, "sample_places", "p0004", "cannot_say", remark="a cloud")
    assert (answer["item"]["status"], answer["item"]["reviewer"]) == ("cannot_say", "Ada")
    said(client, "sample_squares", "s002", "done", "Ben")
    sampled.kill()
    rows = answers(sampled.folder, "places").set_index("unit")
    assert rows.loc["p0004", ["answer", "reviewer", "remark"]].tolist() == ["cannot_say", "Ada", "a cloud"]
    assert rows["answer"].notna().sum() == 1
    assert answers(sampled.folder, "squares").set_index("unit")["answer"].dropna().to_dict() == {"s002": "done"}
    assert answers(sampled.folder, "places", "second_look.gpkg")["answer"].isna().all()
    made = {path for path in sampled.folder.rglob("*") if path.is_file()} - before
    assert made
    assert {path.parent for path in made} == {sampled.folder / FOLDER / "backups"}


def test_looking_changes_no_file(sampled):
    client, path = Client(sampled.address), sampled.folder / FOLDER / "answers.gpkg"
    before = path.read_bytes()
    client.get("api/lists/sample_places")
    client.get("api/item/sample_squares/s001")
    client.post("api/undo", 409, reviewer="Ada", list="sample_places")
    assert path.read_bytes() == before


def test_undo_takes_back_the_last_answer_of_this_list_and_person(sampled):
    client = Client(sampled.address)
    said(client, "sample_places", "p0001", "yes")
    said(client, "sample_places", "p0002", "no")
    said(client, "sample_places", "p0003", "no", "Ben")
    said(client, "sample_squares", "s001", "done")
    client.decide("d00001", "accepted")
    assert client.post("api/undo", reviewer="Ada", list="sample_places")["item"]["id"] == "p0002"
    assert client.post("api/undo", reviewer="Ada", list="sample_squares")["item"]["status"] == "pending"
    states = {item["id"]: item["status"] for item in client.get("api/lists/sample_places")["items"]}
    assert (states["p0001"], states["p0002"], states["p0003"]) == ("yes", "pending", "no")
    assert client.get("api/item/detections/d00001")["status"] == "accepted"
    version = client.get("api/item/sample_places/p0001")["version"]
    assert said(client, "sample_places", "p0001", None, base=version)["item"]["status"] == "pending"


def test_two_who_answer_one_place_do_not_overwrite_each_other(sampled):
    client = Client(sampled.address)
    said(client, "sample_places", "p0001", "yes")
    assert "Ada answered p0001 meanwhile: yes" in said(client, "sample_places", "p0001", "no", "Ben", 400)["error"]
    version = client.get("api/item/sample_places/p0001")["version"]
    assert said(client, "sample_places", "p0001", "no", "Ben", base=version)["item"]["status"] == "no"


@pytest.mark.parametrize(
    ("list_name", "unit", "word", "status"),
    [
        ("sample_places", "p0001", "done", 400), ("sample_places", "p0001", "accepted", 400), ("sample_squares", "s001", "yes", 400),
        ("sample_places", "p9999", "yes", 404), ("sample_landforms", "x", "yes", 404),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_refused_and_nothing_is_written(sampled, list_name, unit, word, status):
    before = (sampled.folder / FOLDER / "answers.gpkg").read_bytes()
    assert said(Client(sampled.address), list_name, unit, word, expected=status)["error"]
    assert (sampled.folder / FOLDER / "answers.gpkg").read_bytes() == before


def test_landforms_are_drawn_mended_deleted_and_brought_back(sampled):
    client = Client(sampled.address)
    drawing = {"layer": "sample_landforms", "plane": "plane1", "reviewer": "Ada", "unit": "s001"}
    made = client.post("api/draw", outline=square(400, 400, 200), **drawing)
    name = made["id"]
    assert made["item"]["landforms"] == 1
    client.post("api/draw", outline=square(400, 400, 300), id=name, **{**drawing, "sure": False})
    (whole,) = client.get(f"api/drawn/sample_landforms/{name}", plane="plane1")["outline"]
    assert shapely.Polygon(whole[0]).area == pytest.approx(90_000, rel=1e-3)
    assert client.post("api/draw", outline=None, id=name, **drawing)["item"]["landforms"] == 0
    assert client.post("api/undo", reviewer="Ada", list="sample_squares")["item"]["landforms"] == 1
    assert client.get("api/drawn/second_look_landforms/landform_1", 404, plane="plane1")["error"]
    sampled.kill()
    (row,) = answers(sampled.folder, "landforms").to_dict("records")
    assert (row["answer"], row["unit"], row["reviewer"]) == ("cannot_say", "s001", "Ada")


def test_another_browser_hears_of_an_answer(sampled):
    first, second = Client(sampled.address), Client(sampled.address)
    with second.listening() as events:
        next(events)
        said(first, "sample_places", "p0002", "yes")
        assert next(events)["changed"] == ["p0002", "sample_landforms"]


def test_answers_of_another_program_are_seen(sampled):
    client, path = Client(sampled.address), sampled.folder / FOLDER / "answers.gpkg"
    said(client, "sample_places", "p0002", "yes")
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("UPDATE places SET answer = 'no', reviewer = 'Cara' WHERE unit = 'p0007'")
    with client.listening() as events:
        next(events)
        while "p0007" not in next(events)["changed"]:
            pass
    assert client.get("api/item/sample_places/p0007")["status"] == "no"


class TestFile:
    """The file by itself, against the estimator's reader."""

    def test_the_estimator_reads_what_was_answered(self, tmp_path):
        sample = write_sample(tmp_path)
        for name, read in (("answers.gpkg", read_answers), ("second_look.gpkg", read_second_look)):
            path = tmp_path / FOLDER / name
            file = AnswersFile(path)
            expected = {}
            for number, row in enumerate(file.rows(PLACES)):
                expected[row.unit] = ("yes", "no", "cannot_say")[number % 3]
                file.answer("Ada", PLACES, row.row, expected[row.unit], "", 0)
            for row in file.rows(SQUARES):
                file.answer("Ada", SQUARES, row.row, "done", "", 0)
            inside = file.rows(SQUARES)[0].shape.centroid.buffer(0.001)
            file.draw("Ada", "s001", inside)
            file.draw("Ada", "s001", shapely.affinity.translate(inside, 0.003), sure=False)
            found = read(path, sample)
            assert found.places == expected
            assert set(found.squares.values()) == {"done"}
            assert found.landforms["unsure"].tolist() == [False, True]
            assert found.reviewers == ("Ada",)
            assert found.imagery == (IMAGERY,)
            if read is read_answers:
                assert estimate(sample, found)[0]["landforms"]["landforms"] == 1

    def test_the_file_that_was_sampled_is_among_the_backups(self, tmp_path):
        write_sample(tmp_path)
        path = tmp_path / FOLDER / "answers.gpkg"
        before = path.read_bytes()
        file = AnswersFile(path)
        file.answer("Ada", PLACES, 1, "yes", "", 0)
        (kept,) = (tmp_path / FOLDER / "backups").glob("answers_sampled_*.gpkg")
        assert kept.read_bytes() == before
        assert file.notices() == []

    def test_a_damaged_file_is_answered_by_the_last_good_one(self, tmp_path):
        write_sample(tmp_path)
        path = tmp_path / FOLDER / "answers.gpkg"
        file = AnswersFile(path)
        for row in (1, 2, 3):
            file.answer("Ada", PLACES, row, "yes", "", 0)
        content = bytearray(path.read_bytes())
        content[4096:] = b"\x07" * (len(content) - 4096)
        path.write_bytes(content)
        again = AnswersFile(path)
        assert [row.answer for row in again.rows(PLACES)[:4]] == ["yes", "yes", "yes", ""]
        assert len(again.rows(SQUARES)) == BOXES
        assert "was damaged" in again.notices()[0]

    def test_another_file_is_refused(self, tmp_path):
        path = tmp_path / "answers.gpkg"
        gpd.GeoDataFrame({"unit": ["x"]}, geometry=[shapely.Point(1, 1)], crs=4326).to_file(path, layer="places")
        with pytest.raises(UserError, match="has no layer landforms, squares"):
            AnswersFile(path).rows(PLACES)

    def test_an_outline_that_crosses_itself_is_refused(self, tmp_path):
        write_sample(tmp_path)
        file = AnswersFile(tmp_path / FOLDER / "answers.gpkg")
        with pytest.raises(UserError, match="no valid polygon"):
            file.draw("Ada", "s001", shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]))
        assert file.rows(LANDFORMS) == []


def test_the_made_sample_tells_nothing_by_its_order():
    parts = [place.part for place in made_sample().places]
    assert parts != sorted(parts)
