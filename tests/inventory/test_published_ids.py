"""Identifiers kept from a published inventory: whatever the outlines do, and what is listed when they cannot be."""

from __future__ import annotations

import json
from itertools import pairwise

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from lobate.errors import UserError
from lobate.inventory.attributes import INVENTORY, to_schema
from lobate.inventory.primary_marker import primary_marker
from lobate.inventory.published_ids import read_published, with_new_ids, with_published_ids
from lobate.io.vector import read_polygons, write_layers

from .conftest import square
from .test_compile_inventory import compiled, described

PIXEL = 10 / 111_000


def records(*shapes, **columns):
    markers = [primary_marker(shape) for shape in shapes]
    table = {"longitude": [x for x, _ in markers], "latitude": [y for _, y in markers], **columns}
    return gpd.GeoDataFrame(table, geometry=list(shapes), crs=4326)


def published(tmp_path, *shapes, **columns):
    named = with_new_ids(records(*shapes, **columns), "RGU").records
    write_layers(tmp_path / "published.gpkg", {"inventory": to_schema(named, INVENTORY, "EPSG:4326")})
    return read_published(tmp_path / "published.gpkg")


def succeed(before, *shapes, **columns):
    return with_published_ids(records(*shapes, **columns), before, 0.3, "RGU")


def changes(succession) -> list[tuple[str, str | None, str | None]]:
    return [(row.kind, row.before, row.after) for row in succession.changes.itertuples()]


@pytest.mark.parametrize(
    "moved",
    [
        lambda shape: shapely.affinity.translate(shape, PIXEL, 0),
        lambda shape: shapely.affinity.translate(shape, -PIXEL, PIXEL),
        lambda shape: shape.buffer(PIXEL),
        lambda shape: shape.buffer(-PIXEL),
    ],
    ids=["east", "north-west", "grown", "shrunk"],
)
def test_no_id_and_no_marker_changes_when_outlines_move_by_a_pixel(tmp_path, moved):
    shapes = [square(column, row) for column in range(4) for row in range(3)]
    before = published(tmp_path, *shapes)
    after = succeed(before, *map(moved, reversed(shapes)))
    columns = ["id", "longitude", "latitude"]
    result = after.records[columns].sort_values("id").reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.DataFrame(result), pd.DataFrame(before[columns]), check_dtype=False)
    assert after.changes.empty
    assert after.account() == {
        "split": 0, "merged": 0, "rearranged": 0, "appeared": 0, "vanished": 0, "unmapped": 0, "kept": 12,
    }  # fmt: skip


def test_only_new_ones_get_new_ids(tmp_path):
    before = published(tmp_path, square(0), square(1))
    after = succeed(before, square(5), square(1))
    assert after.records["id"][1] == before["id"][1]
    assert after.records["id"][0] not in set(before["id"])
    assert changes(after) == [
        ("appeared", None, after.records["id"][0]),
        ("vanished", before["id"][0], None),
    ]


def test_a_split_is_listed_and_the_part_round_the_marker_keeps_the_id(tmp_path):
    """The larger part lies elsewhere; the marker's ground is what was published."""
    whole = box(80, 36, 80.004, 36.001)
    before = published(tmp_path, whole)
    small, large = box(80.0015, 36, 80.0025, 36.001), box(80.0025, 36, 80.004, 36.001)
    after = succeed(before, large, small)
    assert after.records["id"][1] == before["id"][0]
    assert changes(after) == [("split", before["id"][0], ";".join(after.records["id"]))]
    assert before["id"][0] in after.changes["reason"][0]


def test_a_merge_is_listed_and_one_id_stays(tmp_path):
    west, east = box(80, 36, 80.002, 36.001), box(80.002, 36, 80.003, 36.001)
    before = published(tmp_path, west, east)
    after = succeed(before, west.union(east))
    assert list(after.records["id"]) == [before["id"][0]]  # of two markers inside, the one most alike
    assert changes(after) == [("merged", ";".join(before["id"]), before["id"][0])]


def test_several_into_several_are_rearranged(tmp_path):
    before = published(tmp_path, box(80, 36, 80.002, 36.002), box(80.002, 36, 80.004, 36.002))
    cuts = [80, 80.0009, 80.0031, 80.004]
    after = succeed(before, *(box(west, 36, east, 36.002) for west, east in pairwise(cuts)))
    assert [kind for kind, _, _ in changes(after)] == ["rearranged"]
    assert after.records["id"].is_unique


