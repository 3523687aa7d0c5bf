"""The images as one quiet background: decimated, in one CRS, pale enough that outlines stand out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.warp import reproject, transform_bounds

from lobate.grid import Grid
from lobate.rasters import open_raster

Bounds = tuple[float, float, float, float]

PIXELS = 1400
"""Longer side of the background; what a page shows at 200 dpi."""

WHITEN, GREYEN = 0.35, 0.4


@dataclass(frozen=True)
class Ground:
    """RGB of the images, uint8 (height, width, 3), white where no image is, and where it lies."""

    rgb: np.ndarray
    grid: Grid

    @property
    def extent(self) -> Bounds:
        """Left, right, bottom and top, as matplotlib wants them."""
        left, bottom, right, top = self.grid.bounds
        return left, right, bottom, top


def common_crs(images: Sequence[Path]) -> CRS:
    """Return the CRS of the first image, in which everything is drawn."""
    with open_raster(images[0]) as dataset:
        return dataset.crs


def bounds_of(images: Sequence[Path], crs: CRS) -> Bounds:
    """Return what the images cover together, in ``crs``."""
    boxes = []
    for image in images:
        with open_raster(image) as dataset:
            boxes.append(transform_bounds(dataset.crs, crs, *dataset.bounds))
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)


def ground(images: Sequence[Path], crs: CRS, bounds: Bounds, pixels: int = PIXELS) -> Ground:
    """Mosaic the images within ``bounds``; where they overlap, the first that has data there is seen."""
    grid = _grid(bounds, crs, pixels)
    rgb, seen = np.full((*grid.shape, 3), 255, dtype=np.uint8), np.zeros(grid.shape, dtype=bool)
    for image in images:
        with open_raster(image) as dataset:
            part, valid = _onto(dataset, grid)
        new = valid & ~seen
        rgb[new] = part[new]
        seen |= valid
    return Ground(_quiet(rgb, seen), grid)


def _grid(bounds: Bounds, crs: CRS, pixels: int) -> Grid:
    left, bottom, right, top = bounds
    side = max(right - left, top - bottom) / pixels
    height, width = max(1, ceil((top - bottom) / side)), max(1, ceil((right - left) / side))
    return Grid(height, width, Affine(side, 0, left, 0, -side, top), crs)


def _onto(dataset: DatasetReader, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Read an image through its overviews and warp it: (h, w, 3) uint8 and where it is valid (h, w)."""
    shrink = max(1.0, max(dataset.shape) / (2 * PIXELS))
    shape = max(1, round(dataset.height / shrink)), max(1, round(dataset.width / shrink))
    bands = [1, 2, 3] if dataset.count >= 3 else [1, 1, 1]
    colours = dataset.read(bands, out_shape=(3, *shape), resampling=Resampling.average)
    valid = dataset.dataset_mask(out_shape=shape)
    here = dataset.transform @ Affine.scale(dataset.width / shape[1], dataset.height / shape[0])
    place = {"src_transform": here, "src_crs": dataset.crs, "dst_transform": grid.transform, "dst_crs": grid.crs}
    warped, mask = np.zeros((3, *grid.shape), dtype=np.uint8), np.zeros(grid.shape, dtype=np.uint8)
    reproject(colours, warped, resampling=Resampling.bilinear, **place)
    reproject(valid, mask, resampling=Resampling.nearest, **place)
    return np.moveaxis(warped, 0, -1), mask > 0


def _quiet(rgb: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Stretch the grey levels to the page, take colour out and add white."""
    if not seen.any():
        return rgb
    lowest, highest = np.percentile(rgb[seen], [1, 99])
    level = np.clip((rgb.astype(np.float32) - lowest) / max(highest - lowest, 1), 0, 1)
    level = (1 - GREYEN) * level + GREYEN * level.mean(axis=-1, keepdims=True)
    quiet = np.round(255 * ((1 - WHITEN) * level + WHITEN)).astype(np.uint8)
    quiet[~seen] = 255
    return quiet
