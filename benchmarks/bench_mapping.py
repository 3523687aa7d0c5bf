"""predict against its network alone, against plain input and output, and what memory it takes."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
import torch
from affine import Affine
from rasterio.crs import CRS
from torch import Tensor

from benchmarks.figures import Figure, measures, peak_mb, ratio, seconds
from lobate.io.grid import Grid
from lobate.io.raster import CogWriter
from lobate.network.deeplab import build, landform_probability
from lobate.network.inference_graph import fuse_batch_norms
from lobate.network.sliding_window import write_probability_map
from lobate.network.window_weights import layout_windows
from lobate.settings.mapping import Predict
from lobate.settings.training import Network

TILE = 10980
MODERATE = 2720  # 64 windows
WINDOW, OVERLAP = Predict().window, Predict().overlap
ROUNDS = 3


def make_image(path: Path, height: int, width: int) -> Path:
    """Write an 8-bit image of hills and noise, a band of rows at a time."""
    grid = Grid(height, width, Affine(10, 0, 5e5, 0, -10, 4e6), CRS.from_epsg(32644))
    random = np.random.default_rng(0)
    hills = np.cumsum(random.normal(0, 2, (3, 512, width)), axis=2) % 200
    rows = (hills + random.integers(20, 50, hills.shape)).astype(np.uint8)
    with CogWriter(path, grid, count=3, nodata=0, photometric_rgb=True) as writer:
        for start in range(0, height, 512):
            writer.write(np.roll(rows, start // 16, axis=2)[:, : height - start], start)
    return path


def at_once(images: Tensor) -> Tensor:
    """Return an answer that costs nothing but is not all alike."""
    return images[:, 0].float() / 255


@measures
def predict_vs_bare(folder: Path) -> dict[str, Figure]:
    """From file to file against the network on the same windows in memory, DeepLabv3+ on MobileNetV2."""
    image, target = make_image(folder / "image.tif", MODERATE, MODERATE), folder / "map.tif"
    model = build(Network(backbone="mobilenetv2_100", weights="none")).eval()
    windows = cut(image)
    lean, plain = landform_probability(fuse_batch_norms(model)), landform_probability(model)
    lean_batch, batch = (best_batch(one, windows[:4]) for one in (lean, plain))
    works = {
        "predict": lambda: write_probability_map(lean, image, target, window=WINDOW, overlap=OVERLAP),
        "lean": bare(lean, windows, lean_batch),
        "plain": bare(plain, windows, batch),
    }
    took = [{name: seconds(works[name]) for name in sorted(works, reverse=n % 2)} for n in range(ROUNDS)]
    share = {name: statistics.median(one[name] / one["predict"] for one in took) for name in ("lean", "plain")}
    what = f"throughput of predict, read, cut, network, blend and write, on {len(windows)} windows of {WINDOW}"
    return {
        "predict_vs_bare": Figure(
            *(share["lean"], "ratio", what),
            f"the same network, batch norms folded, channels-last, its best batch ({lean_batch}), in memory; >= 0.95",
        ),
        "predict_vs_plain_network": Figure(
            share["plain"], "ratio", what, f"the network as trained, channels-last, its best batch ({batch}), in memory"
        ),
    }


def cut(image: Path) -> list[Tensor]:
    """Return the windows of an image as predict lays them, (3, h, w) uint8."""
    with rasterio.open(image) as dataset:
        pixels = torch.from_numpy(dataset.read())
    rows, columns = (layout_windows(size, WINDOW, OVERLAP) for size in pixels.shape[1:])
    return [
        pixels[:, row : row + rows.length, column : column + columns.length]
        for row in rows.starts
        for column in columns.starts
    ]


def bare(network: Callable[[Tensor], Tensor], windows: list[Tensor], batch: int) -> Callable[[], None]:
    """Return what runs nothing but the network over ``windows``."""

    @torch.inference_mode()
    def work() -> None:
        for start in range(0, len(windows), batch):
            network(torch.stack(windows[start : start + batch]))

    return work


def best_batch(network: Callable[[Tensor], Tensor], windows: list[Tensor]) -> int:
    """Return the batch of 1, 2 and 4 at which the network is fastest, tried in turn."""
    took = [{size: seconds(bare(network, windows, size)) for size in (1, 2, 4)} for _ in range(4)]
    return min((1, 2, 4), key=lambda size: min(one[size] for one in took))


@measures
def predict_streaming(folder: Path) -> dict[str, Figure]:
    """What predict costs beside the network: time over plain input and output, and memory, on a whole tile."""
    image, target = make_image(folder / "image.tif", TILE, TILE), folder / "map.tif"
    overhead = ratio(
        lambda: write_probability_map(at_once, image, target, window=WINDOW, overlap=OVERLAP),
        lambda: plainly(image, target),
        pairs=3,
    )
    once = stream_peak(image, target)
    high = make_image(folder / "high.tif", 2 * TILE, TILE)
    twice = stream_peak(high, target)
    size = f"{TILE} x {TILE}"
    what = "memory of predict beyond the process before it, with a network that answers at once"
    return {
        "predict_overhead_vs_io": Figure(
            overhead, "ratio", f"{size} end to end, network that answers at once", "reading it, writing one band; <= 2"
        ),
        "predict_peak_mb": Figure(once, "MB", f"{what}, {size}", "< 300"),
        "predict_peak_mb_twice_as_high": Figure(twice, "MB", f"{what}, twice as high", "as predict_peak_mb"),
    }


def plainly(image: Path, target: Path) -> None:
    """Read all of an image and write one of its bands as a COG, as one would without thinking of memory."""
    with rasterio.open(image) as dataset:
        pixels, profile = dataset.read(), dataset.profile
    options = {"driver": "COG", "crs": profile["crs"], "transform": profile["transform"], "dtype": "uint8", "count": 1}
    with rasterio.open(
        target,
        "w",
        **options,
        height=profile["height"],
        width=profile["width"],
        compress="DEFLATE",
        predictor="YES",
        blocksize=512,
        num_threads="ALL_CPUS",
    ) as dataset:
        dataset.write(pixels[0], 1)


def stream_peak(image: Path, target: Path) -> float:
    """Return the growth of a process that maps ``image`` with a network that answers at once."""
    before = """
from pathlib import Path
from benchmarks.bench_mapping import at_once, probability_map
import torch
at_once(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))
"""
    where = f"Path({str(image)!r}), Path({str(target)!r})"
    return peak_mb(before, f"probability_map(at_once, {where}, window={WINDOW}, overlap={OVERLAP})")
