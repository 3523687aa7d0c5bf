"""How much of the validation ground training has seen: what flatters a validation IoU, measured.

The ways of splitting a pool of patches: each returns the side of every patch, and the unit it stays together with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import shapely

from lobate.errors import UserError
from lobate.io.grid import WGS84
from lobate.patches.grouping import block_names, choose_groups, group_names, smallest_group, split_group
from lobate.patches.overlap import overlapping
from lobate.patches.pool import Pool, n_validation
from lobate.patches.user_split import VALIDATION_WORDS, fold_numbers, split_labels
from lobate.settings.patches import Split

Sides = tuple[np.ndarray, np.ndarray]
"""Side and unit of each patch, both (n,) of str."""


def random_split(pool: Pool, settings: Split) -> Sides:
    """The paper's split: the patches whose turn comes first validate, exactly as many as wanted; nothing is dropped."""
    validation = pool.rank < n_validation(len(pool), settings.validation_share)
    return pool.sides(validation, drop=False), group_names(pool)


def grouped_split(pool: Pool, settings: Split) -> Sides:
    """Connected groups stay whole; where these cannot make up half of what is wanted, or show no landform, groups are cut.

    Raises UserError when every possible validation patch overlaps all that training could see.
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
            "patches smaller (patches.crop.buffer_m, core and margin), or add outlines elsewhere."
        )
    return pool.sides(validation, drop=True), names


def block_split(pool: Pool, settings: Split) -> Sides:
    """Squares of ground stay whole, by the patches' centres; training patches that reach over are dropped.

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
    """As the outlines' own field says: of numbers, the lowest fold validates; an outline without one trains.

    Training patches that overlap validation ground are dropped. Raises UserError when that leaves a side empty.
    """
    said = split_labels(pool.polygons, pool.field_values)
    folds = fold_numbers(said)
    sides = pool.sides(np.isin(said, VALIDATION_WORDS) if folds is None else folds == 0, drop=True)
    for side in ("training", "validation"):
        if not (sides == side).any():
            raise UserError(
                f"The split by the outlines' field leaves {side} empty: of {len(pool)} patches {(sides == 'dropped').sum()} "
                "overlap validation ground and are dropped. Change the field that labels.fold_field names."
            )
    return sides, said


METHODS: dict[str, Callable[[Pool, Split], Sides]] = {
    "random": random_split,
    "grouped": grouped_split,
    "blocks": block_split,
    "field": field_split,
}


COMPARED = ("random", "grouped")


def split_by_protocols(pool: Pool, settings: Split) -> dict[str, Sides | UserError]:
    """Split by the method that is set, and by random and grouped for comparison; one of these may be impossible.

    Raises UserError when the method that is set is.
    """
    found: dict[str, Sides | UserError] = {settings.method: METHODS[settings.method](pool, settings)}
    for method in set(COMPARED) - {settings.method}:
        try:
            found[method] = METHODS[method](pool, settings)
        except UserError as mistake:
            found[method] = mistake
    return found


def leakage_report(
    pool: Pool, found: dict[str, Sides | UserError], folds: list[np.ndarray], used: str
) -> dict[str, Any]:
    """Measure each protocol, or say why it is impossible, and each fold (its sides) where there are any."""
    measured: dict[str, Any] = {
        method: {"impossible": str(one)} if isinstance(one, UserError) else measure_leakage(pool, one[0])
        for method, one in found.items()
    }
    return measured | {"used": used} | ({"folds": [measure_leakage(pool, sides) for sides in folds]} if folds else {})


def measure_leakage(pool: Pool, sides: np.ndarray) -> dict[str, Any]:
    """Return the counts of each side and three measures of what they share.

    - leaked_share: share of the validation ground (the union of its footprints) inside training footprints, 0 to 1.
    - polygons_on_both_sides: outlines with patches on both sides.
    - nearest_m: shortest way from a validation to a training footprint, in metres; 0 where they overlap.
    """
    training, validation = sides == "training", sides == "validation"
    shared = overlapping(pool.overlap, validation) & training
    polygons = pool.polygons
    return {
        "patches": len(pool),
        "training": int(training.sum()),
        "validation": int(validation.sum()),
        "dropped": int((sides == "dropped").sum()),
        "leaked_share": _leaked_share(pool, validation, shared),
        "polygons_on_both_sides": len(np.intersect1d(polygons[training], polygons[validation])),
        "nearest_m": 0.0 if shared.any() else _nearest_m(pool, training, validation),
    }


def _leaked_share(pool: Pool, validation: np.ndarray, shared: np.ndarray) -> float:
    """Areas on the cylinder of equal area: x = longitude, y = sin(latitude)."""
    flat = shapely.transform(
        pool.footprints.geometry.to_numpy(), lambda xy: np.c_[xy[:, 0], np.degrees(np.sin(np.radians(xy[:, 1])))]
    )
    ground, seen = shapely.union_all(flat[validation]), shapely.union_all(flat[shared])
    return round(float(shapely.area(shapely.intersection(ground, seen)) / shapely.area(ground)), 4)


def _nearest_m(pool: Pool, training: np.ndarray, validation: np.ndarray) -> float:
    """Geodesic length of the shortest line, which is looked for in a plane with degrees of equal length."""
    outlines = pool.footprints.geometry.to_numpy()
    squeeze = float(np.cos(np.radians(shapely.bounds(outlines)[:, [1, 3]].mean())))
    plane = shapely.transform(outlines, lambda xy: xy * [squeeze, 1.0])
    one, other = shapely.STRtree(plane[training]).query_nearest(plane[validation], all_matches=False)
    lines = shapely.shortest_line(plane[validation][one], plane[training][other])
    ends = shapely.get_coordinates(lines).reshape(-1, 4) / [squeeze, 1.0, squeeze, 1.0]
    return round(float(WGS84.inv(*ends.T)[2].min()), 1)
