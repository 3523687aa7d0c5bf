"""Outlines that gave no patch: how many, why, and the setting that decides it. Training never sees them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import geopandas as gpd
import pandas as pd

from lobate.errors import UserError
from lobate.io.reserved import IN_GAP, ON_TEST
from lobate.io.vector import read_layer
from lobate.patches.footprints import REMOVED_COLUMNS

SETTINGS = {
    "valid share": "patches.crop.min_valid",
    "entropy": "patches.crop.min_entropy",
    "off the image": "imagery.tiles",
    ON_TEST: "patches.split.test",
    IN_GAP: "patches.split.test.gap_km",
}
"""Reason without its numbers -> the setting that decides it."""


def read_removed(footprints: Iterable[Path]) -> pd.DataFrame:
    """Return the layers ``removed`` of all tiles, without geometry, with the reasons as they begin, without numbers.

    Raises UserError when columns are missing.
    """
    tables = [_read_table(path) for path in footprints]
    removed = pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
    return removed.assign(reason=[re.split(r"\s\d", str(reason))[0] for reason in removed["reason"]])


def _read_table(path: Path) -> pd.DataFrame:
    layer = read_layer(path, "removed")
    if missing := [name for name in REMOVED_COLUMNS if name not in layer]:
        raise UserError(
            f"The layer removed of {path} has no column {missing[0]}, so it is no table of footprints. Make it again with "
            "crop-patches."
        )
    return pd.DataFrame(layer[[*REMOVED_COLUMNS]])


def without_patches(patches: pd.DataFrame | gpd.GeoDataFrame, removed: pd.DataFrame) -> pd.DataFrame:
    """Return the outlines with rows in ``removed`` and none in ``patches``: polygon, class, and the first reason."""
    lost = removed[~removed["polygon"].isin(set(patches["polygon"]))]
    return lost.drop_duplicates("polygon")[["polygon", "class", "reason"]].reset_index(drop=True)


def in_words(lost: pd.DataFrame) -> str:
    """Return the counts in words: ``9 positive (valid share, patches.crop.min_valid); 1 negative (...)``."""
    counts = lost.groupby(["class", "reason"]).size().sort_index(ascending=[False, True])
    return "; ".join(
        f"{count} {kind} ({reason}, {SETTINGS.get(reason, 'patches.crop')})" for (kind, reason), count in counts.items()
    )


def check_positives_left(patches: pd.DataFrame | gpd.GeoDataFrame, lost: pd.DataFrame) -> None:
    """Raise UserError when positive outlines gave no patch and none is left to learn from."""
    positive = lost[lost["class"] == "positive"]
    if len(positive) and not (patches["class"] == "positive").any():
        raise UserError(
            f"None of the {len(positive)} positive outlines gave a patch, so there is nothing to learn the landform from: "
            f"{in_words(positive)}. Change that setting, give images that show more of their surroundings, or draw outlines "
            "elsewhere. The layer removed of the footprints (patches/<tile>.gpkg) has each of them."
        )
