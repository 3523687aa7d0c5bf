"""The plane of metres round a point: the azimuthal equidistant projection of the WGS84 ellipsoid."""

from __future__ import annotations

import numpy as np

from lobate.io.grid import WGS84

Point = tuple[float, float]


def to_plane(lonlat: np.ndarray, centre: Point) -> np.ndarray:
    """Return (n, 2) metres east and north of ``centre`` in the azimuthal equidistant plane, from (n, 2) degrees."""
    start = np.broadcast_to(centre, lonlat.shape)
    azimuth, _, distance = WGS84.inv(start[:, 0], start[:, 1], lonlat[:, 0], lonlat[:, 1])
    return np.column_stack([distance * np.sin(np.radians(azimuth)), distance * np.cos(np.radians(azimuth))])


def from_plane(metres: Point, centre: Point) -> Point:
    """Return longitude and latitude in degrees of a point in the plane round ``centre``."""
    azimuth, distance = np.degrees(np.arctan2(*metres)), np.hypot(*metres)
    longitude, latitude, _ = WGS84.fwd(*centre, azimuth, distance)
    return float(longitude), float(latitude)
