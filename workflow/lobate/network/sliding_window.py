"""Sliding-window inference from file to file, in memory that depends on the image's width alone.

The image is read from top to bottom in bands of rows one window high, each row once. The windows of a band go through the
network in batches, and their weighted values add up in an accumulator of the band's size. Rows that no later window touches
are rounded to bytes and written. One thread reads ahead and one writes behind the network. All work on pixels happens on
the network's device.
"""

from __future__ import annotations

import logging
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
from lobate.io.image_bands import ImageBands
from lobate.io.mask_values import PROBABILITY_NODATA, PROBABILITY_SCALE
from lobate.io.raster import BLOCK, CogWriter, open_raster
from lobate.io.validity import Validity
from lobate.network.batches import BatchRunner, Network
from lobate.network.window_weights import Blend, WindowAxis, layout_windows
from lobate.progress import Progress

log = logging.getLogger(__name__)

PROBABILITY_LAYERS = ("probability",)
ENSEMBLE_LAYERS = ("probability", "spread")
"""Descriptions of the map's bands, by one model and by several."""

MAX_BLOCK_ROWS = 2048
"""Tallest block that is cached whole; an image stored as one block is decoded more than once instead."""

SPARE_BYTES = 4 * 2**20
"""Cache for blocks of overviews and other data of GDAL."""

RowBand = tuple[np.ndarray, np.ndarray]
"""Pixels (C, h, W) uint8 of a row of windows, and where they hold data (h, W)."""


@dataclass(frozen=True)
class ImageHeader:
    """Grid, types and bands of an image to be mapped; ``block_rows`` is the height of its tallest block."""

    path: Path
    grid: Grid
    dtypes: tuple[str, ...]
    bands: ImageBands
    block_rows: int

    @classmethod
    def read(cls, path: Path) -> ImageHeader:
        """Read the header of an image. Raises UserError where it cannot be opened, or contradicts itself."""
        with open_raster(path) as dataset:
            bands = ImageBands.read(dataset, path)
            block_rows = max(height for height, _ in dataset.block_shapes)
            dtypes = tuple(dataset.dtypes[index - 1] for index in bands.usable)
            return cls(path, Grid.from_raster(dataset), dtypes, bands, block_rows)

    @property
    def count(self) -> int:
        """Number of bands, without alpha."""
        return len(self.dtypes)

    def cache_bytes(self, layers: int) -> int:
        """Return the bytes of two rows of blocks, of the image and of a map of ``layers`` bands.

        A cache of this size decodes no block twice, whatever the image's width.
        """
        tallest = min(self.block_rows, MAX_BLOCK_ROWS)
        return 2 * (self.grid.width + BLOCK) * (tallest * self.count + BLOCK * layers) + SPARE_BYTES


def check_image(image: ImageHeader, *, channels: int | None, names: Sequence[str] | None) -> None:
    """Raise UserError for an image that is not uint8, or has not ``channels`` bands.

    Bands that the image names must be those of ``names``, the model's, in this order.
    """
    if set(image.dtypes) != {"uint8"}:
        raise UserError(
            f"{image.path}: the network maps 8-bit images, but this one is {image.dtypes[0]}. Make the image with "
            "`compose-rgb`, which scales reflectances to 8 bit as the training images were."
        )
    if channels not in (None, image.count):
        raise UserError(
            f"{image.path}: has {image.count} bands, but the model was trained on {channels}. Compose the image of the "
            f"bands that the model's header names{_list_names(names)} (imagery.bands)."
        )
    if names and not image.bands.fit(names):
        raise UserError(
            f"{image.path}: its bands are {', '.join(name or 'unknown' for name in image.bands.names)}, but the model was trained "
            f"on {', '.join(names)}, in this order. Compose the image of these bands (imagery.bands)."
        )


def _list_names(names: Sequence[str] | None) -> str:
    return f", {', '.join(names)}," if names else ""


def _read_bands(image: Path, rows: WindowAxis) -> Generator[RowBand, None, None]:
    """Yield a band of rows for each row of windows; the rows that neighbours share are copied, not read again."""
    with open_raster(image) as dataset:
        validity = Validity.of_image(dataset)
        shape = len(validity.bands), rows.length, dataset.width
        band, valid, read_rows = np.empty(shape, np.uint8), np.empty(shape[1:], bool), 0
        for start in rows.starts:
            shared = max(0, read_rows - start)
            next_band, next_valid = np.empty_like(band), np.empty_like(valid)
            next_band[:, :shared], next_valid[:shared] = band[:, rows.length - shared :], valid[rows.length - shared :]
            window = Window(0, start + shared, dataset.width, rows.length - shared)
            dataset.read(indexes=validity.bands, out=next_band[:, shared:], window=window)
            next_valid[shared:] = validity.clear(next_band[:, shared:], window)
            band, valid, read_rows = next_band, next_valid, start + rows.length
            yield band, valid


@contextmanager
def read_ahead(image: Path, rows: WindowAxis) -> Iterator[Iterator[RowBand]]:
    """Give the bands of rows, read by a thread of its own that stays one band ahead and closes the file."""
    bands = _read_bands(image, rows)
    with ThreadPoolExecutor(1) as reading:
        try:
            yield _prefetch(reading, bands)
        finally:
            reading.submit(bands.close).result()


