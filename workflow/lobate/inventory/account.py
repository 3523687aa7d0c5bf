"""The paper's account: what the detections turned out to be, and the inventory in numbers (METHOD section 3)."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pandas as pd

from lobate.inventory.detections import DRAWN
from lobate.inventory.sources import REVIEWED


def account(
    inventory: gpd.GeoDataFrame, reviewed: gpd.GeoDataFrame, rejected: int, dropped: int, repeated: int
) -> dict[str, Any]:
    """Count detections and landforms, and sum up altitude, area and slope.

    ``reviewed``: the detections that went into the inventory. ``rejected``, ``dropped`` and ``repeated``: how many were
    refused by a person, left out as pending, or left out as the same ground as another. Known detections stand in a record
    that another inventory knows too; new ones do not; wrong ones were rejected. ``drawn`` of them are no detections of this
    model, but stand by a person's word alone. What has no value is None, never 0.
    """
    known = _known(inventory)
    status = reviewed["status"].value_counts()
    return {
        "detections": {
            "total": len(reviewed) + rejected + dropped + repeated,
            "known": known,
            "new": len(reviewed) - known,
            "wrong": rejected,
            "pending_left_out": dropped,
            "repeated": repeated,
            **{name: int(status.get(name, 0)) for name in ("edited", "accepted", "pending")},
            "drawn": int(reviewed["source_id"].str.startswith(DRAWN).sum()) if len(reviewed) else 0,
        },
        "inventory": {
            "total": len(inventory),
            "by_method": {str(name): int(count) for name, count in sorted(inventory["method"].value_counts().items())},
            "without_elevation": int(inventory["elevation_mean_m"].isna().sum()),
            "altitude_m": {
                "lowest": _rounded(inventory["elevation_min_m"].min()),
                "highest": _rounded(inventory["elevation_max_m"].max()),
                "mean": _rounded(inventory["elevation_mean_m"].mean()),
            },
            "area_km2": {
                "total": _rounded(inventory["area_km2"].sum(), 4),
                "mean": _rounded(inventory["area_km2"].mean(), 4),
                "median": _rounded(inventory["area_km2"].median(), 4),
            },
            "mean_slope_deg": _rounded(inventory["slope_deg"].mean(), 2),
            "mean_velocity": _rounded(inventory["velocity"].mean(), 2),
        },
    }


def _known(inventory: gpd.GeoDataFrame) -> int:
    """Detections, each once, that share a record with another source."""
    sources = inventory["sources"].str.split(";")
    known: set[str] = set()
    for names in sources:
        detections = [one for one in names if one.startswith(f"{REVIEWED}:")]
        if len(detections) < len(names):
            known.update(detections)
    return len(known)


def _rounded(value: float, decimals: int = 1) -> float | None:
    return None if pd.isna(value) else round(float(value), decimals)
