"""Windowed inference from file to file, in memory that depends on the image's width alone.

The image is read from top to bottom in bands one window high, each row once. The windows of a band go through the network
in batches, and their weighted answers add up in an accumulator of the band's size; the rows that no later window touches
are rounded to bytes and written. Reading, the network and writing overlap: one thread reads ahead, one writes behind. All
that is per pixel happens on the network's device.

The image that is mapped: whether the network can take it, and its rows, each read and decoded once.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import rasterio
import torch
from rasterio.windows import Window
from torch import Tensor

from lobate.errors import UserError
from lobate.io.grid import Grid
from lobate.io.mask_values import PROBABILITY_NODATA, PROBABILITY_SCALE
from lobate.io.raster import BLOCK, CogWriter, open_raster
from lobate.network.batches import BatchRunner, Network
from lobate.network.window_weights import Blend, WindowAxis, layout_windows
from lobate.progress import Progress

SENTINEL = re.compile("B[0-9][0-9A]")
"""A band's description that names a band of Sentinel-2, and not just a colour."""

MOST_ROWS = 2048
"""Rows of a block that are kept in memory; an image stored in one piece is decoded more than once instead."""

SPARE = 4 * 2**20
"""Bytes for the blocks of overviews and whatever else GDAL keeps."""

Band = tuple[np.ndarray, np.ndarray]
"""Pixels (C, h, W) uint8 and where they hold data (h, W), of a row of windows."""


@dataclass(frozen=True)
class ImageHeader:
    """An image that is to be mapped, as its file describes it; ``block_rows`` is the height of its tallest block."""

    path: Path
    grid: Grid
    dtypes: tuple[str, ...]
    descriptions: tuple[str, ...]
    block_rows: int

    @classmethod
    def read(cls, path: Path) -> ImageHeader:
        """Open the image and describe it. Raises UserError where it cannot be read."""
        with open_raster(path) as dataset:
            descriptions = tuple(text or "" for text in dataset.descriptions)
            block_rows = max(height for height, _ in dataset.block_shapes)
            return cls(path, Grid.of(dataset), tuple(dataset.dtypes), descriptions, block_rows)

    @property
    def count(self) -> int:
        """Number of bands."""
        return len(self.dtypes)

    def cache_bytes(self, layers: int) -> int:
        """Return the bytes of two rows of blocks, of the image and of a map of ``layers`` bands.

        With these no block is decoded twice, whatever the image's width.
        """
        tallest = min(self.block_rows, MOST_ROWS)
        return 2 * (self.grid.width + BLOCK) * (tallest * self.count + BLOCK * layers) + SPARE


def check_image(image: ImageHeader, *, channels: int | None, names: Sequence[str] | None) -> None:
    """Raise UserError for an image that is not uint8 or has other than ``channels`` bands.

    So does one with descriptions that name other bands than ``names``.
    """
    if set(image.dtypes) != {"uint8"}:
        raise UserError(
            f"{image.path}: the network maps 8-bit images, but this one is {image.dtypes[0]}. Make the image with "
            "`compose-rgb`, which scales reflectances to 8 bit as the training images were."
        )
    if channels not in (None, image.count):
        raise UserError(
            f"{image.path}: has {image.count} bands, but the model was trained on {channels}. Compose the image of the "
            f"bands that the model's header names{_listed(names)} (imagery.bands)."
        )
    described = list(image.descriptions)
    if names and described != list(names) and all(SENTINEL.fullmatch(text) for text in described):
        raise UserError(
            f"{image.path}: its bands are {', '.join(described)}, but the model was trained on {', '.join(names)}, in this "
            "order. Compose the image of these bands (imagery.bands)."
        )


def _listed(names: Sequence[str] | None) -> str:
    return f", {', '.join(names)}," if names else ""


def _read_bands(image: Path, rows: WindowAxis) -> Generator[Band, None, None]:
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
def read_ahead(image: Path, rows: WindowAxis) -> Iterator[Iterator[Band]]:
    """Read the bands in a thread of their own, one ahead of what is asked for; the file is closed there too."""
    bands = _read_bands(image, rows)
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


log = logging.getLogger(__name__)


PROBABILITY_LAYERS = ("probability",)
ENSEMBLE_LAYERS = ("probability", "spread")
"""Descriptions of the map's bands."""


