"""The ground that a map covers: the pixels with data of its probability rasters, as outlines.

The outlines are cut at blocks of pixels. So each stays small, and a tree finds those near a landform. Holes and islands of a few
pixels, the noise of cloud masks, belong to the ground around them: they would make millions of vertices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio.features
import shapely
from rasterio.io import DatasetReader
from rasterio.windows import Window

from lobate.errors import UserError
from lobate.io.grid import Grid
from lobate.io.mask_values import PROBABILITY_NODATA
from lobate.io.raster import BLOCK, open_raster, row_blocks
from lobate.io.vector import LONLAT

EDGE_PIXELS = 32
"""Pixels in a piece of an edge, at most: in longitude and latitude edges are not straight, and neighbours share them."""

MIN_PIXELS = 100
"""Pixels of the smallest hole or island in a block that counts: a hectare at 10 m, a third of the smallest landform."""


def mapped_ground(probabilities: Sequence[Path]) -> gpd.GeoDataFrame:
    """Return the pixels with data of all probability rasters as polygons in EPSG:4326, one for each block with any.

    ``pixel_m`` is the side of the raster's pixels in metres on the ground.

    Holes and islands of fewer than ``MIN_PIXELS`` pixels are left out. Polygons of overlapping rasters overlap. Raises UserError when a raster cannot be read or lies across the 180th meridian.
    """
    parts = [gpd.GeoDataFrame({"pixel_m": np.empty(0)}, geometry=[], crs=LONLAT), *map(_ground_of, probabilities)]
    filled = [part for part in parts if len(part)]
    return gpd.GeoDataFrame(pd.concat(filled, ignore_index=True), crs=LONLAT) if filled else parts[0]


def check_antimeridian(outlines: np.ndarray, path: Path) -> None:
    """Raise UserError when one of the outlines (n,) of the raster ``path``, EPSG:4326, is torn at the 180th meridian."""
    left, _, right, _ = shapely.bounds(outlines).reshape(-1, 4).T
    if not (right - left < 180).all():  # also where a corner cannot be reprojected
        raise UserError(
            f"The tile of {path} lies across the 180th meridian (or off the Earth), where outlines in longitude and latitude "
            "are torn apart. Cut its image along the meridian and map the two sides as tiles of their own."
        )


def _ground_of(path: Path) -> gpd.GeoDataFrame:
    with open_raster(path) as dataset:
        grid = Grid.from_raster(dataset)
        blocks = gpd.GeoSeries(list(_blocks_with_data(dataset, grid)), crs=grid.crs)
    edges = blocks.segmentize(EDGE_PIXELS * max(grid.resolution))
    outlines = np.asarray(edges.to_crs(LONLAT).values, dtype=object)
    check_antimeridian(outlines, path)
    return gpd.GeoDataFrame(
        {"pixel_m": np.full(len(outlines), round(grid.resolution_m, 2))}, geometry=outlines, crs=LONLAT
    )


def _blocks_with_data(dataset: DatasetReader, grid: Grid) -> Iterator[shapely.Geometry]:
    for top, bottom in row_blocks(grid.height):
        for left, right in row_blocks(grid.width, BLOCK):
            window = Window(left, top, right - left, bottom - top)
            has_data = dataset.read(1, window=window) != PROBABILITY_NODATA
            outline = _outline(has_data, grid.crop(top, left, *has_data.shape))
            if not outline.is_empty:
                yield outline


def _outline(has_data: np.ndarray, grid: Grid) -> shapely.Geometry:
    if has_data.all():
        return grid.footprint
    ground = has_data.astype("uint8")
    if ground.size > MIN_PIXELS:  # a corner of the raster may be smaller
        ground = rasterio.features.sieve(ground, MIN_PIXELS)
    shapes = rasterio.features.shapes(ground, mask=ground == 1, transform=grid.transform)
    return shapely.MultiPolygon([shapely.geometry.shape(polygon) for polygon, _ in shapes])
