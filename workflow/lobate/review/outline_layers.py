"""The outlines of one layer for the page: in a plane, within its bounds, simplified to what a screen shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import floor, log2
from typing import Any

import numpy as np
import shapely

from lobate.review.planes import Bounds, Plane

FINEST_M = 0.25
"""Tolerances below this, in units of the plane, simplify nothing."""
DECIMALS = 2
NEAR_DEG = 0.1
"""Outlines within this distance of a plane's ground are shown on it."""


@dataclass
class PlaneOutlines:
    """The outlines (n,) of a layer in one plane, with a tree, and those simplified before, by tolerance."""

    shapes: np.ndarray
    tree: shapely.STRtree
    levels: dict[int, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, shapes: np.ndarray) -> PlaneOutlines:
        """Return the outlines with their tree; None stands for one that the plane does not show."""
        return cls(shapes, shapely.STRtree(shapes))

    def put(self, position: int, shape: shapely.Geometry | None) -> None:
        """Change one outline, or add it behind the last one."""
        if position == len(self.shapes):
            self.shapes = np.append(self.shapes, np.array([None], dtype=object))
            self.levels.clear()
        self.shapes[position] = shape
        for known in self.levels.values():
            known[position] = None
        self.tree = shapely.STRtree(self.shapes)

    def within(self, bounds: Bounds, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions (m,) of the outlines that touch the bounds, in order, and their simplified shapes (m,)."""
        positions = np.sort(self.tree.query(shapely.box(*bounds)))
        return positions, self.simplified(positions, tolerance)

    def simplified(self, positions: np.ndarray, tolerance: float) -> np.ndarray:
        """Return valid outlines that lie within the tolerance of the true ones, (m,)."""
        if tolerance < FINEST_M:
            return self.shapes[positions]
        level = floor(log2(tolerance))
        known = self.levels.setdefault(level, np.full(len(self.shapes), None, dtype=object))
        new = positions[shapely.is_missing(known[positions])]
        known[new] = _simplify(self.shapes[new], 2.0**level / 2)  # GEOS moves a ring's first vertex by as much again
        return np.asarray(known[positions], dtype=object)


def _simplify(shapes: np.ndarray, tolerance: float) -> np.ndarray:
    """Return outlines without the vertices that lie within the tolerance of the rest (Douglas and Peucker 1973).

    An outline that would cross itself or vanish is kept as it is: GEOS's own way to prevent that goes beyond the tolerance.
    """
    simple = np.asarray(shapely.simplify(shapes, tolerance, preserve_topology=False), dtype=object)
    wrong = ~shapely.is_valid(simple) | shapely.is_empty(simple)
    simple[wrong] = shapes[wrong]
    return simple


class OutlineLayer:
    """A layer of outlines: ``ids`` (n,), ``shapes`` (n,) in EPSG:4326, and for each one its status and words."""

    def __init__(
        self,
        id: str,
        title: str,
        ids: Sequence[str],
        shapes: np.ndarray,
        *,
        statuses: Sequence[str] = (),
        words: Sequence[str] = (),
    ) -> None:
        self.id, self.title = id, title
        self.ids = list(ids)
        self.shapes = np.asarray(shapes, dtype=object)
        self.statuses = list(statuses) or [id] * len(self.ids)
        self.words = list(words) or [""] * len(self.ids)
        self._positions = {name: position for position, name in enumerate(self.ids)}
        self._in_planes: dict[str, tuple[Plane, PlaneOutlines]] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, id: str) -> bool:
        return id in self._positions

    def bounds(self, plane: Plane, ids: Sequence[str]) -> np.ndarray:
        """Return the bounds (n, 4) of outlines in a plane."""
        positions = [self._positions[id] for id in ids]
        return np.asarray(shapely.bounds(self.in_plane(plane).shapes[positions])).reshape(-1, 4)

    def put(self, id: str, shape: shapely.Geometry | None, status: str, words: str = "") -> None:
        """Change one outline, or add it; ``shape`` None takes it away."""
        position = self._positions.get(id, len(self.ids))
        if position == len(self.ids):
            if shape is None:
                return
            self._positions[id] = position
            self.ids.append(id)
            self.statuses.append(status)
            self.words.append(words)
            self.shapes = np.append(self.shapes, np.array([None], dtype=object))
        self.statuses[position] = status
        if shape is not self.shapes[position]:
            self.shapes[position] = shape
            for plane, outlines in self._in_planes.values():
                outlines.put(position, _shown(plane, self.shapes[position : position + 1])[0])

    def in_plane(self, plane: Plane) -> PlaneOutlines:
        """Return the outlines in a plane's CRS; those far from its ground are None there."""
        if plane.id not in self._in_planes:
            self._in_planes[plane.id] = plane, PlaneOutlines.of(_shown(plane, self.shapes))
        return self._in_planes[plane.id][1]

    def facts(self, planes: Sequence[str]) -> dict[str, Any]:
        """Return what the page needs to know."""
        title = {"id": self.id, "title": self.title, "kind": "outlines", "planes": list(planes), "count": len(self)}
        return {**title, "contrast": None}

    def within(self, plane: Plane, bounds: Bounds, tolerance: float) -> list[dict[str, Any]]:
        """Return the outlines that touch the bounds, in the plane's units; see ``as_rings``."""
        positions, shapes = self.in_plane(plane).within(bounds, tolerance)
        return [
            {"id": self.ids[position], "status": self.statuses[position], "words": self.words[position], **rings}
            for position, rings in zip(positions.tolist(), as_rings(shapes), strict=True)
        ]


def _shown(plane: Plane, shapes: np.ndarray) -> np.ndarray:
    """Return outlines in EPSG:4326 in the plane's CRS, None for those that are far from its ground."""
    near = shapely.box(*plane.lonlat_bounds()).buffer(NEAR_DEG)
    shown = np.full(len(shapes), None, dtype=object)
    here = shapely.intersects(near, shapes)
    shown[here] = plane.from_lonlat(shapes[here])
    return shown


def as_rings(shapes: np.ndarray) -> list[dict[str, Any]]:
    """Return each outline as ``rings``, flat arrays of x and y, outer rings before their holes.

    ``parts``: the number of rings of each part, where an outline has several parts.
    """
    parts, outline_of = shapely.get_parts(shapes, return_index=True)
    rings, part_of = shapely.get_rings(parts, return_index=True)
    coordinates, ring_of = shapely.get_coordinates(rings, return_index=True)
    flat = np.round(coordinates, DECIMALS).ravel().tolist()
    ends = (2 * np.cumsum(np.bincount(ring_of, minlength=len(rings)))).tolist()
    found: list[dict[str, Any]] = [{"rings": []} for _ in range(len(shapes))]
    start = 0
    for end, outline in zip(ends, outline_of[part_of].tolist(), strict=True):
        found[outline]["rings"].append(flat[start:end])
        start = end
    counts = np.bincount(part_of, minlength=len(parts)).tolist()
    several = set(np.flatnonzero(np.bincount(outline_of, minlength=len(shapes)) > 1).tolist())
    for outline, count in zip(outline_of.tolist(), counts, strict=True):
        if outline in several:
            found[outline].setdefault("parts", []).append(count)
    return found


def to_coordinates(outline: shapely.Geometry) -> list[list[list[list[float]]]]:
    """Return an outline as the coordinates of a GeoJSON multipolygon, to the centimetre where it stays valid."""
    rounded = shapely.transform(outline, lambda points: points.round(DECIMALS))
    valid = rounded if rounded.is_valid or not outline.is_valid else outline
    return [
        [shapely.get_coordinates(ring).tolist() for ring in (part.exterior, *part.interiors)]
        for part in shapely.get_parts(valid)
    ]


def from_coordinates(coordinates: Any) -> shapely.Geometry:
    """Return the polygon or multipolygon of a GeoJSON multipolygon's coordinates. Raises ValueError for anything else."""
    polygons = [_polygon(part) for part in _list(coordinates)]
    if not polygons:
        raise ValueError("it has no part")
    return polygons[0] if len(polygons) == 1 else shapely.multipolygons(polygons)


def _polygon(part: Any) -> shapely.Polygon:
    rings = [shapely.linearrings(_vertices(ring)) for ring in _list(part)]
    if not rings:
        raise ValueError("a part has no ring")
    return shapely.polygons(rings[0], rings[1:] or None)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("coordinates are no list of lists")
    return value


def _vertices(ring: Any) -> np.ndarray:
    vertices = np.array(_list(ring), dtype=float)
    if vertices.ndim != 2 or vertices.shape[0] < 3 or vertices.shape[1] != 2 or not np.isfinite(vertices).all():
        raise ValueError("a ring needs three vertices or more, each of two finite numbers")
    return vertices
