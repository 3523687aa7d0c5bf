"""Messy outlines in, valid polygons out; each one left out has its reason; rejected places are negatives; the best tile."""

from __future__ import annotations

import logging
import re

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.crs import CRS
from shapely.affinity import translate

from lobate.errors import UserError
from lobate.io import vector
from lobate.io.decisions import REJECTED_FOLD
from lobate.io.grid import Grid
from lobate.labels.clean_labels import best_tiles, clean_labels, empty_raster, lonlat_boxes, read_rejected
from lobate.settings.base import PolygonFile
from lobate.settings.labels import Labels


def test_ids_classes_sources_tiles_and_areas(outlines, tmp_path):
    rocks = outlines.write(tmp_path / "rocks.gpkg", [outlines.square(5, 5), outlines.square(30, 5)], name=["a", "b"])
    water = outlines.write(tmp_path / "water.shp", [outlines.square(5, 60, 20)], crs="EPSG:32645")
    result = outlines.clean(tmp_path, [(rocks, {"id_field": "name"})], [water])
    assert list(result.kept.index) == ["a", "b", "water_0"]
    assert list(result.kept["class"]) == ["positive", "positive", "negative"]
    assert list(result.kept["source"]) == ["rocks.gpkg", "rocks.gpkg", "water.shp"]
    assert set(result.kept["tile"]) == {"T1"}
    assert result.kept["area_m2"].to_numpy() == pytest.approx([10_000, 10_000, 40_000], rel=2e-3)
    assert result.kept.crs.to_epsg() == 4326
    assert result.removed.empty


def test_three_dimensions_become_two_and_parts_become_rows(outlines, tmp_path):
    high = shapely.force_3d(shapely.MultiPolygon([outlines.square(5, 5), outlines.square(30, 5)]), 4000.0)
    rocks = outlines.write(tmp_path / "rocks.gpkg", [high, outlines.square(60, 5)], name=["a", "b"])
    kept = outlines.clean(tmp_path, [(rocks, {"id_field": "name"})]).kept
    assert list(kept.index) == ["a.1", "a.2", "b"]
    assert set(kept.geom_type) == {"Polygon", "MultiPolygon"} or set(kept.geom_type) == {"MultiPolygon"}
    assert not kept.has_z.any()


def test_only_features_with_the_wanted_values_are_read(outlines, tmp_path):
    shapes = [outlines.square(col, 5) for col in (5, 25, 45)]
    rocks = outlines.write(
        tmp_path / "rocks.shp", shapes, **{"Out.Type": ["Extended", "Restricted", "Extended"], "n": [1, 1, 2]}
    )
    kept = outlines.clean(tmp_path, [(rocks, {"where": {"Out.Type": "Extended", "n": 1}})]).kept
    assert list(kept.index) == ["rocks_0"]


def test_the_same_ids_in_two_files_are_kept_apart_and_told(outlines, tmp_path, caplog):
    rocks = outlines.write(tmp_path / "rocks.gpkg", [outlines.square(5, 5), outlines.square(30, 5)], n=[7.0, 8.0])
    water = outlines.write(tmp_path / "water.gpkg", [outlines.square(5, 60)], n=[7])
    with caplog.at_level(logging.INFO):
        kept = outlines.clean(tmp_path, [(rocks, {"id_field": "n"})], [(water, {"id_field": "n"})]).kept
    assert list(kept.index) == ["7", "8", "7@water"]
    assert "renamed: 7 to 7@water" in caplog.text


def test_listed_outlines_go_with_their_reasons_and_all_their_parts(outlines, tmp_path, caplog):
    two = shapely.MultiPolygon([outlines.square(5, 5), outlines.square(30, 5)])
    rocks = outlines.write(
        tmp_path / "rocks.gpkg", [two, outlines.square(60, 5), outlines.square(90, 5)], name=["a", "b", "c"]
    )
    listed = tmp_path / "removed.csv"
    listed.write_text("\ufeffID;Reason\na;cloud\nb;too small: 10 m\nz;cloud\n", encoding="utf-8")
    with caplog.at_level(logging.INFO):
        result = outlines.clean(tmp_path, [(rocks, {"id_field": "name"})], listed=listed)
    assert list(result.kept.index) == ["c"]
    assert result.removed["reason"].to_dict() == {"a.1": "cloud", "a.2": "cloud", "b": "too small: 10 m"}
    assert result.removed["listed"].all()
    assert "1 ids of the list of removed outlines name no outline: z" in caplog.text
    assert "2 of 3 ids of the list of removed outlines were found" in caplog.text
    assert "3  3 in the list of removed outlines" in caplog.text


