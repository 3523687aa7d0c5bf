"""Groups of patches that stay on one side: their names, which of them validate, and how to cut one that is too large.

Groups are connected groups of overlapping footprints, or blocks of ground. They are chosen whole, in a seeded order that each
keeps when others are added.

In a dense region the footprints of most outlines are connected, and a connected group may be larger than all of validation
should be. Then pieces of it are moved to validation. A piece starts at a patch, in the seeded order, and grows by the
overlapping patch that costs training the fewest patches. Every training patch that overlaps validation ground is dropped,
with its reason. Of a few starts the one that drops the fewest is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import pandas as pd

from lobate.io.places import blocks_of, seeded_hash
from lobate.patches.overlap import overlapping
from lobate.patches.pool import Pool

PIECE_SIZE = 25
"""Patches of a piece, those of about four outlines: small pieces sample a large region better than one large piece."""
MAX_STARTS = 8
"""Patches that are tried as the start of a piece."""


def group_names(pool: Pool) -> np.ndarray:
    """Return the name of each patch's connected group, (n,): its first place, so other groups do not change it."""
    first = pd.Series(pool.places).groupby(pool.groups).transform("min")
    return first.to_numpy(dtype=str)


def block_names(pool: Pool, block_km: float) -> np.ndarray:
    """Return the name of the block at each patch's centre, (n,). No other patch changes it."""
    return blocks_of(pool.footprints.bounds.to_numpy(), block_km)


def choose_groups(pool: Pool, names: np.ndarray, count: int) -> np.ndarray:
    """Return which patches validate, (n,) of bool, so that groups stay whole and their number comes close to ``count``.

    The first group that shows the landform comes first, then the first with a negative outline, then all in their seeded
    order, each where there is still room for it. In the end the smallest group left is selected too, if that is closer.
    Training keeps a patch, and one that shows the landform. The result may be empty, where no group is small enough.
    """
    selection = _Selection.of(pool, names)
    for name in _candidates(selection.table, count):
        selection.select(name, count - selection.size)
        if selection.size == count:
            break
    left = selection.table["size"].drop([*selection.selected])
    if selection.size < count and len(left):
        selection.select(left.idxmin(), 2 * (count - selection.size) - 1)
    return np.isin(names, [*selection.selected])


def smallest_group(pool: Pool, names: np.ndarray) -> np.ndarray:
    """Return the patches of the smallest group, (n,) of bool; if possible of one that shows the landform and leaves some."""
    selection = _Selection.of(pool, names)
    table = selection.table.sort_values("size", kind="stable")
    positive = table.index[table["positive"] > 0]
    return names == next((name for name in positive if selection.leaves_enough(name)), table.index[0])


@dataclass
class _Selection:
    """Groups selected so far; ``table`` has a row for each: size, and the number of its positive and negative patches.

    ``trains`` is the number of patches in groups that may not be selected.
    """

    table: pd.DataFrame
    trains: int
    selected: set[str] = field(default_factory=set)
    size: int = 0
    positive: int = 0

    def __post_init__(self) -> None:
        self.sizes: dict[str, int] = self.table["size"].to_dict()
        self.positives: dict[str, int] = self.table["positive"].to_dict()
        self.all_sizes, self.all_positives = sum(self.sizes.values()), sum(self.positives.values())

    @classmethod
    def of(cls, pool: Pool, names: np.ndarray) -> _Selection:
        """Return a selection of nothing yet; groups of unmended outlines alone may not be selected."""
        table = _group_table(pool, names)
        return cls(table, int((~np.isin(names, [*table.index])).sum()))

    def leaves_enough(self, name: str) -> bool:
        """Return whether training keeps a patch without this group, and one that shows the landform if there is any."""
        left = self.all_positives - self.positive - self.positives[name]
        remains = self.all_sizes + self.trains - self.size - self.sizes[name]
        return remains > 0 and (left > 0 or self.trains > 0 or self.all_positives == 0)

    def select(self, name: str, room: float) -> None:
        """Select this group if it is new, no larger than ``room``, and leaves enough to training."""
        if name not in self.selected and self.sizes[name] <= room and self.leaves_enough(name):
            self.selected.add(name)
            self.size += self.sizes[name]
            self.positive += self.positives[name]


def _group_table(pool: Pool, names: np.ndarray) -> pd.DataFrame:
    """Return one row a group in the seeded order: its patches that may validate, and those that show the landform or are negative.

    A group of unmended outlines alone has no row: all of it trains.
    """
    may = ~pool.unmended
    counts = pd.DataFrame({"group": names, "size": may, "positive": pool.positive & may, "negative": pool.negative})
    groups = counts.astype({"size": int}).groupby("group").sum()
    groups = groups[groups["size"] > 0]
    return groups.iloc[np.argsort(np.array([seeded_hash(pool.seed, name) for name in groups.index], dtype=np.uint64))]


