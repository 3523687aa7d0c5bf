from __future__ import annotations

import numpy as np
import pytest

from lobate.patches import cut as module
from lobate.patches.cut import cut
from lobate.patches.overlap import neighbours
from lobate.patches.pool import Pool
from lobate.vectors import LONLAT

from .conftest import grid, make_footprints


def chain(n: int, side: int = 30, step: int = 20, **options) -> Pool:
    """Patches that overlap the next ones."""
    return Pool(make_footprints([(step * k, 0, side, side) for k in range(n)], **options).to_crs(LONLAT), 0)


def nothing(pool: Pool) -> np.ndarray:
    return np.zeros(len(pool), bool)


def test_a_piece_of_a_chain_drops_its_ends_only():
    pool = chain(60)
    validation = cut(pool, nothing(pool), 6)
    members = validation.nonzero()[0]
    assert len(members) == 6
    assert np.ptp(members) == 5
    assert neighbours(pool.overlap, validation).sum() <= 2


def test_several_pieces_where_many_are_wanted(monkeypatch):
    monkeypatch.setattr(module, "PIECE", 5)
    pool = chain(100)
    validation = cut(pool, nothing(pool), 10)
    assert validation.sum() == 10
    assert (np.diff(validation.nonzero()[0]) > 1).sum() == 1


def test_training_keeps_at_least_half():
    pool = chain(40, side=200)
    validation = cut(pool, nothing(pool), 10)
    left = ~validation & ~neighbours(pool.overlap, validation)
    assert 1 <= validation.sum() <= 10
    assert left.sum() >= 20


def test_what_validates_already_stays():
    pool = chain(50)
    before = nothing(pool)
    before[[0, 1]] = True
    assert (cut(pool, before, 5) & before).sum() == 2


def test_the_landform_is_on_both_sides():
    pool = chain(40, positive=[0.1 if k in (7, 30) else 0.0 for k in range(40)])
    validation = cut(pool, nothing(pool), 4)
    left = ~validation & ~neighbours(pool.overlap, validation)
    assert (validation & pool.positive).any()
    assert (left & pool.positive).any()


def test_where_all_overlap_all_nothing_can_be_cut():
    pool = chain(5, side=200)
    assert not cut(pool, nothing(pool), 1).any()


@pytest.mark.parametrize("seed", range(3))
def test_a_dense_field_keeps_most_of_its_patches(seed):
    random = np.random.default_rng(seed)
    windows = [(int(r), int(c), 48, 48) for r, c in random.integers(0, 500, (300, 2))]
    pool = Pool(make_footprints(windows, on=grid((600, 600))).to_crs(LONLAT), seed)
    validation = cut(pool, nothing(pool), 30)
    assert validation.sum() == 30
    assert neighbours(pool.overlap, validation).sum() < 60
