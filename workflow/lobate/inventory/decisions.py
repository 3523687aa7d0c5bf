"""A person's decisions file, read and checked before anything is built on it."""

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
from lobate.io.decisions import check_outlines, read_marked
from lobate.io.vector import LONLAT

log = logging.getLogger(__name__)

NEAR_DEG = 0.05
"""Decisions all farther than this from every detection (some 5 km) belong to another region."""

SAME_IOU = 0.95
"""Two decisions that share this much are about one outline and must not contradict each other."""

SHAPEFILE_NAME_LENGTH = 10
"""Letters of a field's name that a Shapefile has room for."""

UNCHANGED_IOU = 0.999
"""An outline that shares this much with another is the same but for rounding."""


def read_decisions(path: Path) -> gpd.GeoDataFrame:
    """Read decisions of any status in EPSG:4326: ``decision`` (their ``detection`` id, or None), ``status``, the personal
    fields and the outline, in the file's order.

    ``seen`` is the outline that the person was shown, or None. Accepted outlines that are not as they were shown count as
    edited. Raises UserError for a file without outlines, CRS or status, for unknown words, for outlines that are empty or
    intersect themselves, and for contradictions.
    """
    frame, where = read_marked(path)
    status = [word or "pending" for word in canonical(frame["status"], VOCABULARIES["status"], where)]
    check_outlines(frame[np.array([word != "pending" for word in status], dtype=bool)], where)
    decided = frame.to_crs(LONLAT)[["geometry"]]
    decided["decision"] = _texts(frame, "detection")
    decided["status"] = status
    for field in REVIEW_FIELDS:
        decided[field] = _texts(frame, field)
        if field in VOCABULARIES:
            decided[field] = canonical(decided[field], VOCABULARIES[field], f"{where}, field {field}")
    decided["seen"] = _outlines(_texts(frame, "seen"))
    _check_contradictions(decided, where)
    _tell_twins(decided, where)
    return _drawn_again(decided, where)


def check_place(decided: gpd.GeoDataFrame, detections: gpd.GeoDataFrame, path: Path) -> None:
    """Raise UserError when no decision lies anywhere near a detection."""
    if decided.empty or detections.empty:
        return
    tree = shapely.STRtree(detections.geometry.values)
    if not tree.query(decided.geometry.values, predicate="dwithin", distance=NEAR_DEG).size:
        here, there = (_bounds(frame) for frame in (detections, decided))
        raise UserError(
            f"The decisions in {path} lie at {there}, the detections at {here}: not one is within 5 km of a detection. "
            "Name the decisions of this region in inventory.decisions, or check the file's CRS."
        )


def _outlines(texts: list[str | None]) -> np.ndarray:
    """Return outlines from WKT, None for what is none."""
    shapes: np.ndarray = shapely.from_wkt(np.array(texts, dtype=object), on_invalid="ignore")
    sound = shapely.is_valid(shapes) & ~shapely.is_empty(shapes) & (shapely.get_dimensions(shapes) == 2)
    shapes[~sound] = None
    return shapes


def _drawn_again(decided: gpd.GeoDataFrame, where: str) -> gpd.GeoDataFrame:
    """Call accepted outlines edited that are not what the person was shown."""
    asked = np.flatnonzero((decided["status"] == "accepted") & decided["seen"].notna())
    drawn, shown = (np.asarray(decided[name].values, dtype=object)[asked] for name in ("geometry", "seen"))
    common = shapely.area(shapely.intersection(drawn, shown))
    changed = asked[common < UNCHANGED_IOU * (shapely.area(drawn) + shapely.area(shown) - common)]
    if len(changed):
        log.info("%s: %d accepted outlines were redrawn and count as edited", where, len(changed))
        decided.loc[decided.index[changed], "status"] = "edited"
    return decided


def _tell_twins(decided: gpd.GeoDataFrame, where: str) -> None:
    """Say which ids stand in the file more than once, as when a person splits an outline in two."""
    named = decided["decision"].dropna()
    twins = sorted(named[named.duplicated()].unique())
    if twins:
        shown = ", ".join(twins[:5]) + (" and others" if len(twins) > 5 else "")
        log.warning("%s: %d ids stand there more than once (%s); outlines count, not ids", where, len(twins), shown)


def _texts(frame: gpd.GeoDataFrame, field: str) -> list[str | None]:
    if field not in frame:
        field = field[:SHAPEFILE_NAME_LENGTH]  # what a Shapefile leaves of the name
    if field not in frame:
        return [None] * len(frame)
    return [None if pd.isna(value) or not str(value).strip() else str(value) for value in frame[field]]


def _check_contradictions(decided: gpd.GeoDataFrame, where: str) -> None:
    said = decided[decided["status"] != "pending"]
    pairs = overlaps(said.geometry, said.geometry)
    refused = (said["status"] == "rejected").to_numpy()
    clash = pairs[(pairs["iou"] >= SAME_IOU) & (refused[pairs["left"]] != refused[pairs["right"]])]
    if len(clash):
        one, other = (said.index[clash.iloc[0][side].astype(int)] for side in ("left", "right"))
        raise UserError(
            f"{where}: features {one} and {other} are the same outline, one {said.loc[one, 'status']}, the other "
            f"{said.loc[other, 'status']}. Keep one of them ({len(clash) // 2} such pairs)."
        )


def _bounds(frame: gpd.GeoDataFrame) -> str:
    west, south, east, north = frame.total_bounds
    return f"{west:.2f} to {east:.2f} E, {south:.2f} to {north:.2f} N"
