"""Folds: every patch validates once, and no training patch shows validation ground."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobate.errors import UserError
from lobate.io.decisions import REJECTED_FOLD
from lobate.io.vector import LONLAT
from lobate.patches.folds import divide_into_folds
from lobate.patches.pool import Pool
from lobate.patches.split_methods import METHODS
from lobate.settings.patches import Split

from .conftest import grid, make_footprints

EAST = grid(left=501_000)
places = st.tuples(*[st.integers(0, 400)] * 2, *[st.integers(8, 48)] * 2)


def pool(windows, east=(), given=None, **options) -> Pool:
    frames = [make_footprints(windows, **options), make_footprints(east, name="t2", on=EAST)]
    table = pd.concat([frame.to_crs(LONLAT) for frame in frames if len(frame)], ignore_index=True)
    return Pool(table, 0, given or {})


def ground(footprints) -> np.ndarray:
    seen = np.zeros((500, 700), bool)
    for row in footprints.itertuples():
        left = row.window_col + (100 if row.tile == "t2" else 0)
        seen[row.window_row : row.window_row + row.height, left : left + row.width] = True
    return seen


def chains(n: int) -> list[tuple[int, int, int, int]]:
    return [(100 * k + shift, 0, 30, 30) for k in range(n) for shift in (0, 15)]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(places, min_size=6, max_size=30, unique=True),
    st.lists(places, max_size=10, unique=True),
    st.sampled_from(["grouped", "blocks"]),
    st.integers(2, 4),
)
def test_every_patch_validates_once_and_no_training_patch_shows_validation_ground(windows, east, method, k):
    some = pool(windows, east)
    try:
        found = divide_into_folds(some, Split(method=method, block_km=1, folds=k))
    except UserError:
        return  # small worlds may not be divisible
    assert set(found.fold) == {*range(k)}
    for fold in range(k):
        clash = np.array([str(fold) in one.split(",") for one in found.clash])
        train = some.footprints[(found.fold != fold) & ~clash]
        assert not (ground(some.footprints[found.fold == fold]) & ground(train)).any()
        assert (found.sides[fold] == "training").sum() == len(train) > 0


def test_random_folds_are_of_one_size_and_nothing_clashes():
    found = divide_into_folds(pool(chains(11)), Split(method="random", folds=5))
    assert np.bincount(found.fold).tolist() == [5, 4, 5, 4, 4]
    assert set(found.clash) == {""}


def test_groups_stay_whole_and_folds_are_even():
    some = pool(chains(20))
    found = divide_into_folds(some, Split(folds=4))
    assert np.bincount(found.fold).tolist() == [10] * 4
    assert pd.Series(found.fold).groupby(some.groups).nunique().eq(1).all()
    assert set(found.clash) == {""}


def test_one_group_of_everything_is_cut_between_outlines():
    windows = [(15 * k, 0, 30, 30) for k in range(60)]
    some = pool(windows, polygons=[f"p{k // 3:02}" for k in range(60)])
    found = divide_into_folds(some, Split(folds=4))
    assert np.bincount(found.fold).tolist() == [15] * 4
    assert pd.Series(found.fold).groupby(some.polygons).nunique().eq(1).all()
    assert (found.clash != "").sum() == 6  # the two at each of three seams
    assert (np.diff(found.fold) != 0).sum() == 3


def test_folds_of_the_outlines_field():
    some = pool(chains(3), polygons=[*"aabbcc"], given={"a": "7", "b": "3", "c": "7"})
    assert divide_into_folds(some, Split(method="field", folds=2)).fold.tolist() == [1, 1, 0, 0, 1, 1]


def test_an_outline_without_a_number_is_in_no_fold():
    with pytest.raises(UserError, match="The outline p1 has no number"):
        divide_into_folds(pool(chains(2), given={"p0": "7", "p2": "3"}), Split(method="field", folds=2))


def test_a_place_rejected_in_the_review_trains_in_every_fold_that_it_does_not_overlap():
    """Nobody can give it a number; it once ended every run with numbered folds."""
    windows = [*chains(2), (115, 20, 30, 30), (900, 0, 30, 30)]
    some = pool(
        windows, polygons=[*"aabb", "r1", "r2"], given={"a": "7", "b": "3", "r1": REJECTED_FOLD, "r2": REJECTED_FOLD}
    )
    found = divide_into_folds(some, Split(method="field", folds=2))
    assert found.fold.tolist() == [1, 1, 0, 0, -1, -1]
    assert [sides[4:].tolist() for sides in found.sides] == [["dropped", "training"], ["training", "training"]]
    assert METHODS["field"](some, Split(method="field"))[0].tolist() == [
        *2 * ["training"],
        *2 * ["validation"],
        "dropped",
        "training",
    ]


@pytest.mark.parametrize(
    ("given", "folds", "what"),
    [
        ({"p0": "1", "p2": "2"}, 3, "holds 2 different numbers. Set patches.split.folds to 2"),
        ({"p0": "training", "p2": "validation"}, 3, "holds words. Set patches.split.folds to 0"),
    ],
)
def test_a_field_with_another_number_of_folds(given, folds, what):
    with pytest.raises(UserError, match=what):
        divide_into_folds(pool(chains(3), given=given), Split(method="field", folds=folds))


def test_too_many_folds():
    with pytest.raises(UserError, match=r"6 folds .* has no validation patch.*smaller patches\.split\.folds"):
        divide_into_folds(pool([(100 * k, 0, 30, 30) for k in range(4)]), Split(folds=6))
