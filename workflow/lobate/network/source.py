"""The image that is mapped: whether the network can take it, and its rows, each read and decoded once."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rasterio.io import DatasetReader
from rasterio.windows import Window

from lobate.errors import Mistake
from lobate.grid import Grid
from lobate.network.windows import Axis
from lobate.rasters import BLOCK, open_raster

SENTINEL = re.compile("B[0-9][0-9A]")
"""A band's description that names a band of Sentinel-2, and not just a colour."""

MOST_ROWS = 2048
"""Rows of a block that are kept in memory; an image stored in one piece is decoded more than once instead."""

SPARE = 4 * 2**20
"""Bytes for the blocks of overviews and whatever else GDAL keeps."""

Band = tuple[np.ndarray, np.ndarray]
"""Pixels (C, h, W) uint8 and where they hold data (h, W), of a row of windows."""


def check_image(image: Path, *, channels: int | None, names: Sequence[str] | None, layers: int) -> tuple[Grid, int]:
    """Return the image's grid, and how many bytes GDAL may keep of decoded blocks while ``layers`` are written.

    Raises Mistake for an image that is not uint8, has other than ``channels`` bands, or says itself that they are others
    than ``names``.
    """
    with open_raster(image) as dataset:
        if set(dataset.dtypes) != {"uint8"}:
            raise Mistake(
                f"{image}: the network maps 8-bit images, but this one is {dataset.dtypes[0]}. Make the image with "
                "`compose-rgb`, which scales reflectances to 8 bit as the training images were."
            )
        if channels not in (None, dataset.count):
            raise Mistake(
                f"{image}: has {dataset.count} bands, but the model was trained on {channels}. Compose the image of the "
                f"bands that the model's header names{_listed(names)} (imagery.bands)."
            )
        described = [text or "" for text in dataset.descriptions]
        if names and described != list(names) and all(SENTINEL.fullmatch(text) for text in described):
            raise Mistake(
                f"{image}: its bands are {', '.join(described)}, but the model was trained on {', '.join(names)}, in this "
                "order. Compose the image of these bands (imagery.bands)."
            )
        return Grid.of(dataset), _cache(dataset, layers)


def _listed(names: Sequence[str] | None) -> str:
    return f", {', '.join(names)}," if names else ""


def _cache(dataset: DatasetReader, layers: int) -> int:
    """Return the bytes of two rows of blocks, of the image and of the map: so none is decoded twice, whatever its width."""
    tallest = min(max(height for height, _ in dataset.block_shapes), MOST_ROWS)
    return 2 * (dataset.width + BLOCK) * (tallest * dataset.count + BLOCK * layers) + SPARE


def _bands(image: Path, rows: Axis) -> Generator[Band, None, None]:
    """Yield a band for each row of windows; what neighbours share is kept, not read again."""
    with open_raster(image) as dataset:
        band = np.empty((dataset.count, rows.length, dataset.width), np.uint8)
        read = 0
        for start in rows.starts:
            kept = max(0, read - start)
            fresh = np.empty_like(band)
            fresh[:, :kept] = band[:, rows.length - kept :]
            window = Window(0, start + kept, dataset.width, rows.length - kept)
            dataset.read(out=fresh[:, kept:], window=window)
            band, read = fresh, start + rows.length
            yield band, np.bitwise_or.reduce(band) > 0


@contextmanager
def read_ahead(image: Path, rows: Axis) -> Iterator[Iterator[Band]]:
    """Read the bands in a thread of their own, one ahead of what is asked for; the file is closed there too."""
    bands = _bands(image, rows)
    with ThreadPoolExecutor(1) as reading:
        try:
            yield _ahead(reading, bands)
        finally:
            reading.submit(bands.close).result()


def _ahead(reading: ThreadPoolExecutor, bands: Iterator[Band]) -> Iterator[Band]:
    upcoming = reading.submit(next, bands, None)
    while (band := upcoming.result()) is not None:
        upcoming = reading.submit(next, bands, None)
        yield band
