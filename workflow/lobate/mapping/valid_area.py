"""The ground that a tile sees: where its probability raster has a value.

A tile's grid is a rectangle in its own CRS, with holes where its image is nodata. Outlines come in EPSG:4326, the CRS
of all that is merged; what is asked of the pixels is asked in the tile's CRS.
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

from lobate.errors import UserError
from lobate.io.grid import Grid
from lobate.io.mask_values import PROBABILITY_NODATA
from lobate.io.polygons import polygonal
from lobate.io.raster import BLOCK, open_raster
from lobate.io.vector import LONLAT

SIDES = 64  # a tile's side is straight in its own CRS only, so it takes this many pieces into EPSG:4326


@dataclass(frozen=True)
class ValidArea:
    """A tile's ``grid``, its ``footprint`` in EPSG:4326, and the ``probability`` raster that tells what it sees."""

    probability: Path
    grid: Grid
    footprint: shapely.Polygon

    @classmethod
    def of(cls, probability: Path) -> ValidArea:
        """Return the ground of a probability raster; UserError when it cannot be read or lies across the 180th meridian."""
        with open_raster(probability) as dataset:
            grid = Grid.of(dataset)
        side = max(grid.height * grid.resolution[1], grid.width * grid.resolution[0])
        outline = to_lonlat(np.array([shapely.segmentize(grid.footprint, side / SIDES)]), grid.crs)[0]
        _check_side_of_180(outline, probability)
        shapely.prepare(outline)
        return cls(probability, grid, outline)

    def has_data_at(self, points: np.ndarray) -> np.ndarray:
        """Return whether each point (n,) in EPSG:4326 lies on a pixel that is not nodata; bool (n,)."""
        seen = np.zeros(len(points), dtype=bool)
        inside = np.flatnonzero(shapely.contains(self.footprint, points))
        if not len(inside):
            return seen
        xy = shapely.get_coordinates(from_lonlat(points[inside], self.grid.crs))
        cols, rows = ~self.grid.transform @ (xy[:, 0], xy[:, 1])
        order = np.lexsort((cols // BLOCK, rows // BLOCK))  # each block of the raster is decoded once
        with open_raster(self.probability) as dataset:
            values = np.array([value[0] for value in dataset.sample(xy[order], masked=False)])
        seen[inside[order]] = values != PROBABILITY_NODATA
        return seen

    def valid_parts(self, outlines: np.ndarray) -> np.ndarray:
        """Return the part of each outline (n,), EPSG:4326, that the tile sees, to the pixel; empty where it sees none."""
        parts = np.full(len(outlines), shapely.Polygon(), dtype=object)
        near = np.flatnonzero(shapely.intersects(self.footprint, outlines))
        if not len(near):
            return parts
        windows = [self._window(bounds) for bounds in shapely.bounds(from_lonlat(outlines[near], self.grid.crs))]
        with open_raster(self.probability) as dataset:
            seen = np.array([self._seen(dataset, window) for window in windows], dtype=object)
        parts[near] = polygonal(shapely.intersection(outlines[near], seen))
        return parts

    def _window(self, bounds: np.ndarray) -> Window:
        """Return the pixels that (left, bottom, right, top) touches, one more all round, within the grid."""
        left, bottom, right, top = bounds
        corners = [~self.grid.transform @ xy for xy in ((left, bottom), (left, top), (right, bottom), (right, top))]
        cols, rows = zip(*corners, strict=True)
        start_row, start_col = max(0, int(min(rows)) - 1), max(0, int(min(cols)) - 1)
        stop_row, stop_col = min(self.grid.height, int(max(rows)) + 2), min(self.grid.width, int(max(cols)) + 2)
        return Window(start_col, start_row, max(0, stop_col - start_col), max(0, stop_row - start_row))

    def _seen(self, dataset: DatasetReader, window: Window) -> shapely.Geometry:
        """Return the pixels of ``window`` that are not nodata, as one geometry in EPSG:4326."""
        if not (window.width and window.height):
            return shapely.Polygon()
        seen = dataset.read(1, window=window) != PROBABILITY_NODATA
        if seen.all():
            return self.footprint
        transform = self.grid.crop(int(window.row_off), int(window.col_off), *seen.shape).transform
        shapes = rasterio.features.shapes(seen.astype("uint8"), mask=seen, transform=transform)
        return shapely.union_all(to_lonlat(np.array([shapely.geometry.shape(one) for one, _ in shapes]), self.grid.crs))


def valid_in_any(outlines: np.ndarray, grounds: Sequence[ValidArea]) -> np.ndarray:
    """Return the part of each outline (n,), EPSG:4326, that some tile sees; empty where none does."""
    tree = shapely.STRtree(outlines)
    near = [np.sort(tree.query(ground.footprint)) for ground in grounds]
    parts = [ground.valid_parts(outlines[which]) for ground, which in zip(grounds, near, strict=True)]
    owner, part = (np.concatenate([*some, []]) for some in (near, parts))
    order = np.argsort(owner, kind="stable")
    begins = np.flatnonzero(np.diff(owner[order], prepend=-1))
    seen = np.full(len(outlines), shapely.Polygon(), dtype=object)
    for mine in np.split(order, begins[1:]) if len(order) else ():
        seen[int(owner[mine[0]])] = shapely.union_all(part[mine]) if len(mine) > 1 else part[mine[0]]
    return seen


def _check_side_of_180(outline: shapely.Polygon, path: Path) -> None:
    left, _, right, _ = outline.bounds
    if not right - left < 180:  # also where a corner cannot be reprojected
        raise UserError(
            f"The tile of {path} lies across the 180th meridian (or off the Earth), where outlines in longitude and latitude "
            "are torn apart. Cut its image along the meridian and map the two sides as tiles of their own."
        )


def to_lonlat(geometries: np.ndarray, crs: object) -> np.ndarray:
    """Reproject geometries (n,) from ``crs`` to EPSG:4326."""
    return np.asarray(gpd.GeoSeries(geometries, crs=crs).to_crs(LONLAT).values, dtype=object)


def from_lonlat(geometries: np.ndarray, crs: object) -> np.ndarray:
    """Reproject geometries (n,) from EPSG:4326 to ``crs``."""
    return np.asarray(gpd.GeoSeries(geometries, crs=LONLAT).to_crs(crs).values, dtype=object)
