"""Choosing whole units (connected groups, blocks of ground) to validate, in a seeded order that each unit keeps."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lobate.patches.pool import Pool, seeded

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
class _Choice:
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


def choose(pool: Pool, names: np.ndarray, wanted: int) -> np.ndarray:
    """Return which patches validate, (n,) of bool, so that units stay whole and the count comes close to ``wanted``.

    The first unit that shows the landform comes first, then the first with a negative outline, then all in their seeded
    order, each where there is still room for it. In the end the smallest unit left goes over too, if that is closer.
    Training keeps a patch, and one that shows the landform. May be empty, where no unit is small enough.
    """
    choice = _Choice(_table(pool, names))
    for name in _in_turn(choice.table, wanted):
        choice.take(name, wanted - choice.size)
        if choice.size == wanted:
            break
    left = choice.table["size"].drop([*choice.taken])
    if choice.size < wanted and len(left):
        choice.take(left.idxmin(), 2 * (wanted - choice.size) - 1)
    return np.isin(names, [*choice.taken])


def smallest(pool: Pool, names: np.ndarray) -> np.ndarray:
    """Return the patches of the smallest unit, (n,) of bool; of one that shows the landform and leaves some, if any does."""
    choice = _Choice(_table(pool, names).sort_values("size", kind="stable"))
    positive = choice.table.index[choice.table["positive"] > 0]
    return names == next((name for name in positive if choice.leaves(name)), choice.table.index[0])


def _table(pool: Pool, names: np.ndarray) -> pd.DataFrame:
    """Return one row a unit in the seeded order: its size, and its patches that show the landform or are negative."""
    counts = pd.DataFrame({"unit": names, "size": 1, "positive": pool.positive, "negative": pool.negative})
    units = counts.groupby("unit").sum()
    return units.iloc[np.argsort(np.array([seeded(pool.seed, name) for name in units.index], dtype=np.uint64))]


def _in_turn(units: pd.DataFrame, wanted: int) -> list[str]:
    fitting = units[units["size"] <= wanted]
    first = [*fitting.index[fitting["positive"] > 0][:1], *fitting.index[fitting["negative"] > 0][:1]]
    return [*first, *fitting.index]