def test_a_kept_marker_outside_its_outline_calls_for_a_look(tmp_path):
    before = published(tmp_path, box(80, 36, 80.004, 36.001))
    after = succeed(before, box(80, 36, 80.0019, 36.001))
    assert list(after.records["id"]) == list(before["id"])
    assert changes(after) == [("kept", before["id"][0], before["id"][0])]


def test_an_id_of_a_vanished_landform_is_not_given_to_another(tmp_path):
    """A speck and the hill that swallows it share their marker, and are not one landform."""
    speck, hill = box(80.0009, 36.0009, 80.0011, 36.0011), box(80, 36, 80.002, 36.002)
    before = published(tmp_path, speck)
    after = succeed(before, hill)
    assert after.records["id"][0] == before["id"][0] + "b"


def test_what_was_published_is_carried_where_nothing_newer_stands(tmp_path):
    before = published(tmp_path, square(0), square(1), country="Chile", polygon_id=["CL-1", "CL-2"])
    after = succeed(before, square(0), square(1), square(2), polygon_id=[None, "new", None]).records
    assert list(after["country"].fillna("")) == ["Chile", "Chile", ""]
    assert list(after["polygon_id"].fillna("")) == ["CL-1", "new", ""]


cells = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(1, 4)), max_size=10)


@given(cells, cells)
def test_whatever_outlines_do_ids_are_unique_and_every_one_is_accounted_for(old, new):
    shapes = [
        [box(80 + x / 1000, 36 + y / 1000, 80 + (x + side) / 1000, 36 + (y + side) / 1000) for x, y, side in part]
        for part in (old, new)
    ]
    before = with_new_ids(records(*shapes[0]), "RGU").records
    after = succeed(before, *shapes[1])
    ids = set(after.records["id"])
    assert len(ids) == len(new)
    listed = [set() if text is None else set(text.split(";")) for text in after.changes["before"]]
    gone = set(before["id"]) - ids
    assert gone <= set().union(*listed)
    fresh = ids - set(before["id"])
    assert fresh <= {name for text in after.changes["after"] if text for name in text.split(";")}
    assert after.kept == len(ids & set(before["id"]))


def test_the_verb_keeps_ids_in_every_release(tmp_path):
    """Three releases, each with the one before as published; the second drops a landform, the third has it again."""
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    shapes = [square(0), square(1), square(2)]
    first = compiled(folders[0], described(tmp_path / "r1.gpkg", shapes, "reviewed"))
    grown = [shape.buffer(PIXEL) for shape in shapes]
    second = compiled(
        folders[1], described(tmp_path / "r2.gpkg", grown[1:], "reviewed"), previous=folders[0] / "inventory.gpkg"
    )
    third = compiled(
        folders[2], described(tmp_path / "r3.gpkg", shapes, "reviewed"), previous=folders[1] / "inventory.gpkg"
    )
    assert set(second["id"]) < set(first["id"])
    assert set(third["id"]) == set(first["id"])
    listed = read_polygons(folders[1] / "inventory.gpkg", "id_changes")
    assert list(listed["kind"]) == ["vanished"]
    assert json.loads((folders[1] / "summary.json").read_text())["identifiers"]["kept"] == 2
    assert json.loads((folders[0] / "summary.json").read_text())["identifiers"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="latitude"), "has no field latitude"),
        (lambda frame: frame.assign(id="same"), "2 landforms have no identifier"),
        (lambda frame: frame.assign(longitude=[80.0, None]), "1 landforms have no identifier"),
    ],
)
def test_a_file_without_ids_and_markers_is_refused(tmp_path, change, message):
    published(tmp_path, square(0), square(1))
    frame = read_polygons(tmp_path / "published.gpkg", "inventory")
    write_layers(tmp_path / "published.gpkg", {"inventory": change(frame)})
    with pytest.raises(UserError, match=message):
        read_published(tmp_path / "published.gpkg")


def test_a_published_landform_on_ground_not_mapped_now_has_not_vanished(tmp_path):
    before = published(tmp_path, square(0), square(1), square(5))
    west = box(79.9, 35.9, 80.0045, 36.1)  # half of the second square, and a bit
    succession = with_published_ids(records(square(0)), before, 0.3, "RGU", gpd.GeoSeries([west], crs=4326))
    kinds = {row.before: row.kind for row in succession.changes.itertuples()}
    ids = [before["id"].iloc[before.geometry.geom_equals(square(column)).argmax()] for column in (1, 5)]
    assert kinds == {ids[0]: "vanished", ids[1]: "unmapped"}
    assert succession.account()["unmapped"] == 1