def _prefetch(reading: ThreadPoolExecutor, bands: Iterator[RowBand]) -> Iterator[RowBand]:
    next_band = reading.submit(next, bands, None)
    while (band := next_band.result()) is not None:
        next_band = reading.submit(next, bands, None)
        yield band


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
    """Map ``image`` (uint8, 0 in all bands = no data) with the network and write the map to ``target`` (uint8 COG).

    ``target`` has a band for each of the network's ``layers``, the first the probability of the landform. Windows of
    ``window`` pixels share ``overlap`` with their neighbours; ``batch`` of them go through the network at once, fewer when
    memory is short. Windows without data are skipped, and pixels without data become 255.

    Raises UserError for an image that does not pass :func:`check_image` or is truncated, and for a network that gives
    values that are not numbers.
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
        writes: deque[Future[None]] = deque()
        mapped = progress.task("rows", grid.height)
        for start, values, valid in _finished_rows(bands, batches, rows, columns, len(layers), device):
            writes.append(writing.submit(_write_rows, writer, values, valid, start))
            if len(writes) > 1:
                writes.popleft().result()
            mapped.update(start + len(valid))
        for write in writes:
            write.result()


Part = tuple[int, int, int, int]
"""First row, first column, height and width of a part of an image."""


@torch.inference_mode()
def map_parts(
    network: Network,
    image: Path,
    parts: Sequence[Part],
    *,
    window: int,
    overlap: int,
    blend: Blend = "ramp",
    batch: int | Literal["auto"] = "auto",
    channels: int | None = None,
    device: str | torch.device = "cpu",
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield rows of the map of ``image`` as `write_probability_map` makes it, but only where ``parts`` lie.

    Each time: the first row, levels of probability (h, W) uint8, and which pixels have data and lie in a part (h, W). Other
    pixels have no meaning. Windows without such a pixel are skipped. Raises UserError as `write_probability_map` does.
    """
    header = ImageHeader.read(image)
    check_image(header, channels=channels, names=None)
    rows, columns = (layout_windows(size, window, overlap, blend) for size in header.grid.shape)
    with rasterio.Env(GDAL_CACHEMAX=header.cache_bytes(1)), read_ahead(image, rows) as bands:
        inside = (
            (band, valid & _inside(start, valid.shape, parts))
            for start, (band, valid) in zip(rows.starts, bands, strict=True)
        )
        for start, values, valid in _finished_rows(
            inside, BatchRunner(network, batch, device), rows, columns, 1, device
        ):
            yield start, values[0], valid


def _inside(start: int, shape: tuple[int, ...], parts: Sequence[Part]) -> np.ndarray:
    """Return which pixels of a band from row ``start`` on lie in a part."""
    inside = np.zeros(shape, dtype=bool)
    for row, column, height, width in parts:
        inside[max(0, row - start) : max(0, row + height - start), column : column + width] = True
    return inside


def _finished_rows(
    bands: Iterator[RowBand],
    batches: BatchRunner,
    rows: WindowAxis,
    columns: WindowAxis,
    layers: int,
    device: str | torch.device,
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield first row, bytes (L, h, W) and validity (h, W) of finished rows, from top to bottom."""
    total = torch.zeros(layers, rows.length, columns.size, device=device)
    unique, profile_of = np.unique(columns.weights, axis=0, return_inverse=True)
    profiles = torch.from_numpy(unique).to(device)
    for number, (band, valid) in enumerate(bands):
        weights = torch.from_numpy(rows.weights[number]).to(device)[:, None] * profiles[:, None, :]
        windows = [
            (start, weights[profile])
            for start, profile in zip(columns.starts.tolist(), profile_of.ravel().tolist(), strict=True)
            if valid[:, start : start + columns.length].any()
        ]
        _add_windows(total, torch.from_numpy(band).to(device), batches, windows)
        start, stop = int(rows.starts[number]), rows.settled(number)
        finished = stop - start
        yield start, _to_bytes(total[:, :finished]), valid[:finished]
        unfinished = rows.length - finished
        total[:, :unfinished] = total[:, finished:].clone()
        total[:, unfinished:] = 0


def _add_windows(total: Tensor, band: Tensor, batches: BatchRunner, windows: list[tuple[int, Tensor]]) -> None:
    """Add the weighted values of ``windows`` (first column, weights) to ``total`` (L, h, W)."""
    images = [band[:, :, start : start + weight.shape[1]] for start, weight in windows]
    for (start, weight), values in zip(windows, batches.run(images), strict=True):
        total[:, :, start : start + weight.shape[1]].addcmul_(values, weight)


def _to_bytes(values: Tensor) -> np.ndarray:
    if not torch.isfinite(values.sum()):  # one pass: a sum with a NaN is NaN
        raise UserError(
            "the network gives values that are not numbers. The model file may come from a training that "
            "diverged: look at its metrics.csv, and train with a lower training.schedule.learning_rate."
        )
    return (values * PROBABILITY_SCALE).round_().clamp_(0, PROBABILITY_SCALE).to(torch.uint8).cpu().numpy()


def _write_rows(writer: CogWriter, values: np.ndarray, valid: np.ndarray, start: int) -> None:
    writer.write(np.where(valid, values, np.uint8(PROBABILITY_NODATA)), start)
