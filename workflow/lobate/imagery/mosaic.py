"""Mosaic of elevation tiles: pixels of one grid stay unchanged, and voids stay voids.

Columns of Copernicus tiles are wider towards the poles: 1.5, 2, 3 ... times from 50, 60, 70 degrees of latitude on. Tiles
on another grid than the finest are resampled to it by bilinear interpolation, which leaves voids out.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from math import floor
from pathlib import Path

import numpy as np
from affine import Affine
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from lobate.errors import UserError
from lobate.io.dem import Heights, check_dem, heights_of
from lobate.io.grid import Grid
from lobate.io.raster import BLOCK, CogWriter, open_raster, row_blocks
from lobate.io.validity import Validity

log = logging.getLogger(__name__)

VOID = -9999.0
UNDECLARED_VOID = -32767.0
"""Void of Copernicus tiles, which do not declare it as nodata; without this, resampling would average it."""
GRID_TOLERANCE_PX = 1e-3
"""Grids that differ by less than this, in pixels, count as one."""


MAX_PIXELS = 100_000**2
"""Pixels of a mosaic: ten metres a pixel over a square of 1,000 km."""


@dataclass(frozen=True)
class PlacedTile:
    """A tile and the position of its first pixel in the mosaic."""

    source: DatasetReader | WarpedVRT
    row: int
    col: int
    heights: Heights


def write_mosaic(tiles: list[Path], target: Path) -> float:
    """Write the mosaic of elevation tiles of one CRS as a tiled GeoTIFF of float32, in metres; return its share of voids.

    Where tiles overlap, the first of ``tiles`` with a value counts. Voids (nodata, NaN, implausible heights) are -9999, and
    so are pixels that no tile covers. Memory depends on the mosaic's width, not on its height. Raises UserError for tiles
    that cannot be read or are in different CRS.
    """
    with ExitStack() as stack:
        sources = [stack.enter_context(open_raster(path)) for path in tiles]
        _check_tiles(sources)
        grid = mosaic_grid(sources)
        placed = [_place(source, grid, stack) for source in sources]
        voids = 0
        with CogWriter(target, grid, dtype="float32", nodata=VOID) as writer:
            for start, stop in row_blocks(grid.height, BLOCK):
                rows = _mosaic_rows(placed, start, stop, grid.width)
                voids += int(np.count_nonzero(rows == VOID))
                writer.write(rows, start)
    return voids / (grid.height * grid.width)


def _check_tiles(sources: list[DatasetReader]) -> None:
    for source in sources:
        check_dem(source)
        if source.crs != sources[0].crs:
            raise UserError(
                f"The elevation tiles {sources[0].name} and {source.name} are in different coordinate reference systems. "
                "Choose a collection with one in imagery.catalogue.dem_collection; warp tiles of your own to one (gdalwarp -t_srs)."
            )


def mosaic_grid(sources: Sequence[DatasetReader | Grid]) -> Grid:
    """Return the grid around all tiles, aligned to the finest, and to the westernmost of several.

    Raises UserError for a mosaic of more than ``MAX_PIXELS``.
    """

    def fineness(source: DatasetReader | Grid) -> tuple[float, ...]:
        transform = source.transform
        return transform.a, -transform.e, transform.c, -transform.f

    finest = min(sources, key=fineness)
    t = finest.transform
    left, bottom, right, top = (
        outermost(values)
        for outermost, values in zip(
            (min, min, max, max), zip(*(source.bounds for source in sources), strict=True), strict=True
        )
    )
    first_col, last_col = _pixel_span((left - t.c) / t.a, (right - t.c) / t.a)
    first_row, last_row = _pixel_span((top - t.f) / t.e, (bottom - t.f) / t.e)
    height, width = last_row - first_row, last_col - first_col
    if height * width > MAX_PIXELS:
        raise UserError(
            f"The elevation files joined have {width:,} x {height:,} pixels, of which all are written, also where no file has "
            f"data; {MAX_PIXELS:,} is the most. Leave out files far from the region, cut them to it (gdalwarp -te), or warp "
            "them to coarser pixels (gdalwarp -tr)."
        )
    return Grid(height, width, t @ Affine.translation(first_col, first_row), finest.crs)


def _pixel_span(start: float, stop: float) -> tuple[int, int]:
    """Return the first and last+1 whole pixel around a span, within the tolerance."""
    return floor(start + GRID_TOLERANCE_PX), -floor(GRID_TOLERANCE_PX - stop)


def _place(source: DatasetReader, grid: Grid, stack: ExitStack) -> PlacedTile:
    t, heights = source.transform, heights_of(source)
    col, row = ~grid.transform @ (t.c, t.f)
    drift = max(
        abs(col - round(col)), abs(row - round(row)),
        abs(t.a / grid.transform.a - 1) * source.width, abs(t.e / grid.transform.e - 1) * source.height,
    )  # fmt: skip
    if drift <= GRID_TOLERANCE_PX:
        return PlacedTile(source, round(row), round(col), heights)
    if heights.validity.has_masks:
        raise UserError(
            f"The elevation file {source.name} has a mask or an alpha band, and must be resampled to the grid of the finest file, "
            f"which would mix voids into the elevations. Write its voids as numbers: gdalwarp -dstnodata -9999 "
            f"{Path(source.name).name} {Path(source.name).stem}_voids.tif"
        )
    log.info("%s is resampled to the grid of the finest tile", Path(source.name).name)
    right, bottom = ~grid.transform @ (source.bounds.right, source.bounds.bottom)
    (left, right), (top, bottom) = _pixel_span(col, right), _pixel_span(row, bottom)
    warped = WarpedVRT(
        source,
        crs=grid.crs,
        transform=grid.transform @ Affine.translation(left, top),
        width=right - left,
        height=bottom - top,
        resampling=Resampling.bilinear,
        src_nodata=UNDECLARED_VOID if source.nodata is None else source.nodata,
        nodata=VOID,
    )
    placed = replace(heights, validity=Validity(stack.enter_context(warped), (1,), zero_is_nodata=False))
    return PlacedTile(warped, top, left, placed)


def _mosaic_rows(placed: list[PlacedTile], start: int, stop: int, width: int) -> np.ndarray:
    """Return rows ``start``..``stop`` of the mosaic, (stop - start, width) float32."""
    rows = np.full((stop - start, width), VOID, dtype=np.float32)
    for tile in placed:
        first, last = max(start, tile.row), min(stop, tile.row + tile.source.height)
        if first >= last:
            continue
        window = Window(0, first - tile.row, tile.source.width, last - first)
        heights = _read_heights(tile, window)
        target = rows[first - start : last - start, tile.col : tile.col + tile.source.width]
        np.copyto(target, heights, where=(target == VOID) & (heights != VOID))
    return rows


def _read_heights(tile: PlacedTile, window: Window) -> np.ndarray:
    numbers = tile.source.read(1, window=window)
    return np.nan_to_num(tile.heights.metres(numbers, window), nan=VOID).astype(np.float32)
