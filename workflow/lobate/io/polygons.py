"""Polygons in geometries: the polygonal part of overlays, which leave lines and points too, the repair of invalid outlines,
and what outlines share with others.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

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


def share_inside(outlines: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """Return the share of each outline's area (n,) inside the union of ``cover`` (m,), 0 to 1."""
    shares = np.zeros(len(outlines))
    for position, union in _unions_near(outlines, cover):
        shares[position] = shapely.intersection(outlines[position], union).area / outlines[position].area
    return shares


def subtract(outlines: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """Return the polygonal part of each outline (n,) outside all of ``cover`` (m,); empty where nothing is left."""
    rest = np.array(outlines, dtype=object)
    for position, union in _unions_near(outlines, cover):
        rest[position] = shapely.difference(outlines[position], union)
    return polygonal(rest)


def _unions_near(outlines: np.ndarray, cover: np.ndarray) -> Iterator[tuple[int, shapely.Geometry]]:
    """Yield the index of each outline that meets the cover, and the union of what it meets: never of all the cover."""
    hits, covers = shapely.STRtree(cover).query(outlines, predicate="intersects")  # sorted by outline
    for start, stop in pairwise(np.flatnonzero(np.diff(hits, prepend=-1, append=-1))):
        yield int(hits[start]), shapely.union_all(cover[covers[start:stop]])
