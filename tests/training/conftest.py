"""A small made-up training set: reddish discs on grey noise, as patches of two tiles with their split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import box

from lobate.io.vector import write_layers
from lobate.settings.training import Network, Schedule

SIDE = 64
TILES = ["A", "B"]
NETWORK = Network(backbone="mobilenetv2_100", weights="none", aspp_channels=32, low_level_channels=8)
SCHEDULE = Schedule(
    iterations=6,
    batch=2,
    crop=SIDE,
    learning_rate=0.05,
    batch_norm="trained",
    scales=[0.75, 1.0, 1.25],
    evaluate_every=2,
)


def disc_patch(random: np.random.Generator, *, landform: bool) -> np.ndarray:
    """A patch (SIDE, SIDE, 4): image and label; the disc is where red stands out."""
    patch = random.integers(60, 140, (SIDE, SIDE, 4), dtype=np.uint8)
    rows, columns = np.ogrid[:SIDE, :SIDE]
    row, column = random.integers(16, SIDE - 16, 2)
    disc = ((rows - row) ** 2 + (columns - column) ** 2 < 14**2) & landform
    patch[..., 0] += np.where(disc, 90, 0).astype(np.uint8)
    patch[..., 3] = disc
    return patch


@dataclass(frozen=True)
class TrainCall:
    """Paths and settings of one call of `train`."""

    folder: Path
    patches: tuple[Path, ...]
    split: Path
    mined: tuple[Path, ...] = ()
    network: Network = NETWORK
    schedule: Schedule = SCHEDULE
    augment: tuple[str, ...] = ("flip", "rotate", "blur")
    round: int = 1
    seed: int = 5

    def with_options(self, **changes: object) -> TrainCall:
        """The same call with other values; those of the schedule by their own names."""
        inner = {name: value for name, value in changes.items() if name in Schedule.model_fields}
        outer = {name: value for name, value in changes.items() if name not in inner}
        return replace(self, schedule=self.schedule.model_copy(update=inner), **outer)

    def train(self, name: str) -> dict[str, Path]:
        """Run the verb into a folder and return its outputs by name."""
        from lobate.training.train import train

        out = self.folder / name
        out.mkdir()
        files = {
            "model": "model.safetensors",
            "metrics": "metrics.csv",
            "verdict": "verdict.json",
            "events": "e.tfevents",
        }
        outputs = {output: out / file for output, file in files.items()}
        train(
            list(self.patches),
            self.split,
            **outputs,
            mined=list(self.mined),
            tiles=TILES,
            round=self.round,
            network=self.network,
            schedule=self.schedule,
            augment=list(self.augment),
            seed=self.seed,
        )
        return outputs


def write_split(path: Path, sides: dict[str, list[str]], **columns: list) -> Path:
    """Write a split; ``sides`` holds the side of each row of each tile."""
    rows = [
        {
            "tile": tile,
            "row": row,
            "height": SIDE,
            "width": SIDE,
            "group": f"{tile}{row}",
            "side": side,
            "geometry": box(row, 0, row + 0.5, 1),
        }
        for tile, row_sides in sides.items()
        for row, side in enumerate(row_sides)
    ]
    frame = gpd.GeoDataFrame(rows, crs="EPSG:4326").assign(**columns)
    write_layers(path, {"split": frame})
    return path


@pytest.fixture
def split_writer() -> Callable[..., Path]:
    """The function that writes a split: path, sides of each row by tile, columns to add or to replace."""
    return write_split


@pytest.fixture
def train_call(tmp_path: Path) -> TrainCall:
    """Two tiles with five patches each, of which the last of each validates."""
    random = np.random.default_rng(0)
    paths = []
    for tile in TILES:
        paths.append(tmp_path / f"{tile}.npy")
        np.save(paths[-1], np.stack([disc_patch(random, landform=row != 1) for row in range(5)]))
    sides = {tile: ["training"] * 4 + ["validation"] for tile in TILES}
    return TrainCall(tmp_path, tuple(paths), write_split(tmp_path / "split.gpkg", sides))


@pytest.fixture
def long(train_call: TrainCall) -> TrainCall:
    """A training that learns, as `test_it_learns` holds."""
    return train_call.with_options(iterations=80, evaluate_every=40, batch=4, learning_rate=0.2, scales=[1.0])
