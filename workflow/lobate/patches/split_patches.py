"""Split patches into training and validation, and say how much the one has seen of the other.

- ``random``: the paper's. Exactly the wanted share, by a seeded hash of each patch's place, so that m patches more move at
  most m others to the other side. Patches of one outline overlap, so it leaks.
- ``grouped``: connected groups of overlapping footprints stay on one side, across tiles and CRSs. Where groups are too
  large for that they are cut (``cut``): training patches that overlap validation ground are dropped.
- ``blocks``: squares of ground stay on one side; training patches that reach over into validation ground are dropped.
- ``field``: what the outlines' own field says (``given``), with training patches dropped likewise.

A dropped patch is on neither side; it is listed in the layer with its reason, and counted in the log and in the leakage.

What more patches change: in random, m of them move at most m others. In grouped, where groups are small enough to stay
whole, m patches in groups of their own move at most m + 6 s others, with s the patches of the largest group that is small
enough to validate: units keep their turn, so that only the end of the queue shifts (and the first unit of each class and the
last one taken may change). Patches that join groups, or lie where groups are cut, may move more; in field none moves.
Negatives mined later are no part of the split: they go to training and move nothing.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import geopandas as gpd
import numpy as np

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.io.jsonfile import write_json
from lobate.io.vector import write_layers
from lobate.patches.footprints import read_all_footprints
from lobate.patches.user_split import fold_fields, read_user_split
from lobate.settings.patches import Split

if TYPE_CHECKING:
    from lobate.patches.folds import Folds

log = logging.getLogger(__name__)


def split_patches(
    footprints: Annotated[list[Path], Input()],
    split: Annotated[Path, Output()],
    leakage: Annotated[Path, Output()],
    polygons: Annotated[Path | None, Input(view=fold_fields)] = None,
    *,
    split_settings: Annotated[Split, Setting("patches.split")],
    seed: Annotated[int, Setting("seed")],
) -> None:
    """Split the patches of all tiles; ``polygons`` are asked only by the method field, for what their field says.

    ``split``: layer ``split`` in EPSG:4326 with the footprints' columns, ``group`` (the connected group, the block, or what
    the field says), ``side`` (training, validation or dropped), ``reason`` (of dropping), ``other_side`` (by the other
    protocol: random, or grouped if the method is random; dropped where that is impossible), ``fold`` (in which it
    validates, -1 for none) and ``clash`` (the folds in which it must not train, as comma-separated numbers).
    ``leakage``: JSON, what ``leakage.measure`` finds for random, for grouped, for the method used and for each fold.

    Raises UserError when there are fewer than two patches, or when the method leaves a side or a fold empty.
    """
    from lobate.patches.folds import divide_into_folds
    from lobate.patches.leakage import leakage_report, split_by_protocols
    from lobate.patches.pool import Pool

    table = read_all_footprints(footprints)
    if len(table) < 2:
        raise UserError(
            f"There {'is only one patch' if len(table) else 'are no patches'} in {len(footprints)} tiles, too few to split "
            "into training and validation. Draw more outlines, or look at the layer removed of the footprints for the "
            "reasons why sub-images were left out (patches.crop.min_valid and min_entropy)."
        )
    pool = Pool(table, seed, read_user_split(polygons) if polygons else {})
    used = split_settings.method
    found = split_by_protocols(pool, split_settings)
    folds = divide_into_folds(pool, split_settings) if split_settings.folds else None
    measured = leakage_report(pool, found, folds.sides if folds else [], used)
    layer = _layer(table, found, used, folds)
    write_layers(split, {"split": layer})
    write_json(leakage, measured)
    _log_summary(measured, table, layer["side"].to_numpy())


def _layer(table: gpd.GeoDataFrame, found: dict[str, Any], used: str, folds: Folds | None) -> gpd.GeoDataFrame:
    sides, group = found[used]
    reason = np.where(sides == "dropped", "overlaps validation ground", "").astype(object)
    table = table.assign(group=group.astype(object), side=sides, reason=reason, other_side=_other_side(found, used))
    fold, clash = (folds.fold, folds.clash) if folds else (-1, "")
    return table.assign(fold=fold, clash=clash).astype({"fold": "int32", "clash": object})


def _other_side(found: dict[str, Any], used: str) -> np.ndarray:
    other = found["grouped" if used == "random" else "random"]
    if isinstance(other, UserError):
        log.warning("There is no other side to compare with: %s", other)
        return np.full(len(found[used][0]), "dropped", dtype=object)
    return other[0]


def _log_summary(found: dict[str, Any], table: gpd.GeoDataFrame, sides: np.ndarray) -> None:
    used = found[found["used"]]
    log.info(
        "%d patches: %d train, %d validate (%s).", used["patches"], used["training"], used["validation"], found["used"]
    )
    if used["dropped"]:
        log.warning("%d training patches are dropped because they overlap validation ground.", used["dropped"])
    for side in ("training", "validation"):
        if not (table["positive"][sides == side] > 0).any():
            log.warning("No %s patch shows the landform, so its IoU means nothing. Change patches.split.", side)
    for fold, one in enumerate(found.get("folds", [])):
        log.info(
            "Fold %d: %d train, %d validate, %d overlap.", fold, one["training"], one["validation"], one["dropped"]
        )
    for method in sorted(found.keys() - {"used", "folds"}):
        if "leaked_share" in found[method]:
            share = 100 * found[method]["leaked_share"]
            log.info("Split %s: %.1f %% of the validation ground lies inside training footprints.", method, share)
