"""The filtered detections with the fields that a person fills in the review."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np

from lobate.errors import UserError
from lobate.io.vector import LONLAT, read_polygons

LAYER = "kept"
ATTRIBUTES = ("upslope_connection", "activity", "kinematics", "outline_type")
"""Attributes of a landform, in the words of a vocabulary, that a person says in the review."""
REVIEW_FIELDS = (*ATTRIBUTES, "reviewer", "remark")
"""Fields that only a person fills."""

AREA_RANGE = ("area_low_km2", "area_high_km2", "area_range")
"""Smallest and largest area, and what gives them: here the outlines of several people, where more than one drew it."""

DRAWN_PREFIX = "drawn_"
"""Prefix of the id of an outline that stands by a person's decision alone, without a detection of this model."""


def read_pending(path: Path) -> gpd.GeoDataFrame:
    """Read the kept detections in EPSG:4326, all pending, with empty review fields, in order of ``detection``.

    ``confidence`` is the network's mean probability over the outline, 0 to 1 (the column ``mean`` of the detections).
    """
    frame = read_polygons(path, LAYER).to_crs(LONLAT)
    missing = {"detection", "mean"} - set(frame.columns)
    if missing:
        raise UserError(
            f"The layer {LAYER} of {path} lacks the field {', '.join(sorted(missing))}. Give the detections that "
            "filter-detections wrote."
        )
    frame["detection"] = frame["detection"].astype(str)
    frame["status"] = "pending"
    for field in REVIEW_FIELDS:
        frame[field] = None
    frame[list(AREA_RANGE)] = np.nan, np.nan, None
    frame["confidence"] = frame["mean"].astype(float).round(4)
    return frame.sort_values("detection").reset_index(drop=True)


def read_removed(path: Path) -> gpd.GeoDataFrame:
    """Read the detections that the filters left out, in EPSG:4326."""
    return read_polygons(path, "removed").to_crs(LONLAT)
