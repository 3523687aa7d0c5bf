"""Windowed inference from file to file, in memory that depends on the image's width alone.

The image is read from top to bottom in bands one window high, each row once. The windows of a band go through the network
in batches, and their weighted answers add up in an accumulator of the band's size; the rows that no later window touches
are rounded to bytes and written. Reading, the network and writing overlap: one thread reads ahead, one writes behind. All
that is per pixel happens on the network's device.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import rasterio
import torch
from torch import Tensor

from lobate.errors import Mistake
from lobate.network.batches import Batches, Network
from lobate.network.progress import Progress
from lobate.network.source import Band, check_image, read_ahead
from lobate.network.windows import Axis, Blend, lay_out
from lobate.rasters import CogWriter

log = logging.getLogger(__name__)

NODATA = 255
SCALE = 254
"""A byte is round(254 x value), or 255 where the image has no data."""

PROBABILITY = ("probability",)
SPREAD = ("probability", "spread")
"""Descriptions of the map's bands."""


def probability_map(
    network: Network,
    image: Path,
    target: Path,
    *,
    window: int,
    overlap: int,
    blend: Blend = "ramp",
    batch: int | Literal["auto"] = "auto",
    channels: int | None = None,
    names: Sequence[str] | None = None,
    layers: Sequence[str] = PROBABILITY,
    device: str | torch.device = "cpu",
) -> None:
    """Write the network's answer to ``image`` (uint8, 0 in all bands = no data) to ``target`` (uint8 COG).

    ``target`` has a band for each of ``layers`` that the network gives, the first the probability of the landform. Windows
    of ``window`` pixels share ``overlap`` with their neighbours, ``batch`` of them go through the network at once (fewer
    when memory is short). Windows without data are skipped, pixels without data become 255. Raises Mistake for an image of
    another type, of other than ``channels`` bands or of other bands than ``names``, one that cannot be read to its end, and
    a network that answers with what is no number.
    """
    grid, cache = check_image(image, channels=channels, names=names, layers=len(layers))
    rows, columns = (lay_out(size, window, overlap, blend) for size in grid.shape)
    batches = Batches(network, batch, device)
    log.info(
        "Mapping %s: %d x %d pixels in %d windows of %d, batches of %d, on %s.",
        *(Path(image).name, grid.height, grid.width, len(rows) * len(columns), window, batches.size, device),
    )
    with (
        torch.inference_mode(),
        rasterio.Env(GDAL_CACHEMAX=cache),
        CogWriter(target, grid, count=len(layers), nodata=NODATA, descriptions=layers) as writer,
        read_ahead(image, rows) as bands,
        ThreadPoolExecutor(1) as writing,
        Progress(grid.height, "rows") as progress,
    ):
        written: deque[Future[None]] = deque()
        for start, values, valid in _settled_rows(bands, batches, rows, columns, len(layers), device):
            written.append(writing.submit(_write, writer, values, valid, start))
            if len(written) > 1:
                written.popleft().result()
            progress.at(start + len(valid))
        for one in written:
            one.result()


def _settled_rows(
    bands: Iterator[Band], batches: Batches, rows: Axis, columns: Axis, layers: int, device: str | torch.device
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield first row, bytes (L, h, W) and validity (h, W) of the rows that are done, from top to bottom."""
    total = torch.zeros(layers, rows.length, columns.size, device=device)
    profiles, which = np.unique(columns.weights, axis=0, return_inverse=True)
    profiles = torch.from_numpy(profiles).to(device)
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


def _add_windows(total: Tensor, band: Tensor, batches: Batches, places: list[tuple[int, Tensor]]) -> None:
    """Add the weighted answers to the windows at ``places`` (column, weight) to ``total`` (L, h, W)."""
    windows = [band[:, :, start : start + weight.shape[1]] for start, weight in places]
    for (start, weight), answer in zip(places, batches.answers(windows), strict=True):
        total[:, :, start : start + weight.shape[1]].addcmul_(answer, weight)


def _to_bytes(values: Tensor) -> np.ndarray:
    if not torch.isfinite(values.sum()):  # one pass, and what is no number stays none in a sum
        raise Mistake(
            "the network answers with values that are no numbers. The model file may come from a training that "
            "diverged: look at its metrics.csv, and train with a lower training.schedule.learning_rate."
        )
    return (values * SCALE).round_().clamp_(0, SCALE).to(torch.uint8).cpu().numpy()


def _write(writer: CogWriter, values: np.ndarray, valid: np.ndarray, start: int) -> None:
    writer.write(np.where(valid, values, np.uint8(NODATA)), start)
