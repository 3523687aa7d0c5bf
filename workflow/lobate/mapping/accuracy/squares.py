"""Squares of 1 km on the mapped ground, in an equal-area projection round its centre."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS

from lobate.io.grid import LONLAT
from lobate.mapping.valid_area import ValidArea

SIDE_M = 1000.0


@dataclass(frozen=True)
class SquareGrid:
    """The squares (k, 2), by column and row, whose centre lies on mapped ground, and their projection."""

    squares: np.ndarray
    crs: CRS

    def outlines(self, numbers: np.ndarray) -> gpd.GeoSeries:
        """Return the squares with these numbers in EPSG:4326."""
        west, south = (self.squares[numbers] * SIDE_M).T
        boxes = shapely.box(west, south, west + SIDE_M, south + SIDE_M)
        return gpd.GeoSeries(boxes, crs=self.crs).to_crs(LONLAT)


def square_grid(valid_areas: Sequence[ValidArea]) -> SquareGrid:
    """Return all squares of a map; a square counts once, however many tiles show it."""
    west, south, east, north = shapely.total_bounds(np.array([area.footprint for area in valid_areas]))
    crs = CRS.from_proj4(
        f"+proj=laea +lat_0={(south + north) / 2:.4f} +lon_0={(west + east) / 2:.4f} +datum=WGS84 +units=m +no_defs"
    )
    squares = np.concatenate([_squares_of(area, crs) for area in valid_areas])
    return SquareGrid(np.unique(squares, axis=0), crs)


def _squares_of(area: ValidArea, crs: CRS) -> np.ndarray:
    west, south, east, north = gpd.GeoSeries([area.footprint], crs=LONLAT).to_crs(crs).total_bounds // SIDE_M
    columns, rows = np.meshgrid(np.arange(west, east + 1), np.arange(south, north + 1))
    squares = np.column_stack([columns.ravel(), rows.ravel()]).astype(np.int64)
    x, y = ((squares + 0.5) * SIDE_M).T
    centres = gpd.GeoSeries(gpd.points_from_xy(x, y), crs=crs).to_crs(LONLAT)
    return squares[area.has_data_at(np.asarray(centres.values, dtype=object))]


def markers(outlines: gpd.GeoSeries) -> np.ndarray:
    """Return the marker of each outline as points (n,) in its CRS: the centre of its largest inscribed circle."""
    shapes = np.asarray(outlines.values, dtype=object)
    circles = shapely.maximum_inscribed_circle(shapes) if len(shapes) else shapes
    return shapely.get_point(circles, 0)
