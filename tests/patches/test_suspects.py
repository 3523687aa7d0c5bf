from __future__ import annotations

import pandas as pd
import pytest

from lobate.patches.suspects import examine, pick

from .conftest import make_footprints


def footprints(count: int, **columns) -> pd.DataFrame:
    table = make_footprints([(20 * n, 0, 16, 16) for n in range(count)])
    return pd.DataFrame(table).assign(**columns)


def test_each_sign_has_its_words():
    found = examine(
        footprints(
            8,
            polygon=["lost", "lost", "half", "half", "dim", "flat", "hidden", "edge"],
            positive=[0, 0, 0, 0.1, 0.1, 0.1, 0.1, 0.1],
            valid=[1, 1, 1, 1, 0.62, 1, 1, 1],
            entropy=[2, 2, 2, 2, 2, 0.61, 2, 2],
            ignored=[0, 0, 0, 0, 0, 0, 0.7, 0],
            clipped=[False] * 7 + [True],
        )
    )
    lost = "no positive pixel in any patch of it"
    words = [lost, lost, "no positive pixel", "", "62 % valid", "entropy 0.61", "70 % ignored", "at the image's edge"]
    assert found["why"].tolist() == words
    assert (found["suspicion"] > 0).tolist() == [True] * 3 + [False] + [True] * 3 + [False]


def test_a_negative_patch_needs_no_positive_pixel():
    assert examine(footprints(2, positive=0.0, **{"class": "negative"}))["suspicion"].sum() == 0


def test_the_worst_come_first_one_of_each_outline():
    table = footprints(
        6,
        polygon=["a", "a", "b", "c", "d", "e"],
        valid=[0.8, 0.7, 1, 0.75, 1, 0.3],
        positive=[0.1, 0.1, 0, 0.1, 0.1, 0.1],
    )
    picked = pick(table, 5, 0)
    assert picked["polygon"].tolist() == ["b", "e", "a", "c", "d"]
    assert picked["patch"].tolist()[2] == "t1_00001"


def test_a_quarter_is_left_to_patches_with_nothing_wrong():
    table = footprints(40, valid=[0.5] * 30 + [1.0] * 10)
    assert (pick(table, 12, 0)["suspicion"] > 0).sum() == 9
    assert (pick(table, 36, 0)["suspicion"] > 0).sum() == 27
    assert len(pick(table, 36, 0)) == 36
    assert len(pick(footprints(5, valid=0.5), 12, 0)) == 5


@pytest.mark.parametrize("order", [1, -1])
def test_the_sample_follows_from_the_seed_alone(order):
    table = footprints(40)
    picked = pick(table.iloc[::order], 7, 3)
    assert picked["patch"].tolist() == sorted(pick(table, 7, 3)["patch"])
    assert picked["patch"].tolist() != pick(table, 7, 4)["patch"].tolist()


def test_none_of_none():
    assert pick(footprints(3).iloc[:0], 5, 0).empty