def test_broken_outlines_are_mended_and_told(outlines, tmp_path, caplog):
    x, y = 500_100.0, 3_999_500.0
    bow = shapely.Polygon([(x, y), (x + 200, y + 200), (x + 200, y), (x, y + 200)])
    rocks = outlines.write(tmp_path / "rocks.gpkg", [bow, outlines.square(60, 5)])
    with caplog.at_level(logging.INFO):
        kept = outlines.clean(tmp_path, [rocks]).kept
    assert list(kept.index) == ["rocks_1.1", "rocks_1.2", "rocks_2"]
    assert kept["area_m2"].iloc[:2].to_numpy() == pytest.approx([10_000, 10_000], rel=2e-3)
    assert "1 invalid outlines were repaired" in caplog.text
    assert "Self-intersection" in caplog.text
    assert re.search(r"feature 1 \(Self-intersection.*\): 0 m2 became 20...? m2", caplog.text)
    assert re.search(r"area of 0 m2 became 20...? m2", caplog.text)


def test_what_is_left_out_has_its_reason(outlines, tmp_path):
    with np.errstate(invalid="ignore"):
        broken = shapely.Polygon([(500_000, 3_999_000), (500_100, np.nan), (500_100, 3_999_000)])
    shapes = {
        "good": outlines.square(5, 5),
        "sliver": outlines.square(30, 30, 0.5),
        "thread": shapely.box(500_000, 3_999_800, 501_000, 3_999_800.8),
        "away": outlines.square(500, 5),
        "same": outlines.square(5, 5),
        "near": translate(outlines.square(5, 5), 1.0, 1.0),
        "neighbour": translate(outlines.square(5, 5), 20.0, 0.0),
        "nothing": None,
        "nan": broken,
        "flat": shapely.Polygon([(500_000, 3_999_900), (500_100, 3_999_900), (500_200, 3_999_900)]),
    }
    rocks = outlines.write(tmp_path / "rocks.gpkg", list(shapes.values()), name=list(shapes))
    result = outlines.clean(tmp_path, [(rocks, {"id_field": "name"})])
    assert set(result.kept.index) == {"good", "neighbour"}
    assert result.removed["reason"].to_dict() == {
        "sliver": "is smaller than 100 m2",
        "thread": "is narrower than 1 m",
        "away": "lies on no image",
        "same": "duplicate: of good",
        "near": "duplicate: near (IoU 0.961) of good",
        "nothing": "has no geometry",
        "nan": "has coordinates that are not numbers",
        "flat": "encloses no area",
    }


@pytest.mark.parametrize(
    ("outline", "reason"),
    [
        (shapely.box(-180, -90, 180, 90), "reaches over more degrees than any landform"),
        (shapely.box(83, 89.9, 83.1, 90.1), "reaches past a pole (is the file's CRS right?)"),
    ],
    ids=["the whole world", "past the pole"],
)
def test_a_polygon_that_no_landform_has_is_left_out(outlines, tmp_path, outline, reason):
    world = outlines.write(tmp_path / "world.gpkg", [outlines.square(5, 5)])
    frame = vector.read_layer(world).to_crs(4326)
    frame.loc[1, "geometry"] = outline
    frame.to_file(tmp_path / "world.geojson")
    result = outlines.clean(tmp_path, [tmp_path / "world.geojson"])
    assert len(result.kept) == 1
    assert list(result.removed["reason"]) == [reason]


def test_metres_taken_for_degrees_are_refused(outlines, tmp_path):
    rocks = outlines.write(tmp_path / "rocks.gpkg", [outlines.square(5, 5)])
    wrong = vector.read_layer(rocks).set_crs(4326, allow_override=True)
    wrong.to_file(tmp_path / "wrong.gpkg")
    with pytest.raises(UserError, match="whose coordinates are degrees, but feature 1"):
        outlines.clean(tmp_path, [rocks, tmp_path / "wrong.gpkg"])


