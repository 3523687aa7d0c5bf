"""Geodesic area and perimeter of very many outlines at once, on the WGS84 ellipsoid (Karney 2013, by pyproj.Geod)."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely

from lobate.grid import WGS84
from lobate.vectors import LONLAT


def geodesic_measures(frame: gpd.GeoDataFrame | gpd.GeoSeries) -> tuple[np.ndarray, np.ndarray]:
    """Return areas in square metres, holes left out, and lengths of all rings in metres; both (n,).

    The coordinates of all rings are taken out of their geometries in one go, which is most of the work saved.
    """
    outlines = np.asarray(frame.geometry.to_crs(LONLAT).values, dtype=object)
    polygons, owner = shapely.get_parts(outlines, return_index=True)
    rings, polygon = shapely.get_rings(polygons, return_index=True)
    owner = owner[polygon]
    inner = np.diff(polygon, prepend=-1) == 0  # a polygon's first ring is its exterior
    lon, lat = shapely.get_coordinates(rings).T.copy()
    counts = shapely.get_num_coordinates(rings)
    stops = np.cumsum(counts)
    measured = np.array(
        [
            WGS84.polygon_area_perimeter(lon[start:stop], lat[start:stop])
            for start, stop in zip(stops - counts, stops, strict=True)
        ]
    ).reshape(-1, 2)
    area = np.bincount(owner, np.abs(measured[:, 0]) * np.where(inner, -1, 1), minlength=len(outlines))
    return area, np.bincount(owner, measured[:, 1], minlength=len(outlines))


def width_to_length(frame: gpd.GeoDataFrame | gpd.GeoSeries) -> np.ndarray:
    """Return the shorter over the longer side of the smallest rectangle round each outline (n,), 0 to 1.

    Longitudes are shrunk by the cosine of each outline's middle latitude, which keeps its proportions.
    """
    outlines = np.asarray(frame.geometry.to_crs(LONLAT).values, dtype=object)
    bounds = shapely.bounds(outlines).reshape(-1, 4)
    lonlat, owner = shapely.get_coordinates(outlines, return_index=True)
    lonlat[:, 0] *= np.cos(np.radians((bounds[owner, 1] + bounds[owner, 3]) / 2))
    boxes = shapely.oriented_envelope(shapely.set_coordinates(outlines.copy(), lonlat))
    return np.array([_proportion(box) for box in boxes])


def _proportion(box: shapely.Geometry) -> float:
    if box.geom_type != "Polygon" or box.is_empty:
        return 0.0
    corners = shapely.get_coordinates(box)[:3]
    one, other = np.hypot(*np.diff(corners, axis=0).T)
    return float(min(one, other) / max(one, other))
