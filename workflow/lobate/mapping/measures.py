"""Proportions of very many outlines at once."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely

from lobate.vectors import LONLAT


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
