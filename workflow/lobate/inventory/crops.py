"""Pictures of the ground round each detection, cut from the tiles' images, small enough for a page of hundreds.

Near the outline at the image's own resolution, farther round it coarser. Of several tiles the one that shows the most of
the outline is taken, then the one in whose middle it lies.

A detection's place on its tile: the grid's pixels, and the polynomials between them and longitude and latitude.

Within a few kilometres longitude and latitude are polynomials of second order in pixel coordinates, to millimetres: so a
page can draw outlines on pixels, and take what a person drew back to the ground, without a projection library.
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
from lobate.io.raster import open_raster

FIT_POINTS = 9
"""Along each axis, so many points are fitted."""
FALLBACK_PIXEL_DEG = 1e-4
"""Side of a pixel where no image shows the ground."""


@dataclass(frozen=True)
class CropWindow:
    """A window of a grid in pixels, (left, top, right, bottom) as columns and rows, that holds an outline with a margin."""

    grid: Grid
    window: tuple[int, int, int, int]

    @classmethod
    def around(cls, outline: Geometry, grid: Grid, margin: float, least: int) -> CropWindow:
        """Return the window round an outline (in EPSG:4326): ``margin`` times its size, at least ``least`` pixels, more."""
        left, top, right, bottom = pixel_bounds(outline, grid)
        more = max(least, margin * max(right - left, bottom - top))
        window = np.floor([left - more, top - more, right + more + 1, bottom + more + 1]).astype(int)
        return cls(grid, tuple(window.tolist()))

    def polynomials(self) -> dict[str, dict[str, Any]]:
        """Return ``to_ground`` (pixel -> longitude, latitude) and ``to_pixel``, as `outline.js` takes them."""
        left, top, right, bottom = self.window
        columns, rows = (
            one.ravel()
            for one in np.meshgrid(np.linspace(left, right, FIT_POINTS), np.linspace(top, bottom, FIT_POINTS))
        )
        ground = np.column_stack(
            _transformer(self.grid.crs.to_wkt()).transform(*transform_points(self.grid.transform, columns, rows))
        )
        pixels = np.column_stack([columns, rows])
        return {"to_ground": _fitted(pixels, ground), "to_pixel": _fitted(ground, pixels)}


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


def _fitted(given: np.ndarray, wanted: np.ndarray) -> dict[str, Any]:
    """Return the polynomial that takes ``given`` (n, 2) to ``wanted`` (n, 2) with the least squares."""
    origin, scale = given.mean(axis=0), float(np.ptp(given, axis=0).max() / 2)
    u, v = ((given - origin) / scale).T
    terms = np.column_stack([np.ones_like(u), u, v, u * u, u * v, v * v])
    x, y = np.linalg.lstsq(terms, wanted, rcond=None)[0].T
    return {"origin": _short(origin), "scale": _short([scale])[0], "x": _short(x), "y": _short(y)}


def _short(numbers: Any) -> list[float]:
    """Return numbers to 13 digits, so that the last bits of an arithmetic unit do not show."""
    return [float(f"{number:.13g}") for number in numbers]


log = logging.getLogger(__name__)

NEAR_MARGIN, NEAR_MIN_MARGIN, NEAR_MAX_SIDE = 0.35, 24, 1024
"""Margin round the outline in sizes of it, in pixels at least, and the side in pixels of the picture at most."""
FAR_MARGIN, FAR_MIN_MARGIN, FAR_MAX_SIDE = 1.5, 120, 240
QUALITIES = (88, 70, 50)
"""Of the JPEG; the first with which all pictures together stay below ``MOST_BYTES``, else the last."""
MAX_BYTES = 24 * 2**20


@dataclass(frozen=True)
class Thumbnail:
    """What a page needs to draw one detection: its tile (None where no image shows it), polynomials, and pictures."""

    tile: str | None
    polynomials: dict[str, dict[str, Any]]
    images: list[dict[str, Any]]


def crop_thumbnails(outlines: Sequence[Geometry], images: dict[str, Path]) -> list[Thumbnail]:
    """Return the crops of outlines (EPSG:4326) in their order, from the tiles' images (name -> path)."""
    grids = {tile: _grid(path) for tile, path in images.items()}
    tiles = [_candidates(outline, grids) for outline in outlines]
    for quality in QUALITIES:
        crops = _cropped(outlines, tiles, images, quality)
        size = sum(len(image["source"]) for crop in crops for image in crop.images)
        if size <= MAX_BYTES:
            break
    log.info("%d pictures, %.1f MB, JPEG of quality %d", sum(len(crop.images) for crop in crops), size / 1e6, quality)
    if unseen := sum(crop.tile is None for crop in crops):
        log.warning("%d detections lie on no image; they are shown without a picture", unseen)
    return crops


def _cropped(
    outlines: Sequence[Geometry], tiles: list[list[str]], images: dict[str, Path], quality: int
) -> list[Thumbnail]:
    crops: list[Thumbnail | None] = [None] * len(outlines)
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


def _crop(outline: Geometry, tile: str, dataset: DatasetReader, quality: int) -> Thumbnail | None:
    """Return the crop of an outline, None where the image has no data under it."""
    grid = Grid.of(dataset)
    near = CropWindow.around(outline, grid, NEAR_MARGIN, NEAR_MIN_MARGIN)
    far = CropWindow.around(outline, grid, FAR_MARGIN, FAR_MIN_MARGIN)
    pictures = [_picture(dataset, far, FAR_MAX_SIDE, quality - 10), _picture(dataset, near, NEAR_MAX_SIDE, quality)]
    if pictures[1] is None:
        return None
    return Thumbnail(tile, far.polynomials(), [picture for picture in pictures if picture])


def _picture(dataset: DatasetReader, frame: CropWindow, most: int, quality: int) -> dict[str, Any] | None:
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


def _unseen(outline: Geometry) -> Thumbnail:
    return Thumbnail(
        None, CropWindow.around(outline, fallback_grid(outline), FAR_MARGIN, FAR_MIN_MARGIN).polynomials(), []
    )
