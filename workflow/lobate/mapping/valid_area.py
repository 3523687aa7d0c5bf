"""The valid area of a tile: the ground where its probability raster has data.

A tile's grid is a rectangle in its own CRS, with holes where its image is nodata. Outlines are in EPSG:4326, the CRS of
merged layers, and are reprojected to the tile's CRS for queries of pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio.features
import shapely
from rasterio.io import DatasetReader
from rasterio.windows import Window

from lobate.io.grid import Grid
from lobate.io.ground import check_antimeridian
from lobate.io.mask_values import PROBABILITY_NODATA
from lobate.io.polygons import polygonal
from lobate.io.raster import BLOCK, open_raster
from lobate.io.vector import LONLAT

EDGE_PIECES = 64
"""Pieces of a tile's edge when it is reprojected to EPSG:4326, where it is not straight."""


@dataclass(frozen=True)
class ValidArea:
    """A tile's ``probability`` raster, its ``grid``, and its ``footprint`` in EPSG:4326."""

    probability: Path
    grid: Grid
    footprint: shapely.Polygon

    @classmethod
    def of(cls, probability: Path) -> ValidArea:
        """Return the valid area of a probability raster.

        Raises UserError when it cannot be read or lies across the 180th meridian.
        """
        with open_raster(probability) as dataset:
            grid = Grid.from_raster(dataset)
        side = max(grid.height * grid.resolution[1], grid.width * grid.resolution[0])
        outline = to_lonlat(np.array([shapely.segmentize(grid.footprint, side / EDGE_PIECES)]), grid.crs)[0]
        check_antimeridian(np.array([outline]), probability)
        shapely.prepare(outline)
        return cls(probability, grid, outline)

    def has_data_at(self, points: np.ndarray) -> np.ndarray:
        """Return whether each point (n,) in EPSG:4326 lies on a pixel that is not nodata; bool (n,)."""
        has_data = np.zeros(len(points), dtype=bool)
        inside = np.flatnonzero(shapely.contains(self.footprint, points))
        if not len(inside):
            return has_data
        xy = shapely.get_coordinates(from_lonlat(points[inside], self.grid.crs))
        cols, rows = ~self.grid.transform @ (xy[:, 0], xy[:, 1])
        order = np.lexsort((cols // BLOCK, rows // BLOCK))  # so that each block of the raster is decoded once
        with open_raster(self.probability) as dataset:
            values = np.array([value[0] for value in dataset.sample(xy[order], masked=False)])
        has_data[inside[order]] = values != PROBABILITY_NODATA
        return has_data

    def valid_parts(self, outlines: np.ndarray) -> np.ndarray:
        """Return the part of each outline (n,), EPSG:4326, on pixels with data; empty where there are none."""
        parts = np.full(len(outlines), shapely.Polygon(), dtype=object)
        near = np.flatnonzero(shapely.intersects(self.footprint, outlines))
        if not len(near):
            return parts
        windows = [self._window(bounds) for bounds in shapely.bounds(from_lonlat(outlines[near], self.grid.crs))]
        with open_raster(self.probability) as dataset:
            valid = np.array([self._valid_geometry(dataset, window) for window in windows], dtype=object)
        parts[near] = polygonal(shapely.intersection(outlines[near], valid))
        return parts

    def _window(self, bounds: np.ndarray) -> Window:
        """Return the pixels that (left, bottom, right, top) touches, with a margin of one pixel, within the grid."""
        left, bottom, right, top = bounds
        corners = [~self.grid.transform @ xy for xy in ((left, bottom), (left, top), (right, bottom), (right, top))]
        cols, rows = zip(*corners, strict=True)
        start_row, start_col = max(0, int(min(rows)) - 1), max(0, int(min(cols)) - 1)
        stop_row, stop_col = min(self.grid.height, int(max(rows)) + 2), min(self.grid.width, int(max(cols)) + 2)
        return Window(start_col, start_row, max(0, stop_col - start_col), max(0, stop_row - start_row))

    def _valid_geometry(self, dataset: DatasetReader, window: Window) -> shapely.Geometry:
        """Return the pixels of ``window`` that are not nodata, as one geometry in EPSG:4326."""
        if not (window.width and window.height):
            return shapely.Polygon()
        valid = dataset.read(1, window=window) != PROBABILITY_NODATA
        if valid.all():
            return self.footprint
        transform = self.grid.crop(int(window.row_off), int(window.col_off), *valid.shape).transform
        shapes = rasterio.features.shapes(valid.astype("uint8"), mask=valid, transform=transform)
        polygons = np.array([shapely.geometry.shape(polygon) for polygon, _ in shapes])
        return shapely.union_all(to_lonlat(polygons, self.grid.crs))


def valid_in_any(outlines: np.ndarray, valid_areas: Sequence[ValidArea]) -> np.ndarray:
    """Return the part of each outline (n,), EPSG:4326, on pixels with data of any tile; empty where there are none."""
    tree = shapely.STRtree(outlines)
    near = [np.sort(tree.query(valid_area.footprint)) for valid_area in valid_areas]
    by_tile = [valid_area.valid_parts(outlines[rows]) for valid_area, rows in zip(valid_areas, near, strict=True)]
    owner, parts = (np.concatenate([*arrays, []]) for arrays in (near, by_tile))
    order = np.argsort(owner, kind="stable")
    begins = np.flatnonzero(np.diff(owner[order], prepend=-1))
    valid = np.full(len(outlines), shapely.Polygon(), dtype=object)
    for group in np.split(order, begins[1:]) if len(order) else ():
        valid[int(owner[group[0]])] = shapely.union_all(parts[group]) if len(group) > 1 else parts[group[0]]
    return valid


def to_lonlat(geometries: np.ndarray, crs: object) -> np.ndarray:
    """Reproject geometries (n,) from ``crs`` to EPSG:4326."""
    return np.asarray(gpd.GeoSeries(geometries, crs=crs).to_crs(LONLAT).values, dtype=object)


def from_lonlat(geometries: np.ndarray, crs: object) -> np.ndarray:
    """Reproject geometries (n,) from EPSG:4326 to ``crs``."""
    return np.asarray(gpd.GeoSeries(geometries, crs=LONLAT).to_crs(crs).values, dtype=object)
