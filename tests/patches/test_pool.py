"""The seeded order of patches, and their sides."""

from __future__ import annotations

import numpy as np
import pytest

from lobate.io.places import seeded_hash
from lobate.io.vector import LONLAT
from lobate.patches.pool import Pool, n_validation

from .conftest import make_footprints


def pool(windows, seed=0, **options) -> Pool:
    return Pool(make_footprints(windows, **options).to_crs(LONLAT), seed)


def test_a_seeded_number_depends_on_seed_and_name_alone():
    assert seeded_hash(1, "a") == seeded_hash(1, "a")
    assert len({seeded_hash(1, "a"), seeded_hash(2, "a"), seeded_hash(1, "b")}) == 3


def test_a_turn_follows_the_place_and_not_the_number():
    windows = [(10 * n, 3 * n, 16, 16) for n in range(8)]
    forwards, backwards = pool(windows), pool(windows[::-1])
    assert sorted(forwards.rank) == [*range(8)]
    assert forwards.rank.tolist() == backwards.rank[::-1].tolist()
    assert forwards.rank.tolist() != pool(windows, seed=1).rank.tolist()


def test_outlines_that_share_a_window_have_turns_of_their_own():
    one = pool([(0, 0, 9, 9)] * 3, polygons=["a", "b", "c"])
    other = pool([(0, 0, 9, 9)] * 3, polygons=["c", "a", "b"])
    assert one.rank.tolist() == [0, 1, 2]
    assert other.rank.tolist() == [2, 0, 1]


@pytest.mark.parametrize(("n", "count"), [(2230, 223), (15, 2), (25, 2), (26, 3), (14, 1), (3, 1), (2, 1)])
def test_a_tenth_rounded(n, count):
    assert n_validation(n, 0.1) == count


def test_each_side_gets_at_least_one():
    assert [n_validation(4, share) for share in (0.01, 0.5, 0.99)] == [1, 2, 3]


def test_sides_with_and_without_dropping():
    chain = pool([(0, 0, 20, 20), (10, 0, 20, 20), (25, 0, 20, 20)])
    first = np.array([True, False, False])
    assert chain.sides(first, drop=False).tolist() == ["validation", "training", "training"]
    assert chain.sides(first, drop=True).tolist() == ["validation", "dropped", "training"]
