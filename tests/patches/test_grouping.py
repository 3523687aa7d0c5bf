"""Groups and blocks, chosen whole or cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobate.io.vector import LONLAT, geodesic_area_m2
from lobate.patches import grouping as module
from lobate.patches.grouping import block_names, choose_groups, group_names, smallest_group, split_group
from lobate.patches.overlap import overlapping
from lobate.patches.pool import Pool

from .conftest import grid, make_footprints


def pool(windows, seed=0, on=None, **options) -> Pool:
    return Pool(make_footprints(windows, on=on, **options).to_crs(LONLAT), seed)


def apart(n: int, **options) -> Pool:
    """Patches that do not overlap."""
    return pool([(20 * row, 0, 16, 16) for row in range(n)], **options)


def named(sizes: list[int]) -> np.ndarray:
    return np.repeat([f"u{number}" for number in range(len(sizes))], sizes)


def test_a_group_is_named_after_its_first_place():
    one = pool([(50, 0, 20, 20), (0, 0, 20, 20), (60, 0, 20, 20)])
    more = pool([(50, 0, 20, 20), (0, 0, 20, 20), (60, 0, 20, 20), (300, 0, 20, 20), (10, 0, 5, 5)])
    assert group_names(one).tolist() == ["t1/50/0/20x20", "t1/0/0/20x20", "t1/50/0/20x20"]
    assert group_names(more)[[0, 2]].tolist() == group_names(one)[[0, 2]].tolist()


@given(st.lists(st.integers(1, 9), min_size=2, max_size=9), st.integers(1, 20), st.integers(0, 3))
@settings(deadline=None, max_examples=50)
def test_units_stay_whole_and_training_keeps_some(sizes, wanted, seed):
    names = named(sizes)
    chosen = choose_groups(apart(len(names), seed=seed), names, wanted)
    for name in set(names):
        assert chosen[names == name].all() or not chosen[names == name].any()
    assert not chosen.all()
    assert chosen.sum() < 2 * wanted


@given(st.integers(2, 40), st.data())
@settings(deadline=None, max_examples=20)
def test_units_of_one_patch_reach_the_wanted_number(n, data):
    wanted = data.draw(st.integers(1, n - 1))
    assert choose_groups(apart(n), named([1] * n), wanted).sum() == wanted


def test_a_unit_goes_over_only_if_that_is_closer():
    assert choose_groups(apart(10), named([3, 7]), 2).sum() == 3
    assert choose_groups(apart(11), named([4, 7]), 2).sum() == 0


def test_both_classes_validate_where_possible():
    classes, positive = ["positive"] + ["negative"] * 19, [0.1] + [0.0] * 9 + [0.2] + [0.0] * 9
    for seed in range(5):
        some = apart(20, seed=seed, classes=classes, positive=positive)
        chosen = choose_groups(some, named([1] * 20), 2)
        assert (chosen & some.positive).any() and (chosen & some.negative).any()
        assert (~chosen & some.positive).any()


def test_training_keeps_the_only_landform():
    some = apart(10, positive=[0.1] + [0.0] * 9)
    assert not choose_groups(some, named([1] * 10), 5)[0]


def test_the_smallest_unit_with_the_landform():
    some = apart(9, positive=[0.0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    assert smallest_group(some, named([1, 3, 5])).nonzero()[0].tolist() == [1, 2, 3]


def test_blocks_hold_the_ground_they_say_and_no_other_patch_matters():
    windows = [(row, col, 10, 10) for row in range(0, 1000, 20) for col in range(0, 1000, 20)]
    many = pool(windows, on=grid((1010, 1010)))
    names = block_names(many, 2.0)
    assert (block_names(pool(windows[:1], on=grid((1010, 1010))), 2.0) == names[:1]).all()
    inner = [name for name in set(names) if (names == name).sum() > 80]
    assert inner
    for name in inner:  # each patch stands for 200 x 200 m
        hull = many.footprints[names == name].union_all().convex_hull
        area = geodesic_area_m2(many.footprints.iloc[:1].set_geometry([hull], crs=LONLAT))[0]
        assert 0.6 * 4e6 < area < 1.05 * 4e6


def chain(n: int, side: int = 30, step: int = 20, **options) -> Pool:
    """Patches that overlap the next ones."""
    return Pool(make_footprints([(step * k, 0, side, side) for k in range(n)], **options).to_crs(LONLAT), 0)


def nothing(pool: Pool) -> np.ndarray:
    return np.zeros(len(pool), bool)


def test_a_piece_of_a_chain_drops_its_ends_only():
    pool = chain(60)
    validation = split_group(pool, nothing(pool), 6)
    members = validation.nonzero()[0]
    assert len(members) == 6
    assert np.ptp(members) == 5
    assert overlapping(pool.overlap, validation).sum() <= 2


def test_several_pieces_where_many_are_wanted(monkeypatch):
    monkeypatch.setattr(module, "PIECE_SIZE", 5)
    pool = chain(100)
    validation = split_group(pool, nothing(pool), 10)
    assert validation.sum() == 10
    assert (np.diff(validation.nonzero()[0]) > 1).sum() == 1


def test_training_keeps_at_least_half():
    pool = chain(40, side=200)
    validation = split_group(pool, nothing(pool), 10)
    left = ~validation & ~overlapping(pool.overlap, validation)
    assert 1 <= validation.sum() <= 10
    assert left.sum() >= 20


def test_what_validates_already_stays():
    pool = chain(50)
    before = nothing(pool)
    before[[0, 1]] = True
    assert (split_group(pool, before, 5) & before).sum() == 2


def test_the_landform_is_on_both_sides():
    pool = chain(40, positive=[0.1 if k in (7, 30) else 0.0 for k in range(40)])
    validation = split_group(pool, nothing(pool), 4)
    left = ~validation & ~overlapping(pool.overlap, validation)
    assert (validation & pool.positive).any()
    assert (left & pool.positive).any()


def test_where_all_overlap_all_nothing_can_be_cut():
    pool = chain(5, side=200)
    assert not split_group(pool, nothing(pool), 1).any()


@pytest.mark.parametrize("seed", range(3))
def test_a_dense_field_keeps_most_of_its_patches(seed):
    random = np.random.default_rng(seed)
    windows = [(int(r), int(c), 48, 48) for r, c in random.integers(0, 500, (300, 2))]
    pool = Pool(make_footprints(windows, on=grid((600, 600))).to_crs(LONLAT), seed)
    validation = split_group(pool, nothing(pool), 30)
    assert validation.sum() == 30
    assert overlapping(pool.overlap, validation).sum() < 60
