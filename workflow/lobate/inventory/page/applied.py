"""Decisions that the region's files hold already, for the review page: of its detections, and those that fit none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import shapely

from lobate.inventory.detections import REVIEW_FIELDS
from lobate.inventory.page.coordinates import coordinates
from lobate.inventory.review_sheet import carry_over_decisions
from lobate.io.vector import read_polygons

SAID_FIELDS = ("status", *REVIEW_FIELDS)
"""What a decision says, beside its outlines."""


def drop_swallowed(pending: gpd.GeoDataFrame, reviewed: Path) -> gpd.GeoDataFrame:
    """Return the detections without those that lie inside an outline that a person accepted or drew."""
    swallowed = read_polygons(reviewed, "removed")
    return pending[~pending["detection"].isin(swallowed["detection"])] if len(swallowed) else pending


def applied_decisions(
    reviewed: Path, pending: gpd.GeoDataFrame
) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
    """Return what ``reviewed`` (of apply-review) says, by detection, and the decisions that fit none of ``pending``.

    Both hold ``status``, the review fields as far as they are filled, ``outline`` and ``seen``, the outline shown to the
    person. Outlines are lists of polygons; ``outline`` is left out where it is the detection's own, ``seen`` where it was.
    """
    own = dict(zip(pending["detection"], pending.geometry, strict=True))
    applied: dict[str, dict[str, Any]] = {}
    others: list[dict[str, Any]] = []
    for row in carry_over_decisions(reviewed, pending).to_dict(orient="records"):
        said = {field: row[field] for field in SAID_FIELDS if not pd.isna(row.get(field))}
        if said == {"status": "pending"}:
            continue
        shown, drawn = own.get(row["detection"]), row["geometry"]
        if shown is None:
            others.append({**said, **_name(row), "outline": coordinates(drawn), **_seen(row)})
        elif drawn.normalize().equals_exact(shown.normalize(), 1e-8):
            applied[row["detection"]] = said
        else:
            mended = said["status"] == "edited"
            seen = {} if mended else {"seen": coordinates(drawn)}
            applied[row["detection"]] = {**said, "outline": coordinates(drawn), **seen}
    return applied, others


def _name(row: dict[str, Any]) -> dict[str, str]:
    return {} if pd.isna(row["detection"]) else {"detection": str(row["detection"])}


def _seen(row: dict[str, Any]) -> dict[str, Any]:
    if pd.isna(row.get("seen")):
        return {}
    outline = shapely.from_wkt(row["seen"], on_invalid="ignore")
    return {} if outline is None or outline.is_empty else {"seen": coordinates(outline)}
