"""Messy outlines in, trusted polygons out, each one left out with its reason."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import shapely
from shapely.affinity import translate

from lobate import vectors
from lobate.errors import Mistake


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
    assert "removed: 3, in the list of removed outlines" in caplog.text


def test_broken_outlines_are_mended_and_told(outlines, tmp_path, caplog):
    x, y = 500_100.0, 3_999_500.0
    bow = shapely.Polygon([(x, y), (x + 200, y + 200), (x + 200, y), (x, y + 200)])
    rocks = outlines.write(tmp_path / "rocks.gpkg", [bow, outlines.square(60, 5)])
    with caplog.at_level(logging.INFO):
        kept = outlines.clean(tmp_path, [rocks]).kept
    assert list(kept.index) == ["rocks_1.1", "rocks_1.2", "rocks_2"]
    assert kept["area_m2"].iloc[:2].to_numpy() == pytest.approx([10_000, 10_000], rel=2e-3)
    assert "1 invalid outlines were mended" in caplog.text
    assert "Self-intersection" in caplog.text
    assert "m2 became 20" in caplog.text


def test_what_is_left_out_has_its_reason(outlines, tmp_path):
    with np.errstate(invalid="ignore"):
        broken = shapely.Polygon([(500_000, 3_999_000), (500_100, np.nan), (500_100, 3_999_000)])
    shapes = {
        "good": outlines.square(5, 5),
        "sliver": outlines.square(30, 30, 0.5),
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
        "away": "lies on no image",
        "same": "duplicate: of good",
        "near": "duplicate: near (IoU 0.961) of good",
        "nothing": "has no geometry",
        "nan": "has coordinates that are not numbers",
        "flat": "encloses no area",
    }


def test_a_polygon_of_the_whole_world_is_left_out(outlines, tmp_path):
    world = outlines.write(tmp_path / "world.gpkg", [outlines.square(5, 5)])
    frame = vectors.read_layer(world).to_crs(4326)
    frame.loc[1, "geometry"] = shapely.box(-180, -90, 180, 90)
    frame.to_file(tmp_path / "world.geojson")
    result = outlines.clean(tmp_path, [tmp_path / "world.geojson"])
    assert len(result.kept) == 1
    assert list(result.removed["reason"]) == ["reaches over more degrees than any landform"]


def test_metres_taken_for_degrees_are_left_out(outlines, tmp_path):
    rocks = outlines.write(tmp_path / "rocks.gpkg", [outlines.square(5, 5)])
    wrong = vectors.read_layer(rocks).set_crs(4326, allow_override=True)
    wrong.to_file(tmp_path / "wrong.gpkg")
    result = outlines.clean(tmp_path, [rocks, tmp_path / "wrong.gpkg"])
    assert list(result.kept.index) == ["rocks_1"]
    assert "no degrees" in result.removed["reason"]["wrong_1"]


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
    with pytest.raises(Mistake, match=r"None of the 2 positive.*1 is smaller than 100 m2; 1 lies on no image"):
        outlines.clean(tmp_path, [rocks])
    assert not (tmp_path / "polygons.gpkg").exists()
