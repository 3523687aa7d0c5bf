import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from lobate.mapping.unite import grouped, statistics, unite


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=9), min_size=1, max_size=4))
def test_statistics_of_parts_are_those_of_their_pixels_together(samples):
    parts = gpd.GeoDataFrame(
        {
            "mean": [np.mean(one) for one in samples],
            "median": [np.median(one) for one in samples],
            "minimum": [min(one) for one in samples],
            "deviation": [np.std(one) for one in samples],
        }
    )
    weight, pooled = np.array([len(one) for one in samples], dtype=float), np.concatenate(samples)
    (row,) = statistics(parts, weight, np.zeros(len(samples), dtype=int)).to_dict("records")
    assert row["mean"] == pytest.approx(pooled.mean(), abs=2e-6)
    assert row["deviation"] == pytest.approx(pooled.std(), abs=2e-4)
    assert row["minimum"] == pooled.min()
    assert pooled.min() - 1e-6 <= row["median"] <= pooled.max() + 1e-6


def test_parts_that_add_nothing_do_not_count():
    parts = gpd.GeoDataFrame({"mean": [0.9, 0.1], "median": [0.9, 0.1], "minimum": [0.8, 0.0], "deviation": [0.1, 0.3]})
    table = statistics(parts, np.array([10.0, 0.0]), np.array([0, 0]))
    assert table.to_numpy().tolist() == [[0.9, 0.9, 0.8, 0.1]]


def test_holes_below_a_pixel_close_and_real_ones_stay():
    left = shapely.box(0, 0, 10, 10).difference(shapely.box(2, 2, 5, 5)).difference(shapely.box(9.8, 4, 10, 4.2))
    parts = np.array([left, shapely.box(10, 0, 20, 10)])
    (united,) = unite(parts, parts, [np.array([0, 1])], np.array([1.0]))
    assert len(united.interiors) == 1
    assert united.area == pytest.approx(200 - 9)


def test_loose_pieces_are_united_whole():
    outlines = np.array([shapely.box(0, 0, 10, 10), shapely.box(2, 2, 4, 4)])
    own = np.array([shapely.box(6, 0, 10, 10), outlines[1]])
    (united,) = unite(outlines, own, [np.array([0, 1])], np.array([1.0]))
    assert united.equals(outlines[0])


@given(st.lists(st.integers(0, 5), max_size=20))
def test_grouped_gives_each_its_own(numbers):
    body = np.unique(numbers, return_inverse=True)[1].astype(int)
    members = grouped(body)
    assert sorted(np.concatenate([*members, []])) == list(range(len(numbers)))
    assert all(set(body[which]) == {number} for number, which in enumerate(members))
