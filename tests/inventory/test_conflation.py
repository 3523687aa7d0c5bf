"""Inventories as one: every landform once, whatever covers what."""

from __future__ import annotations

import geopandas as gpd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from lobate.inventory.attributes import DESCRIBED, to_schema
from lobate.inventory.conflation import add_source, as_records, drop_duplicates, match_records, method_name

from .conftest import STEP, square


def described(shapes, source="insar", **columns) -> gpd.GeoDataFrame:
    count = len(shapes)
    table = {
        "source": [source] * count,
        "source_id": [f"{source[0]}{number}" for number in range(count)],
        "method": ["deep learning" if source == "reviewed" else "InSAR"] * count,
        "status": ["pending" if source == "reviewed" else "mapped"] * count,
        "area_km2": [float(number + 1) for number in range(count)],
        **columns,
    }
    return to_schema(gpd.GeoDataFrame(table, geometry=list(shapes), crs=4326), DESCRIBED, "EPSG:4326")


def joined(known, detected, outline="other", match_iou=0.3):
    return add_source(as_records(known), detected, match_iou, outline)


def test_known_landforms_keep_their_outline_and_learn():
    known = described([square(0), square(1)], velocity=[12.0, 8.0], upslope_connection=[None, "talus"])
    shifted = shapely.affinity.translate(square(0), STEP / 10)
    detected = described([shifted, square(5)], "reviewed", confidence=[0.9, 0.8], upslope_connection=["glacier", None])
    result = joined(known, detected)
    assert list(result["sources"]) == ["insar:i0;reviewed:r0", "insar:i1", "reviewed:r1"]
    assert list(result["outline_from"]) == ["insar", "insar", "reviewed"]
    first = result.iloc[0]
    assert first.geometry.equals(square(0))
    assert (first["velocity"], first["confidence"], first["upslope_connection"]) == (12.0, 0.9, "glacier")
    assert first["status"] == "pending"
    assert first["match_iou"] == pytest.approx(0.8)
    assert result.iloc[1]["status"] == "mapped"


def test_the_detections_outline_may_stand():
    shifted = shapely.affinity.translate(square(0), STEP / 10)
    result = joined(
        described([square(0)], velocity=[12.0]), described([shifted], "reviewed", area_km2=[7.0]), "detection"
    )
    assert result.geometry.iloc[0].equals(shifted)
    assert (result["area_km2"].iloc[0], result["velocity"].iloc[0]) == (7.0, 12.0)
    assert result["outline_from"].iloc[0] == "reviewed"


def test_an_edited_outline_may_stand_and_the_record_says_why():
    near = shapely.affinity.translate(square(0), STEP / 10)
    known = described([square(0), square(2), square(4)])
    detected = described(
        [near, shapely.affinity.translate(near, 2 * STEP)],
        "reviewed",
        status=["edited", "accepted"],
        scenes=["S:1", "S:1"],
    )
    result = joined(known, detected, "edited")
    assert list(result["outline_from"]) == ["reviewed", "insar", "insar"]
    assert list(result["outline_why"]) == ["by the setting inventory.outline: edited"] * 2 + [
        "no other source knows it"
    ]
    assert list(result["scenes"].fillna("")) == ["S:1", "", ""]  # of the outline that stands


def test_why_the_first_of_other_inventories_stands():
    result = joined(described([square(0)]), described([square(0)], "optical"), "detection")
    assert list(result["outline_why"]) == ["stands before the later inventories'"]


def test_a_detection_over_two_landforms_leaves_two():
    both = shapely.union_all([square(0), square(1)]).convex_hull
    for outline in ("other", "detection"):
        result = joined(described([square(0), square(1)]), described([both], "reviewed"), outline)
        assert list(result["sources"]) == ["insar:i0;reviewed:r0", "insar:i1;reviewed:r0"]
        assert result.geometry.iloc[0].equals(square(0))
    assert set(result["outline_why"]) == {"where one outline meets several, the other inventory's stands"}


