"""A person's decisions file, read and checked before anything is built on it."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from lobate.errors import Mistake
from lobate.inventory.detections import PERSONAL
from lobate.inventory.overlap import overlaps
from lobate.inventory.vocabulary import VOCABULARIES, canonical
from lobate.vectors import LONLAT, read_polygons

NEAR_DEG = 0.05
"""Decisions all farther than this from every detection (some 5 km) belong to another region."""

SAME_IOU = 0.95
"""Two decisions that share this much are about one outline and must not contradict each other."""


def read_decisions(path: Path) -> gpd.GeoDataFrame:
    """Read decisions of any status in EPSG:4326: ``decision`` (their ``detection`` id, or None), ``status``, the personal
    fields and the outline, in the file's order.

    The layer is ``review`` where the file has one, else its only layer. Raises Mistake for a file without outlines, CRS
    or status, for unknown words, for outlines that are empty or intersect themselves, and for contradictions.
    """
    layer = _layer(path)
    frame = read_polygons(path, layer)
    where = f"The decisions file {path}" + (f", layer {layer}" if layer else "")
    if "status" not in frame:
        raise Mistake(f"{where} has no field status. Use a saved copy of the review sheet, inventory/review.gpkg.")
    status = [word or "pending" for word in canonical(frame["status"], VOCABULARIES["status"], where)]
    _check_outlines(frame[[word != "pending" for word in status]], where)
    decided = frame.to_crs(LONLAT)[["geometry"]]
    decided["decision"] = _texts(frame, "detection")
    decided["status"] = status
    for field in PERSONAL:
        decided[field] = _texts(frame, field)
        if field in VOCABULARIES:
            decided[field] = canonical(decided[field], VOCABULARIES[field], f"{where}, field {field}")
    decided["seen"] = shapely.from_wkt(np.array(_texts(frame, "seen"), dtype=object), on_invalid="ignore")
    _check_contradictions(decided, where)
    return decided


def check_place(decided: gpd.GeoDataFrame, detections: gpd.GeoDataFrame, path: Path) -> None:
    """Raise Mistake when no decision lies anywhere near a detection."""
    if decided.empty or detections.empty:
        return
    tree = shapely.STRtree(detections.geometry.values)
    if not tree.query(decided.geometry.values, predicate="dwithin", distance=NEAR_DEG).size:
        here, there = (_bounds(frame) for frame in (detections, decided))
        raise Mistake(
            f"The decisions in {path} lie at {there}, the detections at {here}: not one is within 5 km of a detection. "
            "Name the decisions of this region in inventory.decisions, or check the file's CRS."
        )


def _layer(path: Path) -> str | None:
    try:
        names = [str(name) for name, kind in pyogrio.list_layers(path) if kind]
    except (pyogrio.errors.DataSourceError, RuntimeError):
        return None  # read_polygons says what is wrong with the file
    if "review" in names:
        return "review"
    return names[0] if len(names) == 1 else None


def _texts(frame: gpd.GeoDataFrame, field: str) -> list[str | None]:
    if field not in frame:
        return [None] * len(frame)
    return [None if pd.isna(value) or not str(value).strip() else str(value) for value in frame[field]]


def _check_outlines(frame: gpd.GeoDataFrame, where: str) -> None:
    for number, outline in frame.geometry.items():
        if outline is None or outline.is_empty:
            raise Mistake(f"{where}: feature {number} has no outline. Delete the row, or draw it again.")
        if not outline.is_valid:
            raise Mistake(
                f"{where}: the outline of feature {number} is not a valid polygon ({shapely.is_valid_reason(outline)}). "
                "Mend it in QGIS (Vector > Geometry tools > Check validity) and save again."
            )


def _check_contradictions(decided: gpd.GeoDataFrame, where: str) -> None:
    said = decided[decided["status"] != "pending"]
    pairs = overlaps(said.geometry, said.geometry)
    refused = (said["status"] == "rejected").to_numpy()
    clash = pairs[(pairs["iou"] >= SAME_IOU) & (refused[pairs["left"]] != refused[pairs["right"]])]
    if len(clash):
        one, other = (said.index[clash.iloc[0][side].astype(int)] for side in ("left", "right"))
        raise Mistake(
            f"{where}: features {one} and {other} are the same outline, one {said.loc[one, 'status']}, the other "
            f"{said.loc[other, 'status']}. Keep one of them ({len(clash) // 2} such pairs)."
        )


def _bounds(frame: gpd.GeoDataFrame) -> str:
    west, south, east, north = frame.total_bounds
    return f"{west:.2f} to {east:.2f} E, {south:.2f} to {north:.2f} N"