def test_negatives_yield_to_positives(outlines, tmp_path):
    rocks = outlines.write(tmp_path / "rocks.gpkg", [outlines.square(20, 20, 10)])
    shapes = {
        "half": outlines.square(26, 20, 10),
        "inside": outlines.square(21, 21, 5),
        "touching": outlines.square(30, 20, 10),
    }
    water = outlines.write(tmp_path / "water.gpkg", [*shapes.values()], name=[*shapes])
    result = outlines.clean(tmp_path, [rocks], [(water, {"id_field": "name"})])
    assert result.removed["reason"].to_dict() == {
        "half.cut": "part that lies in positives, cut away: rocks_1",
        "inside": "lies mostly in positives: rocks_1",
    }
    assert result.kept["area_m2"][["rocks_1", "half", "touching"]].to_numpy() == pytest.approx(
        [10_000, 6_000, 10_000], rel=2e-3
    )
    half, positive = result.kept.geometry["half"], result.kept.geometry["rocks_1"]
    assert shapely.intersection(half, positive).area < 1e-12


def test_the_best_tile_covers_most_and_keeps_the_edge_farthest(outlines, tmp_path):
    images = {
        "A": outlines.write_image(tmp_path / "A.tif", 100, 100),
        "B": outlines.write_image(tmp_path / "B.tif", 100, 100, left=500_000 + 600),
    }
    shapes = {
        "left": outlines.square(10, 10),
        "over": outlines.square(95, 10),
        "near_b": outlines.square(61, 40),
        "near_a": outlines.square(88, 40),
    }
    rocks = outlines.write(tmp_path / "rocks.gpkg", list(shapes.values()), name=list(shapes))
    kept = outlines.clean(tmp_path, [(rocks, {"id_field": "name"})], images=images).kept
    assert kept["tile"].to_dict() == {"left": "A", "over": "B", "near_b": "A", "near_a": "B"}


def test_one_more_polygon_changes_no_other_row(outlines, tmp_path):
    shapes = [outlines.square(col, 5) for col in (5, 25, 45)]
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, some in ((first, shapes), (second, [*shapes, outlines.square(70, 5)])):
        folder.mkdir()
        outlines.write(folder / "rocks.gpkg", some)
    before, after = (outlines.clean(folder, [folder / "rocks.gpkg"]).kept for folder in (first, second))
    assert before.equals(after.loc[before.index])


def test_the_same_outlines_give_the_same_bytes(outlines, tmp_path):
    rocks = outlines.write(tmp_path / "rocks.gpkg", [outlines.square(5, 5), outlines.square(30, 5)])
    first = outlines.clean(tmp_path, [rocks]).path.read_bytes()
    assert outlines.clean(tmp_path, [rocks]).path.read_bytes() == first


def test_no_positive_left_is_a_mistake_that_says_why(outlines, tmp_path):
    rocks = outlines.write(tmp_path / "rocks.gpkg", [outlines.square(900, 5), outlines.square(5, 5, 0.1)])
    with pytest.raises(UserError, match=r"None of the 2 positive.*1 is smaller than 100 m2; 1 lies on no image"):
        outlines.clean(tmp_path, [rocks])
    assert not (tmp_path / "polygons.gpkg").exists()


def test_a_field_of_folds_goes_along_as_people_write_it(tmp_path, outlines):
    squares = [outlines.square(10, 10), outlines.square(40, 40), outlines.square(80, 80)]
    positives = outlines.write(tmp_path / "p.gpkg", squares, id=["a", "b", "c"], part=[2.0, None, 10.0])
    negatives = outlines.write(tmp_path / "n.gpkg", [outlines.square(60, 10)], id=["d"], part=["validation"])
    files = [(positives, {"id_field": "id"})], [(negatives, {"id_field": "id"})]
    kept = outlines.clean(tmp_path, *files, fold_field="part").kept
    assert kept["fold"].fillna("").to_dict() == {"a": "2", "b": "", "c": "10", "d": "validation"}
    assert "fold" not in outlines.clean(tmp_path, *files).kept
    with pytest.raises(UserError, match=r"has no field prt.*Did you mean part"):
        outlines.clean(tmp_path, *files, fold_field="prt")


