"""Coverage of an area by scenes: how many show each part, by exact geometry on an equal-area map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import shapely
from pyproj import CRS, Transformer
from shapely.geometry.base import BaseGeometry

from lobate.io.polygons import polygons_in
from lobate.io.vector import LONLAT

MAX_EDGE_DEG = 0.1
"""Longest edge before projection, in degrees: an edge that is straight in degrees is a curve on the map."""
SNAP_M = 1.0
"""Grid size in metres, so that the same edge with other decimals in two footprints leaves no slivers."""
MAX_COUNT = 6
"""Larger numbers of scenes count as one class."""
MIN_GAP_M2 = 10_000.0
"""Smaller gaps, of less than a hundred pixels, are ignored."""


@dataclass(frozen=True)
class EqualAreaMap:
    """Lambert's azimuthal equal-area map in metres, centred on an area; the antimeridian needs no special care on it."""

    crs: CRS

    @classmethod
    def around(cls, ground: BaseGeometry) -> EqualAreaMap:
        """Return the map with the centroid of ``ground`` (longitude and latitude) as its centre."""
        lon, lat = np.radians(shapely.get_coordinates(ground)).T
        xyz = (np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat))
        x, y, z = (coordinate.mean() for coordinate in xyz)
        rough = cls.centred_at(*np.degrees([np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))]))
        centroid = rough.project(ground).centroid
        return cls.centred_at(*rough.lonlat(centroid.x, centroid.y))

    @classmethod
    def centred_at(cls, lon: float, lat: float) -> EqualAreaMap:
        """Return the map with this place as its centre."""
        return cls(CRS.from_dict({"proj": "laea", "lon_0": round(lon, 6), "lat_0": round(lat, 6), "ellps": "WGS84"}))

    def project(self, ground: BaseGeometry) -> BaseGeometry:
        """Return geometry in longitude and latitude as geometry on the map."""
        dense = shapely.segmentize(ground, MAX_EDGE_DEG)
        projected = shapely.transform(dense, lambda xy: np.column_stack(self._transformer.transform(*xy.T)))
        # the two sides of the antimeridian touch on the map, and are merged
        return shapely.union_all(polygons_in(shapely.make_valid(projected)))

    def lonlat(self, x: float, y: float) -> tuple[float, float]:
        """Return longitude and latitude of a place on the map."""
        return self._transformer.transform(x, y, direction="INVERSE")

    @cached_property
    def _transformer(self) -> Transformer:
        return Transformer.from_crs(LONLAT, self.crs, always_xy=True)


@dataclass(frozen=True)
class Coverage:
    """An area cut into cells with one number of scenes each; geometry on ``map``."""

    map: EqualAreaMap
    cells: np.ndarray
    """Polygons, shape (n,)."""
    counts: np.ndarray
    """Number of scenes that show each cell, shape (n,)."""

    def areas_m2(self) -> np.ndarray:
        """Return the area in square metres that 0, 1, 2, ... scenes show."""
        return np.bincount(self.counts, shapely.area(self.cells))

    def shares(self) -> dict[int, float]:
        """Return number of scenes -> share of the area; ``MAX_COUNT`` includes larger numbers, and the sum is 1."""
        areas = np.bincount(np.minimum(self.counts, MAX_COUNT), shapely.area(self.cells))
        return {count: float(area / areas.sum()) for count, area in enumerate(areas) if area > 0}

    def gaps(self) -> BaseGeometry:
        """Return the ground that no scene shows, without tiny parts; empty where there is none."""
        parts = shapely.get_parts(shapely.union_all(self.cells[self.counts == 0]))
        return shapely.union_all(parts[shapely.area(parts) >= MIN_GAP_M2])

    def largest_gaps(self) -> list[tuple[float, tuple[float, float]]]:
        """Return the area (m2) and the longitude and latitude of an inner point of each gap, the largest first."""
        parts = sorted(shapely.get_parts(self.gaps()), key=lambda part: (-part.area, part.bounds))
        return [
            (part.area, self.map.lonlat(part.representative_point().x, part.representative_point().y)) for part in parts
        ]


def count_in_words(count: int) -> str:
    """Return a number of scenes in words."""
    return {0: "no scene", 1: "1 scene", MAX_COUNT: f"{MAX_COUNT} scenes or more"}.get(count, f"{count} scenes")


def measure_coverage(ground: BaseGeometry, footprints: Sequence[BaseGeometry]) -> Coverage:
    """Return the coverage of ``ground`` by footprints; all in longitude and latitude."""
    map_ = EqualAreaMap.around(ground)
    area = map_.project(ground)
    projected = np.array([map_.project(footprint) for footprint in footprints], dtype=object)
    clipped = shapely.intersection(projected, area)
    clipped = clipped[shapely.area(clipped) > 0]
    edges = shapely.union_all([*shapely.boundary(clipped), area.boundary], grid_size=SNAP_M)
    cells = shapely.get_parts(shapely.polygonize([edges]))
    points = shapely.point_on_surface(cells)
    within = shapely.intersects(area, points)
    cells, points = cells[within], points[within]
    cell_numbers, _ = shapely.STRtree(clipped).query(points, predicate="intersects")
    return Coverage(map_, cells, np.bincount(cell_numbers, minlength=len(cells)))
