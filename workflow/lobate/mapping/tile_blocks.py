"""Pixels of the tiles in blocks of rows, each pixel of ground in one tile only.

Tiles overlap; shared ground counts in the first tile. Memory does not depend on a tile's height.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import rasterio.features
import shapely
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from lobate.io.grid import Grid
from lobate.io.mask_values import PROBABILITY_NODATA
from lobate.io.raster import open_raster, row_blocks
from lobate.mapping.valid_area import ValidArea, from_lonlat

TileBlock = tuple[Grid, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class LocalOutlines:
    """Outlines near a tile, in its CRS, with their bounds (n, 4)."""

    outlines: np.ndarray
    bounds: np.ndarray

    @classmethod
    def reproject(cls, outlines: np.ndarray, valid_area: ValidArea) -> LocalOutlines:
        """Return outlines (n,), EPSG:4326, in the CRS of a tile."""
        local = from_lonlat(outlines, valid_area.grid.crs)
        return cls(local, shapely.bounds(local).reshape(-1, 4))

    def rasterize(self, grid: Grid, values: np.ndarray | None = None) -> np.ndarray:
        """Return 1 where an outline covers a pixel's centre, else 0; uint8 of the grid's shape.

        With ``values`` (n,) return that of the outline, int32; where outlines overlap, that of the last.
        """
        left, bottom, right, top = grid.bounds
        west, south, east, north = self.bounds.T
        near = (west < right) & (east > left) & (south < top) & (north > bottom)
        dtype = "uint8" if values is None else "int32"
        if not near.any():
            return np.zeros(grid.shape, dtype=dtype)
        shapes = self.outlines[near] if values is None else zip(self.outlines[near], values[near].tolist(), strict=True)
        return rasterio.features.rasterize(shapes, out_shape=grid.shape, transform=grid.transform, dtype=dtype)


@contextmanager
def first_seen_blocks(valid_area: ValidArea, earlier: Sequence[ValidArea]) -> Iterator[Iterator[TileBlock]]:
    """Give blocks of rows of a tile: their grid, their levels of probability, and the pixels with data in this tile and in no earlier one (bool)."""
    neighbours = [tile for tile in earlier if shapely.intersects(tile.footprint, valid_area.footprint)]
    with ExitStack() as stack:
        dataset = stack.enter_context(open_raster(valid_area.probability))
        warped = [stack.enter_context(_warp_to_grid(tile, valid_area.grid)) for tile in neighbours]
        yield _iterate_blocks(dataset, warped, valid_area.grid)


def _iterate_blocks(dataset: DatasetReader, earlier: Sequence[WarpedVRT], grid: Grid) -> Iterator[TileBlock]:
    for start, stop in row_blocks(grid.height):
        window = Window(0, start, grid.width, stop - start)
        levels = dataset.read(1, window=window)
        first_seen = levels != PROBABILITY_NODATA
        for warped in earlier:
            first_seen &= warped.read(1, window=window) == PROBABILITY_NODATA
        yield grid.crop(start, 0, stop - start, grid.width), levels, first_seen


@contextmanager
def _warp_to_grid(valid_area: ValidArea, grid: Grid) -> Iterator[WarpedVRT]:
    with (
        open_raster(valid_area.probability) as dataset,
        WarpedVRT(
            dataset,
            **grid.profile(),
            src_nodata=PROBABILITY_NODATA,
            nodata=PROBABILITY_NODATA,
            resampling=Resampling.nearest,
        ) as warped,
    ):
        yield warped
