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
    keeps one patch that shows the landform, and validation gets one if it has none, where there are any. The work grows
    with the overlaps, as a piece looks at no more than what is round it.
    """
    ground = _Ground(pool, validation)
    while (missing := wanted - ground.validating) > 0:
        pieces = [ground.tried(start, min(missing, PIECE)) for start in ground.starts()]
        if not pieces:
            break
        ground.give(min(pieces, key=lambda piece: (-len(piece[0]), piece[1]))[0])
    return ground.validation


class _Ground:
    """Who validates so far, and what training has lost by it: ``lost`` is validation and all that overlaps it."""

    def __init__(self, pool: Pool, validation: np.ndarray) -> None:
        self.pool = pool
        self.validation = validation.copy()
        self.lost = validation | neighbours(pool.overlap, validation)
        self.positive = pool.positive
        self.waiting = np.argsort(pool.turn)
        self.left = int((~self.lost).sum())
        self.left_positive = int((~self.lost & self.positive).sum())

    @property
    def validating(self) -> int:
        return int(self.validation.sum())

    def starts(self) -> Iterator[int]:
        """Yield the first few patches of training, in their turn, that may start a piece."""
        self.waiting = self.waiting[~self.lost[self.waiting]]
        least = len(self.pool) / 2 if self.validation.any() else 1
        if self.left <= least:
            return iter(())
        unseen = not (self.validation & self.positive).any() and self.positive.any()
        turns = self.waiting[self.positive[self.waiting]] if unseen else self.waiting
        return islice((int(start) for start in turns if self._spares(self._loss(start), least)), STARTS)

    def tried(self, start: int, size: int) -> tuple[list[int], int]:
        """Return a piece of at most ``size`` patches that starts at ``start``, and how many training would lose by it."""
        before = self.left
        piece, losses = [start], [self._lose(self._loss(start))]
        near = set(self._around(start))
        while len(piece) < size and (patch := self._cheapest(near - set(piece))) is not None:
            if not self._spares(self._loss(patch), len(self.pool) / 2):
                break
            piece.append(patch)
            losses.append(self._lose(self._loss(patch)))
            near.update(self._around(patch))
        cost = before - self.left
        self._regain(np.concatenate(losses))
        return piece, cost

    def give(self, piece: list[int]) -> None:
        """Give a piece to validation."""
        self.validation[piece] = True
        for patch in piece:
            self._lose(self._loss(patch))

    def _cheapest(self, near: set[int]) -> int | None:
        """Return the patch of ``near`` by which training loses the fewest more, the earlier in turn of equals."""
        patches = np.array(sorted(patch for patch in near if not self.validation[patch]), dtype=np.int64)
        if not len(patches):
            return None
        rows = self.pool.overlap[patches]
        cost = np.add.reduceat((~self.lost[rows.indices]).astype(np.int64), rows.indptr[:-1])
        return int(patches[np.lexsort((self.pool.turn[patches], cost))[0]])

    def _around(self, patch: int) -> list[int]:
        overlap = self.pool.overlap
        return overlap.indices[overlap.indptr[patch] : overlap.indptr[patch + 1]].tolist()

    def _loss(self, patch: int) -> np.ndarray:
        """Return what training would lose if this patch validated, beyond what it has lost."""
        touched = np.array([patch, *self._around(patch)], dtype=np.int64)
        return touched[~self.lost[touched]]

    def _spares(self, loss: np.ndarray, least: float) -> bool:
        """Whether training keeps ``least`` patches, and one that shows the landform, after this loss."""
        shows = self.left_positive > self.positive[loss].sum() or not self.positive.any()
        return bool(self.left - len(loss) >= least and shows)

    def _lose(self, loss: np.ndarray) -> np.ndarray:
        self.lost[loss] = True
        self.left -= len(loss)
        self.left_positive -= int(self.positive[loss].sum())
        return loss

    def _regain(self, loss: np.ndarray) -> None:
        self.lost[loss] = False
        self.left += len(loss)
        self.left_positive += int(self.positive[loss].sum())
