"""Thumbnails of the ground round each detection, cut from the tiles' images, and polynomials between pixels and degrees.

Near the outline a picture has the image's own resolution, farther away a coarser one. With many detections only the ground
farther away gets coarser. Of several tiles, the one that shows
the most of the outline is taken, then the one with the outline nearest to its middle.

Within a few kilometres, longitude and latitude are polynomials of second order in pixel coordinates, to millimetres. So a
page can draw outlines on pixels, and convert drawn outlines to degrees, without a projection library.
"""

from __future__ import annotations

import base64
import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from affine import Affine
from pyproj import Transformer
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import DatasetReader, MemoryFile
from rasterio.windows import Window
from shapely import Geometry

from lobate.io.grid import LONLAT, Grid, transform_points
from lobate.io.raster import open_raster, read_grid

log = logging.getLogger(__name__)

NEAR_MARGIN, NEAR_MIN_MARGIN, NEAR_MAX_SIDE = 0.35, 24, 1024
"""Margin round the outline as a share of its size, least margin in pixels, and longest side of the picture in pixels."""
FAR_MARGIN, FAR_MIN_MARGIN = 1.5, 120
FAR_SIDES = (240, 160, 112, 80)
"""Longest side of the picture of the ground farther away; the first that keeps all pictures together below ``MAX_BYTES``
is taken, else the last."""
NEAR_QUALITY, FAR_QUALITY = 90, 80
"""WebP qualities. At 90 a picture is smaller than a JPEG of 88, and nearer to the image."""
MAX_BYTES = 24 * 2**20
FIT_POINTS = 9
"""Points along each axis to which a polynomial is fitted."""
FALLBACK_PIXEL_DEG = 1e-4
"""Side of a pixel where no image shows the ground."""


@dataclass(frozen=True)
class Thumbnail:
    """One detection for a page: its tile (None where no image shows it), polynomials, and pictures."""

    tile: str | None
    polynomials: dict[str, dict[str, Any]]
    images: list[dict[str, Any]]


def crop_thumbnails(outlines: Sequence[Geometry], images: dict[str, Path]) -> list[Thumbnail]:
    """Return a thumbnail of each outline (EPSG:4326), in their order, from the tiles' images (name -> path)."""
    grids = {tile: read_grid(path) for tile, path in images.items()}
    tiles = [_candidates(outline, grids) for outline in outlines]
    near: dict[tuple[int, str], dict[str, Any]] = {}
    for side in FAR_SIDES:
        crops = _crop_all(outlines, tiles, images, side, near)
        size = sum(len(image["source"]) for crop in crops for image in crop.images)
        if size <= MAX_BYTES:
            break
    log.info("%d pictures, %.1f MB; the ground farther away has %d pixels a side", _count(crops), size / 1e6, side)
    if hidden := sum(crop.tile is None for crop in crops):
        log.warning("%d detections lie on no image; they are shown without a picture", hidden)
    return crops


def _count(crops: list[Thumbnail]) -> int:
    return sum(len(crop.images) for crop in crops)


def _crop_all(
    outlines: Sequence[Geometry],
    tiles: list[list[str]],
    images: dict[str, Path],
    far_side: int,
    near: dict[tuple[int, str], dict[str, Any]],
) -> list[Thumbnail]:
    """Return all crops; ``near`` keeps the near picture of each outline on each tile from one call to the next."""
    crops: list[Thumbnail | None] = [None] * len(outlines)
    for tile, path in images.items():  # each image is opened once
        with open_raster(path) as dataset:
            for number, outline in enumerate(outlines):
                if tile not in tiles[number] or (crops[number] and tiles[number][0] != tile):
                    continue
                if crop := _crop(outline, tile, dataset, far_side, near.get((number, tile))):
                    crops[number], near[number, tile] = crop, crop.images[-1]
    return [crop or _without_image(outline) for crop, outline in zip(crops, outlines, strict=True)]


def _candidates(outline: Geometry, grids: dict[str, Grid]) -> list[str]:
    """Return the tiles that show the outline, best first."""
    ranked = []
    for tile, grid in grids.items():
        left, top, right, bottom = pixel_bounds(outline, grid)
        inside = shapely.box(0, 0, grid.width, grid.height).intersection(shapely.box(left, top, right, bottom))
        to_edge = min(left, top, grid.width - right, grid.height - bottom)
        if inside.area > 0:
            ranked.append((-round(inside.area / ((right - left) * (bottom - top)), 6), -to_edge, tile))
    return [tile for *_, tile in sorted(ranked)]


def _crop(
    outline: Geometry, tile: str, dataset: DatasetReader, far_side: int, near: dict[str, Any] | None
) -> Thumbnail | None:
    """Return the crop of an outline, None where the image has no data under it."""
    grid = Grid.from_raster(dataset)
    if near is None:
        window = CropWindow.around(outline, grid, NEAR_MARGIN, NEAR_MIN_MARGIN)
        near = _read_picture(dataset, window, NEAR_MAX_SIDE, NEAR_QUALITY)
    if near is None:
        return None
    far = CropWindow.around(outline, grid, FAR_MARGIN, FAR_MIN_MARGIN)
    pictures = [_read_picture(dataset, far, far_side, FAR_QUALITY), near]
    return Thumbnail(tile, far.polynomials(), [picture for picture in pictures if picture])


