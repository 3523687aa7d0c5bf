"""The area of interest: the polygons of a vector file as one geometry in longitude and latitude."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from lobate.errors import UserError
from lobate.io.antimeridian import PolarRingError, cut_at_antimeridian
from lobate.io.features import read_drawn
from lobate.io.vector import LONLAT, geodesic_area_m2

MIN_AREA_M2 = 10_000.0
"""An area smaller than a hundred pixels is a mistake, most often degrees in a CRS in metres."""
MAX_EDGE_SHARE = 1 / 200
"""Longest edge before projection, as a share of the area's extent: a straight edge becomes a curve in another CRS."""
CLUSTER_GAP_DEG = 1.0
"""Parts of an area farther apart than this, in degrees, have separate outlines in a query."""


def read_area(path: Path, layer: str | None = None) -> BaseGeometry:
    """Return all polygons of a layer as one valid geometry, cut at the antimeridian.

    Raises UserError for a layer without polygons, coordinates that are not on Earth, a ring around a pole, or a tiny area.
    """
    frame = read_drawn(path, layer, attributes=False)
    shapes = frame.geometry[~(frame.geometry.is_empty | frame.geometry.isna())]
    if shapes.empty:
        raise UserError(
            f"The area of interest {path} is empty: none of its features has an outline. Draw the region's outline."
        )
    if not np.isfinite(shapes.total_bounds).all():
        raise _not_on_earth(path, frame)
    if not frame.crs.is_geographic:
        shapes = shapes.segmentize(MAX_EDGE_SHARE * np.ptp(shapes.total_bounds.reshape(2, 2), axis=0).max())
    ground = _to_lonlat(path, shapes.to_crs(LONLAT), frame)
    covered = geodesic_area_m2(gpd.GeoSeries([ground], crs=LONLAT))[0]
    if covered < MIN_AREA_M2:
        raise UserError(
            f"The area of interest {path} covers only {covered:.3g} square metres. Check its coordinate reference system "
            f"({frame.crs.name}): its coordinates may be degrees, read as metres. Or draw a larger outline."
        )
    return ground


def query_outline(ground: BaseGeometry) -> BaseGeometry:
    """Return simple polygons around all of ``ground`` for a catalogue's query: a convex hull of each cluster of parts.

    Parts that lie far from each other stay apart, and so do the two sides of the antimeridian.
    """
    boxes = [shapely.box(*part.bounds).buffer(CLUSTER_GAP_DEG / 2) for part in shapely.get_parts(ground)]
    clusters = shapely.get_parts(shapely.union_all(boxes))
    hulls = [shapely.convex_hull(ground & cluster) for cluster in clusters]
    return shapely.orient_polygons(shapely.union_all(hulls))


def _to_lonlat(path: Path, lonlat: gpd.GeoSeries, frame: gpd.GeoDataFrame) -> BaseGeometry:
    west, south, east, north = lonlat.total_bounds
    if not (-360 <= west <= east <= 360 and -90 <= south <= north <= 90):  # false for NaN and infinity too
        raise _not_on_earth(path, frame)
    try:
        return shapely.union_all([cut_at_antimeridian(polygon) for polygon in lonlat.values])
    except PolarRingError:
        raise UserError(
            f"The area of interest {path} goes round a pole, where Sentinel-2 takes no images. Cut the pole out of it, and split "
            "the rest along a meridian."
        ) from None


def _not_on_earth(path: Path, frame: gpd.GeoDataFrame) -> UserError:
    bounds = ", ".join(f"{coordinate:.6g}" for coordinate in frame.total_bounds)
    return UserError(
        f"The area of interest {path} lies nowhere on Earth: its coordinates ({bounds}) make no sense in its coordinate "
        f"reference system, {frame.crs.name}. Assign the right one in QGIS and save it again."
    )