def test_the_papers_outlines_after_its_118_removed_ones(outlines, tmp_path, caplog):
    squares = [outlines.square(12 * (n % 24), 12 * (n // 24), 8) for n in range(290 + 145)]
    rocks = outlines.write(tmp_path / "rocks.shp", squares[:290], name=[f"wkl{n:03}" for n in range(290)])
    others = outlines.write(tmp_path / "others.geojson", squares[290:], crs=4326)
    listed = tmp_path / "removed.csv"
    listed.write_text(
        "id,reason\n" + "".join(f"wkl{2 * n:03},{'cloud' if n % 3 else 'too small'}\n" for n in range(118))
    )
    images = {"T1": outlines.write_image(tmp_path / "T1.tif", 300, 300)}
    with caplog.at_level(logging.INFO):
        result = outlines.clean(tmp_path, [(rocks, {"id_field": "name"})], [others], images, listed=listed)
    assert result.kept["class"].value_counts().to_dict() == {"positive": 172, "negative": 145}
    assert result.removed["reason"].value_counts().to_dict() == {"cloud": 78, "too small": 40}
    summary = [
        line.split("clean_labels.py")[1].split(" ", 1)[1]
        for line in caplog.text.splitlines()
        if "clean_labels.py" in line
    ]
    assert [line.split(maxsplit=4) for line in summary[:5]] == [
        ["file", "class", "kept", "removed", "why"],
        ["rocks.shp", "positive", "172", "118", "118 in the list of removed outlines"],
        ["others.geojson", "negative", "145", "0"],
        ["all", "positive", "172", "118", "118 in the list of removed outlines"],
        ["all", "negative", "145", "0"],
    ]


def test_of_an_image_only_its_grid_is_seen(outlines, tmp_path):
    image = outlines.write_image(tmp_path / "T1.tif", void=40)
    other = outlines.write_image(tmp_path / "T2.tif")
    empty_raster(image, tmp_path / "a.tif")
    empty_raster(other, tmp_path / "b.tif")
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()
    with rasterio.open(tmp_path / "a.tif") as made, rasterio.open(image) as given:
        assert Grid.from_raster(made) == Grid.from_raster(given)


@pytest.mark.parametrize("move", ["add", "shift", "drop"])
def test_a_change_of_one_outline_changes_what_overlaps_it_and_nothing_else(outlines, tmp_path, move):
    rng = np.random.default_rng(5)
    shapes = [outlines.square(*place, 12) for place in rng.uniform(0, 130, (60, 2))]
    names = [f"p{n}" for n in range(60)]
    changed = {"add": [*shapes, outlines.square(20, 20, 12)], "shift": [*shapes[:59], translate(shapes[59], 35, 10)]}
    changed["drop"] = shapes[:59]
    results = []
    for some in (shapes, changed[move]):
        mine = (
            outlines.write(tmp_path / "rocks.gpkg", some[::2], name=[*names, "new"][: len(some)][::2]),
            {"id_field": "name"},
        )
        theirs = (
            outlines.write(tmp_path / "water.gpkg", some[1::2], name=names[: len(some)][1::2]),
            {"id_field": "name"},
        )
        results.append(outlines.clean(tmp_path, [mine], [theirs]))
    touched = shapely.union_all([outlines.square(20, 20, 12) if move == "add" else shapes[59], *changed[move][59:]])
    for layer in ("kept", "removed"):
        before, after = (
            getattr(result, layer).drop(index=["p59", "p59.cut", "new"], errors="ignore") for result in results
        )
        far = [name for name in before.index if not shapes[int(name.removesuffix(".cut")[1:])].intersects(touched)]
        assert len(far) > 10 or layer == "removed"
        assert before.loc[far].equals(after.loc[far])


@pytest.fixture
def clean(outlines, tmp_path):
    """Clean one positive at (10, 10) and these decisions; return the layers."""
    positive = outlines.write(tmp_path / "positives.gpkg", [outlines.square(10, 10)], id=["p"])
    image = outlines.write_image(tmp_path / "T1.tif")

    def run(shapes, statuses):
        said = outlines.write(tmp_path / "said.geojson", shapes, 4326, status=statuses)
        labels = Labels(positives=[PolygonFile(path=str(positive), id_field="id")])
        target = tmp_path / "polygons.gpkg"
        clean_labels([positive], [image], target, decisions=[said], tiles=["T1"], labels=labels)
        return [gpd.read_file(target, layer=name).set_index("polygon") for name in ("kept", "removed")]

    return run


def test_rejected_places_are_negatives(clean, outlines):
    kept, removed = clean([outlines.square(40, 40), outlines.square(70, 40)], ["rejected", "accepted"])
    negative = kept[kept["class"] == "negative"]
    assert len(negative) == 1
    assert negative["source"].iloc[0] == "said.geojson"
    assert negative["area_m2"].iloc[0] == pytest.approx(1e4, rel=0.01)
    assert removed.empty


def test_it_has_no_field_that_says_its_fold_and_says_so(clean, outlines, tmp_path):
    outlines.write(tmp_path / "said.geojson", [outlines.square(40, 40)], 4326, status=["rejected"])
    assert read_rejected(tmp_path / "said.geojson", [])["fold"].tolist() == [REJECTED_FOLD]


def test_a_further_decision_renames_none(clean, outlines):
    first, _ = clean([outlines.square(40, 40)], ["rejected"])
    both, _ = clean([outlines.square(70, 40), outlines.square(40, 40)], ["rejected", "rejected"])
    assert set(first.index) < set(both.index)


def test_what_is_drawn_as_positive_wins(clean, outlines):
    kept, removed = clean([outlines.square(10, 10)], ["rejected"])
    assert list(kept["class"]) == ["positive"]
    assert "lies mostly in positives: p" in removed["reason"].iloc[0]


def test_nothing_rejected(clean, outlines, tmp_path):
    kept, _ = clean([outlines.square(40, 40)], ["accepted"])
    assert list(kept["class"]) == ["positive"]
    assert read_rejected(tmp_path / "said.geojson", []).empty


def utm(zone, left, top, size=1000, metres=10.0):
    return Grid(size, size, Affine(metres, 0, left, 0, -metres, top), CRS.from_epsg(32600 + zone))


def in_utm(zone, *boxes):
    return gpd.GeoSeries([shapely.box(*box) for box in boxes], crs=32600 + zone).to_crs(4326)


def test_tiles_of_two_zones_share_a_polygon_by_cover():
    tiles = {"W": utm(44, 700_000, 4_000_000, 8000), "E": utm(45, 200_000, 4_000_000, 6000)}
    on_both = in_utm(45, (230_000, 3_970_000, 231_000, 3_971_000))
    alone = {name: best_tiles(on_both, {name: tiles[name]})[0] for name in tiles}
    assert alone == {"W": "W", "E": "E"}
    assert best_tiles(on_both, tiles)[0] in tiles
    assert best_tiles(in_utm(44, (779_200, 3_970_000, 780_200, 3_971_000)), tiles)[0] == "E"


def test_equal_tiles_are_taken_by_name_whatever_their_order():
    grid = utm(44, 500_000, 4_000_000)
    shapes = in_utm(44, (503_000, 3_994_000, 504_000, 3_995_000))
    assert best_tiles(shapes, {"B": grid, "A": grid})[0] == best_tiles(shapes, {"A": grid, "B": grid})[0] == "A"


def test_ground_on_no_tile_has_none():
    shapes = in_utm(44, (100_000, 100_000, 101_000, 101_000), (503_000, 3_994_000, 504_000, 3_995_000))
    assert best_tiles(shapes, {"A": utm(44, 500_000, 4_000_000)}).tolist() == [None, "A"]


def test_a_tile_over_the_antimeridian_is_two_boxes_and_sees_both_sides():
    tile = utm(1, 360_000, 7_500_000, 6000)
    assert len(lonlat_boxes(tile)) == 2
    shapes = gpd.GeoSeries(
        [shapely.box(179.9, 67.3, 179.95, 67.35), shapely.box(-179.8, 67.3, -179.7, 67.35)], crs=4326
    )
    assert best_tiles(shapes, {"A": tile}).tolist() == ["A", "A"]
