"""The ways of splitting a pool of patches: each returns the side of every patch, and the group that it stays together with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lobate.errors import UserError
from lobate.patches.grouping import block_names, choose_groups, group_names, smallest_group, split_group
from lobate.patches.pool import Pool, n_validation
from lobate.patches.user_split import VALIDATION_WORDS, fold_numbers, split_labels
from lobate.settings.patches import Split

Sides = tuple[np.ndarray, np.ndarray]
"""Side of each patch, and its group, block or field value, both (n,) of str."""


def random_split(pool: Pool, settings: Split) -> Sides:
    """Return the paper's split: the first patches in the seeded order validate, exactly as many as set; none is dropped."""
    rank = np.where(pool.unmended, len(pool), pool.rank)
    first = np.argsort(rank, kind="stable")[: n_validation(len(pool), settings.validation_share)]
    return pool.sides(np.isin(np.arange(len(pool)), first), drop=False), group_names(pool)


def grouped_split(pool: Pool, settings: Split) -> Sides:
    """Keep connected groups whole; cut groups where whole ones give too few validation patches, or none with the landform.

    Too few is under half of the number set. Raises UserError when every possible validation patch overlaps all others.
    """
    names, count = group_names(pool), n_validation(len(pool), settings.validation_share)
    validation = choose_groups(pool, names, count)
    if pool.positive.any() and not (validation & pool.positive).any():
        validation = split_group(pool, np.zeros(len(pool), dtype=bool), count)
    elif 2 * validation.sum() < count:
        validation = split_group(pool, validation, count)
    if not validation.any():
        raise UserError(
            f"The grouped split is impossible: the {len(pool)} patches overlap so closely that none can validate without "
            "leaving training nothing to learn from. Set patches.split.method to random (which leaks) or to blocks, make "
            "patches smaller (patches.crop.buffer_m, patches.crop.core and patches.crop.margin), or add outlines elsewhere."
        )
    return pool.sides(validation, drop=True), names


def block_split(pool: Pool, settings: Split) -> Sides:
    """Keep squares of ground whole, by the patches' centres; drop training patches that overlap validation ground.

    Raises UserError when that leaves training empty.
    """
    names = block_names(pool, settings.block_km)
    validation = choose_groups(pool, names, n_validation(len(pool), settings.validation_share))
    sides = pool.sides(validation if validation.any() else smallest_group(pool, names), drop=True)
    if not (sides == "training").any():
        raise UserError(
            f"The split by blocks of {settings.block_km:g} km leaves training empty: the {len(pool)} patches lie in "
            f"{len(np.unique(names))} of them, and patches that reach over into validation ground are dropped. Set a smaller "
            "patches.split.block_km, or patches.split.method to grouped or to random (which leaks)."
        )
    return sides, names


def field_split(pool: Pool, settings: Split) -> Sides:
    """Split by the outlines' own field: of numbers, the lowest fold validates; an outline without a value trains.

    Training patches that overlap validation ground are dropped. Raises UserError when that leaves a side empty.
    """
    labels = split_labels(pool.polygons, pool.field_values)
    folds = fold_numbers(labels)
    sides = pool.sides(np.isin(labels, VALIDATION_WORDS) if folds is None else folds == 0, drop=True)
    for side in ("training", "validation"):
        if not (sides == side).any():
            raise UserError(
                f"The split by the outlines' field leaves {side} empty: of {len(pool)} patches {(sides == 'dropped').sum()} "
                "overlap validation ground and are dropped. Change the field that labels.fold_field names."
            )
    return sides, labels


METHODS: dict[str, Callable[[Pool, Split], Sides]] = {
    "random": random_split,
    "grouped": grouped_split,
    "blocks": block_split,
    "field": field_split,
}

COMPARED = ("random", "grouped")


def split_by_protocols(pool: Pool, settings: Split) -> dict[str, Sides | UserError]:
    """Split by the method that is set, and by random and grouped for comparison; an impossible one gives its error.

    Raises UserError when the method that is set is impossible.
    """
    splits: dict[str, Sides | UserError] = {settings.method: METHODS[settings.method](pool, settings)}
    for method in set(COMPARED) - {settings.method}:
        try:
            splits[method] = METHODS[method](pool, settings)
        except UserError as error:
            splits[method] = error
    return splits
