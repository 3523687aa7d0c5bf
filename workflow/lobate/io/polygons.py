"""Polygons in geometries: the polygonal part of overlays, which leave lines and points too, and the repair of invalid outlines."""

from __future__ import annotations

import numpy as np
import shapely

POLYGON = int(shapely.GeometryType.POLYGON)
POLYGONAL = (POLYGON, int(shapely.GeometryType.MULTIPOLYGON))
FIRST_MULTIPART = int(shapely.GeometryType.MULTIPOINT)
"""Geometry types from this number on have parts."""


def polygons_in(shape: shapely.Geometry | None) -> np.ndarray:
    """Return all single polygons in a geometry (k,), in their order, also those in nested collections."""
    parts = shapely.get_parts(shape)
    while (shapely.get_type_id(parts) >= FIRST_MULTIPART).any():
        parts = shapely.get_parts(parts)
    return parts[shapely.get_type_id(parts) == POLYGON]


def polygonal(shapes: np.ndarray) -> np.ndarray:
    """Return the polygonal part of each geometry (n,): a (multi)polygon as it is, else the union of its polygons.

    None, and a geometry without polygons, become an empty polygon.
    """
    result = np.array(shapes, dtype=object)
    for index in np.flatnonzero(~np.isin(shapely.get_type_id(result), POLYGONAL)):
        result[index] = shapely.union_all(polygons_in(result[index])) or shapely.Polygon()
    return result


def make_valid(shapes: np.ndarray) -> np.ndarray:
    """Return polygonal geometries (n,) with invalid ones repaired by GEOS's structure method: rings joined, holes cut.

    Valid and missing ones stay as they are; a repaired one without area becomes empty. Parts of a repaired one may still
    share an edge.
    """
    repaired = np.array(shapes, dtype=object)
    invalid = ~shapely.is_valid(repaired) & ~shapely.is_missing(repaired)
    repaired[invalid] = polygonal(shapely.make_valid(repaired[invalid], method="structure", keep_collapsed=False))
    return repaired
