"""Pixels of detections against pixels of reference outlines, on the tiles' own grids, each piece of ground once.

Tiles overlap: ground that several tiles see counts in the first of them only. Everything goes by bands of rows, so
memory does not depend on a tile's height.
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

from lobate.grid import Grid
from lobate.mapping.ground import NODATA, Ground, from_lonlat
from lobate.rasters import open_raster, row_bands


@dataclass(frozen=True)
class Census:
    """Mapped pixels by what covers them: ``counts[detected, reference, trained]`` (2, 2, 2), and their ground."""

    counts: np.ndarray
    mapped_km2: float

    def confusion(self, *, unseen: bool = False) -> dict[str, int]:
        """Return counts of pixels; with ``unseen`` those outside all training footprints only."""
        table = self.counts[..., 0] if unseen else self.counts.sum(axis=-1)
        return {
            "true_positive": int(table[1, 1]),
            "false_positive": int(table[1, 0]),
            "false_negative": int(table[0, 1]),
            "true_negative": int(table[0, 0]),
        }


def census(grounds: Sequence[Ground], detected: np.ndarray, reference: np.ndarray, trained: np.ndarray) -> Census:
    """Count the pixels of all tiles by three layers of outlines (EPSG:4326); a pixel is covered when its centre is."""
    counts, mapped_m2 = np.zeros(8, dtype=np.int64), 0.0
    drawn = [(outlines, shapely.STRtree(outlines)) for outlines in (trained, reference, detected)]
    for seat, ground in enumerate(grounds):
        layers = [_Layer.on(ground, outlines[tree.query(ground.footprint)]) for outlines, tree in drawn]
        own = np.zeros(8, dtype=np.int64)
        with _fresh_bands(ground, grounds[:seat]) as bands:
            for grid, fresh in bands:
                code = sum(layer.burn(grid) << place for place, layer in enumerate(layers))
                own += np.bincount(code[fresh], minlength=8)
        counts += own
        mapped_m2 += own.sum() * ground.grid.resolution_m**2
    return Census(counts.reshape(2, 2, 2), mapped_m2 / 1e6)


@dataclass(frozen=True)
class _Layer:
    """Outlines near a tile, in its CRS, with their bounds (n, 4)."""

    outlines: np.ndarray
    bounds: np.ndarray

    @classmethod
    def on(cls, ground: Ground, outlines: np.ndarray) -> _Layer:
        local = from_lonlat(outlines, ground.grid.crs)
        return cls(local, shapely.bounds(local).reshape(-1, 4))

    def burn(self, grid: Grid) -> np.ndarray:
        """Return 1 where an outline covers a pixel's centre, else 0; uint8 of the grid's shape."""
        left, bottom, right, top = grid.bounds
        box = self.bounds
        near = (box[:, 0] < right) & (box[:, 2] > left) & (box[:, 1] < top) & (box[:, 3] > bottom)
        if not near.any():
            return np.zeros(grid.shape, dtype=np.uint8)
        return rasterio.features.rasterize(
            self.outlines[near], out_shape=grid.shape, transform=grid.transform, dtype="uint8"
        )


@contextmanager
def _fresh_bands(ground: Ground, earlier: Sequence[Ground]) -> Iterator[Iterator[tuple[Grid, np.ndarray]]]:
    """Give bands of rows of a tile: their grid, and which pixels this tile sees and no earlier one does (bool)."""
    neighbours = [other for other in earlier if shapely.intersects(other.footprint, ground.footprint)]
    with ExitStack() as stack:
        dataset = stack.enter_context(open_raster(ground.probability))
        others = [stack.enter_context(_on_grid(other, ground.grid)) for other in neighbours]
        yield _bands(dataset, others, ground.grid)


def _bands(dataset: DatasetReader, others: Sequence[WarpedVRT], grid: Grid) -> Iterator[tuple[Grid, np.ndarray]]:
    for start, stop in row_bands(grid.height):
        window = Window(0, start, grid.width, stop - start)
        fresh = dataset.read(1, window=window) != NODATA
        for other in others:
            fresh &= other.read(1, window=window) == NODATA
        yield grid.crop(start, 0, stop - start, grid.width), fresh


@contextmanager
def _on_grid(other: Ground, grid: Grid) -> Iterator[WarpedVRT]:
    with (
        open_raster(other.probability) as dataset,
        WarpedVRT(dataset, **grid.profile(), src_nodata=NODATA, nodata=NODATA, resampling=Resampling.nearest) as warped,
    ):
        yield warped
