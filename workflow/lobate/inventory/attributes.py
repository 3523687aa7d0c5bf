"""The attributes of an outline: their names, kinds, units and meaning, in the order in which they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import pandas as pd


@dataclass(frozen=True)
class Attribute:
    """One column of the inventory; ``kind`` is str or float, and any value may be null."""

    name: str
    kind: type
    meaning: str


INTERPRETATION = (
    Attribute("upslope_connection", str, "what it is connected to upslope, in RGIK's words"),
    Attribute("activity", str, "how active it is, in RGIK's words"),
    Attribute("kinematics", str, "order of magnitude of its velocity, in RGIK's words"),
    Attribute("velocity", float, "downslope velocity, cm a year"),
    Attribute("velocity_error", float, "its error, cm a year"),
    Attribute("country", str, "the country, as another inventory or the previous one gives it"),
)
"""Attributes that only a person or another inventory gives."""

MEASUREMENTS = (
    Attribute("area_km2", float, "geodesic area (WGS84)"),
    Attribute("area_low_km2", float, "lower end of the area's range, no confidence interval; never to be summed"),
    Attribute("area_high_km2", float, "upper end of that range"),
    Attribute(
        "area_range", str, "what gives the range: half a pixel along the outline, or the outlines of several people"
    ),
    Attribute("perimeter_m", float, "geodesic length of the outline, holes included"),
    Attribute("length_m", float, "extent along the line from its highest to its lowest tenth"),
    Attribute("width_m", float, "area / length: the mean width"),
    Attribute("length_note", str, "how the length was taken: flow, or rectangle where no elevation is known"),
    Attribute("elevation_min_m", float, "lowest DEM cell touched"),
    Attribute("elevation_mean_m", float, "mean, weighted by the covered part of each cell"),
    Attribute("elevation_max_m", float, "highest DEM cell touched"),
    Attribute("elevation_range_m", float, "highest minus lowest"),
    Attribute("slope_deg", float, "mean of the cells' slopes (Horn 1981)"),
    Attribute("aspect_deg", float, "circular mean of downslope directions, clockwise from true north"),
    Attribute("aspect_concentration", float, "resultant length of the aspects: 1 all alike, 0 in all directions"),
    Attribute(
        "solar_w_m2", float, "potential incoming solar radiation: clear-sky direct, mean of a year (Hock 1999), W m-2"
    ),
    Attribute("longitude", float, "of the primary marker, a deep point near the centroid; degrees"),
    Attribute("latitude", float, "of the primary marker; degrees"),
    Attribute("dem_share", float, "share of the outline with an elevation"),
    Attribute("dem_note", str, "why elevations are null or incomplete"),
)
"""Attributes measured on the outline and the DEM."""

PROVENANCE = (
    Attribute("outline_type", str, "what the outline encloses, in RGIK's words: Extended or Restricted"),
    Attribute("mapping_date", str, "date of the scene that shows most of it, the later of equals"),
    Attribute("scenes", str, "scenes it was mapped from, with their shares, separated by semicolons"),
    Attribute("scenes_note", str, "why scenes or date are null"),
    Attribute("polygon_id", str, "identifier of the outline in the inventory it comes from (PolyUID in RGIK's files)"),
)
"""Type of the outline, and the scenes it was mapped from."""

REVIEW = (
    Attribute("status", str, "pending, accepted or edited by a reviewer; mapped where only another inventory knows it"),
    Attribute("confidence", float, "mean probability of the network over the detection, 0 to 1"),
    Attribute("reviewer", str, "who looked at it"),
    Attribute("remark", str, "what they had to say"),
)
"""Attributes that the review sets."""

DESCRIBED = (
    Attribute("source", str, "short name of the inventory it comes from; reviewed for the detections"),
    Attribute("source_id", str, "its identifier there"),
    Attribute("method", str, "how it was found"),
    *INTERPRETATION,
    *MEASUREMENTS,
    *PROVENANCE,
    *REVIEW,
)
"""A described outline, before inventories are compiled."""

INVENTORY = (
    Attribute(
        "id", str, "identifier, unique: prefix, latitude and longitude of the marker x 1e4; a published one is kept"
    ),
    Attribute("method", str, "how it was found; both where the detections and the other inventory know it"),
    *INTERPRETATION,
    *MEASUREMENTS,
    *PROVENANCE,
    *REVIEW,
    Attribute("outline_from", str, "source whose outline, and measures, stand here"),
    Attribute("outline_why", str, "why that one's"),
    Attribute("sources", str, "all that know it, as source:identifier, separated by semicolons"),
    Attribute("match_iou", float, "IoU of the two outlines where two sources know it, the best where more do"),
    Attribute(
        "mapped_share", float, "share of the outline on mapped ground; below 1 it crosses the border of that ground"
    ),
)
"""A landform of the compiled inventory."""


def to_schema(frame: gpd.GeoDataFrame | pd.DataFrame, attributes: Sequence[Attribute], crs: object) -> gpd.GeoDataFrame:
    """Return a frame with exactly these columns, in this order and of these kinds, and the geometry; missing ones are null."""
    columns = {attribute.name: _column(frame, attribute) for attribute in attributes}
    return gpd.GeoDataFrame(columns, geometry=list(frame["geometry"]), crs=crs)


def _column(frame: pd.DataFrame, attribute: Attribute) -> pd.Series:
    if attribute.name not in frame:
        values: list[object] = [None] * len(frame)
    else:
        values = [None if pd.isna(value) else value for value in frame[attribute.name]]
    return pd.Series(values, dtype=float if attribute.kind is float else object)
