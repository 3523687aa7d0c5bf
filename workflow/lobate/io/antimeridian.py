"""Polygons in longitude and latitude that cross the antimeridian, the meridian of 180 degrees.

Such polygons are cut there, or have longitudes beyond 180 degrees, or jump from 179 to -179. All become cut ones (as in
RFC 7946), so overlays of two of them hold. Centroids, boxes, lengths and simplified lines need them ``joined``.
"""

from __future__ import annotations

from typing import TypeVar

import geopandas as gpd
import numpy as np
import shapely
from shapely.affinity import translate
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from lobate.io.grid import LONLAT
from lobate.io.polygons import POLYGONAL, polygons_in

Outlines = TypeVar("Outlines", gpd.GeoDataFrame, gpd.GeoSeries)
LARGEST_LONGITUDE = 540
"""Longitudes run to 360 degrees in data of the Pacific, and an outline may begin there. Larger ones are no degrees."""


ROUNDING = 1e-8
"""Vertices so near to the antimeridian, in degrees (a millimetre), are on it: a projection moves them off."""


class PolarRingError(ValueError):
    """A ring around a pole: its interior is undefined in longitude and latitude."""


def to_lonlat(outlines: Outlines) -> Outlines:
    """Return outlines in EPSG:4326 with longitudes from -180 to 180 degrees, those across the antimeridian cut there.

    A ring round a pole, and coordinates that are no degrees, stay as they are.
    """
    lonlat = outlines.to_crs(LONLAT)
    shapes = np.array(lonlat.geometry.values, dtype=object)
    torn = np.flatnonzero(_is_beyond(shapes) & np.isin(shapely.get_type_id(shapes), POLYGONAL))
    if not len(torn):
        return lonlat
    shapes[torn] = [_cut_unless_polar(shape) for shape in shapes[torn]]
    whole = gpd.GeoSeries(shapes, index=lonlat.index, crs=LONLAT)
    return whole if isinstance(lonlat, gpd.GeoSeries) else lonlat.set_geometry(whole)


def joined(shapes: np.ndarray) -> np.ndarray:
    """Return outlines (n,) in degrees in one piece: parts west of the antimeridian's eastern side get longitudes over 180."""
    result = np.array(shapes, dtype=object)
    for index in np.flatnonzero(_width(result) > 180):
        whole = _join(result[index])
        if np.ptp(whole.bounds[::2]) < np.ptp(result[index].bounds[::2]):
            result[index] = whole
    return result


def lonlat_bounds(shapes: np.ndarray) -> tuple[float, float, float, float]:
    """Return west, south, east and north of outlines in degrees; across the antimeridian, west is over east (RFC 7946).

    They take the short way round where that leaves out half the globe.
    """
    parts = shapely.get_parts(np.array(shapes, dtype=object))
    bounds = shapely.bounds(parts[~shapely.is_empty(parts)])
    west, south = bounds[:, :2].min(axis=0).tolist()
    east, north = bounds[:, 2:].max(axis=0).tolist()
    turned = bounds[:, [0, 2]] + np.where(bounds[:, [0]] < 0, 360, 0)
    if east - west > 180 and np.ptp(turned) < 180:
        west, east = float(turned.min()), float(turned.max()) - 360
    return west, south, east, north


def _width(shapes: np.ndarray) -> np.ndarray:
    west, _, east, _ = shapely.bounds(shapes).reshape(-1, 4).T
    with np.errstate(invalid="ignore"):
        return east - west


def _is_beyond(shapes: np.ndarray) -> np.ndarray:
    """Return which shapes reach beyond 180 degrees or over more than half the globe, (n,); infinite ones do not."""
    west, south, east, north = shapely.bounds(shapes).reshape(-1, 4).T
    with np.errstate(invalid="ignore"):
        on_earth = (np.maximum(-west, east) <= LARGEST_LONGITUDE) & (np.maximum(-south, north) <= 90)
        return on_earth & ((west < -180) | (east > 180) | (east - west > 180))


def _cut_unless_polar(shape: BaseGeometry) -> BaseGeometry:
    try:
        return cut_at_antimeridian(shape)
    except PolarRingError:
        return shape


def _join(shape: BaseGeometry) -> BaseGeometry:
    parts = polygons_in(shape)
    west = [translate(part, 360) if part.bounds[0] < 0 else part for part in parts]
    return shapely.union_all(west)


def cut_at_antimeridian(ground: BaseGeometry) -> BaseGeometry:
    """Return the polygons of ``ground`` as one valid geometry between -180 and 180 degrees.

    An edge that spans more than half the globe is taken the short way round. Raises PolarRingError.
    """
    polygons = [polygon for polygon in polygons_in(ground) if not polygon.is_empty]
    pieces = [piece for polygon in polygons for piece in _cut(_unwrap_polygon(polygon))]
    return shapely.union_all(polygons_in(shapely.union_all(pieces)))


def _unwrap_polygon(polygon: Polygon) -> BaseGeometry:
    shell = _unwrap_ring(polygon.exterior)
    holes = [_unwrap_ring(ring) for ring in polygon.interiors]
    for hole in holes:
        hole[:, 0] += 360 * np.round((shell[:, 0].mean() - hole[:, 0].mean()) / 360)
    return shapely.make_valid(Polygon(shell, holes))


def _unwrap_ring(ring: BaseGeometry) -> np.ndarray:
    """Return a ring's coordinates, (n, 2), without jumps: longitudes continue beyond 180 degrees."""
    coordinates = shapely.get_coordinates(ring)
    steps = np.diff(coordinates[:, 0])
    jump = (np.abs(steps) > 180) & (np.abs(steps) < 360)  # a step of 360 is the edge of a world map
    turns = np.cumsum(np.where(jump, -360 * np.sign(steps), 0))
    if turns.size and turns[-1]:
        raise PolarRingError("a ring goes round a pole")
    coordinates[1:, 0] += turns
    nearest = 360 * np.round((coordinates[:, 0] - 180) / 360) + 180
    on_it = np.abs(coordinates[:, 0] - nearest) < ROUNDING
    coordinates[on_it, 0] = nearest[on_it]
    return coordinates


def _cut(ground: BaseGeometry) -> list[BaseGeometry]:
    west, _, east, _ = ground.bounds
    first, last = int(np.floor((west + 180) / 360)), int(np.ceil((east - 180) / 360))
    turns = range(first, max(last, first) + 1)
    return [translate(ground & box(360 * n - 180, -90, 360 * n + 180, 90), -360 * n) for n in turns]