def _candidates(groups: pd.DataFrame, count: int) -> list[str]:
    fitting = groups[groups["size"] <= count]
    first = [*fitting.index[fitting["positive"] > 0][:1], *fitting.index[fitting["negative"] > 0][:1]]
    return [*first, *fitting.index]


def split_group(pool: Pool, validation: np.ndarray, count: int) -> np.ndarray:
    """Return ``validation``, (n,) of bool, grown by pieces until ``count`` patches validate, or as near as possible.

    Pieces leave training at least half of all patches. Only where that is impossible, the first is a single patch. Training
    keeps one patch that shows the landform, and validation gets one if it has none, where there are any. The work grows
    with the overlaps, as a piece grows only along them.
    """
    cut = _GroupCut(pool, validation)
    while (missing := count - cut.n_validation) > 0:
        pieces = [cut.try_piece(start, min(missing, PIECE_SIZE)) for start in cut.starts()]
        if not pieces:
            break
        cut.move_to_validation(min(pieces, key=lambda piece: (-len(piece[0]), piece[1]))[0])
    return cut.validation


class _GroupCut:
    """The validation patches so far; ``lost`` to training are these and all patches that overlap them."""

    def __init__(self, pool: Pool, validation: np.ndarray) -> None:
        self.pool = pool
        self.validation = validation.copy()
        self.lost = validation | overlapping(pool.overlap, validation)
        self.positive = pool.positive
        order = np.argsort(pool.rank)
        self.waiting = order[~pool.unmended[order]]
        self.left = int((~self.lost).sum())
        self.left_positive = int((~self.lost & self.positive).sum())

    @property
    def n_validation(self) -> int:
        return int(self.validation.sum())

    def starts(self) -> Iterator[int]:
        """Yield the first few training patches in the seeded order that may start a piece."""
        self.waiting = self.waiting[~self.lost[self.waiting]]
        least = len(self.pool) / 2 if self.validation.any() else 1
        if self.left <= least:
            return iter(())
        needs_positive = not (self.validation & self.positive).any() and self.positive.any()
        candidates = self.waiting[self.positive[self.waiting]] if needs_positive else self.waiting
        return islice((int(start) for start in candidates if self._leaves_enough(self._loss(start), least)), MAX_STARTS)

    def try_piece(self, start: int, size: int) -> tuple[list[int], int]:
        """Return a piece of at most ``size`` patches from ``start``, and the number of patches that training would lose."""
        before = self.left
        piece, losses = [start], [self._drop(self._loss(start))]
        near = set(self._overlapping(start))
        while len(piece) < size and (patch := self._cheapest(near - set(piece))) is not None:
            if not self._leaves_enough(self._loss(patch), len(self.pool) / 2):
                break
            piece.append(patch)
            losses.append(self._drop(self._loss(patch)))
            near.update(self._overlapping(patch))
        cost = before - self.left
        self._restore(np.concatenate(losses))
        return piece, cost

    def move_to_validation(self, piece: list[int]) -> None:
        """Move a piece to validation."""
        self.validation[piece] = True
        for patch in piece:
            self._drop(self._loss(patch))

    def _cheapest(self, near: set[int]) -> int | None:
        """Return the patch of ``near`` that costs training the fewest patches; of equal ones, the first in the seeded order."""
        free = (patch for patch in near if not self.validation[patch] and not self.pool.unmended[patch])
        patches = np.array(sorted(free), dtype=np.int64)
        if not len(patches):
            return None
        rows = self.pool.overlap[patches]
        cost = np.add.reduceat((~self.lost[rows.indices]).astype(np.int64), rows.indptr[:-1])
        return int(patches[np.lexsort((self.pool.rank[patches], cost))[0]])

    def _overlapping(self, patch: int) -> list[int]:
        overlap = self.pool.overlap
        return overlap.indices[overlap.indptr[patch] : overlap.indptr[patch + 1]].tolist()

    def _loss(self, patch: int) -> np.ndarray:
        """Return the further patches that training would lose if this patch validated."""
        touched = np.array([patch, *self._overlapping(patch)], dtype=np.int64)
        return touched[~self.lost[touched]]

    def _leaves_enough(self, loss: np.ndarray, least: float) -> bool:
        """Return whether training keeps ``least`` patches, and one that shows the landform, after this loss."""
        shows = self.left_positive > self.positive[loss].sum() or not self.positive.any()
        return bool(self.left - len(loss) >= least and shows)

    def _drop(self, loss: np.ndarray) -> np.ndarray:
        self.lost[loss] = True
        self.left -= len(loss)
        self.left_positive -= int(self.positive[loss].sum())
        return loss

    def _restore(self, loss: np.ndarray) -> None:
        self.lost[loss] = False
        self.left += len(loss)
        self.left_positive += int(self.positive[loss].sum())