def write_probability_map(
    network: Network,
    image: Path | ImageHeader,
    target: Path,
    *,
    window: int,
    overlap: int,
    blend: Blend = "ramp",
    batch: int | Literal["auto"] = "auto",
    channels: int | None = None,
    names: Sequence[str] | None = None,
    layers: Sequence[str] = PROBABILITY_LAYERS,
    device: str | torch.device = "cpu",
) -> None:
    """Write the network's answer to ``image`` (uint8, 0 in all bands = no data) to ``target`` (uint8 COG).

    ``target`` has a band for each of ``layers`` that the network gives, the first the probability of the landform. Windows
    of ``window`` pixels share ``overlap`` with their neighbours, ``batch`` of them go through the network at once (fewer
    when memory is short). Windows without data are skipped, pixels without data become 255. Raises UserError for an image of
    another type, of other than ``channels`` bands or of other bands than ``names``, one that cannot be read to its end, and
    a network that answers with what is no number.
    """
    header = image if isinstance(image, ImageHeader) else ImageHeader.read(image)
    check_image(header, channels=channels, names=names)
    grid = header.grid
    rows, columns = (layout_windows(size, window, overlap, blend) for size in grid.shape)
    batches = BatchRunner(network, batch, device)
    log.info(
        "Mapping %s: %d x %d pixels in %d windows of %d, batches of %d, on %s.",
        *(header.path.name, grid.height, grid.width, len(rows) * len(columns), window, batches.size, device),
    )
    with (
        torch.inference_mode(),
        rasterio.Env(GDAL_CACHEMAX=header.cache_bytes(len(layers))),
        CogWriter(target, grid, count=len(layers), nodata=PROBABILITY_NODATA, descriptions=layers) as writer,
        read_ahead(header.path, rows) as bands,
        ThreadPoolExecutor(1) as writing,
        Progress(unit="rows") as progress,
    ):
        written: deque[Future[None]] = deque()
        mapped = progress.task("rows", grid.height)
        for start, values, valid in _settled_rows(bands, batches, rows, columns, len(layers), device):
            written.append(writing.submit(_write_rows, writer, values, valid, start))
            if len(written) > 1:
                written.popleft().result()
            mapped.at(start + len(valid))
        for one in written:
            one.result()


def _settled_rows(
    bands: Iterator[Band],
    batches: BatchRunner,
    rows: WindowAxis,
    columns: WindowAxis,
    layers: int,
    device: str | torch.device,
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield first row, bytes (L, h, W) and validity (h, W) of the rows that are done, from top to bottom."""
    total = torch.zeros(layers, rows.length, columns.size, device=device)
    unique, which = np.unique(columns.weights, axis=0, return_inverse=True)
    profiles = torch.from_numpy(unique).to(device)
    for number, (band, valid) in enumerate(bands):
        weights = torch.from_numpy(rows.weights[number]).to(device)[:, None] * profiles[:, None, :]
        places = [
            (start, weights[profile])
            for start, profile in zip(columns.starts.tolist(), which.ravel().tolist(), strict=True)
            if valid[:, start : start + columns.length].any()
        ]
        _add_windows(total, torch.from_numpy(band).to(device), batches, places)
        start, stop = int(rows.starts[number]), rows.settled(number)
        done = stop - start
        yield start, _to_bytes(total[:, :done]), valid[:done]
        kept = rows.length - done
        total[:, :kept] = total[:, done:].clone()
        total[:, kept:] = 0


def _add_windows(total: Tensor, band: Tensor, batches: BatchRunner, places: list[tuple[int, Tensor]]) -> None:
    """Add the weighted answers to the windows at ``places`` (column, weight) to ``total`` (L, h, W)."""
    windows = [band[:, :, start : start + weight.shape[1]] for start, weight in places]
    for (start, weight), answer in zip(places, batches.run(windows), strict=True):
        total[:, :, start : start + weight.shape[1]].addcmul_(answer, weight)


def _to_bytes(values: Tensor) -> np.ndarray:
    if not torch.isfinite(values.sum()):  # one pass, and what is no number stays none in a sum
        raise UserError(
            "the network answers with values that are no numbers. The model file may come from a training that "
            "diverged: look at its metrics.csv, and train with a lower training.schedule.learning_rate."
        )
    return (values * PROBABILITY_SCALE).round_().clamp_(0, PROBABILITY_SCALE).to(torch.uint8).cpu().numpy()


def _write_rows(writer: CogWriter, values: np.ndarray, valid: np.ndarray, start: int) -> None:
    writer.write(np.where(valid, values, np.uint8(PROBABILITY_NODATA)), start)
