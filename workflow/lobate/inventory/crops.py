"""Pictures of the ground round each detection, cut from the tiles' images, small enough for a page of hundreds.

Near the outline at the image's own resolution, farther round it coarser. Of several tiles the one that shows the most of
the outline is taken, then the one in whose middle it lies.
"""

from __future__ import annotations

import base64
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader, MemoryFile
from rasterio.windows import Window
from shapely import Geometry

from lobate.grid import Grid
from lobate.inventory.frame import Frame, nowhere, pixel_bounds
from lobate.rasters import open_raster

log = logging.getLogger(__name__)

NEAR_MARGIN, NEAR_LEAST, NEAR_MOST = 0.35, 24, 1024
"""Margin round the outline in sizes of it, in pixels at least, and the side in pixels of the picture at most."""
FAR_MARGIN, FAR_LEAST, FAR_MOST = 1.5, 120, 240
QUALITIES = (88, 70, 50)
"""Of the JPEG; the first with which all pictures together stay below ``MOST_BYTES``, else the last."""
MOST_BYTES = 24 * 2**20


@dataclass(frozen=True)
class Crop:
    """What a page needs to draw one detection: its tile (None where no image shows it), polynomials, and pictures."""

    tile: str | None
    polynomials: dict[str, dict[str, Any]]
    images: list[dict[str, Any]]


def crop_all(outlines: Sequence[Geometry], images: dict[str, Path]) -> list[Crop]:
    """Return the crops of outlines (EPSG:4326) in their order, from the tiles' images (name -> path)."""
    grids = {tile: _grid(path) for tile, path in images.items()}
    tiles = [_candidates(outline, grids) for outline in outlines]
    for quality in QUALITIES:
        crops = _cropped(outlines, tiles, images, quality)
        size = sum(len(image["source"]) for crop in crops for image in crop.images)
        if size <= MOST_BYTES:
            break
    log.info("%d pictures, %.1f MB, JPEG of quality %d", sum(len(crop.images) for crop in crops), size / 1e6, quality)
    if unseen := sum(crop.tile is None for crop in crops):
        log.warning("%d detections lie on no image; they are shown without a picture", unseen)
    return crops


def _cropped(outlines: Sequence[Geometry], tiles: list[list[str]], images: dict[str, Path], quality: int) -> list[Crop]:
    crops: list[Crop | None] = [None] * len(outlines)
    for tile, path in images.items():  # each image is opened once for its first choices, again for second ones
        with open_raster(path) as dataset:
            for number, outline in enumerate(outlines):
                if tile in tiles[number] and (crops[number] is None or tiles[number][0] == tile):
                    crops[number] = _crop(outline, tile, dataset, quality) or crops[number]
    return [one or _unseen(outline) for one, outline in zip(crops, outlines, strict=True)]


def _grid(path: Path) -> Grid:
    with open_raster(path) as dataset:
        return Grid.of(dataset)


def _candidates(outline: Geometry, grids: dict[str, Grid]) -> list[str]:
    """Return the tiles that show the outline, best first."""
    rated = []
    for tile, grid in grids.items():
        left, top, right, bottom = pixel_bounds(outline, grid)
        inside = shapely.box(0, 0, grid.width, grid.height).intersection(shapely.box(left, top, right, bottom))
        to_edge = min(left, top, grid.width - right, grid.height - bottom)
        if inside.area > 0:
            rated.append((-round(inside.area / ((right - left) * (bottom - top)), 6), -to_edge, tile))
    return [tile for *_, tile in sorted(rated)]


def _crop(outline: Geometry, tile: str, dataset: DatasetReader, quality: int) -> Crop | None:
    """Return the crop of an outline, None where the image has no data under it."""
    grid = Grid.of(dataset)
    near = Frame.around(outline, grid, NEAR_MARGIN, NEAR_LEAST)
    far = Frame.around(outline, grid, FAR_MARGIN, FAR_LEAST)
    pictures = [_picture(dataset, far, FAR_MOST, quality - 10), _picture(dataset, near, NEAR_MOST, quality)]
    if pictures[1] is None:
        return None
    return Crop(tile, far.polynomials(), [one for one in pictures if one])


def _picture(dataset: DatasetReader, frame: Frame, most: int, quality: int) -> dict[str, Any] | None:
    """Return a JPEG of the window as far as the image goes, no side over ``most``, and where it lies in pixels."""
    left, top, right, bottom = np.clip(frame.window, 0, [dataset.width, dataset.height] * 2).tolist()
    width, height = right - left, bottom - top
    if width <= 0 or height <= 0:
        return None
    coarser = max(1.0, max(width, height) / most)
    shape = tuple(max(1, round(side / coarser)) for side in (height, width))
    bands = [1, 2, 3] if dataset.count >= 3 else [1]
    window = Window(left, top, width, height)
    pixels = dataset.read(bands, window=window, out_shape=(len(bands), *shape), resampling=Resampling.average)
    if not pixels.any():
        return None
    return {"source": _jpeg(pixels, quality), "left": left, "top": top, "width": width, "height": height}


def _jpeg(pixels: np.ndarray, quality: int) -> str:
    count, height, width = pixels.shape
    profile = {"driver": "JPEG", "count": count, "height": height, "width": width, "dtype": "uint8", "quality": quality}
    with warnings.catch_warnings(), rasterio.Env(GDAL_PAM_ENABLED="NO"), MemoryFile() as file:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # a picture needs no place
        with file.open(**profile) as target:
            target.write(pixels)
        return "data:image/jpeg;base64," + base64.b64encode(file.read()).decode()


def _unseen(outline: Geometry) -> Crop:
    return Crop(None, Frame.around(outline, nowhere(outline), FAR_MARGIN, FAR_LEAST).polynomials(), [])
