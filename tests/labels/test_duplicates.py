"""Duplicates, found without a search through all pairs; negatives cut by positives; neighbours from one tree."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.affinity import rotate, scale, translate

from lobate.errors import UserError
from lobate.labels import duplicates as module
from lobate.labels.duplicates import (
    DUPLICATE_IOU,
    cut_negatives,
    find_duplicates,
    fourier_moments,
    group_pairs,
    neighbour_pairs,
    remove_duplicates,
)
from lobate.labels.table import area_m2

STEP = 1e-5


def star(seed: int, x: float = 80.0, y: float = 35.0, size: float = 1e-3) -> shapely.Polygon:
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    reach = size * rng.uniform(0.4, 1.0, 12)
    return shapely.Polygon(np.column_stack([x + reach * np.cos(angle), y + reach * np.sin(angle)]))


shapes = st.builds(
    lambda seed, east, north, turn, factor: scale(
        rotate(translate(star(seed), east * STEP, north * STEP), turn), factor, factor
    ),
    seed=st.integers(0, 2),
    east=st.integers(-3, 3),
    north=st.integers(-3, 3),
    turn=st.sampled_from([0, 1, 3, 90]),
    factor=st.sampled_from([1.0, 1.01, 0.98, 1.5]),
)


def iou(one, other):
    common = one.intersection(other).area
    return common / (one.area + other.area - common)


@pytest.mark.parametrize("many", [0, 1000])
@settings(max_examples=60, deadline=None)
@given(drawn=st.lists(shapes, min_size=2, max_size=12), kinds=st.lists(st.sampled_from("ab"), min_size=12, max_size=12))
def test_duplicates_are_those_of_a_search_through_all_pairs(many, drawn, kinds):
    expected: dict[int, int] = {}
    for later in range(len(drawn)):
        same = [
            earlier
            for earlier in range(later)
            if earlier not in expected
            and kinds[earlier] == kinds[later]
            and iou(drawn[earlier], drawn[later]) > DUPLICATE_IOU
        ]
        if same:
            expected[later] = same[0]
    before, module.MAX_WITHOUT_WAVES = module.MAX_WITHOUT_WAVES, many
    try:
        found = list(find_duplicates(np.array(drawn, dtype=object), np.array(kinds[: len(drawn)])))
    finally:
        module.MAX_WITHOUT_WAVES = before
    assert {later: earlier for earlier, later, _ in found} == expected


def test_waves_over_a_box_are_their_known_integrals():
    west, south, east, north = 80.001, 35.002, 80.003, 35.005
    hole = shapely.box(80.0015, 35.003, 80.002, 35.004)
    whole = shapely.box(west, south, east, north)
    found = fourier_moments(np.array([whole, whole.difference(hole), hole]))

    def along(k: float, start: float, stop: float) -> complex:
        return (np.exp(-1j * k * stop) - np.exp(-1j * k * start)) / (-1j * k) if k else stop - start

    expected = [along(kx, west, east) * along(ky, south, north) for kx, ky in module._wave_vectors()]
    assert found[0] == pytest.approx(np.array(expected), abs=1e-13)
    assert found[1] + found[2] == pytest.approx(found[0], abs=1e-13)


def test_a_heap_of_duplicates_costs_one_round(monkeypatch):
    compared = []
    monkeypatch.setattr(module, "_iou", lambda *args, real=module._iou: compared.append(len(args[1])) or real(*args))
    heap = np.array([translate(star(0), step * 1e-8, 0) for step in range(300)] + [star(0)] * 300, dtype=object)
    found = list(find_duplicates(heap, np.full(600, "a")))
    assert {later for _, later, _ in found} == set(range(1, 600))
    assert sum(compared) < 400


def noisy(rng, vertices):
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    radius = 0.003 * (1 + 0.1 * rng.standard_normal(vertices))
    return shapely.polygons(np.column_stack([80 + np.cos(angle) * radius, 35 + np.sin(angle) * radius]))


@pytest.mark.parametrize(("count", "refused"), [(15, False), (80, True)])
def test_a_heap_of_large_outlines_that_are_no_duplicates_is_bounded(monkeypatch, count, refused):
    """Noise round one outline: areas, centroids and waves agree, so all pairs need an overlay."""
    monkeypatch.setattr(module, "MAX_COMPARED", 1)
    rng = np.random.default_rng(0)
    heap, kinds = np.array([noisy(rng, 100) for _ in range(count)]), np.full(count, "a")
    if not refused:
        assert list(find_duplicates(heap, kinds)) == []
        return
    with pytest.raises(UserError, match=r"one at 80\.00\d\d 35\.00\d\d must be compared with \d+ others.*Simplify"):
        list(find_duplicates(heap, kinds))


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


def test_of_duplicates_the_first_stays_in_each_class():
    rows = remove_duplicates(table([box(0, 0)] * 4, ["positive", "negative", "positive", "negative"]))
    assert list(rows["reason"]) == ["", "", "duplicate: of p0", "duplicate: of n1"]


def test_a_chain_of_near_duplicates_is_judged_against_those_that_stay():
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


def test_blocks_give_all_pairs_in_order(monkeypatch):
    monkeypatch.setattr(module, "QUERY_BLOCK", 7)
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 10, (2, 40))
    boxes = shapely.box(x, y, x + 2, y + 2)
    found = [
        pair
        for block in neighbour_pairs(shapely.STRtree(boxes), boxes[:, np.newaxis])
        for pair in zip(*block, strict=True)
    ]
    expected = [(a, b) for a in range(40) for b in range(40) if boxes[a].intersects(boxes[b])]
    assert found == expected


def test_groups_are_split_where_the_place_changes():
    groups = group_pairs(np.array([0, 0, 3, 7, 7]), np.array([5, 6, 1, 2, 9]))
    assert [(place, some.tolist()) for place, some in groups] == [(0, [5, 6]), (3, [1]), (7, [2, 9])]
    assert list(group_pairs(np.zeros(0, int), np.zeros(0, int))) == []


def test_several_boxes_of_a_place_count_together_and_dropped_places_are_not_queried(monkeypatch):
    monkeypatch.setattr(module, "QUERY_BLOCK", 2)
    boxes = shapely.box([0, 5, 10], 0, [1, 6, 11], 1)
    queries = np.column_stack([boxes, np.roll(boxes, 1)])
    dropped = np.zeros(3, bool)
    pairs = []
    for places, others in neighbour_pairs(shapely.STRtree(boxes), queries, dropped):
        pairs += zip(places.tolist(), others.tolist(), strict=True)
        dropped[2] = True
    assert pairs == [(0, 0), (0, 2), (1, 0), (1, 1)]
