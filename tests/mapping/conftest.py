"""Small tiles and detections to map with: what the verbs of this room read, made by hand."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS

from lobate.io.grid import Grid
from lobate.io.raster import CogWriter
from lobate.io.vector import LONLAT, write_layers

STATISTICS = {"mean": 0.8, "median": 0.8, "minimum": 0.5, "deviation": 0.1}


@dataclass(frozen=True)
class Workshop:
    """Writes files into one temporary folder."""

    folder: Path

    def grid(self, x: float, y: float, height: int, width: int, *, pixel: float = 10.0, epsg: int = 32644) -> Grid:
        """Return a grid whose top left corner is (x, y)."""
        return Grid(height, width, Affine(pixel, 0, x, 0, -pixel, y), CRS.from_epsg(epsg))

    def probability(self, name: str, grid: Grid, values: np.ndarray | int = 0) -> Path:
        """Write a probability raster: 0..254, 255 = nodata."""
        path = self.folder / f"{name}_probability.tif"
        rows = np.broadcast_to(np.asarray(values, dtype="uint8"), grid.shape)
        with CogWriter(path, grid, nodata=255) as writer:
            writer.write(np.ascontiguousarray(rows), 0)
        return path

    def detections(self, name: str, grid: Grid, outlines: Iterable[shapely.Polygon], **columns: object) -> Path:
        """Write outlines in the grid's CRS, cut to the grid, as vectorize would; ``columns`` replace its own."""
        parts = [part for outline in outlines for part in _pieces(outline.intersection(grid.footprint))]
        frame = gpd.GeoDataFrame(
            {
                "detection": np.array([f"{name}_{n:05d}" for n in range(len(parts))], dtype=object),
                "tile": np.array([name] * len(parts), dtype=object),
                **{key: np.full(len(parts), value) for key, value in STATISTICS.items()},
                "pixels": np.array([round(p.area / grid.resolution[0] ** 2) for p in parts], dtype=int),
                "touches_edge": np.array([p.intersects(grid.footprint.boundary) for p in parts], dtype=bool),
                "touches_nodata": np.zeros(len(parts), dtype=bool),
                **columns,
            },
            geometry=parts,
            crs=grid.crs,
        )
        path = self.folder / f"{name}_detections.gpkg"
        write_layers(path, {"detections": frame})
        return path

    def layers(self, name: str, **layers: gpd.GeoDataFrame) -> Path:
        """Write a GeoPackage."""
        path = self.folder / name
        write_layers(path, layers)
        return path

    def lonlat(self, outlines: Iterable[shapely.Geometry], epsg: int = 32644, **columns: object) -> gpd.GeoDataFrame:
        """Return outlines of a CRS as a frame in EPSG:4326."""
        plain = {key: np.asarray(value) for key, value in columns.items()}
        return gpd.GeoDataFrame(plain, geometry=list(outlines), crs=epsg).to_crs(LONLAT)


def _pieces(geometry: shapely.Geometry) -> list[shapely.Polygon]:
    return [part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon" and part.area > 0]


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@pytest.fixture(scope="session")
def workshop_in() -> Callable[[Path], Workshop]:
    """For property tests, which need a folder for each example."""
    return Workshop
