"""A small region on disk as the workflow lays it out, and Debian's QGIS to open it with."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.warp import transform
from tests.inventory.conftest import frame, square
from tests.needs import lacking

from lobate.inventory.apply_review import apply_review
from lobate.inventory.review_project import dem_facts, review_project
from lobate.inventory.review_sheet import review_sheet
from lobate.io.grid import Grid
from lobate.io.qgis.rasters import probability_style, raster_qml
from lobate.io.raster import CogWriter, read_grid
from lobate.io.vector import write_layers

PYTHON = Path("/usr/bin/python3")
LOAD = Path(__file__).with_name("load.py")
CONFIDENCES = (0.55, 0.65, 0.75, 0.85, 0.95)


def expect_qgis() -> None:
    """Skip where Debian's QGIS is not installed; in CI it must be."""
    try:
        subprocess.run([PYTHON, "-c", "import qgis.core"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        lacking(f"no QGIS for {PYTHON}; run tests/qgis/install.sh")


@dataclass(frozen=True)
class Desk:
    """A project's root with one region, `r`, that somebody reviews."""

    root: Path

    @property
    def results(self) -> Path:
        return self.root / "results/r"

    @property
    def project(self) -> Path:
        return self.results / "inventory/review.qgs"

    @property
    def sheet(self) -> Path:
        return self.results / "inventory/review.gpkg"

    def lay_out(self) -> None:
        """Write two images, five detections, one removed, and an inventory that knows one of them."""
        for folder in ("imagery", "mapping", "inventory/described"):
            (self.results / folder).mkdir(parents=True)
        (self.root / "resources/r").mkdir(parents=True)
        _image(self.results / "imagery/A.tif", 80.0)
        _image(self.results / "imagery/B.tif", 80.01)
        count = len(CONFIDENCES)
        kept = frame(
            [square(number) for number in range(count)],
            detection=[f"d{number}" for number in range(count)],
            mean=list(reversed(CONFIDENCES)),
            area_m2=[62_500.4] * count,
            touches_edge=[False] * count,
            tiles=["A"] * count,
        )
        removed = frame([square(1, 2, 0.2)], detection=["d9"], mean=[0.6], reason=["area < 0.03 km2"])
        write_layers(self.results / "mapping/detections.gpkg", {"kept": kept, "removed": removed})
        (self.results / "labels").mkdir()
        hand = frame(
            [square(0, 1), square(2, 1)], polygon=["p1", "n1"], **{"class": ["positive", "negative"]}, source="hand.shp"
        )
        write_layers(self.results / "labels/polygons.gpkg", {"kept": hand})
        for tile in "AB":
            _map(self.results / f"imagery/{tile}.tif", self.results / f"mapping/{tile}_probability.tif")
        _slope(self.root / "dem.tif")
        insar = frame([square(0.1)], source=["insar"], source_id=["ins1"], velocity=[12.5])
        write_layers(self.results / "inventory/described/insar.gpkg", {"described": insar})

    def run(self, decisions: str | list[str] | None = None) -> None:
        """Run the verbs of the review, with a person's decisions."""
        detections, reviewed = self.results / "mapping/detections.gpkg", self.results / "inventory/reviewed.gpkg"
        files = [decisions] if isinstance(decisions, str) else decisions or []
        apply_review(detections, reviewed, [self.root / file for file in files])
        review_sheet(detections, self.sheet, [self.results / "inventory/described/insar.gpkg"], reviewed)
        images = [self.results / f"imagery/{tile}.tif" for tile in "AB"]
        review_project(
            self.sheet,
            images,
            self.project,
            decisions=[Path(file) for file in files],
            probabilities=[self.results / f"mapping/{tile}_probability.tif" for tile in "AB"],
            labels=self.results / "labels/polygons.gpkg",
            dem=self._dem_view(),
            region="r",
        )

    def _dem_view(self) -> Path:
        """What the engine gives the verb of the DEM `dem.tif`, whose path the settings write from the root."""
        view = self.root / "dem_view"
        dem_facts(self.root / "dem.tif", view)
        view.write_text(view.read_text().replace(str(self.root / "dem.tif"), "dem.tif"))
        return view


def qgis(what: str, path: Path, *arguments: str) -> Any:
    """Run load.py in Debian's Python and return its report."""
    scratch = path.parent
    clean = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(scratch),
        "XDG_RUNTIME_DIR": str(scratch),
        "QT_QPA_PLATFORM": "offscreen",
    }
    done = subprocess.run(
        [PYTHON, LOAD, what, path, *arguments], check=False, env=clean, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _image(path: Path, west: float) -> None:
    """A brown image of 10 m a pixel whose left edge is at a longitude; its upper rows are nodata."""
    crs = CRS.from_epsg(32644)
    (x,), (y,) = transform(CRS.from_epsg(4326), crs, [west], [36.01])
    grid = Grid(160, 160, Affine(10, 0, round(x), 0, -10, round(y)), crs)
    pixels = np.full((3, 160, 160), 0, dtype=np.uint8)
    pixels[:, 20:] = np.array([120, 90, 60], dtype=np.uint8)[:, None, None]
    with CogWriter(path, grid, count=3, nodata=0, photometric_rgb=True) as image:
        image.write(pixels, 0)


def _map(image: Path, path: Path) -> None:
    """A map of probabilities on the grid of an image, 0 in the west and 1 in the east, with its style beside it."""
    grid = read_grid(image)
    values = np.linspace(0, 254, grid.width).round().astype(np.uint8)
    with CogWriter(path, grid, count=1, nodata=255) as target:
        target.write(np.broadcast_to(values, (1, grid.height, grid.width)), 0)
    path.with_suffix(".qml").write_text(raster_qml(probability_style()))


def _slope(path: Path) -> None:
    """Elevations in degrees that rise by 30 degrees towards the north west, so that the light of a hillshade grazes them."""
    grid = Grid(80, 80, Affine(0.0005, 0, 79.99, 0, -0.0005, 36.02), CRS.from_epsg(4326))
    rows, columns = np.mgrid[:80, :80]
    heights = 4000 - 0.0005 * 111_320 * np.tan(np.radians(30)) * (rows + columns) / np.sqrt(2)
    with CogWriter(path, grid, count=1, dtype="float32") as target:
        target.write(heights[None].astype("float32"), 0)
