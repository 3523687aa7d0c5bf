"""Outlines and the ground that was mapped: the layer `ground` of an inventory says where it can hold a landform at all.

An outline lies on mapped ground when half or more of its area does. What lies elsewhere was not looked for: it is neither in
the inventory nor missing from it.
"""

from __future__ import annotations

import logging
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from lobate.io.antimeridian import to_lonlat
from lobate.io.origin import REVIEWED
from lobate.io.polygons import share_inside
from lobate.io.vector import READ_ERRORS, layer_types, read_polygons

log = logging.getLogger(__name__)

LAYER = "ground"
ON_GROUND = 0.5
"""Share of its area from which on an outline lies on mapped ground."""
DECIMALS = 3
"""Decimals of that share. Slivers between the polygons of the ground are smaller."""
UNMAPPED_REASON = "lies on ground that was not mapped: less than half of it has data in the map"


def read_ground(path: Path) -> gpd.GeoSeries | None:
    """Return the mapped ground of an inventory's file in EPSG:4326, or None where it has no layer `ground`."""
    try:
        names = layer_types(path)
    except READ_ERRORS:
        return None  # whoever reads the outlines raises a clear error for this file
    return to_lonlat(read_polygons(path, LAYER)).geometry if LAYER in names else None


def mapped_share(outlines: gpd.GeoSeries, ground: gpd.GeoSeries) -> np.ndarray:
    """Return the share of each outline's area on mapped ground, 0 to 1; both in EPSG:4326; shape (n,)."""
    return share_inside(outlines.to_numpy(), ground.to_numpy()).round(DECIMALS)


def lies_on(outlines: gpd.GeoSeries, ground: gpd.GeoSeries) -> np.ndarray:
    """Return whether each outline lies on mapped ground, bool (n,)."""
    return np.asarray(mapped_share(outlines, ground) >= ON_GROUND)


def cut_to_ground(records: gpd.GeoDataFrame, ground: gpd.GeoSeries) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return the records on mapped ground with ``mapped_share``, and the others with ``reason``. No outline is changed.

    A landform that the map detects stands anywhere, as does one that a reviewer drew.
    """
    records = records.assign(mapped_share=mapped_share(records.geometry, ground))
    reviewed = [any(name.startswith(f"{REVIEWED}:") for name in names.split(";")) for names in records["sources"]]
    outside = (records["mapped_share"] < ON_GROUND) & ~np.array(reviewed, dtype=bool)
    _log_outside(records, outside)
    unmapped = records[outside].assign(reason=UNMAPPED_REASON)
    return records[~outside].reset_index(drop=True), unmapped.reset_index(drop=True)


def ground_account(records: gpd.GeoDataFrame, unmapped: gpd.GeoDataFrame) -> dict[str, object]:
    """Return counts of outlines at the border of the mapped ground, and of those left out beyond it, by source."""
    by_source = unmapped["outline_from"].value_counts()
    return {
        "at_the_border": int((records["mapped_share"] < 1).sum()),
        "not_mapped": len(unmapped),
        "not_mapped_by_source": {str(name): int(count) for name, count in sorted(by_source.items())},
    }


def _log_outside(records: gpd.GeoDataFrame, outside: pd.Series) -> None:
    totals = records["outline_from"].value_counts()
    for source, count in records.loc[outside, "outline_from"].value_counts().sort_index().items():
        log.warning(
            "%d of %d outlines of %s lie on ground that was not mapped, and are left out: see the layer removed",
            count,
            totals[source],
            source,
        )
