"""split-patches: patches on a training and a validation side, with the leakage from one to the other.

- ``random``: the paper's. Exactly the share that is set, by a seeded hash of each patch's place. Patches of one outline
  overlap, so it leaks.
- ``grouped``: connected groups of overlapping footprints stay on one side, across tiles and CRSs. Groups that are too large
  for that are cut (see ``grouping``), and training patches that overlap validation ground are dropped.
- ``blocks``: squares of ground stay on one side; training patches that overlap validation ground are dropped.
- ``field``: the outlines' own field decides (see ``user_split``); training patches are dropped likewise.

The patches of the test side are no part of the split: they lie in files of their own, and none of the patches here shows
their ground. Only the leakage covers them, for all pairs of sides.

Outlines of a model that nobody mended are taught and never judged: their own patches do not validate, and the patches that
do ignore their pixels. So an outline that a person drew still validates beside them.

A dropped patch is on neither side. It is in the layer with its reason, and counted in the log and in the leakage.

Further patches change little. In random, m of them move at most m others. In grouped, m patches in groups of their own move
at most m + 6 s others where groups stay whole; s is the size of the largest group that is small enough to validate. Groups
keep their order, so only the end of the queue shifts; the first group of each class and the last one chosen may change.
Patches that join groups, or lie where groups are cut, may move more; in field none moves. Negatives mined later are no part
of the split: they go to training and move nothing.
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
from lobate.io.qgis.package import add_styles
from lobate.io.vector import write_layers
from lobate.patches.footprints import read_all_footprints
from lobate.patches.split_style import split_style
from lobate.patches.user_split import fold_fields, read_user_split
from lobate.patches.without_patches import check_positives_left, in_words, read_removed, without_patches
from lobate.settings.patches import Split

if TYPE_CHECKING:
    from lobate.patches.folds import Folds
    from lobate.patches.pool import Pool

log = logging.getLogger(__name__)


def split_patches(
    footprints: Annotated[list[Path], Input()],
    split: Annotated[Path, Output()],
    leakage: Annotated[Path, Output()],
    polygons: Annotated[Path | None, Input(view=fold_fields)] = None,
    test_footprints: Annotated[list[Path] | None, Input()] = None,
    *,
    split_settings: Annotated[Split, Setting("patches.split")],
    seed: Annotated[int, Setting("seed")],
) -> None:
    """Split the patches of all tiles; only the method field needs ``polygons``, for the values of their field.

    ``split``: layer ``split`` in EPSG:4326 with the footprints' columns, ``group`` (the connected group, the block, or the
    field's value), ``side`` (training, validation or dropped), ``reason`` (of dropping), ``other_side`` (by the other
    protocol: random, or grouped if the method is random; dropped where that is impossible), ``fold`` (in which it
    validates, -1 for none) and ``clash`` (the folds in which it must not train, as comma-separated numbers).
    ``leakage``: JSON with the measures of ``leakage.measure_leakage`` for random, grouped, the method used and each fold;
    with ``test_footprints``, those of the test side, also of ``leakage.measure_test_side``.

    Raises UserError when there are fewer than two patches, when no positive outline gave a patch, or when the method leaves
    a side or a fold empty.
    """
    from lobate.patches.folds import divide_into_folds
    from lobate.patches.leakage import leakage_report, measure_test_side
    from lobate.patches.pool import Pool
    from lobate.patches.split_methods import split_by_protocols

    table, removed = read_all_footprints(footprints), read_removed(footprints)
    lost = without_patches(table, removed)
    check_positives_left(table, lost)
    if len(table) < 2:
        raise UserError(
            f"There {'is only one patch' if len(table) else 'are no patches'} in {len(footprints)} tiles, too few to split "
            "into training and validation. Draw more outlines, or look at the layer removed of the footprints for the "
            "reasons why sub-images were left out (patches.crop.min_valid and patches.crop.min_entropy)."
        )
    pool = Pool(table, seed, read_user_split(polygons) if polygons else {})
    if pool.unmended.all():
        raise UserError(
            f"All {len(pool)} patches are of outlines of a model that nobody mended, so none can validate: a model would be judged "
            "by a model. Mend some of the outlines in the review, or add outlines that a person drew to labels.positives."
        )
    used = split_settings.method
    splits = split_by_protocols(pool, split_settings)
    folds = divide_into_folds(pool, split_settings) if split_settings.folds else None
    measured = leakage_report(pool, splits, folds.sides if folds else [], used)
    layer = _layer(table, splits, used, folds)
    if test_footprints:
        test = _read_test_side(test_footprints)
        measured["test"] = measure_test_side(
            layer, test, removed, split_settings.test.gap_km if split_settings.test else 0.0
        )
    write_layers(split, {"split": layer})
    add_styles(split, {"split": split_style()})
    write_json(leakage, measured)
    if len(lost):
        log.warning("%d outlines gave no patch: %s.", len(lost), in_words(lost))
    _log_summary(measured, table, layer["side"].to_numpy())
    _log_unmended(pool, layer["side"].to_numpy())


def _read_test_side(footprints: list[Path]) -> gpd.GeoDataFrame:
    """Return the footprints of the test side in EPSG:4326. Raises UserError when there are none."""
    test, lost = (
        read_all_footprints(footprints),
        without_patches(read_all_footprints(footprints), read_removed(footprints)),
    )
    if len(lost):
        log.warning("%d outlines of the test side gave no patch: %s.", len(lost), in_words(lost))
    if test.empty:
        raise UserError(
            f"The test side has no patches: {in_words(lost) or 'it has no outlines'}. Change that setting, or reserve other "
            "ground with patches.split.test."
        )
    if not (test["positive"] > 0).any():
        log.warning("No patch of the test side shows the landform, so its IoU is unknown. Change patches.split.test.")
    return test


def _layer(table: gpd.GeoDataFrame, splits: dict[str, Any], used: str, folds: Folds | None) -> gpd.GeoDataFrame:
    sides, group = splits[used]
    reason = np.where(sides == "dropped", "overlaps validation ground", "").astype(object)
    table = table.assign(group=group.astype(object), side=sides, reason=reason, other_side=_other_side(splits, used))
    fold, clash = (folds.fold, folds.clash) if folds else (-1, "")
    return table.assign(fold=fold, clash=clash).astype({"fold": "int32", "clash": object})


def _other_side(splits: dict[str, Any], used: str) -> np.ndarray:
    other = splits["grouped" if used == "random" else "random"]
    if isinstance(other, UserError):
        log.warning("There is no other split to compare with: %s", other)
        return np.full(len(splits[used][0]), "dropped", dtype=object)
    return other[0]


def _log_summary(measured: dict[str, Any], table: gpd.GeoDataFrame, sides: np.ndarray) -> None:
    used = measured[measured["used"]]
    log.info(
        "%d patches: %d train, %d validate (%s).",
        used["patches"],
        used["training"],
        used["validation"],
        measured["used"],
    )
    if used["dropped"]:
        log.warning("%d training patches are dropped because they overlap validation ground.", used["dropped"])
    taught = table["positive"] + table.get("unmended", 0.0)
    for side, share in (("training", taught), ("validation", table["positive"])):
        if not (share[sides == side] > 0).any():
            log.warning("No %s patch shows the landform, so its IoU means nothing. Change patches.split.", side)
    for number, fold in enumerate(measured.get("folds", [])):
        log.info(
            "Fold %d: %d train, %d validate, %d overlap.", number, fold["training"], fold["validation"], fold["dropped"]
        )
    _log_test_side(measured.get("test"))
    for method in sorted(measured.keys() - {"used", "folds", "test"}):
        if "leaked_share" in measured[method]:
            share = 100 * measured[method]["leaked_share"]
            log.info("Split %s: %.1f %% of the validation ground lies inside training footprints.", method, share)


def _log_unmended(pool: Pool, sides: np.ndarray) -> None:
    if pool.unmended.any():
        own, shown = sides[pool.unmended], pool.footprints["unmended"].to_numpy()[sides == "validation"] > 0
        log.warning(
            "%d patches are of a model's outlines that nobody mended: %d train and %d are dropped. %d validation patches show such "
            "outlines and ignore their pixels.",
            *(len(own), (own == "training").sum(), (own == "dropped").sum(), shown.sum()),
        )


def _log_test_side(test: dict[str, Any] | None) -> None:
    if test is None:
        return
    left_out = test["left_out"]
    log.info(
        "Test side: %d patches of %d outlines; left out of the other sides: %d patches on its ground, %d in its gap of %g km.",
        *(test["patches"], test["outlines"], left_out["on_test_ground"], left_out["in_the_gap"], test["gap_km"]),
    )
    for pair, measures in test["pairs"].items():
        log.info("Sides %s: nearest patches %.0f m apart.", pair, measures["nearest_m"])
