"""Folds for cross-validation: every patch validates in one of them, by the same methods as in the split.

Whole groups go to the fold with the fewest patches, largest groups first. A connected group larger than a fold is cut first,
by the places of its outlines, into as many parts as it fills folds. Where two folds overlap, the patches of one that overlap
the other's ground *clash* with it: they must not train when it validates. In random none clashes, as it leaks anyway. By the
method field, patches of places that were rejected in the review have no fold, so they only train. So do those of a model's
outlines that nobody mended, by every method.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lobate.errors import UserError
from lobate.io.decisions import REJECTED_FOLD
from lobate.io.places import seeded_hash
from lobate.patches.grouping import block_names, group_names
from lobate.patches.pool import Pool
from lobate.patches.user_split import fold_numbers, split_labels
from lobate.settings.patches import Split


@dataclass(frozen=True)
class Folds:
    """``fold``: (n,), the fold in which each patch validates, -1 for none; ``sides``: (n,) for each fold."""

    fold: np.ndarray
    sides: list[np.ndarray]

    @property
    def clash(self) -> np.ndarray:
        """The folds in which each patch must not train, as comma-separated numbers; (n,)."""
        clashing = np.column_stack([sides == "dropped" for sides in self.sides])
        return np.array([",".join(map(str, np.flatnonzero(row))) for row in clashing], dtype=object)


def divide_into_folds(pool: Pool, settings: Split) -> Folds:
    """Divide the patches into ``settings.folds`` folds.

    Raises UserError when a fold gets no patch, or has nothing left to train on.
    """
    fold = np.where(pool.unmended, -1, _METHODS[settings.method](pool, settings))
    folds = [pool.sides(fold == number, drop=settings.method != "random") for number in range(settings.folds)]
    for number, sides in enumerate(folds):
        for side in ("training", "validation"):
            if not (sides == side).any():
                raise UserError(
                    f"The {len(pool)} patches cannot be divided into {settings.folds} folds by the method {settings.method}: "
                    f"fold {number} has no {side} patch. Set a smaller patches.split.folds, for blocks also a smaller "
                    "patches.split.block_km."
                )
    return Folds(fold, folds)


def _random(pool: Pool, settings: Split) -> np.ndarray:
    return pool.rank * settings.folds // len(pool)


def _grouped(pool: Pool, settings: Split) -> np.ndarray:
    names = group_names(pool)
    parts = np.zeros(len(pool), dtype=np.int64)
    for _, members in pd.Series(range(len(pool))).groupby(pool.groups):
        count = round(len(members) * settings.folds / len(pool))
        if count > 1:
            parts[members] = _cut_group(pool, members.to_numpy(), count)
    return _fill_folds(pool, np.char.add(np.char.add(names, "/"), parts.astype(str)), settings.folds)


def _blocks(pool: Pool, settings: Split) -> np.ndarray:
    return _fill_folds(pool, block_names(pool, settings.block_km), settings.folds)


def _field(pool: Pool, settings: Split) -> np.ndarray:
    numbers = fold_numbers(split_labels(pool.polygons, pool.field_values))
    count = 0 if numbers is None else numbers.max() + 1
    if numbers is None or count != settings.folds:
        raise UserError(
            f"patches.split.folds is {settings.folds}, but the field that labels.fold_field names holds "
            f"{'words' if numbers is None else f'{count} different numbers'}. Set patches.split.folds to "
            f"{count if count > 1 else 0}, or number {settings.folds} folds in the field."
        )
    not_rejected = np.array([pool.field_values.get(polygon) != REJECTED_FOLD for polygon in pool.polygons])
    unnumbered = not_rejected & (numbers < 0)
    if unnumbered.any():
        raise UserError(
            f"The outline {pool.polygons[unnumbered][0]} has no number in the field that labels.fold_field names, so it is in "
            "none of the folds. Give every outline a number, or set patches.split.folds to 0: then those without one train."
        )
    return numbers


_METHODS = {"random": _random, "grouped": _grouped, "blocks": _blocks, "field": _field}


def _fill_folds(pool: Pool, names: np.ndarray, folds: int) -> np.ndarray:
    """Return the fold of each patch, (n,): groups go to the fold with the fewest patches, the largest groups first.

    Groups of equal size are in their seeded order.
    """
    groups, number, sizes = np.unique(names, return_inverse=True, return_counts=True)
    hashes = np.array([seeded_hash(pool.seed, name) for name in groups], dtype=np.uint64)
    filled = [(0, fold) for fold in range(folds)]
    fold_of = np.empty(len(groups), dtype=np.int64)
    for group in np.lexsort((hashes, -sizes)):
        patches, fold_of[group] = filled[0]
        heapq.heapreplace(filled, (patches + int(sizes[group]), int(fold_of[group])))
    return fold_of[number]


def _cut_group(pool: Pool, members: np.ndarray, parts: int) -> np.ndarray:
    """Cut ``members`` into adjacent parts of about equal size, with all patches of an outline in one part; (m,) of int."""
    footprints = pool.footprints.iloc[members]
    west, south, east, north = footprints.bounds.to_numpy().T
    y = (south + north) / 2
    x = (west + east) / 2 * np.cos(np.radians(y.mean()))
    outlines = pd.DataFrame({"x": x, "y": y, "size": 1}).groupby(footprints["polygon"].to_numpy())
    table = outlines.agg({"x": "mean", "y": "mean", "size": "sum"})
    part = _bisect(table[["x", "y"]].to_numpy(), table["size"].to_numpy(), parts)
    return part[outlines.ngroup().to_numpy()]


def _bisect(places: np.ndarray, sizes: np.ndarray, parts: int) -> np.ndarray:
    """Cut places (m, 2) across their longer extent, recursively, into parts of about equal size; (m,) of int."""
    part = np.zeros(len(places), dtype=np.int64)
    if parts < 2 or len(places) < 2:
        return part
    order = np.argsort(places[:, np.ptp(places, axis=0).argmax()], kind="stable")
    before = np.cumsum(sizes[order])
    first = parts // 2
    at = int(np.abs(before[:-1] - before[-1] * first / parts).argmin()) + 1
    part[order[:at]] = _bisect(places[order[:at]], sizes[order[:at]], first)
    part[order[at:]] = first + _bisect(places[order[at:]], sizes[order[at:]], parts - first)
    return part
