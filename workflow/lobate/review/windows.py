"""Reading of one picture's pixels out of rasters, in the grid of a plane, from their overviews."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from lobate.io.raster import open_raster
from lobate.io.validity import Validity
from lobate.review.planes import Bounds

OPEN_RASTERS = 24
"""Rasters that a thread keeps open."""
EDGE = 1e-6


class OpenRasters(threading.local):
    """The rasters that this thread keeps open, the latest used ones; a replaced file is opened anew."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[str, object], tuple[DatasetReader, ExitStack]] = OrderedDict()

    def get(self, address: str) -> DatasetReader:
        """Return the open raster. Raises UserError for one that cannot be read."""
        key = (address, _stamp(address))
        if key not in self._open:
            stack = ExitStack()
            self._open[key] = (stack.enter_context(open_raster(address)), stack)
            while len(self._open) > OPEN_RASTERS:
                self._open.popitem(last=False)[1][1].close()
        self._open.move_to_end(key)
        return self._open[key][0]


def _stamp(address: str) -> object:
    try:
        facts = os.stat(address)  # noqa: PTH116 - of addresses for GDAL too
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_ino, facts.st_size


OPEN = OpenRasters()


@dataclass(frozen=True)
class Frame:
    """The pixels to read: ``bounds`` in ``crs`` and the size (height, width)."""

    bounds: Bounds
    crs: CRS
    shape: tuple[int, int]

    @property
    def transform(self) -> Affine:
        """The transform of the frame's pixels."""
        west, _, _, north = self.bounds
        width, height = self.pixel
        return Affine(width, 0, west, 0, -height, north)

    @property
    def pixel(self) -> tuple[float, float]:
        """Width and height of a pixel, in units of the CRS."""
        west, south, east, north = self.bounds
        return (east - west) / self.shape[1], (north - south) / self.shape[0]

    def grown(self, pixels: int) -> Frame:
        """Return the frame with so many more pixels on each side."""
        (width, height), (west, south, east, north) = self.pixel, self.bounds
        bounds = (west - pixels * width, south - pixels * height, east + pixels * width, north + pixels * height)
        return Frame(bounds, self.crs, (self.shape[0] + 2 * pixels, self.shape[1] + 2 * pixels))


def read_frame(
    address: str, indexes: Sequence[int], frame: Frame, *, image: bool, smooth: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of bands (n, h, w) in a frame and where they hold data (h, w) bool.

    ``image``: the number 0 is nodata, as in images. ``smooth``: numbers between cells are interpolated, as of elevations.
    Raises UserError for a raster that cannot be read.
    """
    dataset = OPEN.get(address)
    t = dataset.transform
    if dataset.crs == frame.crs and not (t.b or t.d) and t.a > 0 > t.e and not smooth:
        return _read_aligned(dataset, list(indexes), frame, image)
    return _read_warped(dataset, list(indexes), frame, image, Resampling.bilinear if smooth else Resampling.nearest)


def _read_aligned(
    dataset: DatasetReader, indexes: list[int], frame: Frame, image: bool
) -> tuple[np.ndarray, np.ndarray]:
    height, width = frame.shape
    numbers = np.zeros((len(indexes), height, width), dtype=dataset.dtypes[indexes[0] - 1])
    valid = np.zeros((height, width), dtype=bool)
    west, south, east, north = frame.bounds
    (left, top), (right, bottom) = ~dataset.transform @ (west, north), ~dataset.transform @ (east, south)
    part = [max(left, 0.0), max(top, 0.0), min(right, dataset.width), min(bottom, dataset.height)]
    if part[2] - part[0] <= EDGE or part[3] - part[1] <= EDGE:
        return numbers, valid
    across, down = (right - left) / width, (bottom - top) / height
    columns = round((part[0] - left) / across), max(1, round((part[2] - left) / across))
    rows = round((part[1] - top) / down), max(1, round((part[3] - top) / down))
    shape = (max(1, rows[1] - rows[0]), max(1, columns[1] - columns[0]))
    place = (slice(rows[1] - shape[0], rows[1]), slice(columns[1] - shape[1], columns[1]))
    window = Window(part[0], part[1], part[2] - part[0], part[3] - part[1])
    # where the file does not name its nodata, an average would mix it into the rim of the data
    averages = across > 1 + EDGE and image and dataset.nodata is not None
    how = Resampling.average if averages else Resampling.nearest
    read = dataset.read(indexes, window=window, out_shape=(len(indexes), *shape), resampling=how)
    numbers[:, *place] = read
    valid[place] = _valid(dataset, indexes, read, image, window)
    return numbers, valid


def _valid(dataset: DatasetReader, indexes: list[int], read: np.ndarray, image: bool, window: Window) -> np.ndarray:
    """Return where numbers that were read, perhaps from an overview, hold data, by the rules of `io.validity`."""
    validity = Validity(dataset, tuple(indexes), zero_is_nodata=image)
    by_number = [np.isfinite(band) for band in read.astype(float)] if read.dtype.kind in "fc" else []
    by_number += [band != dataset.nodatavals[i - 1] for i, band in zip(indexes, read, strict=True)]
    valid = np.ones(read.shape[1:], dtype=bool)
    for band in by_number:
        valid &= band
    if image:
        valid &= (read != 0).any(axis=0) if validity.is_finished else (read != 0).all(axis=0)
    masks = validity.masks_at(window, read.shape[1:]) if validity.has_masks else None
    return valid if masks is None else valid & masks


def _read_warped(
    dataset: DatasetReader, indexes: list[int], frame: Frame, image: bool, resampling: Resampling
) -> tuple[np.ndarray, np.ndarray]:
    height, width = frame.shape
    nodata = dataset.nodata if dataset.nodata is not None else 0 if image else None
    options = {"crs": frame.crs, "transform": frame.transform, "width": width, "height": height}
    with WarpedVRT(dataset, resampling=resampling, src_nodata=nodata, add_alpha=True, **options) as warped:
        numbers = warped.read(indexes)
        valid = warped.read(warped.count) != 0
    if numbers.dtype.kind in "fc":
        valid &= np.isfinite(numbers).all(axis=0)
    return numbers, valid
