"""Windowed inference from file to file, in memory that depends on the image's width alone.

The image is read from top to bottom in bands one window high, each row once. The windows of a band go through the network
in batches, and their weighted probabilities add up in an accumulator of the band's size; the rows that no later window
touches are rounded to bytes and written. Reading, the network and writing overlap: one thread reads ahead, one writes
behind. All that is per pixel happens on the network's device.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
import torch
from rasterio.windows import Window
from torch import Tensor

from lobate.errors import Mistake
from lobate.grid import Grid
from lobate.network.windows import Axis, Blend, lay_out
from lobate.rasters import CogWriter, open_raster

log = logging.getLogger(__name__)

NODATA = 255
SCALE = 254
"""A byte is round(254 x probability), or 255 where the image has no data."""

CACHE = 48 * 2**20
"""Bytes that GDAL may keep of decoded blocks: two rows of them, of a tile's image and of its map."""

Network = Callable[[Tensor], Tensor]
"""From images (N, C, H, W) uint8 to probabilities (N, H, W), on the same device."""

Band = tuple[np.ndarray, np.ndarray]
"""Pixels (C, h, W) uint8 and where they hold data (h, W), of a row of windows."""


def probability_map(
    network: Network,
    image: Path,
    target: Path,
    *,
    window: int,
    overlap: int,
    blend: Blend = "ramp",
    batch: int = 4,
    channels: int | None = None,
    device: str | torch.device = "cpu",
) -> None:
    """Write the probability of the landform over ``image`` (uint8, 0 in all bands = no data) to ``target`` (uint8 COG).

    Windows of ``window`` pixels share ``overlap`` with their neighbours, ``batch`` of them go through the network at once
    (fewer when memory is short). Windows without data are skipped, pixels without data become 255. Raises Mistake for an
    image of another type or of other than ``channels`` bands, one that cannot be read to its end, and a network that
    answers with what is no number.
    """
    grid = _check_image(image, channels)
    rows, columns = (lay_out(size, window, overlap, blend) for size in grid.shape)
    log.info(
        "Mapping %s: %d x %d pixels in %d windows of %d, batches of %d, on %s.",
        *(Path(image).name, grid.height, grid.width, len(rows) * len(columns), window, batch, device),
    )
    with (
        torch.inference_mode(),
        rasterio.Env(GDAL_CACHEMAX=CACHE),
        CogWriter(target, grid, nodata=NODATA) as writer,
        _read_ahead(image, rows) as bands,
        ThreadPoolExecutor(1) as writing,
    ):
        written: deque[Future[None]] = deque()
        finished = _settled_rows(bands, network, rows, columns, batch, device)
        for start, values, valid in finished:
            written.append(writing.submit(_write, writer, values, valid, start))
            if len(written) > 1:
                written.popleft().result()
        for one in written:
            one.result()


def _check_image(image: Path, channels: int | None) -> Grid:
    with open_raster(image) as dataset:
        if set(dataset.dtypes) != {"uint8"}:
            raise Mistake(
                f"{image}: the network maps 8-bit images, but this one is {dataset.dtypes[0]}. Make the image with "
                "`compose-rgb`, which scales reflectances to 8 bit as the training images were."
            )
        if channels not in (None, dataset.count):
            raise Mistake(
                f"{image}: has {dataset.count} bands, but the model was trained on {channels}. Compose the image of the "
                "bands that the model's header names (imagery.bands)."
            )
        return Grid.of(dataset)


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
def _read_ahead(image: Path, rows: Axis) -> Iterator[Iterator[Band]]:
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


def _settled_rows(
    bands: Iterator[Band],
    network: Network,
    rows: Axis,
    columns: Axis,
    batch: int,
    device: str | torch.device,
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield first row, bytes (h, W) and validity (h, W) of the rows that are done, from top to bottom."""
    total = torch.zeros(rows.length, columns.size, device=device)
    profiles, which = np.unique(columns.weights, axis=0, return_inverse=True)
    profiles = torch.from_numpy(profiles).to(device)
    for number, (band, valid) in enumerate(bands):
        weights = torch.from_numpy(rows.weights[number]).to(device)[:, None] * profiles[:, None, :]
        places = [
            (start, weights[profile])
            for start, profile in zip(columns.starts.tolist(), which.ravel().tolist(), strict=True)
            if valid[:, start : start + columns.length].any()
        ]
        _add_windows(total, torch.from_numpy(band).to(device), network, places, batch)
        start, stop = int(rows.starts[number]), rows.settled(number)
        done = stop - start
        yield start, _to_bytes(total[:done]), valid[:done]
        total = total.roll(-done, 0)
        total[rows.length - done :] = 0
        if 10 * stop // rows.size > 10 * start // rows.size:
            log.info("Mapped %d %% of the rows.", 100 * stop // rows.size)


def _add_windows(total: Tensor, band: Tensor, network: Network, places: list[tuple[int, Tensor]], batch: int) -> None:
    """Add the weighted probabilities of the windows at ``places`` (column, weight) to ``total``, in even batches."""
    for some in np.array_split(np.arange(len(places)), -(-len(places) // batch) or 1):
        chosen = [places[i] for i in some]
        for (start, weight), probability in zip(chosen, _answers(network, band, chosen), strict=True):
            total[:, start : start + weight.shape[1]].addcmul_(probability, weight)


def _answers(network: Network, band: Tensor, places: list[tuple[int, Tensor]]) -> Iterator[Tensor]:
    """Yield the network's answer to each window; when memory is short, half of them at a time."""
    if not places:
        return
    images = torch.stack([band[:, :, start : start + weight.shape[1]] for start, weight in places])
    try:
        answers = network(images).float()
    except torch.OutOfMemoryError:
        if len(places) == 1:
            raise
        answers = None
    if answers is not None:
        yield from answers
        return
    log.warning("Memory is short for %d windows at once; taking half as many.", len(places))
    middle = len(places) // 2
    yield from _answers(network, band, places[:middle])
    yield from _answers(network, band, places[middle:])


def _to_bytes(probability: Tensor) -> np.ndarray:
    if not torch.isfinite(probability).all():
        raise Mistake(
            "the network answers with values that are no numbers. The model file may come from a training that "
            "diverged: look at its metrics.csv, and train with a lower training.schedule.learning_rate."
        )
    return (probability * SCALE).round_().clamp_(0, SCALE).to(torch.uint8).cpu().numpy()


def _write(writer: CogWriter, values: np.ndarray, valid: np.ndarray, start: int) -> None:
    writer.write(np.where(valid, values, np.uint8(NODATA)), start)
