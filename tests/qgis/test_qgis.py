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

from lobate.inventory.compile_inventory import compile_inventory
from lobate.inventory.describe import describe
from lobate.inventory.detections import REVIEW_FIELDS, read_pending
from lobate.inventory.qgis.result_styles import INVENTORY_STYLES, OUTLINE_TYPE_STYLES
from lobate.inventory.qgis.styles import REVIEW_STYLES
from lobate.inventory.translate_inventory import translate_inventory
from lobate.inventory.vocabulary import ACTIVITY, STATUS, UPSLOPE
from lobate.io.qgis.package import add_styles
from lobate.io.qgis.rasters import PROBABILITY_COLOURS
from lobate.io.vector import read_layer, read_polygons, write_layers
from lobate.mapping.score import UNMATCHED_STYLES, case_styles
from lobate.patches.split_style import SIDE_STYLES, split_style
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
    outlines = ["detections to review", "other inventories", "drawn by hand", "removed by the filters"]
    assert seen["order"] == [*outlines, "A_probability", "B_probability", "A", "B", "hillshade"]
    assert not {name for name in seen["checked"] if name.startswith(("probability", "hillshade"))}, "off at first"
    layers = seen["layers"]
    assert all(layer["valid"] for layer in layers.values())
    assert {key: layer["crs"] for key, layer in layers.items() if key.startswith("outlines")} == {
        "outlines_review": "EPSG:4326",
        "outlines_others": "EPSG:4326",
        "outlines_labels": "EPSG:4326",
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


def test_the_terrain_the_map_and_the_outlines_by_hand_are_there_to_be_switched_on(laid_out, tmp_path):
    picture = tmp_path / "hill.png"
    layers = qgis("project", laid_out.project, str(picture), "hillshade_of_dem")["layers"]
    hill, probability, hand = (
        layers[name] for name in ("hillshade_of_dem", "probability_of_tile_0", "outlines_labels")
    )
    assert (hill["renderer"], hill["source"]) == ("hillshade", str(laid_out.root / "dem.tif"))
    assert hill["zfactor"] == pytest.approx(1 / 111_320), "elevations in metres on cells in degrees"
    (grey, _), *_ = (one for one in colours_of(picture).most_common() if one[0] != (110, 110, 110))
    # the light comes from the north west, 45 degrees high; the ground falls by 30 degrees towards the south east, and in
    # degrees a little less towards the east
    assert grey[0] == pytest.approx(255 * np.cos(np.radians(75)), abs=15)
    assert (probability["renderer"], probability["opacity"]) == ("singlebandpseudocolor", 0.6)
    assert hand["symbols"] == {"drawn by hand": 1, "drawn by hand: not the landform": 1}
    assert hand["read_only"]


def test_a_map_of_probabilities_alone_opens_in_its_colours(laid_out, tmp_path):
    picture = tmp_path / "map.png"
    seen = qgis("raster", laid_out.results / "mapping/A_probability.tif", str(picture))
    assert (seen["renderer"], seen["opacity"], seen["nodata"]) == ("singlebandpseudocolor", 0.6, [True])
    with rasterio.open(picture) as image:
        row = image.read([1, 2, 3])[:, 500, :].astype(int).T
    ground = np.array([110, 110, 110])
    mapped = np.flatnonzero((row != ground).any(axis=1))
    for share, colour in zip((0.25, 0.5, 0.75, 1.0), PROBABILITY_COLOURS[1:], strict=True):
        place = round(mapped[0] + share * (mapped[-1] - mapped[0]))
        expected = 0.6 * np.array(colour) + 0.4 * ground
        assert np.abs(row[place] - expected).max() < 12, f"the colour of {share}"
    assert np.abs(row[mapped[0]] - ground).max() < 12, "what is no landform lets the ground through"


RESULTS = {
    "inventory": {"inventory": INVENTORY_STYLES, "removed": None, "ground": None},
    "reviewed": {"reviewed": REVIEW_STYLES, "rejected": None, "unmatched": None, "removed": None, "conflicts": None},
    "rgik": {"AOI": None, "PM": None, "GO": OUTLINE_TYPE_STYLES, "MA": None},
    "paper": {"inventory": None},
}


@pytest.mark.parametrize("name", RESULTS)
def test_the_results_open_with_their_looks(laid_out, tmp_path, name):
    file = results_of(laid_out)[name]
    pictured = {"rgik": "GO"}.get(name, next(iter(RESULTS[name])))
    picture = tmp_path / "picture.png"
    layers = qgis("package", file, pictured, str(picture))
    assert set(layers) == set(RESULTS[name])
    for layer, styles in RESULTS[name].items():
        assert layers[layer]["renderer"] == ("categorizedSymbol" if styles else "singleSymbol"), layer
        if styles:
            assert layers[layer]["categories"] == [look.label for look in styles]
    looks = RESULTS[name][pictured]
    shown = layers[pictured]["symbols"] if looks else None
    colours = colours_of(picture)
    for look in looks or ():
        if shown.get(look.label):
            assert colours[tuple(map(int, look.colour.split(",")[:3]))] > 50, look.label


def results_of(desk: Desk) -> dict[str, Path]:
    """Write the inventory of a desk in all its forms; return the GeoPackages."""
    folder = desk.results / "inventory"
    described = folder / "described/reviewed.gpkg"
    describe(folder / "reviewed.gpkg", described, None, source="reviewed", others_settings={})
    others = ("i.parquet", "i.csv", "i.geojson", "i.shp.zip", "summary.json")
    maps = [desk.results / f"mapping/{tile}_probability.tif" for tile in "AB"]
    inventory = folder / "inventory.gpkg"
    compile_inventory(described, [], maps, inventory, *(folder / one for one in others), names=[])
    files = {"inventory": inventory, "reviewed": folder / "reviewed.gpkg"}
    for standard in ("rgik", "paper"):
        files[standard] = folder / f"{standard}.gpkg"
        translate_inventory(inventory, files[standard], standard=standard)
    return files


def test_the_split_opens_with_a_colour_for_each_side(tmp_path):
    desk.expect_qgis()
    sides = ["training", "training", "validation", "test", "dropped"]
    rows = frame([square(n) for n in range(5)], patch=list("abcde"), side=sides, group="g", reason="")
    write_layers(tmp_path / "split.gpkg", {"split": rows})
    add_styles(tmp_path / "split.gpkg", {"split": split_style()})
    split = qgis("package", tmp_path / "split.gpkg", "split", str(tmp_path / "split.png"))["split"]
    labels = {look.value: look.label for look in SIDE_STYLES}
    assert split["symbols"] == Counter(labels[side] for side in sides)
    colours = colours_of(tmp_path / "split.png")
    assert all(colours[tuple(map(int, look.colour.split(",")[:3]))] > 50 for look in SIDE_STYLES[:3])


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
