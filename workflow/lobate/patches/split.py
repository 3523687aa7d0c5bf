"""Split patches into training and validation, and say how much the one has seen of the other.

- ``random``: the paper's. Exactly the wanted share, by a seeded hash of each patch's place, so that m patches more move at
  most m others to the other side. Patches of one outline overlap, so it leaks.
- ``grouped``: connected groups of overlapping footprints stay on one side, across tiles and CRSs. Where groups are too
  large for that they are cut (``cut``): training patches that overlap validation ground are dropped.
- ``blocks``: squares of ground stay on one side; training patches that reach over into validation ground are dropped.

A dropped patch is on neither side; it is listed in the layer with its reason, and counted in the log and in the leakage.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Annotated, Any

import geopandas as gpd
import numpy as np

from lobate.errors import Mistake
from lobate.patches.footprints import read_all
from lobate.settings.patches import Split
from lobate.signature import Input, Output, Setting
from lobate.vectors import write_layers

log = logging.getLogger(__name__)


def split_patches(
    footprints: Annotated[list[Path], Input()],
    split: Annotated[Path, Output()],
    leakage: Annotated[Path, Output()],
    *,
    split_settings: Annotated[Split, Setting("patches.split")],
    seed: Annotated[int, Setting("seed")],
) -> None:
    """Split the patches of all tiles.

    ``split``: layer ``split`` in EPSG:4326 with the footprints' columns, ``group`` (the connected group, or the block),
    ``side`` (training, validation or dropped) and ``reason`` (of dropping). ``leakage``: JSON, what ``leakage.measure``
    finds for random, for grouped and for the method used, whichever that is.

    Raises Mistake when there are fewer than two patches, or when the method leaves a side empty.
    """
    from lobate.patches.leakage import report
    from lobate.patches.methods import METHODS
    from lobate.patches.pool import Pool

    table = read_all(footprints)
    if len(table) < 2:
        raise Mistake(
            f"There {'is only one patch' if len(table) else 'are no patches'} in {len(footprints)} tiles, too few to split "
            "into training and validation. Draw more outlines, or look at the layer removed of the footprints for the "
            "reasons why sub-images were left out (patches.crop.min_valid and min_entropy)."
        )
    pool = Pool(table, seed)
    sides, group = METHODS[split_settings.method](pool, split_settings)
    found = report(pool, sides, split_settings)
    write_layers(split, {"split": _layer(table, sides, group)})
    leakage.write_text(json.dumps(found, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    _tell(found, table, sides)


def _layer(table: gpd.GeoDataFrame, sides: np.ndarray, group: np.ndarray) -> gpd.GeoDataFrame:
    reason = np.where(sides == "dropped", "overlaps validation ground", "")
    return table.assign(group=group.astype(object), side=sides, reason=reason.astype(object))


def _tell(found: dict[str, Any], table: gpd.GeoDataFrame, sides: np.ndarray) -> None:
    used = found[found["used"]]
    log.info(
        "%d patches: %d train, %d validate (%s).", used["patches"], used["training"], used["validation"], found["used"]
    )
    if used["dropped"]:
        log.warning("%d training patches are dropped because they overlap validation ground.", used["dropped"])
    for side in ("training", "validation"):
        if not (table["positive"][sides == side] > 0).any():
            log.warning("No %s patch shows the landform, so its IoU means nothing. Change patches.split.", side)
    for method in sorted(found.keys() - {"used"}):
        if "leaked_share" in found[method]:
            share = 100 * found[method]["leaked_share"]
            log.info("Split %s: %.1f %% of the validation ground lies inside training footprints.", method, share)
