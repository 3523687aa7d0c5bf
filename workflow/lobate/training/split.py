"""The split into training and validation patches: as configured, by the other protocol, or in one fold.

``split.gpkg`` has a column for each of them. A view reduces it to the columns that a verb depends on, so adding folds does
not repeat a training on the configured split.
"""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd

from lobate.errors import UserError
from lobate.io.patches import sides_of_fold
from lobate.io.vector import read_layer, write_layers

PLACE_COLUMNS = ("tile", "row", "height", "width")
PATCH_COLUMNS = (*PLACE_COLUMNS, "group")

Protocol = str | int
"""``side`` (the configured split), ``other_side`` (the other protocol), or the number of a fold."""


class EmptySplitError(UserError):
    """A valid split that leaves nothing to train on or to validate with."""


def keep_configured(source: Path, target: Path) -> None:
    """Write the columns of a split that the configured protocol needs."""
    _keep_columns(source, target, "side")


def keep_alternative(source: Path, target: Path) -> None:
    """Write the columns of a split that the other protocol needs."""
    _keep_columns(source, target, "other_side")


def keep_folds(source: Path, target: Path) -> None:
    """Write the columns of a split that cross-validation needs."""
    _keep_columns(source, target, "fold", "clash")


def _keep_columns(source: Path, target: Path, *columns: str) -> None:
    rows = read_layer(source, "split")
    write_layers(target, {"split": rows[[*_require_columns(source, rows, *columns), "geometry"]]})


def _require_columns(split: Path, rows: gpd.GeoDataFrame, *columns: str) -> list[str]:
    required = [*PATCH_COLUMNS, *columns]
    if missing := [name for name in required if name not in rows.columns]:
        raise UserError(
            f"The split {split} lacks the field {missing[0]}. Give the file that split_patches of this version wrote."
        )
    return required


def read_split(split: Path, protocol: Protocol = "side") -> gpd.GeoDataFrame:
    """Return the patches of a split with their group and their ``side`` by ``protocol``, sorted by tile and row, footprints in EPSG:4326.

    A fold's own patches validate, and all others train unless they overlap them (``clash``). Raises UserError for a file
    that lacks a field, and EmptySplitError for an empty side.
    """
    rows = read_layer(split, "split")
    _require_columns(split, rows, *(("fold", "clash") if isinstance(protocol, int) else (protocol,)))
    sides = sides_of_fold(rows, protocol) if isinstance(protocol, int) else rows[protocol]
    rows = rows.assign(side=sides).sort_values(["tile", "row"], ignore_index=True)
    for side in ("training", "validation"):
        if not (rows["side"] == side).any():
            raise EmptySplitError(
                f"The split ({split.name}) has no {side} patch{_protocol_phrase(protocol)}. Set patches.split.validation_share so that both "
                "sides get some, or draw outlines further apart: those whose patches overlap stay on one side."
            )
    return rows[[*PATCH_COLUMNS, "side", "geometry"]]


def _protocol_phrase(protocol: Protocol) -> str:
    return {"side": "", "other_side": " by the other protocol"}.get(str(protocol), f" in fold {protocol}")
