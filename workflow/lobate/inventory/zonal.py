"""The DEM under one outline, cell by cell: elevation, slope, aspect, and the part of each cell that the outline covers.

Only the rows and columns under the outline are read, a band of rows at a time. So memory follows the outline and not the
DEM. The covered parts are computed by exactextract.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from rasterio.io import DatasetReader

from lobate.io.dem import cell_size_m, horn_gradient, read_elevation
from lobate.io.grid import Grid, transform_points
from lobate.io.raster import row_blocks

MAX_CELLS = 1_000_000
"""Cells read at once."""


@dataclass(frozen=True)
class Cells:
    """The DEM cells that an outline touches; every array has shape (n,).

    ``x``, ``y``: centres in the DEM's CRS; ``cover``: covered part, 0 to 1; ``on_dem``: whether the raster has the cell;
    ``elevation`` (m), ``slope`` (degrees), ``aspect`` (degrees clockwise from true north): NaN where unknown.
    """

    x: np.ndarray
    y: np.ndarray
    cover: np.ndarray
    on_dem: np.ndarray
    elevation: np.ndarray
    slope: np.ndarray
    aspect: np.ndarray


def cells_under(dem: DatasetReader, outline: shapely.Geometry) -> Cells:
    """Return the cells that ``outline`` (in the DEM's CRS) touches, also those beyond the DEM's edge."""
    grid = Grid.from_raster(dem)
    return _concat([_read_cells(dem, band, outline) for band in _row_bands(grid, outline)])


def _row_bands(grid: Grid, outline: shapely.Geometry) -> Iterator[Grid]:
    """Yield the cells under the outline's bounds in bands of rows; they may lie beyond the grid."""
    west, south, east, north = outline.bounds
    left, top = ~grid.transform @ (west, north)
    right, bottom = ~grid.transform @ (east, south)
    col, row = int(np.floor(left)), int(np.floor(top))
    width, height = max(1, int(np.ceil(right)) - col), max(1, int(np.ceil(bottom)) - row)
    for start, stop in row_blocks(height, max(1, MAX_CELLS // width)):
        yield grid.crop(row + start, col, stop - start, width)


def _read_cells(dem: DatasetReader, band: Grid, outline: shapely.Geometry) -> Cells:
    col, row = (round(index) for index in ~dem.transform @ (band.transform.c, band.transform.f))
    padded = read_elevation(dem, row - 1, col - 1, band.height + 2, band.width + 2)
    width, height, turn = cell_size_m(band)
    east, north = horn_gradient(padded, width, height)
    cover = cell_coverage(band, outline)
    r, c = np.nonzero(cover > 0)
    x, y = transform_points(band.transform, c + 0.5, r + 0.5)
    on_dem = (r + row >= 0) & (r + row < dem.height) & (c + col >= 0) & (c + col < dem.width)
    elevation = padded[1:-1, 1:-1][r, c]
    east, north = east[r, c], north[r, c]
    steep = np.where(np.isfinite(elevation), np.hypot(east, north), np.nan)  # Horn's formula skips the cell itself
    aspect = np.where(steep > 0, (np.degrees(np.arctan2(-east, -north)) + turn) % 360, np.nan)
    return Cells(x, y, cover[r, c], on_dem, elevation, np.degrees(np.arctan(steep)), aspect)


def _concat(parts: list[Cells]) -> Cells:
    return Cells(*(np.concatenate([getattr(part, name) for part in parts]) for name in Cells.__dataclass_fields__))


def cell_coverage(grid: Grid, outline: shapely.Geometry) -> np.ndarray:
    """Return the covered part of each cell of a north-up grid, 0 to 1, float64 (height, width); one CRS for both."""
    from exactextract import exact_extract
    from exactextract.raster import NumPyRasterSource

    west, south, east, north = grid.bounds
    cells = NumPyRasterSource(np.zeros(grid.shape), west, south, east, north)
    feature = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(outline)}
    covered = exact_extract(cells, [feature], ["cell_id", "coverage"])[0]["properties"]
    cover = np.zeros(grid.height * grid.width)
    cover[np.asarray(covered["cell_id"], dtype=np.int64)] = covered["coverage"]
    return cover.reshape(grid.shape)
