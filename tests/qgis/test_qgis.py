"""The review sheet and its project in a real QGIS: what a person finds there, edits and saves comes back as it was meant."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from tests.inventory.conftest import frame, square
from tests.qgis import desk
from tests.qgis.desk import Desk, qgis

from lobate.inventory.detections import REVIEW_FIELDS, read_pending
from lobate.inventory.qgis.styles import REVIEW_STYLES
from lobate.inventory.vocabulary import ACTIVITY, STATUS, UPSLOPE
from lobate.io.qgis.package import add_styles
from lobate.io.vector import read_layer, read_polygons, write_layers
from lobate.mapping.score import UNMATCHED_STYLES, case_styles
from lobate.review.decisions_file import Decision, DecisionsFile

DECISIONS = "resources/r/decisions.gpkg"


@pytest.fixture
def laid_out(tmp_path) -> Desk:
    desk.expect_qgis()
    new_desk = Desk(tmp_path / "root")
    new_desk.lay_out()
    new_desk.run()
    return new_desk


@pytest.fixture
def own_copy(laid_out) -> Desk:
    """The desk after the person copied the sheet and named the copy in the settings."""
    shutil.copy(laid_out.sheet, laid_out.root / DECISIONS)
    laid_out.run(DECISIONS)
    return laid_out


def test_without_qgis_tests_skip_here_and_fail_in_ci(monkeypatch):
    monkeypatch.setattr(desk, "PYTHON", Path("/nowhere/python3"))
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"run tests/qgis/install\.sh"):
        desk.expect_qgis()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no QGIS"):
        desk.expect_qgis()


def test_the_project_opens_whole_wherever_the_folder_lies(laid_out, tmp_path):
    moved = Desk(tmp_path / "moved elsewhere")
    laid_out.root.rename(moved.root)
    before = moved.sheet.read_bytes()
    picture = tmp_path / "map.png"
    seen = qgis("project", moved.project, str(picture))
    assert seen["title"] == "r review"
    assert seen["crs"] == "EPSG:32644"
    assert seen["order"] == ["detections to review", "other inventories", "removed by the filters", "A", "B"]
    layers = seen["layers"]
    assert all(layer["valid"] for layer in layers.values())
    assert {key: layer["crs"] for key, layer in layers.items() if key.startswith("outlines")} == {
        "outlines_review": "EPSG:4326",
        "outlines_others": "EPSG:4326",
        "outlines_removed": "EPSG:4326",
    }
    assert [layers[f"image_of_tile_{n}"]["crs"] for n in (0, 1)] == ["EPSG:32644"] * 2
    assert layers["image_of_tile_0"]["nodata"] == [True] * 3
    assert (layers["outlines_others"]["features"], layers["outlines_removed"]["features"]) == (1, 1)
    assert all(layers[f"outlines_{name}"]["read_only"] for name in ("review", "others", "removed")), "nobody's copy yet"
    assert moved.sheet.read_bytes() == before, "looking changes nothing"
    colours = colours_of(picture)
    brown, grey = (120, 90, 60), (110, 110, 110)
    assert colours[brown] > 100_000
    assert colours[grey] > 10_000, "nodata is transparent and shows the grey ground"
    assert all(colours[tuple(map(int, REVIEW_STYLES[n].colour.split(",")[:3]))] > 100 for n in (0, 1, 2)), (
        "pending, by confidence"
    )


def test_the_package_alone_brings_its_styles_and_form(laid_out, tmp_path):
    shutil.copy(laid_out.sheet, tmp_path / "copy.gpkg")
    layers = qgis("package", tmp_path / "copy.gpkg")
    assert set(layers) == {"review", "others", "removed"}
    review = layers["review"]
    assert review["renderer"] == "categorizedSymbol"
    assert review["categories"] == [look.label for look in REVIEW_STYLES]
    assert review["symbols"] == {REVIEW_STYLES[0].label: 2, REVIEW_STYLES[1].label: 2, REVIEW_STYLES[2].label: 1}
    assert review["labels"] == {"text": 'format_number("confidence", 2)', "from": 100_000, "buffer": True}
    assert layers["others"]["labels"]["text"] == '"source_id"'
    assert layers["removed"]["labels"] is None
    assert [layers[name]["renderer"] for name in ("others", "removed")] == ["singleSymbol"] * 2
    assert not layers["removed"]["editable"]


def test_the_cases_of_a_score_open_with_their_looks(tmp_path):
    desk.expect_qgis()
    detections = frame([square(n) for n in range(4)], detection=list("abcd"), mean=[0.8] * 4, best_iou=[0.1] * 4)
    hits = detections.assign(reference=list("1234"), iou=0.7)
    layers = {
        "hits": hits,
        "misses": hits,
        "unmatched": detections.assign(status=["wrong", "right", "left out", "unknown"]),
    }
    write_layers(tmp_path / "cases.gpkg", layers)
    add_styles(tmp_path / "cases.gpkg", case_styles())
    seen = qgis("package", tmp_path / "cases.gpkg")
    assert {name: layer["renderer"] for name, layer in seen.items()} == {
        "hits": "singleSymbol",
        "misses": "singleSymbol",
        "unmatched": "categorizedSymbol",
    }
    assert seen["unmatched"]["symbols"] == {look.label: 1 for look in UNMATCHED_STYLES}
    assert [seen[name]["labels"]["text"] for name in ("hits", "misses")] == ['format_number("iou", 2)', '"reference"']


def test_the_form_has_drop_downs_of_the_right_words(own_copy):
    review = qgis("project", own_copy.project)["layers"]["outlines_review"]
    assert review["source"] == str(own_copy.root / DECISIONS) + "|layername=review"
    assert not review["read_only"]
    widgets = review["widgets"]
    assert words(widgets["status"]) == list(STATUS)
    assert words(widgets["upslope_connection"])[1:] == list(UPSLOPE)
    assert words(widgets["activity"])[1:] == list(ACTIVITY)
    assert list(widgets["activity"]["config"]["map"][0]) == ["(not said)"]
    assert widgets["reviewer"] == {"type": "UniqueValues", "config": {"Editable": True}}
    assert widgets["remark"] == {"type": "TextEdit", "config": {"IsMultiline": False}}
    assert widgets["touches_edge"]["type"] == "CheckBox"
    assert [widgets[name]["type"] for name in ("fid", "seen")] == ["Hidden", "Hidden"]
    assert review["editable"] == ["status", *REVIEW_FIELDS]
    assert review["form"]["Your decision"] == review["editable"]
    assert {"confidence", "detection"} <= set(review["form"]["The detection"])
    assert set(review["hidden"]) == {"fid", "seen"}
    assert review["sort"] == [["pending", f"d{number}"] for number in (4, 3, 2, 1, 0)], "least certain first"


def test_what_a_person_saves_in_qgis_is_what_the_review_takes(own_copy):
    edits = qgis("edit", own_copy.project)
    assert {name: row["status"] for name, row in edits.items()} == {"d4": "accepted", "d3": "rejected", "d2": "edited"}
    drawn = qgis("draw", own_copy.project)
    assert drawn["status"] == "edited", "whoever draws an outline need not say so"

    own_copy.run(DECISIONS)
    reviewed = read_polygons(own_copy.results / "inventory/reviewed.gpkg", "reviewed").set_index("detection")
    rejected = read_polygons(own_copy.results / "inventory/reviewed.gpkg", "rejected")
    assert list(rejected["detection"]) == ["d3"]
    assert list(rejected["remark"]) == ["a lake"]
    assert dict(reviewed["status"]) == {
        "d0": "pending", "d1": "pending", "d2": "edited", "d4": "accepted", "drawn_00001": "edited",
    }  # fmt: skip
    assert reviewed.loc["d4", ["upslope_connection", "activity", "reviewer"]].tolist() == [
        "glacier_forefield",
        "active",
        "me",
    ]
    for name, wkt in (("d2", edits["d2"]["wkt"]), ("drawn_00001", drawn["wkt"])):
        assert shapely.hausdorff_distance(reviewed.loc[name, "geometry"], shapely.from_wkt(wkt)) < 1e-8

    seen = qgis("project", own_copy.project)["layers"]["outlines_review"]
    assert seen["symbols"] == {
        REVIEW_STYLES[1].label: 1,
        REVIEW_STYLES[2].label: 1,
        "accepted": 1,
        "edited": 2,
        "rejected": 1,
    }
    assert [name for _, name in seen["sort"][:2]] == ["d1", "d0"], "what is left to do comes first"


def test_the_decisions_of_the_browser_open_and_can_be_edited(own_copy):
    review = read_layer(own_copy.sheet, "review")
    review.to_file(own_copy.root / "resources/r/anna.geojson", driver="GeoJSON")
    own_copy.run(["resources/r/anna.geojson", DECISIONS])
    layers = qgis("project", own_copy.project)["layers"]
    assert layers["outlines_review"]["name"] == "detections to review (anna)"
    assert layers["outlines_review_1"]["name"] == "detections to review (decisions)"
    assert all(layer["valid"] for layer in layers.values())
    assert layers["outlines_review"]["symbols"] == layers["outlines_review_1"]["symbols"]
    assert set(qgis("edit", own_copy.project)) == {"d4", "d3", "d2"}


def test_the_table_of_styles_is_as_qgis_makes_it_itself(laid_out):
    """Saving another style from QGIS, as a person may in their copy, finds its table."""
    with sqlite3.connect(laid_out.sheet) as package:
        columns = [row[1:3] for row in package.execute("PRAGMA table_info(layer_styles)")]
    copy = laid_out.root / "copy.gpkg"
    shutil.copy(laid_out.sheet, copy)
    assert qgis("restyle", copy) == ""
    with sqlite3.connect(copy) as package:
        assert [row[1:3] for row in package.execute("PRAGMA table_info(layer_styles)")] == columns
        names = Counter(package.execute('SELECT f_table_name, "styleName" FROM layer_styles').fetchall())
    assert names == {
        ("review", "review"): 1,
        ("others", "others"): 1,
        ("removed", "removed"): 1,
        ("review", "my own"): 1,
    }


def words(widget: dict) -> list[str]:
    assert widget["type"] == "ValueMap"
    return [value for entry in widget["config"]["map"] for value in entry.values()]


def colours_of(picture: Path) -> Counter:
    with rasterio.open(picture) as image:
        pixels = image.read([1, 2, 3]).reshape(3, -1).T
    values, counts = np.unique(pixels, axis=0, return_counts=True)
    return Counter({tuple(map(int, value)): int(count) for value, count in zip(values, counts, strict=True)})


def test_qgis_decides_in_the_file_that_the_review_keeps(laid_out):
    """The file alone brings form and styles; what QGIS saves in it is an act like any other, and nothing is left beside it."""
    path = laid_out.root / DECISIONS
    kept = DecisionsFile(path)
    kept.lay_out(read_pending(laid_out.results / "mapping/detections.gpkg"))
    kept.decide("Anna", Decision("d0", "accepted", square(0), square(0)))
    laid_out.run(DECISIONS)
    review = qgis("project", laid_out.project)["layers"]["outlines_review"]
    assert review["valid"]
    assert not review["read_only"]
    alone = qgis("package", path)["review"]
    assert words(alone["widgets"]["status"]) == list(STATUS)
    assert alone["renderer"] == "categorizedSymbol"

    edits = qgis("edit", laid_out.project)
    assert len(edits) == 3
    assert qgis("draw", laid_out.project)["status"] == "edited"
    assert not [file for file in path.parent.iterdir() if file.name.endswith(("-wal", "-shm", "-journal"))]
    taken = [entry for entry in kept.changed_since(1) if entry.what == "in another program"]
    assert len(taken) == 4
    assert kept.notices() == []
    statuses = {row.detection: row.status for row in kept.rows()}
    assert {name: statuses[name] for name in edits} == {name: row["status"] for name, row in edits.items()}
    laid_out.run(DECISIONS)
    reviewed = read_polygons(laid_out.results / "inventory/reviewed.gpkg", "reviewed")
    assert "drawn_00001" in reviewed["detection"].tolist()
