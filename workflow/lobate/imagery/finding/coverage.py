"""Which part of an area how many scenes show, by exact geometry on an equal-area map of the area's own."""

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
"""Degrees; an edge straight in longitude and latitude is a curve on the map, and is drawn in steps of this."""
SNAP_M = 1.0
"""Metres; footprints that say the same edge with other decimals leave no slivers between them."""
MAX_COUNT = 6
"""Scenes beyond which nobody counts."""
MIN_GAP_M2 = 10_000.0
"""Ground that no one misses: a hundred pixels."""


@dataclass(frozen=True)
class EqualAreaMap:
    """Lambert's azimuthal equal-area map round an area's middle, in metres; the antimeridian is nothing special on it."""

    crs: CRS

    @classmethod
    def around(cls, ground: BaseGeometry) -> EqualAreaMap:
        """Return the map round the middle of ``ground`` (longitude and latitude)."""
        lon, lat = np.radians(shapely.get_coordinates(ground)).T
        x, y, z = (one.mean() for one in (np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)))
        rough = cls.centred_at(*np.degrees([np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))]))
        middle = rough.project(ground).centroid
        return cls.centred_at(*rough.lonlat(middle.x, middle.y))

    @classmethod
    def centred_at(cls, lon: float, lat: float) -> EqualAreaMap:
        """Return the map round a place."""
        return cls(CRS.from_dict({"proj": "laea", "lon_0": round(lon, 6), "lat_0": round(lat, 6), "ellps": "WGS84"}))

    def project(self, ground: BaseGeometry) -> BaseGeometry:
        """Return geometry in longitude and latitude on the map."""
        fine = shapely.segmentize(ground, MAX_EDGE_DEG)
        points = shapely.transform(fine, lambda xy: np.column_stack(self._transformer.transform(*xy.T)))
        # the two sides of the antimeridian touch, and become one
        return shapely.union_all(polygons_in(shapely.make_valid(points)))

    def lonlat(self, x: float, y: float) -> tuple[float, float]:
        """Return longitude and latitude of a place on the map."""
        return self._transformer.transform(x, y, direction="INVERSE")

    @cached_property
    def _transformer(self) -> Transformer:
        return Transformer.from_crs(LONLAT, self.crs, always_xy=True)


@dataclass(frozen=True)
class Coverage:
    """An area cut into cells, each shown by one number of scenes; geometry on ``map``."""

    map: EqualAreaMap
    cells: np.ndarray
    """Polygons, shape (n,)."""
    counts: np.ndarray
    """Scenes that show each cell, shape (n,)."""

    def areas_m2(self) -> np.ndarray:
        """Return the square metres that 0, 1, 2, ... scenes show."""
        return np.bincount(self.counts, shapely.area(self.cells))

    def shares(self) -> dict[int, float]:
        """Return the share of the area that so many scenes show, ``MANY`` standing for more too; all add up to 1."""
        areas = np.bincount(np.minimum(self.counts, MAX_COUNT), shapely.area(self.cells))
        return {count: float(area / areas.sum()) for count, area in enumerate(areas) if area > 0}

    def gaps(self) -> BaseGeometry:
        """Return the ground that no scene shows, less trifles; empty where there is none."""
        parts = shapely.get_parts(shapely.union_all(self.cells[self.counts == 0]))
        return shapely.union_all(parts[shapely.area(parts) >= MIN_GAP_M2])

    def largest_gaps(self) -> list[tuple[float, tuple[float, float]]]:
        """Return square metres, and longitude and latitude of a place inside, of each gap, the largest first."""
        parts = sorted(shapely.get_parts(self.gaps()), key=lambda one: (-one.area, one.bounds))
        return [
            (part.area, self.map.lonlat(part.representative_point().x, part.representative_point().y)) for part in parts
        ]


def count_in_words(count: int) -> str:
    """Return a number of scenes in words."""
    return {0: "no scene", 1: "1 scene", MAX_COUNT: f"{MAX_COUNT} scenes or more"}.get(count, f"{count} scenes")


def measure_coverage(ground: BaseGeometry, footprints: Sequence[BaseGeometry]) -> Coverage:
    """Return how many of the footprints show each part of ``ground``; all in longitude and latitude."""
    map_ = EqualAreaMap.around(ground)
    area = map_.project(ground)
    prints = shapely.intersection(np.array([map_.project(footprint) for footprint in footprints], dtype=object), area)
    prints = prints[shapely.area(prints) > 0]
    edges = shapely.union_all([*shapely.boundary(prints), area.boundary], grid_size=SNAP_M)
    cells = shapely.get_parts(shapely.polygonize([edges]))
    inside = shapely.point_on_surface(cells)
    within = shapely.intersects(area, inside)
    cells, inside = cells[within], inside[within]
    place, _ = shapely.STRtree(prints).query(inside, predicate="intersects")
    return Coverage(map_, cells, np.bincount(place, minlength=len(cells)))
