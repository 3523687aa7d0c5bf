"""Outlines of other inventories on ground that was mapped, beside it, and across its border."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from lobate.inventory.mapped_ground import mapped_share, read_ground
from lobate.io.vector import read_polygons, write_layers

from .conftest import STEP, frame, probability_map, square
from .test_compile_inventory import compiled, described

MAPPED = box(80, 36, 80 + 4 * STEP, 36 + 4 * STEP)


def compile_on(folder, detected, known, *holes, **settings):
    """Compile detections and one other inventory over a map of 4 x 4 squares; returns the inventory and the summary."""
    maps = [probability_map(folder / "small.tif", *holes, extent=MAPPED.bounds)]
    reviewed = described(folder / "r.gpkg", detected, "reviewed")
    other = described(folder / "o.gpkg", known, "rgi", method="rgi")
    result = compiled(folder, reviewed, other, maps=maps, **settings)
    return result, json.loads((folder / "summary.json").read_text())


def test_outlines_beside_the_mapped_ground_are_left_out_aloud(tmp_path, caplog):
    """Sixteen outlines in the region and 79 elsewhere over the mountains make an inventory of sixteen."""
    inside = [square(column, row) for column in range(4) for row in range(4)]
    beyond = [square(10 + column, row) for column in range(10) for row in range(8)][:79]
    with caplog.at_level(logging.WARNING):
        result, summary = compile_on(tmp_path, [], inside + beyond)
    assert len(result) == 16
    assert set(result["mapped_share"]) == {1}
    assert "79 of 95 outlines of rgi lie on ground that was not mapped" in caplog.text
    assert summary["ground"] == {"at_the_border": 0, "not_mapped": 79, "not_mapped_by_source": {"rgi": 79}}
    assert summary["inventory"]["total"] == 16
    removed = read_polygons(tmp_path / "inventory.gpkg", "removed")
    assert removed["reason"].str.startswith("lies on ground that was not mapped").sum() == 79
    assert len(set(removed["source_id"])) == 79
    assert {shape.wkt for shape in removed.geometry.normalize()} == {shape.normalize().wkt for shape in beyond}
    assert summary["detections"]["total"] == summary["detections"]["repeated"] == 0


@pytest.mark.parametrize(("offset", "kept"), [(0.0, True), (0.4, True), (0.6, False), (1.5, False)])
def test_half_of_the_area_decides_and_no_outline_is_cut(tmp_path, offset, kept):
    shape = square(3.1 + 0.9 * offset, 1)
    result, summary = compile_on(tmp_path, [], [shape])
    assert list(result.geometry.geom_equals(shape)) == [True] * kept
    assert summary["ground"]["at_the_border"] == int(kept and offset > 0)
    if kept:
        assert result["mapped_share"].iloc[0] == pytest.approx(1 - offset, abs=0.02)


def test_a_hole_without_data_is_not_mapped(tmp_path):
    result, summary = compile_on(tmp_path, [], [square(0), square(2, 2)], square(2, 2).buffer(STEP / 2))
    assert (len(result), summary["ground"]["not_mapped"]) == (1, 1)


@pytest.mark.parametrize("outline", ["other", "detection"])
def test_a_landform_that_the_map_detects_stands_across_the_border(tmp_path, outline):
    """It is known: only the rest of its outline lies beyond the map."""
    known, detected = box(*square(3, 1).bounds[:2], 80 + 7 * STEP, 36 + 2 * STEP), square(3, 1)
    result, summary = compile_on(tmp_path, [detected], [known], outline=outline)
    assert list(result["method"]) == ["both"]
    assert summary["detections"]["in_other_inventories"] == 1
    assert summary["ground"]["not_mapped"] == 0
    assert (result["mapped_share"].iloc[0] < 0.5) == (outline == "other")


def test_what_a_reviewer_drew_beyond_the_map_stands_with_its_share(tmp_path):
    result, summary = compile_on(tmp_path, [square(9)], [])
    assert list(result["mapped_share"]) == [0]
    assert summary["ground"] == {"at_the_border": 1, "not_mapped": 0, "not_mapped_by_source": {}}


def test_the_inventory_carries_the_ground_of_all_maps(tmp_path):
    maps = [
        probability_map(tmp_path / f"{side}.tif", extent=(west, 36, west + 0.1, 36.1))
        for side, west in (("a", 80.0), ("b", 80.05))
    ]
    across = box(80.02, 36.02, 80.12, 36.03)
    result = compiled(
        tmp_path,
        described(tmp_path / "r.gpkg", [], "reviewed"),
        described(tmp_path / "o.gpkg", [across], "rgi"),
        maps=maps,
    )
    assert list(result["mapped_share"]) == [1]
    ground = read_ground(tmp_path / "inventory.gpkg")
    assert ground.union_all().symmetric_difference(box(80, 36, 80.15, 36.1)).area < 1e-9


def test_no_layer_and_no_file_give_no_ground(tmp_path):
    write_layers(tmp_path / "plain.gpkg", {"inventory": frame([square(0)])})
    assert read_ground(tmp_path / "plain.gpkg") is None
    assert read_ground(tmp_path / "nowhere.gpkg") is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=8))
def test_overlapping_parts_of_the_ground_count_once(places):
    ground = frame([square(column, row, side=2) for column, row in places]).geometry
    shape = square(2, 2, side=2)
    (share,) = mapped_share(frame([shape]).geometry, ground)
    expected = shape.intersection(ground.union_all()).area / shape.area if places else 0
    assert np.isclose(share, expected, atol=1e-3)
    assert 0 <= share <= 1
