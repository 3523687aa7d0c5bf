"""Which patches train and which validate: by the configured split, by the other protocol, or in one fold.

``split.gpkg`` holds all of them, one column each. A verb sees through a view only the columns it depends on, so a training is
not repeated because folds were added beside the split it learnt from.
"""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd

from lobate.errors import UserError
from lobate.io.patches import sides_of_fold
from lobate.io.vector import read_layer, write_layers

PLACE_COLUMNS = ("tile", "row", "height", "width")

Protocol = str | int
"""``side`` (the configured split), ``other_side`` (the other protocol), or the number of a fold."""


class EmptySplitError(UserError):
    """A split that is whole, but leaves nothing to train on or to validate with."""


def keep_configured(source: Path, target: Path) -> None:
    """Keep of a split what the configured protocol needs."""
    _narrow(source, target, "side")


def keep_alternative(source: Path, target: Path) -> None:
    """Keep of a split what the other protocol needs."""
    _narrow(source, target, "other_side")


def keep_folds(source: Path, target: Path) -> None:
    """Keep of a split what cross-validation needs."""
    _narrow(source, target, "fold", "clash")


def _narrow(source: Path, target: Path, *columns: str) -> None:
    rows = read_layer(source, "split")
    write_layers(target, {"split": rows[[*_there(source, rows, *columns), "geometry"]]})


def _there(split: Path, rows: gpd.GeoDataFrame, *columns: str) -> list[str]:
    wanted = [*PLACE_COLUMNS, *columns]
    if missing := [name for name in wanted if name not in rows.columns]:
        raise UserError(
            f"The split {split} lacks the field {missing[0]}. Give the file that split_patches of this version wrote."
        )
    return wanted


def read_split(split: Path, protocol: Protocol = "side") -> gpd.GeoDataFrame:
    """Return the patches of a split with their ``side`` by ``protocol``, sorted by tile and row, footprints in EPSG:4326.

    In a fold, its own patches validate, and all others train unless they overlap them (``clash``). Raises
    UserError for a file without the fields needed, Impossible when a side is empty.
    """
    rows = read_layer(split, "split")
    _there(split, rows, *(("fold", "clash") if isinstance(protocol, int) else (protocol,)))
    sides = sides_of_fold(rows, protocol) if isinstance(protocol, int) else rows[protocol]
    rows = rows.assign(side=sides).sort_values(["tile", "row"], ignore_index=True)
    for side in ("training", "validation"):
        if not (rows["side"] == side).any():
            raise EmptySplitError(
                f"The split ({split.name}) has no {side} patch{_named(protocol)}. Set patches.split.validation_share so that both "
                "sides get some, or draw outlines further apart: those whose patches overlap stay on one side."
            )
    return rows[[*PLACE_COLUMNS, "side", "geometry"]]


def _named(protocol: Protocol) -> str:
    return {"side": "", "other_side": " by the other protocol"}.get(str(protocol), f" in fold {protocol}")
