"""A small finished map with a known truth, and people who answer by it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS
from rasterio.features import rasterize

from lobate.io.grid import LONLAT, Grid
from lobate.io.raster import CogWriter
from lobate.io.vector import read_layer, write_layers
from lobate.mapping.accuracy.draw import MapFiles, SampleSizes, SamplingFrame, draw_sample
from lobate.mapping.accuracy.frozen import FrozenSample
from lobate.mapping.accuracy.response import second_look_units, write_response
from lobate.mapping.accuracy.squares import markers
from lobate.mapping.accuracy.strata import MappedGround

EPSG, LEFT, TOP = 32644, 500_000.0, 4_000_000.0
SIZES = SampleSizes(12, (40, 60, 200), 8)


@dataclass(frozen=True)
class MadeMap:
    """The files of a map, the frame to draw from, and the true landforms (EPSG:4326)."""

    folder: Path
    files: MapFiles
    truth: gpd.GeoSeries

    @property
    def frame(self) -> SamplingFrame:
        return SamplingFrame.of(MappedGround.read(self.files.detections, self.files.probabilities))

    def draw(self, sizes: SampleSizes = SIZES, seed: int = 0) -> FrozenSample:
        """Return a sample of this map."""
        words = {"region": "made", "landform": "rock glacier", "imagery": "Pleiades 0.5 m, 2021"}
        return draw_sample(self.frame, sizes, seed=seed, files=self.files, **words)


def discs(count: int, seed: int, radius: tuple[float, float]) -> list[shapely.Polygon]:
    """Return discs in the world's CRS that keep apart."""
    rng = np.random.default_rng(seed)
    places = [(column, row) for column in range(10) for row in range(6)]
    chosen = rng.permutation(len(places))[:count]
    return [
        shapely.Point(LEFT + 300 + 500 * places[n][0], TOP - 300 - 500 * places[n][1]).buffer(rng.uniform(*radius))
        for n in chosen
    ]


def write_map(folder: Path) -> MadeMap:
    """Write a map of 30 landforms on two tiles that overlap: 26 are detected, and four things that are none."""
    shapes = discs(36, 1, (90, 180))
    truth, wrong, removed = shapes[:30], shapes[30:34], shapes[34:]
    detected = [shape.buffer(10) for shape in truth[:26]] + wrong
    kept = gpd.GeoDataFrame(
        {
            "detection": [f"d{number:05d}" for number in range(len(detected))],
            "mean": np.linspace(0.5, 0.95, len(detected)),
            "area_m2": [shape.area for shape in detected],
        },
        geometry=detected,
        crs=EPSG,
    ).to_crs(LONLAT)
    left_out = gpd.GeoDataFrame({"detection": ["d9"] * 2, "reason": "too small"}, geometry=removed, crs=EPSG)
    write_layers(folder / "detections.gpkg", {"kept": kept, "removed": left_out.to_crs(LONLAT)})
    paths = [_write_tile(folder, name, left, detected, truth) for name, left in (("T1", LEFT), ("T2", LEFT + 2000))]
    return MadeMap(folder, MapFiles(folder / "detections.gpkg", paths), gpd.GeoSeries(truth, crs=EPSG).to_crs(LONLAT))


def _write_tile(folder: Path, name: str, left: float, detected: list, truth: list) -> Path:
    grid = Grid(320, 320, Affine(10, 0, left, 0, -10, TOP), CRS.from_epsg(EPSG))
    burnt = [
        rasterize(shapes, out_shape=grid.shape, transform=grid.transform, dtype="uint8") for shapes in (detected, truth)
    ]
    levels = np.maximum(burnt[0] * 200, burnt[1] * 60).astype("uint8")
    levels[:7, :50] = 255
    path = folder / f"{name}_probability.tif"
    with CogWriter(path, grid, nodata=255) as writer:
        writer.write(levels, 0)
    return path


@pytest.fixture(scope="session")
def made_map(tmp_path_factory: pytest.TempPathFactory) -> MadeMap:
    return write_map(tmp_path_factory.mktemp("map"))


@pytest.fixture(scope="session")
def sample(made_map: MadeMap) -> FrozenSample:
    return made_map.draw()


def empty_response(path: Path, sample: FrozenSample, *, second: bool = False) -> Path:
    """Write the file that people answer in, as `lobate sample` does."""
    write_response(path, sample, *(second_look_units(sample) if second else (sample.places, sample.squares)))
    return path


def read_response(path: Path) -> dict[str, gpd.GeoDataFrame]:
    return {name: read_layer(path, name) for name in ("places", "squares", "landforms")}


def answer(path: Path, truth: gpd.GeoSeries, reviewer: str = "first", **changes: object) -> Path:
    """Fill in a response by the truth; ``changes``: layer -> function that changes its frame before it is saved."""
    layers = read_response(path)
    everything = truth.union_all()
    layers["places"]["answer"] = np.where(layers["places"].intersects(everything), "yes", "no")
    layers["squares"]["answer"] = "done"
    in_square = gpd.GeoSeries(markers(truth), crs=LONLAT).intersects(layers["squares"].union_all())
    drawn = truth[in_square.to_numpy()]
    fields = {"answer": [None] * len(drawn), "reviewer": [reviewer] * len(drawn), "remark": [None] * len(drawn)}
    layers["landforms"] = gpd.GeoDataFrame(fields, geometry=list(drawn), crs=LONLAT)
    for layer, frame in layers.items():
        frame["reviewer"] = reviewer
        if layer in changes:
            layers[layer] = changes[layer](frame)
    write_layers(path, layers, points=("places",))
    return path