def test_two_detections_in_one_landform_leave_one():
    west, south = 80, 36
    pieces = [
        box(west, south, west + 0.3 * STEP, south + 0.9 * STEP),
        box(west + 0.5 * STEP, south, west + 0.8 * STEP, south + 0.9 * STEP),
    ]
    result = joined(described([square(0)]), described(pieces, "reviewed", match_iou=0.5))
    assert list(result["sources"]) == ["insar:i0;reviewed:r1;reviewed:r0"]


def test_a_piece_of_a_known_landform_is_that_landform():
    result = joined(described([square(0)]), described([square(0, side=0.3)], "reviewed"))
    assert list(result["sources"]) == ["insar:i0;reviewed:r0"]


def test_a_detection_of_everything_is_not_the_landform_in_it():
    everything = box(79, 35, 81, 37)
    result = joined(described([square(0), square(3)]), described([everything], "reviewed"))
    assert list(result["sources"]) == ["insar:i0", "insar:i1", "reviewed:r0"]


def test_neighbours_that_share_a_strip_stay_two():
    shifted = shapely.affinity.translate(square(0), 0.8 * STEP)
    assert len(joined(described([square(0)]), described([shifted], "reviewed"))) == 2


def test_an_outline_exactly_half_inside_a_record_is_not_mostly_inside():
    known, half, larger = box(0, 0, 4, 4), box(3, 0, 5, 2), box(2.75, 0, 4.75, 2)
    assert match_records(described([known]), described([half]), 0.3).empty
    assert list(match_records(described([known]), described([larger]), 0.3)["right_share"]) == [0.625]


def test_records_exactly_half_inside_an_outline_are_not_swallowed():
    known = described([box(0, 0, 2, 1), box(4, 0, 6, 1)])
    assert match_records(known, described([box(1, 0, 5, 1)]), 0.3).empty
    assert len(match_records(known, described([box(0.75, 0, 5.25, 1)]), 0.3)) == 2


def test_an_iou_of_exactly_match_iou_is_a_match():
    known, detected = described([box(0, 0, 4, 1)]), described([box(2, 0, 10, 1)])
    assert list(match_records(known, detected, 0.2)["iou"]) == [0.2]
    assert match_records(known, detected, 0.2000001).empty


def test_repeated_detections_leave_the_one_a_person_drew():
    near = shapely.affinity.translate(square(0), STEP / 10)
    detected = described([near, square(0), square(2)], "reviewed", status=["pending", "edited", "pending"])
    kept, repeated = drop_duplicates(detected, 0.3)
    assert list(kept["source_id"]) == ["r1", "r2"]
    assert list(repeated["source_id"]) == ["r0"]


def test_a_chain_of_repeats_loses_only_what_is_covered():
    chain = [shapely.affinity.translate(square(0), number * 0.5 * 0.9 * STEP) for number in range(3)]  # IoU 1/3, 0
    kept, _ = drop_duplicates(described(chain, "reviewed", confidence=[0.9, 0.8, 0.7]), 0.3)
    assert list(kept["source_id"]) == ["r0", "r2"]


@pytest.mark.parametrize(
    ("methods", "several", "name"),
    [
        ("InSAR", False, "InSAR"),
        ("InSAR;deep learning;deep learning", False, "both"),
        ("InSAR;deep learning", True, "InSAR and deep learning"),
        ("InSAR;optical;deep learning", True, "InSAR and optical and deep learning"),
    ],
)
def test_names_of_methods(methods, several, name):
    assert method_name(methods, several) == name


places = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(1, 4)), max_size=10, unique=True)


@settings(max_examples=30, deadline=None)
@given(places, places)
def test_nothing_is_lost_and_nothing_counted_twice(ours, theirs):
    known, detected = (
        described([box(x, y, x + side, y + side) for x, y, side in part], source)
        for part, source in ((ours, "insar"), (theirs, "reviewed"))
    )
    result = joined(known, detected)
    names = [name for names in result["sources"] for name in names.split(";")]
    assert set(names) == {f"insar:i{n}" for n in range(len(ours))} | {f"reviewed:r{n}" for n in range(len(theirs))}
    alone = [names for names in result["sources"] if "insar" not in names]
    assert len(result) == len(ours) + len(alone)
    assert len(match_records(known, result[result["outline_from"] == "reviewed"], 0.3)) == 0
