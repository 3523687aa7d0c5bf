"""Geometries as people and programs leave them, made usable: broken ones mended, several parts taken apart.

An outline of several parts becomes one row a part, because each part gets its own sub-image: ``wkl037`` becomes
``wkl037.1``, ``wkl037.2``, in the order in which the file has them.
"""

from __future__ import annotations

import logging

import geopandas as gpd
import numpy as np
import shapely

from lobate.io.polygons import polygonal
from lobate.io.vector import geodesic_area_m2

log = logging.getLogger(__name__)

NO_GEOMETRY = "has no geometry"
NOT_FINITE = "has coordinates that are not numbers"
NO_AREA = "encloses no area"
TOLD_ONE_BY_ONE = 10


def repair(geometry: gpd.GeoSeries, where: str) -> tuple[gpd.GeoSeries, np.ndarray]:
    """Return usable (multi)polygons and a reason for each that has none (then the geometry is None).

    Invalid geometries are mended by GEOS's structure method (rings are joined, holes cut); the change of their geodesic
    area is told.
    """
    shapes = np.array(geometry.values, dtype=object)
    reason = np.full(len(shapes), "", dtype=object)
    reason[shapely.is_missing(shapes) | shapely.is_empty(shapes)] = NO_GEOMETRY
    coordinates, owner = shapely.get_coordinates(shapes, return_index=True)
    reason[np.unique(owner[~np.isfinite(coordinates).all(axis=1)])] = NOT_FINITE
    shapes[reason != ""] = None
    broken = np.flatnonzero((reason == "") & ~shapely.is_valid(shapes))
    mended = shapes.copy()
    mended[broken] = make_valid(shapes[broken])
    reason[broken[shapely.is_empty(mended[broken])]] = NO_AREA
    _tell(geometry, shapes, mended, broken, where)
    mended[reason != ""] = None
    return gpd.GeoSeries(mended, index=geometry.index, crs=geometry.crs), reason


def make_valid(shapes: np.ndarray) -> np.ndarray:
    """Return valid (multi)polygons, empty where nothing polygonal is left; valid ones come back as they are."""
    broken = np.flatnonzero(~shapely.is_valid(shapes) & ~shapely.is_missing(shapes))
    whole = shapes.copy()
    whole[broken] = polygonal(shapely.make_valid(shapes[broken], method="structure", keep_collapsed=False))
    stubborn = broken[~shapely.is_valid(whole[broken])]  # parts that share an edge, which GEOS leaves apart
    whole[stubborn] = shapely.buffer(whole[stubborn], 0)
    return whole


def _tell(geometry: gpd.GeoSeries, before: np.ndarray, after: np.ndarray, broken: np.ndarray, where: str) -> None:
    if not len(broken):
        return
    areas = [geodesic_area_m2(gpd.GeoSeries(shapes[broken], crs=geometry.crs)) for shapes in (before, after)]
    log.info(
        "%s: %d invalid outlines were mended; together %.0f m2 became %.0f m2",
        *(where, len(broken), *(area.sum() for area in areas)),
    )
    for place, old, new in list(zip(broken, *areas, strict=True))[:TOLD_ONE_BY_ONE]:
        what = shapely.is_valid_reason(before[place])
        log.info("%s: feature %s (%s): %.0f m2 became %.0f m2", where, geometry.index[place], what, old, new)


def explode(rows: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return one row for each part; parts of one outline get numbers behind their ids, in the column ``polygon``."""
    parts, owner = shapely.get_parts(np.array(rows.geometry.values, dtype=object), return_index=True)
    counts = np.bincount(owner, minlength=len(rows))
    taken = np.repeat(np.arange(len(rows)), np.maximum(counts, 1))
    shapes = np.full(len(taken), None, dtype=object)
    shapes[counts[taken] > 0] = parts
    apart = rows.iloc[taken].reset_index(drop=True)
    apart["geometry"] = gpd.GeoSeries(shapes, crs=rows.crs)
    several = counts[taken] > 1
    number = apart.groupby(taken).cumcount() + 1
    apart.loc[several, "polygon"] = apart["polygon"][several] + "." + number[several].astype(str)
    if several.any():
        log.info("%d outlines of several parts became %d polygons", np.count_nonzero(counts > 1), several.sum())
    return apart
