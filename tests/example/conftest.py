"""A tiny synthetic world, made once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from lobate.example.make_example import make_example
from lobate.example.product import ProductName, WorldLayout, make_layout
from lobate.example.scenario import Scenario, generate
from lobate.settings.example import Example

SCENES = [
    "S2A_MSIL2A_20180711T051651_N0208_R062_T44SPC_20180711T081241.SAFE",
    "S2B_MSIL2A_20180802T050659_N0500_R019_T44SPC_20230802T101532.SAFE",
    "S2A_MSIL2A_20180711T051651_N0208_R062_T44SQC_20180711T081241.SAFE",
    "S2B_MSIL2A_20180802T050659_N0500_R019_T44SQC_20230802T101532.SAFE",
]
EXAMPLE = Example(side=320, overlap=64, landforms=10, lookalikes=4, hidden=0.25, truth="truth.gpkg")


@dataclass
class World:
    """Where the files of a world are."""

    folder: Path

    @property
    def scenes(self) -> list[Path]:
        return [self.folder / name for name in SCENES]

    def raster(self, scene: int, band: str) -> Path:
        return next(self.scenes[scene].glob(f"GRANULE/*/IMG_DATA/*/*_{band}_*.jp2"))

    def make(self, seed: int = 0) -> World:
        names = (
            "positives.shp",
            "negatives.shp",
            "removed.csv",
            "complete.gpkg",
            "dem.tif",
            "insar.gpkg",
            "truth.gpkg",
        )
        make_example(self.scenes, *(self.folder / name for name in names), example=EXAMPLE, seed=seed)
        return self


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world")).make()


@pytest.fixture(scope="session")
def layout() -> WorldLayout:
    return make_layout([ProductName.parse(Path(name)) for name in SCENES], EXAMPLE)


@pytest.fixture(scope="session")
def scenario(layout: WorldLayout) -> Scenario:
    return generate(layout, EXAMPLE, 0)
