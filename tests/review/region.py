"""A small region as a run leaves it: images, a DEM, detections, removed ones, hand-drawn outlines, and its configuration."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from rasterio.transform import from_origin

from lobate.io.vector import LONLAT, write_layers

UTM, LEFT, TOP, PIXEL = "EPSG:32644", 600_000.0, 3_990_000.0, 10.0
STEP = 60
"""Pixels from one landform to the next."""
MARGIN = 60
VERTICES = 143
LARGEST = 1500
"""Pixels after which the ground repeats."""
OVERVIEWS = [2, 4, 8, 16, 32]
EVIL = '<img src=x onerror="document.title=1">'
CONFIG = """\
region: demo
landform: rock glacier
imagery:
  tiles: {T44SPC: [scenes/first.tif, scenes/second.tif]}
labels:
  positives: [{path: hand.gpkg, id_field: id}]
  negatives: []
inventory:
  dem: dem.tif
  decisions: resources/demo/decisions.gpkg
"""


def outline(number: int, across: int, step: int = STEP, vertices: int = VERTICES) -> shapely.Polygon:
    """A lobe of some 300 m, in the plane's metres."""
    x = LEFT + PIXEL * (MARGIN + step * (number % across))
    y = TOP - PIXEL * (MARGIN + step * (number // across))
    turn = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    reach = 110 + 30 * np.sin(3 * turn + number) + 12 * np.cos(7 * turn + 2 * number)
    return shapely.Polygon(np.column_stack([x + reach * np.cos(turn), y + 1.4 * reach * np.sin(turn)]))


def surface(width: int, height: int) -> np.ndarray:
    """Ground with ridges of many sizes, 0 to 1, (height, width); it repeats where it is large."""
    rows, columns = np.mgrid[: min(height, LARGEST), : min(width, LARGEST)].astype("float32")
    waves = sum(
        np.sin(columns / k + np.sin(rows / (1.7 * k))) * np.cos(rows / (0.8 * k) + np.cos(columns / (2.3 * k))) * k
        for k in (5.0, 13.0, 37.0)
    )
    ground = ((waves - waves.min()) / (waves.max() - waves.min())).astype("float32")
    return np.tile(ground, (-(-height // ground.shape[0]), -(-width // ground.shape[1])))[:height, :width]


def write_raster(
    path: Path,
    bands: np.ndarray,
    *,
    crs: object = UTM,
    corner: tuple[float, float] | None = None,
    **more: object,
) -> None:
    """Write bands (count, height, width) on the region's grid, or on one whose upper left ``corner`` and CRS are another's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = bands.shape
    profile = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": bands.dtype, "crs": crs}
    place = from_origin(*(corner or (LEFT, TOP)), PIXEL, PIXEL)
    with rasterio.open(path, "w", transform=place, tiled=True, compress="deflate", **profile, **more) as raster:
        raster.write(bands)
    if max(width, height) > LARGEST:
        with rasterio.open(path, "r+") as raster:
            raster.build_overviews(OVERVIEWS)


def make_region(
    folder: Path,
    count: int = 45,
    *,
    across: int = 9,
    removed: int = 3,
    step: int = STEP,
    config: str = CONFIG,
    bare: bool = False,
) -> Path:
    """Write the region into ``folder``; return its configuration. ``bare``: with one image only, for large ones."""
    width, height = 2 * MARGIN + step * across, 2 * MARGIN + step * -(-(count + removed) // across)
    ground = surface(width, height)
    image = np.stack([np.clip(25 + 190 * tint * ground, 1, 255).astype("uint8") for tint in (1.0, 0.93, 0.82)])
    (folder / "results/demo/mapping").mkdir(parents=True)
    write_raster(folder / "results/demo/imagery/T44SPC.tif", image)
    write_raster(folder / "scenes/first.tif", image[:, :8, :8] if bare else image)
    if not bare:
        write_extras(folder, image, ground)
    shapes = [outline(number, across, step) for number in range(count + removed)]
    outlines = gpd.GeoSeries(shapes, crs=UTM).to_crs(LONLAT)
    kept = {"detection": [f"d{n:05d}" for n in range(count)], "mean": [0.4 + 0.5 * n / count for n in range(count)]}
    left = {
        "detection": [f"x{n:05d}" for n in range(removed)],
        "mean": 0.3,
        "reason": [EVIL, "area", "slope"][:removed],
    }
    layers = {
        "kept": gpd.GeoDataFrame(kept, geometry=outlines.iloc[:count].values, crs=LONLAT),
        "removed": gpd.GeoDataFrame(left, geometry=outlines.iloc[count:].values, crs=LONLAT),
    }
    write_layers(folder / "results/demo/mapping/detections.gpkg", layers)
    hand = {"id": ["h1", "h2"]}
    write_layers(
        folder / "hand.gpkg", {"hand": gpd.GeoDataFrame(hand, geometry=outlines.iloc[[0, 4]].values, crs=LONLAT)}
    )
    (folder / "config.yaml").write_text(config)
    return folder / "config.yaml"


def write_extras(folder: Path, image: np.ndarray, ground: np.ndarray) -> None:
    """Write a second date, a DEM and the map of probabilities."""
    write_raster(folder / "scenes/second.tif", np.maximum(255 - image, 1))
    write_raster(folder / "dem.tif", (4000 + 900 * ground[None]).astype("float32"))
    probability = np.clip(254 * ground[None], 0, 254).astype("uint8")
    write_raster(folder / "results/demo/mapping/T44SPC_probability.tif", probability, nodata=255)


@dataclass
class Server:
    """A review that runs in a process of its own."""

    folder: Path
    process: subprocess.Popen = field(repr=False)
    address: str

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait()

    @property
    def port(self) -> int:
        return int(re.search(r":(\d+)/", self.address).group(1))


def start(
    folder: Path, *options: str, config: Sequence[str] = ("config.yaml",), environment: Mapping[str, str] | None = None
) -> Server:
    """Start `lobate review` on the region; raises AssertionError with its words if it ends before it listens."""
    command = [sys.executable, "-m", "lobate", "review", *config, "--no-browser", *options]
    path = os.pathsep.join(one for one in sys.path if one)
    environment = {**os.environ, "PYTHONPATH": path, "OMP_WAIT_POLICY": "PASSIVE", **(environment or {})}
    with (folder / "server.log").open("w") as errors:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    told = []
    for line in process.stdout:
        told.append(line)
        if found := re.search(r"http://\S+token=\S+", line):
            return Server(folder, process, found.group())
    raise AssertionError("".join(told) + (folder / "server.log").read_text())


@contextmanager
def running(folder: Path, *options: str, **started: Any) -> Iterator[Server]:
    """A review that ends with the block; ``started`` is what ``start`` takes besides."""
    server = start(folder, *options, **started)
    try:
        yield server
    finally:
        server.kill()


def rows(server: Server) -> dict[str, str]:
    """What the decisions file of a review says of each detection, by its id."""
    with contextlib.closing(sqlite3.connect(server.folder / "resources/demo/decisions.gpkg")) as file:
        return dict(file.execute("SELECT detection, status FROM review WHERE detection IS NOT NULL"))