def _read_picture(dataset: DatasetReader, crop: CropWindow, max_side: int, quality: int) -> dict[str, Any] | None:
    """Return a WebP of the part of the window on the image, no side over ``max_side``, and its position in pixels."""
    left, top, right, bottom = np.clip(crop.window, 0, [dataset.width, dataset.height] * 2).tolist()
    width, height = right - left, bottom - top
    if width <= 0 or height <= 0:
        return None
    scale = max(1.0, max(width, height) / max_side)
    shape = tuple(max(1, round(side / scale)) for side in (height, width))
    bands = [1, 2, 3] if dataset.count >= 3 else [1]
    window = Window(left, top, width, height)
    pixels = dataset.read(bands, window=window, out_shape=(len(bands), *shape), resampling=Resampling.average)
    if not pixels.any():
        return None
    return {"source": _encode(pixels, quality), "left": left, "top": top, "width": width, "height": height}


def _encode(pixels: np.ndarray, quality: int) -> str:
    pixels = np.broadcast_to(pixels, (3, *pixels.shape[1:]))  # WebP knows no grey
    _, height, width = pixels.shape
    profile = {"driver": "WEBP", "count": 3, "height": height, "width": width, "dtype": "uint8", "QUALITY": quality}
    with warnings.catch_warnings(), rasterio.Env(GDAL_PAM_ENABLED="NO"), MemoryFile() as file:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # the page places it
        with file.open(**profile) as target:
            target.write(pixels)
        return "data:image/webp;base64," + base64.b64encode(file.read()).decode()


def _without_image(outline: Geometry) -> Thumbnail:
    return Thumbnail(
        None, CropWindow.around(outline, fallback_grid(outline), FAR_MARGIN, FAR_MIN_MARGIN).polynomials(), []
    )


@dataclass(frozen=True)
class CropWindow:
    """A window of a grid round an outline with a margin: (left, top, right, bottom) as columns and rows."""

    grid: Grid
    window: tuple[int, int, int, int]

    @classmethod
    def around(cls, outline: Geometry, grid: Grid, margin: float, min_margin: int) -> CropWindow:
        """Return the window round an outline (EPSG:4326), wider by ``margin`` times its size, at least ``min_margin`` pixels."""
        left, top, right, bottom = pixel_bounds(outline, grid)
        pixels = max(min_margin, margin * max(right - left, bottom - top))
        window = np.floor([left - pixels, top - pixels, right + pixels + 1, bottom + pixels + 1]).astype(int)
        return cls(grid, tuple(window.tolist()))

    def polynomials(self) -> dict[str, dict[str, Any]]:
        """Return ``to_ground`` (pixel -> longitude, latitude) and ``to_pixel``, in the form that `outline.js` reads."""
        left, top, right, bottom = self.window
        mesh = np.meshgrid(np.linspace(left, right, FIT_POINTS), np.linspace(top, bottom, FIT_POINTS))
        columns, rows = (axis.ravel() for axis in mesh)
        to_lonlat = _transformer(self.grid.crs.to_wkt())
        ground = np.column_stack(to_lonlat.transform(*transform_points(self.grid.transform, columns, rows)))
        pixels = np.column_stack([columns, rows])
        return {"to_ground": _fit_polynomial(pixels, ground), "to_pixel": _fit_polynomial(ground, pixels)}


def fallback_grid(outline: Geometry) -> Grid:
    """Return a grid in degrees for an outline that no image shows."""
    west, _, _, north = outline.bounds
    return Grid(1, 1, Affine(FALLBACK_PIXEL_DEG, 0, west, 0, -FALLBACK_PIXEL_DEG, north), CRS.from_epsg(4326))


def pixel_bounds(outline: Geometry, grid: Grid) -> tuple[float, float, float, float]:
    """Return first column, first row, last column and last row of an outline in EPSG:4326; they may lie off the grid."""
    west, south, east, north = outline.bounds
    longitudes, latitudes = np.array([(west, south), (west, north), (east, south), (east, north)]).T
    xs, ys = _transformer(grid.crs.to_wkt()).transform(longitudes, latitudes, direction="INVERSE")
    columns, rows = transform_points(~grid.transform, np.asarray(xs), np.asarray(ys))
    return columns.min(), rows.min(), columns.max(), rows.max()


@cache
def _transformer(crs: str) -> Transformer:
    return Transformer.from_crs(crs, LONLAT, always_xy=True)


def _fit_polynomial(source: np.ndarray, target: np.ndarray) -> dict[str, Any]:
    """Return the least-squares polynomial of second order from ``source`` (n, 2) to ``target`` (n, 2)."""
    origin, scale = source.mean(axis=0), float(np.ptp(source, axis=0).max() / 2)
    u, v = ((source - origin) / scale).T
    terms = np.column_stack([np.ones_like(u), u, v, u * u, u * v, v * v])
    x, y = np.linalg.lstsq(terms, target, rcond=None)[0].T
    return {"origin": _round(origin), "scale": _round([scale])[0], "x": _round(x), "y": _round(y)}


def _round(numbers: Any) -> list[float]:
    """Return numbers to 13 digits, so that machines that differ in the last bits give the same page."""
    return [float(f"{number:.13g}") for number in numbers]
