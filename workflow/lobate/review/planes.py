"""The planes of a region: its tiles by CRS, each with one pyramid of pictures in the images' own grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, floor, log2
from typing import Literal

import numpy as np
import shapely
from pyproj import Transformer
from rasterio.crs import CRS

from lobate.io.antimeridian import joined
from lobate.io.grid import LONLAT, Grid

PICTURE = 256
"""Side of a picture of the pyramid, in pixels."""
LOWEST_ZOOM = -3
"""Magnification by 2 ** 3."""
SCREEN = 1024
"""Pixels on which the highest zoom shows the whole plane."""
EDGE_PIECES = 32
Bounds = tuple[float, float, float, float]
"""West, south, east, north."""


@dataclass(frozen=True)
class Plane:
    """Tiles of one CRS. ``base``: pixel size at zoom 0, in units of the CRS; ``origin``: west and north of picture (0, 0)."""

    id: str
    crs: CRS
    base: float
    origin: tuple[float, float]
    bounds: Bounds
    tiles: tuple[str, ...]

    @property
    def highest_zoom(self) -> int:
        """The zoom at which the whole plane fits on a screen."""
        west, south, east, north = self.bounds
        return max(0, ceil(log2(max(east - west, north - south) / self.base / SCREEN)))

    def pixel(self, zoom: int) -> float:
        """Return the side of a pixel at a zoom, in units of the CRS."""
        return float(self.base * 2.0**zoom)

    def picture_bounds(self, zoom: int, column: int, row: int) -> Bounds:
        """Return the bounds of one picture of the pyramid."""
        side = PICTURE * self.pixel(zoom)
        west, north = self.origin[0] + column * side, self.origin[1] - row * side
        return west, north - side, west + side, north

    def from_lonlat(self, shapes: np.ndarray) -> np.ndarray:
        """Return outlines in EPSG:4326 in the plane's CRS, (n,); None for those that it cannot show."""
        return _finite(shapely.transform(shapes, _points(self._transformer(), "INVERSE")))

    def to_lonlat(self, shapes: np.ndarray) -> np.ndarray:
        """Return outlines of the plane in EPSG:4326, whole over the 180th meridian, (n,)."""
        return joined(np.asarray(shapely.transform(shapes, _points(self._transformer(), "FORWARD")), dtype=object))

    def lonlat_bounds(self) -> Bounds:
        """Return the bounds of the plane's ground in degrees."""
        edge = shapely.segmentize(shapely.box(*self.bounds), max(self.base, self._side() / EDGE_PIECES))
        west, south, east, north = self.to_lonlat(np.array([edge], dtype=object))[0].bounds
        return west, south, east, north

    def words(self) -> str:
        """Return the CRS in words, such as EPSG:32644 or its name."""
        code = self.crs.to_epsg()
        return f"EPSG:{code}" if code else self.crs.to_wkt().split('"')[1]

    def _side(self) -> float:
        west, south, east, north = self.bounds
        return max(east - west, north - south)

    def _transformer(self) -> Transformer:
        return Transformer.from_crs(self.crs.to_wkt(), LONLAT, always_xy=True)


def _points(transformer: Transformer, direction: Literal["FORWARD", "INVERSE"]) -> Callable[[np.ndarray], np.ndarray]:
    return lambda points: np.column_stack(transformer.transform(points[:, 0], points[:, 1], direction=direction))


def _finite(shapes: np.ndarray) -> np.ndarray:
    shapes = np.asarray(shapes, dtype=object).copy()
    shapes[~np.isfinite(shapely.bounds(shapes)).all(axis=1)] = None
    return shapes


def planes_of(grids: Mapping[str, Grid]) -> dict[str, Plane]:
    """Return the planes of tiles by their ids, in the tiles' order; the grid of a plane is that of its first tile."""
    by_crs: dict[str, dict[str, Grid]] = {}
    for tile, grid in grids.items():
        by_crs.setdefault(grid.crs.to_wkt(), {})[tile] = grid
    planes = [_plane(f"plane{number}", tiles) for number, tiles in enumerate(by_crs.values(), start=1)]
    return {plane.id: plane for plane in planes}


def _plane(name: str, tiles: dict[str, Grid]) -> Plane:
    first = next(iter(tiles.values()))
    base = min(first.resolution)
    boxes = np.array([grid.bounds for grid in tiles.values()])
    (west, south), (east, north) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    left, _, _, top = first.bounds
    origin = (left - ceil((left - west) / base - 1e-6) * base, top - floor((top - north) / base + 1e-6) * base)
    return Plane(
        name, first.crs, base, origin, (float(west), float(south), float(east), float(north)), tuple(sorted(tiles))
    )
