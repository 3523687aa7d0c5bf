"""Reading and checking a person's decisions file."""

from __future__ import annotations

import logging
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.errors import UserError
from lobate.inventory.detections import REVIEW_FIELDS
from lobate.inventory.overlap import overlaps
from lobate.inventory.vocabulary import VOCABULARIES, canonical
from lobate.io.decisions import check_outlines, read_decisions_layer
from lobate.io.vector import LONLAT

log = logging.getLogger(__name__)

NEAR_DEG = 0.05
"""Decisions that are all farther than this (some 5 km) from every detection belong to another region."""

SAME_IOU = 0.95
"""Two decisions with at least this IoU are about one outline and must not contradict each other."""

SHAPEFILE_NAME_LENGTH = 10
"""Length to which a Shapefile cuts the name of a field."""

UNCHANGED_IOU = 0.999
"""From this IoU on, two outlines are the same but for rounding."""


def read_decisions(path: Path) -> gpd.GeoDataFrame:
    """Read decisions of any status in EPSG:4326, in the file's order.

    Columns: ``decision`` (the file's ``detection`` id, or None), ``status``, the review fields, ``geometry``, and ``seen``,
    the outline shown to the person, or None. Accepted outlines that differ from ``seen`` count as edited. Raises UserError
    for a file without outlines, CRS or status, for unknown words, for empty or self-intersecting outlines, and for
    contradictions.
    """
    frame, where = read_decisions_layer(path)
    status = [word or "pending" for word in canonical(frame["status"], VOCABULARIES["status"], where)]
    check_outlines(frame[np.array([word != "pending" for word in status], dtype=bool)], where)
    decided = frame.to_crs(LONLAT)[["geometry"]]
    decided["decision"] = _text_column(frame, "detection")
    decided["status"] = status
    for field in REVIEW_FIELDS:
        decided[field] = _text_column(frame, field)
        if field in VOCABULARIES:
            decided[field] = canonical(decided[field], VOCABULARIES[field], f"{where}, field {field}")
    decided["seen"] = _parse_outlines(_text_column(frame, "seen"))
    _check_contradictions(decided, where)
    _warn_repeated_ids(decided, where)
    return _mark_redrawn(decided, where)


def check_place(decided: gpd.GeoDataFrame, detections: gpd.GeoDataFrame, path: Path) -> None:
    """Raise UserError when no decision lies near a detection."""
    if decided.empty or detections.empty:
        return
    tree = shapely.STRtree(detections.geometry.values)
    if not tree.query(decided.geometry.values, predicate="dwithin", distance=NEAR_DEG).size:
        raise UserError(
            f"The decisions in {path} lie at {_format_bounds(decided)}, the detections at {_format_bounds(detections)}: "
            "not one is within 5 km of a detection. "
            "Name the decisions of this region in inventory.decisions, or check the file's CRS."
        )


def _parse_outlines(texts: list[str | None]) -> np.ndarray:
    """Return outlines from WKT, None for a text that is no valid polygon."""
    shapes: np.ndarray = shapely.from_wkt(np.array(texts, dtype=object), on_invalid="ignore")
    valid = shapely.is_valid(shapes) & ~shapely.is_empty(shapes) & (shapely.get_dimensions(shapes) == 2)
    shapes[~valid] = None
    return shapes


def _mark_redrawn(decided: gpd.GeoDataFrame, where: str) -> gpd.GeoDataFrame:
    """Set accepted outlines to edited where they differ from the outline that was shown."""
    rows = np.flatnonzero((decided["status"] == "accepted") & decided["seen"].notna())
    drawn, shown = (np.asarray(decided[name].values, dtype=object)[rows] for name in ("geometry", "seen"))
    common = shapely.area(shapely.intersection(drawn, shown))
    changed = rows[common < UNCHANGED_IOU * (shapely.area(drawn) + shapely.area(shown) - common)]
    if len(changed):
        log.info("%s: %d accepted outlines were redrawn and count as edited", where, len(changed))
        decided.loc[decided.index[changed], "status"] = "edited"
    return decided


def _warn_repeated_ids(decided: gpd.GeoDataFrame, where: str) -> None:
    """Warn of ids that stand in the file more than once, as when a person splits an outline in two."""
    ids = decided["decision"].dropna()
    repeated = sorted(ids[ids.duplicated()].unique())
    if repeated:
        names = ", ".join(repeated[:5]) + (" and others" if len(repeated) > 5 else "")
        log.warning(
            "%s: %d ids stand there more than once (%s); outlines are matched, not ids", where, len(repeated), names
        )


def _text_column(frame: gpd.GeoDataFrame, field: str) -> list[str | None]:
    if field not in frame:
        field = field[:SHAPEFILE_NAME_LENGTH]  # a Shapefile cuts the name
    if field not in frame:
        return [None] * len(frame)
    return [None if pd.isna(value) or not str(value).strip() else str(value) for value in frame[field]]


def _check_contradictions(decided: gpd.GeoDataFrame, where: str) -> None:
    marked = decided[decided["status"] != "pending"]
    pairs = overlaps(marked.geometry, marked.geometry)
    refused = (marked["status"] == "rejected").to_numpy()
    clash = pairs[(pairs["iou"] >= SAME_IOU) & (refused[pairs["left"]] != refused[pairs["right"]])]
    if len(clash):
        first, second = (marked.index[clash.iloc[0][side].astype(int)] for side in ("left", "right"))
        raise UserError(
            f"{where}: features {first} and {second} are the same outline, one {marked.loc[first, 'status']}, the other "
            f"{marked.loc[second, 'status']}. Keep one of them ({len(clash) // 2} such pairs)."
        )


def _format_bounds(frame: gpd.GeoDataFrame) -> str:
    west, south, east, north = frame.total_bounds
    return f"{west:.2f} to {east:.2f} E, {south:.2f} to {north:.2f} N"
