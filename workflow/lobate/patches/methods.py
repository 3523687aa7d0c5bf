"""The ways of splitting a pool of patches: each returns the side of every patch, and the unit it stays together with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lobate.errors import Mistake
from lobate.patches.cut import cut
from lobate.patches.given import VALIDATES, numbers_of, said_of
from lobate.patches.pool import Pool, wanted
from lobate.patches.units import block_names, choose, group_names, smallest
from lobate.settings.patches import Split

Sides = tuple[np.ndarray, np.ndarray]
"""Side and unit of each patch, both (n,) of str."""


def random(pool: Pool, settings: Split) -> Sides:
    """The paper's split: the patches whose turn comes first validate, exactly as many as wanted; nothing is dropped."""
    validation = pool.turn < wanted(len(pool), settings.validation_share)
    return pool.sides(validation, drop=False), group_names(pool)


def grouped(pool: Pool, settings: Split) -> Sides:
    """Connected groups stay whole; where these cannot make up half of what is wanted, or show no landform, groups are cut.

    Raises Mistake when every possible validation patch overlaps all that training could see.
    """
    names, count = group_names(pool), wanted(len(pool), settings.validation_share)
    validation = choose(pool, names, count)
    if pool.positive.any() and not (validation & pool.positive).any():
        validation = cut(pool, np.zeros(len(pool), dtype=bool), count)
    elif 2 * validation.sum() < count:
        validation = cut(pool, validation, count)
    if not validation.any():
        raise Mistake(
            f"The grouped split is impossible: the {len(pool)} patches overlap so closely that none can validate without "
            "leaving training nothing to learn from. Set patches.split.method to random (which leaks) or to blocks, make "
            "patches smaller (patches.crop.buffer_m, core and margin), or add outlines elsewhere."
        )
    return pool.sides(validation, drop=True), names


def blocks(pool: Pool, settings: Split) -> Sides:
    """Squares of ground stay whole, by the patches' centres; training patches that reach over are dropped.

    Raises Mistake when that leaves training empty.
    """
    names = block_names(pool, settings.block_km)
    validation = choose(pool, names, wanted(len(pool), settings.validation_share))
    sides = pool.sides(validation if validation.any() else smallest(pool, names), drop=True)
    if not (sides == "training").any():
        raise Mistake(
            f"The split by blocks of {settings.block_km:g} km leaves training empty: the {len(pool)} patches lie in "
            f"{len(np.unique(names))} of them, and patches that reach over into validation ground are dropped. Set a smaller "
            "patches.split.block_km, or patches.split.method to grouped or to random (which leaks)."
        )
    return sides, names


def field(pool: Pool, settings: Split) -> Sides:
    """As the outlines' own field says: of numbers, the lowest fold validates; an outline without one trains.

    Training patches that overlap validation ground are dropped. Raises Mistake when that leaves a side empty.
    """
    said = said_of(pool.polygons, pool.given)
    folds = numbers_of(said)
    sides = pool.sides(np.isin(said, VALIDATES) if folds is None else folds == 0, drop=True)
    for side in ("training", "validation"):
        if not (sides == side).any():
            raise Mistake(
                f"The split by the outlines' field leaves {side} empty: of {len(pool)} patches {(sides == 'dropped').sum()} "
                "overlap validation ground and are dropped. Change the field that labels.fold_field names."
            )
    return sides, said


METHODS: dict[str, Callable[[Pool, Split], Sides]] = {
    "random": random,
    "grouped": grouped,
    "blocks": blocks,
    "field": field,
}
