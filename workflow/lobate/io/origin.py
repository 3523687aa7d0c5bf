"""Where an outline comes from: a person drew it, a person mended a model's, or it is a model's as it was.

The files that lobate writes say so in their fields, each outline for itself. So an export of such a file, and one that
holds a person's own outlines too, say so as well:

- the compiled inventory: ``outline_from`` names the source of the outline, ``status`` what the reviewer did;
- described outlines: ``source``;
- detections, candidates, cases and the review sheet: ``detection`` beside ``mean``, ``confidence`` or ``seen``;
- decisions without a detection: ``decision`` beside ``kept``;
- the translated inventories tell only the ``method``, as their standards do. An outline that the detections and another
  source know counts as a model's there.

An outline is mended if its ``status`` is edited, or if it differs from the outline that the reviewer was shown (``seen``). One
that a person drew into the review sheet counts as mended: it was drawn in sight of a map.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.io.vector import LONLAT

DRAWN, MENDED, UNMENDED = "drawn", "mended", "model"
"""The three origins: values of the field ``origin`` of labels and patches, which only tables with a model's outlines have."""

REVIEWED = "reviewed"
"""Name of the source with the reviewed detections."""

DETECTION_METHOD = "deep learning"
"""Method of the reviewed detections."""

UNCHANGED_IOU = 0.999
"""From this IoU on, two outlines are the same but for rounding."""

_OF_DETECTIONS = ("mean", "confidence", "seen")
_STANDARDS = ({"PrimaryID", "WorkingID", "Comment"}, {"altitude_m", "lowest_m", "highest_m", "method"})


def outline_origins(frame: gpd.GeoDataFrame) -> np.ndarray:
    """Return the origin of each outline of a file, in its own CRS, by the file's fields, (n,) of str."""
    born = _is_detection(frame) | _is_of_inventory(frame) | _is_translated(frame)
    return np.select([~born, _is_mended(frame)], [DRAWN, MENDED], UNMENDED)


def origins_of(table: pd.DataFrame) -> np.ndarray:
    """Return the field ``origin`` of labels or patches, (n,) of str; a table without it holds no outline of a model."""
    return table["origin"].to_numpy(dtype=str) if "origin" in table else np.full(len(table), DRAWN)


def redrawn(drawn: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Return which outlines differ from those that were shown, by more than rounding; both (n,), in one CRS."""
    common = shapely.area(shapely.intersection(drawn, shown))
    return common < UNCHANGED_IOU * (shapely.area(drawn) + shapely.area(shown) - common)


def _text(frame: pd.DataFrame, *names: str) -> np.ndarray:
    """Return the first of these fields that a table has, as text without blanks around, (n,); "" for a missing value."""
    column = next((frame[name] for name in names if name in frame), pd.Series("", index=frame.index))
    return column.map(lambda value: "" if pd.isna(value) else str(value).strip()).to_numpy(dtype=str)


def _is_detection(frame: pd.DataFrame) -> np.ndarray:
    if "decision" in frame and "kept" in frame:
        return np.ones(len(frame), dtype=bool)
    if "detection" not in frame or not any(name in frame for name in _OF_DETECTIONS):
        return np.zeros(len(frame), dtype=bool)
    return (_text(frame, "detection") != "") | (_text(frame, "seen") != "") | (_text(frame, "status") != "")


def _is_of_inventory(frame: pd.DataFrame) -> np.ndarray:
    described = _text(frame, "source") == REVIEWED if "source_id" in frame else np.zeros(len(frame), dtype=bool)
    return (_text(frame, "outline_from", "out_from") == REVIEWED) | described


def _is_translated(frame: pd.DataFrame) -> np.ndarray:
    """Return which outlines the detections know, in one of the standards that do not say whose outline it is."""
    if not any(standard <= set(frame.columns) for standard in _STANDARDS):
        return np.zeros(len(frame), dtype=bool)
    methods = [text.split(";")[0].split(" and ") for text in _text(frame, "method", "Comment")]
    return np.array([not {DETECTION_METHOD, "both"}.isdisjoint(names) for names in methods], dtype=bool)


def _is_mended(frame: gpd.GeoDataFrame) -> np.ndarray:
    status, seen = _text(frame, "status"), _text(frame, "seen")
    if "status" not in frame and "Comment" in frame:
        status = np.array([text.split("; ")[1:2] or [""] for text in _text(frame, "Comment")], dtype=str).reshape(-1)
    own = (_text(frame, "detection") == "") & (seen == "") if "seen" in frame else np.zeros(len(frame), dtype=bool)
    return (np.char.lower(status) == "edited") | own | _differs(frame, seen)


def _differs(frame: gpd.GeoDataFrame, seen: np.ndarray) -> np.ndarray:
    shown = shapely.from_wkt(np.array([text or None for text in seen], dtype=object), on_invalid="ignore")
    differs = np.zeros(len(frame), dtype=bool)
    rows = np.flatnonzero(shapely.is_valid(shown) & (shapely.get_dimensions(shown) == 2))
    if len(rows):
        drawn = frame.geometry.iloc[rows].to_crs(LONLAT).to_numpy()
        usable = shapely.is_valid(drawn)
        differs[rows[usable]] = redrawn(drawn[usable], shown[rows[usable]])
    return differs
