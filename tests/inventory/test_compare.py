"""Hand-made changes, and what must hold of any two inventories."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from lobate.cli.main import main
from lobate.errors import UserError
from lobate.inventory.compare import KINDS, change_summary, compare_inventories, read_inventory, write_changes
from lobate.io.vector import geodesic_area_m2, read_layer, write_layers

from .conftest import STEP, square


def inventory(*shapes, start="a") -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"source_id": [f"{start}{n}" for n in range(len(shapes))]}, geometry=list(shapes), crs=4326)


def only(before, after, **options):
    (row,) = compare_inventories(inventory(*before), inventory(*after, start="b"), **options).to_dict("records")
    return row


def km2(shape):
    return float(geodesic_area_m2(gpd.GeoSeries([shape], crs=4326))[0] / 1e6)


HALVES = [box(80, 36, 80.0013, 36.0027), box(80.0015, 36, 80.0027, 36.0027)]


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ([], [square(0)], "appeared"),
        ([square(0)], [], "vanished"),
        ([square(0, side=0.6)], [square(0)], "grown"),
        ([square(0)], [square(0, side=0.6)], "shrunk"),
        ([square(0)], [square(0)], "unchanged"),
        ([square(0)], [shapely.affinity.translate(square(0), STEP / 10)], "unchanged"),
        ([square(0)], HALVES, "split"),
        (HALVES, [square(0)], "merged"),
        (HALVES, [box(80, 36, 80.0027, 36.0013), box(80, 36.0015, 80.0027, 36.0027)], "rearranged"),
    ],
)
def test_kinds_and_areas(before, after, kind):
    row = only(before, after, match_iou=0.25)
    was, now = shapely.union_all(before), shapely.union_all(after)
    assert row["kind"] == kind
    assert row["area_before_km2"] == pytest.approx(km2(was), abs=1e-6)
    assert row["area_after_km2"] == pytest.approx(km2(now), abs=1e-6)
    assert row["gained_km2"] == pytest.approx(km2(now.difference(was)), abs=2e-6)
    assert row["lost_km2"] == pytest.approx(km2(was.difference(now)), abs=2e-6)
    assert row["geometry"].equals(now if after else was)


def test_a_neighbour_that_overlaps_a_little_is_another_landform():
    changes = compare_inventories(
        inventory(square(0)), inventory(shapely.affinity.translate(square(0), 0.8 * STEP), start="b")
    )
    assert list(changes["kind"]) == ["appeared", "vanished"]
    assert list(changes["iou"]) == [0, 0]


def test_tolerance_says_from_when_on_it_has_grown():
    wider = square(0, side=0.93)  # 6.8 % more ground
    assert only([square(0)], [wider], tolerance=0.1)["kind"] == "unchanged"
    assert only([square(0)], [wider], tolerance=0.05)["kind"] == "grown"


places = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 3)), max_size=8, unique=True)


@settings(max_examples=30, deadline=None)
@given(places, places)
def test_every_outline_stands_once_and_backwards_is_the_mirror(ours, theirs):
    before, after = (
        inventory(*(box(80 + x, y, 80 + x + s, y + s) for x, y, s in part), start=n)
        for part, n in ((ours, "a"), (theirs, "b"))
    )
    changes, back = compare_inventories(before, after), compare_inventories(after, before)
    for column, frame in (("before", before), ("after", after)):
        named = [name for names in changes[column].dropna() for name in names.split(";")]
        assert sorted(named) == sorted(frame["source_id"])
    mirror = {"appeared": "vanished", "vanished": "appeared", "split": "merged", "merged": "split"}
    for kind in ("appeared", "vanished", "split", "merged", "rearranged"):
        assert (changes["kind"] == kind).sum() == (back["kind"] == mirror.get(kind, kind)).sum()
    assert changes["change_km2"].sum() == pytest.approx(-back["change_km2"].sum(), abs=1e-3)


def test_nothing_and_itself(tmp_path):
    nothing = inventory()
    write_changes(compare_inventories(nothing, nothing), tmp_path / "c.gpkg")
    assert all(read_layer(tmp_path / "c.gpkg", kind).empty for kind in KINDS)
    many = inventory(*(square(n) for n in range(5)))
    assert set(compare_inventories(many, many)["kind"]) == {"unchanged"}


def test_real_outlines_with_themselves_and_a_pixel_off(real_data):
    path = real_data / "andes_rock_glaciers" / "rock_glaciers_andes.gpkg"
    outlines = read_inventory(path, "rock_glaciers", "name")
    changes = compare_inventories(outlines, outlines)
    whole = changes[changes["kind"] == "unchanged"]
    assert whole["before"].tolist() == whole["after"].tolist()
    assert changes["change_km2"].sum() == pytest.approx(0, abs=1e-9)
    shifted = compare_inventories(outlines, outlines.assign(geometry=outlines.translate(1e-4, 1e-4)))
    assert set(shifted["kind"]) <= {"unchanged", "rearranged"}
    assert shifted["iou"].min() > 0.7


def test_the_command_writes_layers_and_a_table(tmp_path, capsys):
    for name, shapes in (("a", [square(0), square(2)]), ("b", [square(0, side=0.6), square(4)])):
        frame = gpd.GeoDataFrame({"id": [f"{name}{n}" for n in range(2)]}, geometry=shapes, crs=4326)
        write_layers(tmp_path / f"{name}.gpkg", {"inventory": frame.to_crs(32644), "removed": frame})
    words = ["compare", str(tmp_path / "a.gpkg"), str(tmp_path / "b.gpkg"), "--out", str(tmp_path / "change.gpkg")]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert [line.split()[1] for line in printed.splitlines()[1:5]] == ["1", "1", "0", "1"]
    assert read_layer(tmp_path / "change.gpkg", "shrunk")["after"].tolist() == ["b0"]
    assert pd.read_csv(tmp_path / "change.csv")["kind"].tolist() == ["appeared", "vanished", "shrunk"]
    before = (tmp_path / "change.gpkg").read_bytes()
    assert main(words) == 0
    assert (tmp_path / "change.gpkg").read_bytes() == before
    assert not list(tmp_path.glob("*.new*"))


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_inventories_that_cannot_be_compared(tmp_path):
    frame = gpd.GeoDataFrame({"id": ["x", "x"]}, geometry=[square(0), square(1)], crs=4326)
    write_layers(tmp_path / "a.gpkg", {"inventory": frame})
    with pytest.raises(UserError, match="1 outlines have no id, or share it with another outline"):
        read_inventory(tmp_path / "a.gpkg")
    with pytest.raises(UserError, match="has no field name"):
        read_inventory(tmp_path / "a.gpkg", id_field="name")
    frame.assign(id=["x", "y"]).set_crs(None, allow_override=True).to_file(tmp_path / "bare.shp")
    with pytest.raises(UserError, match="no coordinate reference system"):
        read_inventory(tmp_path / "bare.shp")
    assert main(["compare", str(tmp_path / "a.gpkg"), str(tmp_path / "a.gpkg"), "--out", str(tmp_path / "c.gpkg")]) == 2
    assert not (tmp_path / "c.gpkg").exists()
    with pytest.raises(UserError, match=r"does not end in \.gpkg"):
        write_changes(compare_inventories(inventory(), inventory()), tmp_path / "c.csv")


def test_the_sums_are_reported():
    text = change_summary(compare_inventories(inventory(square(0)), inventory(square(0), square(1), start="b")))
    assert text.splitlines()[1].split()[:2] == ["appeared", "1"]
    assert [line.split()[:2] for line in text.splitlines()[-3:]] == [
        ["all", "2"],
        ["unmapped_before", "0"],
        ["unmapped_after", "0"],
    ]


def test_no_id_in_the_table_of_changes_is_a_formula(tmp_path):
    before, after = inventory(square(0), square(1), start="=cmd"), inventory(square(0).union(square(1)), start="@")
    write_changes(compare_inventories(before, after), tmp_path / "c.gpkg")
    (row,) = pd.read_csv(tmp_path / "c.csv").to_dict("records")
    assert (row["before"], row["after"]) == ("'=cmd0;'=cmd1", "'@0")
    assert read_layer(tmp_path / "c.gpkg", "merged")["after"].tolist() == ["@0"]


WEST, EAST = box(79.9, 35.9, 80.0105, 36.1), box(79.9985, 35.9, 80.1, 36.1)


def ground(*parts) -> gpd.GeoSeries:
    return gpd.GeoSeries(list(parts), crs=4326)


@pytest.mark.parametrize(
    ("place", "grounds", "kinds"),
    [
        (1, (None, None), ("appeared", "vanished")),
        (1, (ground(WEST), ground(EAST)), ("appeared", "vanished")),
        (8, (ground(WEST), ground(EAST)), ("unmapped_before", "vanished")),
        (8, (ground(EAST), ground(WEST)), ("appeared", "unmapped_after")),
        (8, (None, ground(WEST)), ("appeared", "unmapped_after")),
        (8, (ground(), ground()), ("unmapped_before", "unmapped_after")),
    ],
    ids=["no ground known", "common ground", "before has not", "after has not", "one unknown", "nothing mapped"],
)
def test_what_only_one_file_has_is_a_change_on_common_ground_only(place, grounds, kinds):
    shape, nothing = inventory(square(place)), inventory()
    for sides, kind in (((nothing, shape), kinds[0]), ((shape, nothing), kinds[1])):
        (row,) = compare_inventories(*sides, grounds=grounds).to_dict("records")
        assert row["kind"] == kind
        assert row["geometry"].equals(square(place))
        assert pd.isna(row["change_km2"]) == kind.startswith("unmapped")


@given(st.floats(0.05, 0.95))
def test_half_of_the_outline_decides_and_the_share_is_told(share):
    west, south, east, north = square(0).bounds
    known = ground(box(west - 1, south - 1, west + share * (east - west), north + 1))
    (row,) = compare_inventories(inventory(), inventory(square(0)), grounds=(known, ground(EAST))).to_dict("records")
    assert row["mapped_before"] == pytest.approx(share, abs=1e-3)
    assert row["kind"] == ("appeared" if row["mapped_before"] >= 0.5 else "unmapped_before")


def test_a_landform_in_both_files_stays_a_pair_outside_the_ground():
    row = only([square(8)], [square(8)], grounds=(ground(WEST), ground(WEST)))
    assert (row["kind"], row["mapped_before"], row["mapped_after"]) == ("unchanged", 0, 0)


def test_the_command_reads_the_grounds_and_says_which_file_has_none(tmp_path, capsys):
    frame = gpd.GeoDataFrame({"id": ["a", "b"]}, geometry=[square(0), square(8)], crs=4326)
    mapped = gpd.GeoDataFrame(geometry=[WEST], crs=4326)
    write_layers(tmp_path / "a.gpkg", {"inventory": frame.iloc[:0], "ground": mapped.to_crs(32644)})
    write_layers(tmp_path / "b.gpkg", {"inventory": frame})
    words = ["compare", str(tmp_path / "a.gpkg"), str(tmp_path / "b.gpkg"), "--out", str(tmp_path / "change.gpkg")]
    assert main(words) == 0
    printed = capsys.readouterr().out
    counts = dict(line.split()[:2] for line in printed.splitlines()[1:12])
    assert (counts["appeared"], counts["all"], counts["unmapped_before"]) == ("1", "1", "1")
    assert f"{tmp_path / 'b.gpkg'} does not say which ground was mapped" in printed
    assert f"{tmp_path / 'a.gpkg'} does not say" not in printed
    assert read_layer(tmp_path / "change.gpkg", "unmapped_before")["after"].tolist() == ["b"]


@pytest.mark.parametrize(
    ("layers", "outlines", "field"),
    [
        (("inventory", "removed", "ground"), "inventory", "id"),
        (("kept", "removed"), "kept", "detection"),
        (("reviewed", "rejected", "unmatched", "removed", "conflicts"), "reviewed", "detection"),
        (("described", "removed", "rejected"), "described", "source_id"),
        (("review", "others", "removed"), "review", "detection"),
        (("detections", "other"), "detections", "detection"),
        (("AOI", "PM", "GO", "MA"), "GO", "PrimaryID"),
    ],
)
def test_a_file_of_lobate_needs_no_layer(tmp_path, layers, outlines, field):
    frame = gpd.GeoDataFrame({field: ["one"]}, geometry=[shapely.box(83, 33, 83.1, 33.1)], crs=4326)
    other = gpd.GeoDataFrame({field: ["not"]}, geometry=[shapely.box(3, 3, 3.1, 3.1)], crs=4326)
    write_layers(tmp_path / "f.gpkg", {layer: frame if layer == outlines else other for layer in layers})
    assert read_inventory(tmp_path / "f.gpkg")["source_id"].tolist() == ["one"]


def test_of_cleaned_labels_the_positive_ones_are_compared(tmp_path):
    places = [shapely.box(x, 33, x + 0.1, 33.1) for x in (83, 84)]
    frame = gpd.GeoDataFrame({"polygon": ["p", "n"], "class": ["positive", "negative"]}, geometry=places, crs=4326)
    write_layers(tmp_path / "f.gpkg", {"kept": frame, "removed": frame.iloc[:0]})
    assert read_inventory(tmp_path / "f.gpkg")["source_id"].tolist() == ["p"]
