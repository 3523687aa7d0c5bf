"""Polygons in longitude and latitude that cross the antimeridian.

Such polygons are cut there, or have longitudes beyond 180 degrees, or jump from 179 to -179. All become cut ones.
"""

from __future__ import annotations

import numpy as np
import shapely
from shapely.affinity import translate
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from lobate.io.polygons import polygons_in


class PolarRingError(ValueError):
    """A ring around a pole: its interior is undefined in longitude and latitude."""


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
    return coordinates


def _cut(ground: BaseGeometry) -> list[BaseGeometry]:
    west, _, east, _ = ground.bounds
    first, last = int(np.floor((west + 180) / 360)), int(np.ceil((east - 180) / 360))
    turns = range(first, max(last, first) + 1)
    return [translate(ground & box(360 * n - 180, -90, 360 * n + 180, 90), -360 * n) for n in turns]
