"""Repair of outlines: invalid geometries made valid, outlines of several parts exploded.

An outline of several parts becomes one row a part, because each part gets its own sub-image: ``wkl037`` becomes
``wkl037.1``, ``wkl037.2``, in the order of the file.
"""

from __future__ import annotations

import logging

import geopandas as gpd
import numpy as np
import shapely

from lobate.io.polygons import make_valid
from lobate.io.vector import geodesic_area_m2

log = logging.getLogger(__name__)

NO_GEOMETRY = "has no geometry"
NOT_FINITE = "has coordinates that are not numbers"
NO_AREA = "encloses no area"
MAX_LOGGED = 10
"""Repairs that are logged one by one; the first line has the sum of all."""


def repair(geometry: gpd.GeoSeries, where: str) -> tuple[gpd.GeoSeries, np.ndarray]:
    """Return usable (multi)polygons and a reason for each that has none (then the geometry is None).

    Invalid geometries are repaired by ``repair_polygons``; the change of their geodesic area is logged.
    """
    shapes = np.array(geometry.values, dtype=object)
    reason = np.full(len(shapes), "", dtype=object)
    reason[shapely.is_missing(shapes) | shapely.is_empty(shapes)] = NO_GEOMETRY
    coordinates, owner = shapely.get_coordinates(shapes, return_index=True)
    reason[np.unique(owner[~np.isfinite(coordinates).all(axis=1)])] = NOT_FINITE
    shapes[reason != ""] = None
    invalid = np.flatnonzero((reason == "") & ~shapely.is_valid(shapes))
    repaired = shapes.copy()
    repaired[invalid] = repair_polygons(shapes[invalid])
    reason[invalid[shapely.is_empty(repaired[invalid])]] = NO_AREA
    _log_repairs(geometry, shapes, repaired, invalid, where)
    repaired[reason != ""] = None
    return gpd.GeoSeries(repaired, index=geometry.index, crs=geometry.crs), reason


def repair_polygons(shapes: np.ndarray) -> np.ndarray:
    """Return valid (multi)polygons (n,), empty where nothing polygonal is left; valid and missing ones stay as they are."""
    repaired = make_valid(shapes)
    invalid = ~shapely.is_valid(repaired) & ~shapely.is_missing(
        repaired
    )  # parts that share an edge: a buffer joins them
    repaired[invalid] = shapely.buffer(repaired[invalid], 0)
    return repaired


def _log_repairs(
    geometry: gpd.GeoSeries, before: np.ndarray, after: np.ndarray, invalid: np.ndarray, where: str
) -> None:
    if not len(invalid):
        return
    areas = [geodesic_area_m2(gpd.GeoSeries(shapes[invalid], crs=geometry.crs)) for shapes in (before, after)]
    log.info(
        "%s: %d invalid outlines were repaired; their area of %.0f m2 became %.0f m2",
        *(where, len(invalid), *(area.sum() for area in areas)),
    )
    for place, old, new in list(zip(invalid, *areas, strict=True))[:MAX_LOGGED]:
        fault = shapely.is_valid_reason(before[place])
        log.info("%s: feature %s (%s): %.0f m2 became %.0f m2", where, geometry.index[place], fault, old, new)


def explode(rows: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return one row for each part; parts of one outline get numbers behind their ids, in the column ``polygon``."""
    parts, owner = shapely.get_parts(np.array(rows.geometry.values, dtype=object), return_index=True)
    counts = np.bincount(owner, minlength=len(rows))
    row_of_part = np.repeat(np.arange(len(rows)), np.maximum(counts, 1))
    shapes = np.full(len(row_of_part), None, dtype=object)
    shapes[counts[row_of_part] > 0] = parts
    exploded = rows.iloc[row_of_part].reset_index(drop=True)
    exploded["geometry"] = gpd.GeoSeries(shapes, crs=rows.crs)
    several = counts[row_of_part] > 1
    number = exploded.groupby(row_of_part).cumcount() + 1
    exploded.loc[several, "polygon"] = exploded["polygon"][several] + "." + number[several].astype(str)
    if several.any():
        log.info("%d outlines of several parts became %d polygons", np.count_nonzero(counts > 1), several.sum())
    return exploded
