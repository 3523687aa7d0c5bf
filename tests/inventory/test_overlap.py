"""Shares and IoU of outlines, against what squares give by hand."""

from __future__ import annotations

import geopandas as gpd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from lobate.inventory.overlap import one_to_one, overlaps


def series(*outlines):
    return gpd.GeoSeries(list(outlines), crs="EPSG:4326")


def test_iou_and_shares_by_hand():
    (pair,) = overlaps(series(box(0, 0, 2, 1)), series(box(1, 0, 4, 1), box(9, 9, 10, 10))).itertuples()
    assert (pair.left, pair.right) == (0, 0)
    assert pair.iou == pytest.approx(1 / 4)
    assert pair.left_share == pytest.approx(1 / 2)
    assert pair.right_share == pytest.approx(1 / 3)


def test_touching_outlines_do_not_overlap():
    assert overlaps(series(box(0, 0, 1, 1)), series(box(1, 0, 2, 1))).empty


def test_one_to_one_takes_the_best():
    pairs = overlaps(series(box(0, 0, 1, 1), box(0, 0, 1.2, 1)), series(box(0, 0, 1.1, 1)))
    assert len(pairs) == 2
    assert list(one_to_one(pairs)["left"]) == [1]


cells = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 3)), min_size=0, max_size=12)


@given(cells, cells)
def test_no_outline_stands_in_two_pairs(left, right):
    ours, theirs = (series(*(box(x, y, x + side, y + side) for x, y, side in part)) for part in (left, right))
    pairs = overlaps(ours, theirs)
    assert pairs["iou"].between(0, 1 + 1e-9).all()
    kept = one_to_one(pairs)
    assert kept["left"].is_unique
    assert kept["right"].is_unique
