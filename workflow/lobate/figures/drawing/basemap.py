"""The basemap: the images mosaicked in one CRS, decimated, and toned down so that outlines stand out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.warp import reproject, transform_bounds
from rasterio.windows import Window

from lobate.figures.drawing.cartography import Bounds
from lobate.io.grid import Grid
from lobate.io.raster import open_raster

PIXELS = 1400
"""Pixels of the longer side: a page at 200 dpi."""

WHITEN, GREYEN = 0.35, 0.4
"""Shares of white and grey in a pale basemap."""

HATCH_GROUND, HATCH_LINE = 236, 176
"""Grey of ground without an image, and of the lines over it."""

HATCH_LINES = 60
"""Lines of the hatch along the longer side of a picture."""


@dataclass(frozen=True)
class Basemap:
    """RGB of the images, uint8 (height, width, 3), hatched where there is no image, where there is one (h, w), and the grid.

    Snow is white, so ground without an image is hatched.
    """

    rgb: np.ndarray
    covered: np.ndarray
    grid: Grid

    @property
    def extent(self) -> Bounds:
        """Left, right, bottom and top, in matplotlib's order."""
        left, bottom, right, top = self.grid.bounds
        return left, right, bottom, top


def common_crs(images: Sequence[Path]) -> CRS:
    """Return the CRS of the first image; the whole figure is drawn in it."""
    with open_raster(images[0]) as dataset:
        return dataset.crs


def common_bounds(images: Sequence[Path], crs: CRS) -> Bounds:
    """Return the bounds of all images, in ``crs``."""
    boxes = []
    for image in images:
        with open_raster(image) as dataset:
            boxes.append(transform_bounds(dataset.crs, crs, *dataset.bounds))
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)


def read_basemap(
    images: Sequence[Path], crs: CRS, bounds: Bounds, pixels: int = PIXELS, *, pale: bool = True
) -> Basemap:
    """Return the mosaic of the images within ``bounds``; where they overlap, the first image with data counts.

    Ground without an image is hatched. The contrast is stretched in any case; ``pale`` adds white and takes out colour.
    """
    grid = page_grid(bounds, crs, pixels)
    rgb, covered = np.full((*grid.shape, 3), 255, dtype=np.uint8), np.zeros(grid.shape, dtype=bool)
    for image in images:
        with open_raster(image) as dataset:
            warped, valid = _warp_onto(dataset, grid)
        new = valid & ~covered
        rgb[new] = warped[new]
        covered |= valid
    toned = _tone(rgb, covered, *((WHITEN, GREYEN) if pale else (0.0, 0.0)))
    return Basemap(np.where(covered[..., np.newaxis], toned, hatch(grid.shape)), covered, grid)


def hatch(shape: tuple[int, int]) -> np.ndarray:
    """Return slanted lines on pale grey, uint8 (height, width, 3): ground without an image, which snow never looks like."""
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    period = max(4, max(shape) // HATCH_LINES)
    lines = (rows + cols) % period < max(1, period // 6)
    grey = np.where(lines, HATCH_LINE, HATCH_GROUND).astype(np.uint8)
    return np.repeat(grey[..., np.newaxis], 3, axis=-1)


def page_grid(bounds: Bounds, crs: CRS, pixels: int) -> Grid:
    """Return a grid over ``bounds`` with square cells and ``pixels`` on its longer side."""
    left, bottom, right, top = bounds
    side = max(right - left, top - bottom) / pixels
    height, width = max(1, ceil((top - bottom) / side)), max(1, ceil((right - left) / side))
    return Grid(height, width, Affine(side, 0, left, 0, -side, top), crs)


def _warp_onto(dataset: DatasetReader, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Return an image warped onto a grid, uint8 (h, w, 3), and its valid pixels (h, w); overviews serve the decimation."""
    warped, mask = np.zeros((3, *grid.shape), dtype=np.uint8), np.zeros(grid.shape, dtype=np.uint8)
    window = window_over(dataset, grid)
    if window is None:
        return np.moveaxis(warped, 0, -1), mask > 0
    shrink = max(1.0, max(window.height, window.width) / (2 * max(grid.shape)))
    shape = max(1, round(window.height / shrink)), max(1, round(window.width / shrink))
    bands = [1, 2, 3] if dataset.count >= 3 else [1, 1, 1]
    colours = dataset.read(bands, window=window, out_shape=(3, *shape), resampling=Resampling.average)
    valid = dataset.dataset_mask(window=window, out_shape=shape)
    corner = dataset.transform @ Affine.translation(window.col_off, window.row_off)
    transform = corner @ Affine.scale(window.width / shape[1], window.height / shape[0])
    grids = {"src_transform": transform, "src_crs": dataset.crs, "dst_transform": grid.transform, "dst_crs": grid.crs}
    reproject(colours, warped, resampling=Resampling.bilinear, **grids)
    reproject(valid, mask, resampling=Resampling.nearest, **grids)
    return np.moveaxis(warped, 0, -1), mask > 0


def window_over(dataset: DatasetReader, grid: Grid) -> Window | None:
    """Return the window of a raster under a grid, padded by two pixels; None where they do not meet."""
    left, bottom, right, top = transform_bounds(grid.crs, dataset.crs, *grid.bounds)
    corners = [~dataset.transform @ corner for corner in ((left, top), (right, bottom), (left, bottom), (right, top))]
    cols, rows = zip(*corners, strict=True)
    start = max(0, floor(min(rows)) - 2), max(0, floor(min(cols)) - 2)
    stop = min(dataset.height, ceil(max(rows)) + 2), min(dataset.width, ceil(max(cols)) + 2)
    if stop[0] <= start[0] or stop[1] <= start[1]:
        return None
    return Window(start[1], start[0], stop[1] - start[1], stop[0] - start[0])


def _tone(rgb: np.ndarray, covered: np.ndarray, whiten: float, greyen: float) -> np.ndarray:
    """Return the image with stretched contrast, mixed with grey and white; without meaning where it is not ``covered``."""
    if not covered.any():
        return rgb
    lowest, highest = np.percentile(rgb[covered], [1, 99])
    level = np.clip((rgb.astype(np.float32) - lowest) / max(highest - lowest, 1), 0, 1)
    level = (1 - greyen) * level + greyen * level.mean(axis=-1, keepdims=True)
    return np.round(255 * ((1 - whiten) * level + whiten)).astype(np.uint8)
