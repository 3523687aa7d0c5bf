"""Duplicates and negatives on positives."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from lobate.labels.overlaps import cut_negatives, remove_duplicates
from lobate.labels.table import area_m2


def table(shapes, kinds):
    names = [f"{kind[0]}{number}" for number, kind in enumerate(kinds)]
    rows = gpd.GeoDataFrame({"polygon": names, "class": kinds, "reason": ""}, geometry=list(shapes), crs="EPSG:4326")
    return rows.assign(area_m2=area_m2(rows.geometry))


def box(col, row, width=10, height=10):
    return shapely.box(80 + col / 1e4, 35 + row / 1e4, 80 + (col + width) / 1e4, 35 + (row + height) / 1e4)


boxes = st.lists(
    st.tuples(
        st.integers(0, 25),
        st.integers(0, 25),
        st.integers(5, 40),
        st.integers(5, 40),
        st.sampled_from(["positive", "negative"]),
    ),
    min_size=1,
    max_size=10,
)


def test_of_twins_the_first_stays_in_each_class():
    rows = remove_duplicates(table([box(0, 0)] * 4, ["positive", "negative", "positive", "negative"]))
    assert list(rows["reason"]) == ["", "", "duplicate: of p0", "duplicate: of n1"]


def test_a_chain_of_near_twins_is_judged_against_what_stays():
    chain = [box(0, 0, 1000, 10), box(25, 0, 1000, 10), box(50, 0, 1000, 10)]
    rows = remove_duplicates(table(chain, ["positive"] * 3))
    assert list(rows["reason"]) == ["", "duplicate: near (IoU 0.951) of p0", ""]


@settings(max_examples=60, deadline=None)
@given(drawn=boxes)
def test_no_ground_of_a_kept_negative_is_a_kept_positives(drawn):
    rows = remove_duplicates(table([box(*one[:4]) for one in drawn], [one[4] for one in drawn]))
    after = cut_negatives(rows, min_area_m2=0.0)
    kept = after[after["reason"] == ""]
    positives, negatives = (kept[kept["class"] == kind] for kind in ("positive", "negative"))
    assert positives.union_all().intersection(negatives.union_all()).area < 1e-15
    assert np.allclose(kept["area_m2"], area_m2(kept.geometry))
    before = rows[rows["reason"] == ""].union_all()
    assert after[~after["reason"].str.startswith("duplicate")].union_all().symmetric_difference(before).area < 1e-15


def test_a_slip_of_the_hand_is_left():
    rows = table([box(0, 0), box(9.99, 0)], ["positive", "negative"])
    after = cut_negatives(rows, min_area_m2=100.0)
    assert after.equals(rows)


def test_a_negative_over_thousands_of_positives_loses_them_all_and_names_a_few():
    grid = [box(20 * col, 20 * row) for col in range(40) for row in range(40)]
    rows = cut_negatives(table([*grid, box(-5, -5, 810, 810)], ["positive"] * 1600 + ["negative"]), min_area_m2=100.0)
    huge = rows[rows["polygon"] == "n1600"].iloc[0]
    assert huge["reason"] == ""
    assert len(huge.geometry.interiors) == 1600
    [piece] = rows["reason"][rows["polygon"] == "n1600.cut"]
    assert piece.startswith("part that lies in positives, cut away: p0, p1, p10,")
    assert piece.endswith(" and 1590 more")


def test_touching_is_not_overlapping():
    rows = table([box(0, 0), box(10, 0), box(5, 10)], ["positive", "negative", "negative"])
    assert cut_negatives(rows, min_area_m2=0.0).equals(rows)
