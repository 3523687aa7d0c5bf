"""Choosing whole units (connected groups, blocks of ground) to validate, in a seeded order that each unit keeps.

Cutting groups: a split without leaks where nearly everything overlaps.

In a dense region the footprints of most outlines hang together, and a connected group may be larger than all of
validation should be. Then a piece of it goes over: it starts at a patch, in the seeded order, and takes on, one at a time,
the overlapping patch that costs training the fewest. Every training patch that overlaps validation ground is dropped, and
said to be. Of a few starts the one that drops the fewest is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import pandas as pd

from lobate.patches.overlap import overlapping
from lobate.patches.pool import Pool, seeded_hash

PIECE_SIZE = (
    25  # patches, some four outlines' worth: several small pieces see more of a large region than one large piece
)
MAX_STARTS = 8


def split_group(pool: Pool, validation: np.ndarray, wanted: int) -> np.ndarray:
    """Return ``validation``, (n,) of bool, grown by pieces until ``wanted`` patches validate, or as near as may be.

    Pieces leave training at least half of all patches; only where that cannot be, the first is a single patch. Training
    keeps one patch that shows the landform, and validation gets one if it has none, where there are any. The work grows
    with the overlaps, as a piece looks at no more than what is round it.
    """
    ground = _GroupCut(pool, validation)
    while (missing := wanted - ground.validating) > 0:
        pieces = [ground.try_piece(start, min(missing, PIECE_SIZE)) for start in ground.starts()]
        if not pieces:
            break
        ground.move_to_validation(min(pieces, key=lambda piece: (-len(piece[0]), piece[1]))[0])
    return ground.validation


class _GroupCut:
    """Who validates so far, and what training has lost by it: ``lost`` is validation and all that overlaps it."""

    def __init__(self, pool: Pool, validation: np.ndarray) -> None:
        self.pool = pool
        self.validation = validation.copy()
        self.lost = validation | overlapping(pool.overlap, validation)
        self.positive = pool.positive
        self.waiting = np.argsort(pool.rank)
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
        return islice((int(start) for start in turns if self._leaves_enough(self._loss(start), least)), MAX_STARTS)

    def try_piece(self, start: int, size: int) -> tuple[list[int], int]:
        """Return a piece of at most ``size`` patches that starts at ``start``, and how many training would lose by it."""
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
        """Give a piece to validation."""
        self.validation[piece] = True
        for patch in piece:
            self._drop(self._loss(patch))

    def _cheapest(self, near: set[int]) -> int | None:
        """Return the patch of ``near`` by which training loses the fewest more, the earlier in turn of equals."""
        patches = np.array(sorted(patch for patch in near if not self.validation[patch]), dtype=np.int64)
        if not len(patches):
            return None
        rows = self.pool.overlap[patches]
        cost = np.add.reduceat((~self.lost[rows.indices]).astype(np.int64), rows.indptr[:-1])
        return int(patches[np.lexsort((self.pool.rank[patches], cost))[0]])

    def _overlapping(self, patch: int) -> list[int]:
        overlap = self.pool.overlap
        return overlap.indices[overlap.indptr[patch] : overlap.indptr[patch + 1]].tolist()

    def _loss(self, patch: int) -> np.ndarray:
        """Return what training would lose if this patch validated, beyond what it has lost."""
        touched = np.array([patch, *self._overlapping(patch)], dtype=np.int64)
        return touched[~self.lost[touched]]

    def _leaves_enough(self, loss: np.ndarray, least: float) -> bool:
        """Whether training keeps ``least`` patches, and one that shows the landform, after this loss."""
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


EARTH_KM = 6371.0


def group_names(pool: Pool) -> np.ndarray:
    """Name each patch's connected group after the group's first place, so it keeps its name when other groups change."""
    first = pd.Series(pool.places).groupby(pool.groups).transform("min")
    return first.to_numpy(dtype=str)


def block_names(pool: Pool, block_km: float) -> np.ndarray:
    """Name the block that holds each patch's centre: squares of ``block_km``, rows counted from the equator.

    Rows are equally high, and the blocks of a row are as wide as high at its middle latitude; no other patch matters.
    """
    bounds = np.radians(pool.footprints.bounds.to_numpy())
    lon, lat = (bounds[:, 0] + bounds[:, 2]) / 2, (bounds[:, 1] + bounds[:, 3]) / 2
    rows = np.floor(lat * EARTH_KM / block_km)
    middle = (rows + 0.5) * block_km / EARTH_KM
    cols = np.floor(lon * np.cos(middle) * EARTH_KM / block_km)
    return np.array([f"{row:.0f}/{col:.0f}" for row, col in zip(rows, cols, strict=True)])


@dataclass
class _Selection:
    """Units taken so far; ``table`` has a row a unit: size, and how many of its patches are positive and negative."""

    table: pd.DataFrame
    taken: set[str] = field(default_factory=set)
    size: int = 0
    positive: int = 0

    def __post_init__(self) -> None:
        self.sizes: dict[str, int] = self.table["size"].to_dict()
        self.positives: dict[str, int] = self.table["positive"].to_dict()
        self.all_sizes, self.all_positives = sum(self.sizes.values()), sum(self.positives.values())

    def leaves(self, name: str) -> bool:
        """Whether training keeps a patch, and one that shows the landform if there is any, when this unit goes too."""
        left = self.all_positives - self.positive - self.positives[name]
        return self.size + self.sizes[name] < self.all_sizes and (left > 0 or self.all_positives == 0)

    def take(self, name: str, room: float) -> None:
        """Take this unit if it is new, no larger than ``room`` and leaves what training needs."""
        if name not in self.taken and self.sizes[name] <= room and self.leaves(name):
            self.taken.add(name)
            self.size += self.sizes[name]
            self.positive += self.positives[name]


def choose_groups(pool: Pool, names: np.ndarray, wanted: int) -> np.ndarray:
    """Return which patches validate, (n,) of bool, so that units stay whole and the count comes close to ``wanted``.

    The first unit that shows the landform comes first, then the first with a negative outline, then all in their seeded
    order, each where there is still room for it. In the end the smallest unit left goes over too, if that is closer.
    Training keeps a patch, and one that shows the landform. May be empty, where no unit is small enough.
    """
    choice = _Selection(_group_table(pool, names))
    for name in _candidates(choice.table, wanted):
        choice.take(name, wanted - choice.size)
        if choice.size == wanted:
            break
    left = choice.table["size"].drop([*choice.taken])
    if choice.size < wanted and len(left):
        choice.take(left.idxmin(), 2 * (wanted - choice.size) - 1)
    return np.isin(names, [*choice.taken])


def smallest_group(pool: Pool, names: np.ndarray) -> np.ndarray:
    """Return the patches of the smallest unit, (n,) of bool; of one that shows the landform and leaves some, if any does."""
    choice = _Selection(_group_table(pool, names).sort_values("size", kind="stable"))
    positive = choice.table.index[choice.table["positive"] > 0]
    return names == next((name for name in positive if choice.leaves(name)), choice.table.index[0])


def _group_table(pool: Pool, names: np.ndarray) -> pd.DataFrame:
    """Return one row a unit in the seeded order: its size, and its patches that show the landform or are negative."""
    counts = pd.DataFrame({"unit": names, "size": 1, "positive": pool.positive, "negative": pool.negative})
    units = counts.groupby("unit").sum()
    return units.iloc[np.argsort(np.array([seeded_hash(pool.seed, name) for name in units.index], dtype=np.uint64))]


def _candidates(units: pd.DataFrame, wanted: int) -> list[str]:
    fitting = units[units["size"] <= wanted]
    first = [*fitting.index[fitting["positive"] > 0][:1], *fitting.index[fitting["negative"] > 0][:1]]
    return [*first, *fitting.index]
