"""Cutting groups: a split without leaks where nearly everything overlaps.

In a dense region the footprints of most outlines hang together, and a connected group may be larger than all of
validation should be. Then a piece of it goes over: it starts at a patch, in the seeded order, and takes on, one at a time,
the overlapping patch that costs training the fewest. Every training patch that overlaps validation ground is dropped, and
said to be. Of a few starts the one that drops the fewest is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from lobate.patches.overlap import neighbours
from lobate.patches.pool import Pool

PIECE = 25  # patches, some four outlines' worth: several small pieces see more of a large region than one large piece
STARTS = 8


def cut(pool: Pool, validation: np.ndarray, wanted: int) -> np.ndarray:
    """Return ``validation``, (n,) of bool, grown by pieces until ``wanted`` patches validate, or as near as may be.

    Pieces leave training at least half of all patches; only where that cannot be, the first is a single patch. Training
    keeps one patch that shows the landform, and validation gets one if it has none, where there are any.
    """
    while (missing := wanted - int(validation.sum())) > 0:
        pieces = [_grow(pool, validation, start, min(missing, PIECE)) for start in _starts(pool, validation)]
        if not pieces:
            break
        validation = min(pieces, key=lambda piece: (-int(piece.sum()), int(neighbours(pool.overlap, piece).sum())))
    return validation


def _starts(pool: Pool, validation: np.ndarray) -> Iterator[int]:
    """Yield the first few patches of training, in their turn, that may start a piece."""
    free = ~validation & ~neighbours(pool.overlap, validation)
    least = len(pool) / 2 if validation.any() else 1
    if free.sum() <= least:
        return iter(())
    if not (validation & pool.positive).any() and pool.positive.any():
        free &= pool.positive
    in_turn = np.argsort(pool.turn)
    possible = (start for start in in_turn[free[in_turn]] if _Piece(pool, validation, start).leaves(least))
    return islice(possible, STARTS)


def _grow(pool: Pool, validation: np.ndarray, start: int, size: int) -> np.ndarray:
    """Return ``validation`` with a piece of at most ``size`` patches that starts at ``start``."""
    piece = _Piece(pool, validation, start)
    while piece.size < size:
        patch = piece.cheapest()
        if patch is None or not piece.leaves(len(pool) / 2, after=patch):
            break
        piece.add(patch)
    return piece.validation


class _Piece:
    """A growing piece; ``touched`` is what training has lost: validation and all that overlaps it."""

    def __init__(self, pool: Pool, validation: np.ndarray, start: int) -> None:
        self.pool = pool
        self.validation = validation.copy()
        self.touched = validation | neighbours(pool.overlap, validation)
        self.near = np.zeros(len(pool), dtype=bool)
        self.size = 0
        self.add(start)

    def add(self, patch: int) -> None:
        around = self._around(patch)
        self.validation[patch] = self.touched[patch] = True
        self.touched[around] = self.near[around] = True
        self.size += 1

    def cheapest(self) -> int | None:
        """Return the patch next to the piece that touches the fewest more, the earlier in turn of equals."""
        near = np.flatnonzero(self.near & ~self.validation)
        if not len(near):
            return None
        cost = self.pool.overlap[near] @ (~self.touched).astype(np.int32)
        return int(near[np.lexsort((self.pool.turn[near], cost))[0]])

    def leaves(self, least: float, after: int | None = None) -> bool:
        """Whether training keeps ``least`` patches, and one that shows the landform, ``after`` one more patch."""
        left = ~self.touched
        if after is not None:
            left[self._around(after)] = False
        enough = (left & self.pool.positive).any() or not self.pool.positive.any()
        return bool(left.sum() >= least and enough)

    def _around(self, patch: int) -> np.ndarray:
        overlap = self.pool.overlap
        return overlap.indices[overlap.indptr[patch] : overlap.indptr[patch + 1]]
