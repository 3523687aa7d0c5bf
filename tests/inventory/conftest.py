"""Small worlds of squares, in degrees near 36 N 80 E."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from rasterio.crs import CRS
from rasterio.features import geometry_mask
from rasterio.transform import from_origin
from shapely.geometry import Polygon, box

from lobate.io.grid import Grid
from lobate.io.mask_values import PROBABILITY_NODATA
from lobate.io.raster import CogWriter
from lobate.io.vector import write_layers

STEP, PIXEL = 0.003, 0.0001


def square(column: float, row: float = 0.0, side: float = 0.9) -> Polygon:
    """A square of some 250 m a side; squares of whole columns and rows do not touch."""
    west, south = 80 + column * STEP, 36 + row * STEP
    return box(west, south, west + side * STEP, south + side * STEP)


def probability_map(path: Path, *holes: Polygon, extent: tuple[float, ...] = (79.9, 35.9, 80.3, 36.1)) -> Path:
    """Write a map of probabilities, in pixels of 0.0001 degrees, with no data in the holes."""
    west, south, east, north = extent
    height, width = round((north - south) / PIXEL), round((east - west) / PIXEL)
    transform = from_origin(west, north, PIXEL, PIXEL)
    values = np.zeros((height, width), dtype="uint8")
    if holes:
        values[geometry_mask(holes, values.shape, transform, invert=True)] = PROBABILITY_NODATA
    with CogWriter(path, Grid(height, width, transform, CRS.from_epsg(4326))) as writer:
        writer.write(values[np.newaxis], 0)
    return path


def frame(outlines: list[Polygon], **columns: list[object]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=outlines, crs="EPSG:4326")


@pytest.fixture
def detections(tmp_path: Path) -> Callable[..., Path]:
    """Write detections.gpkg with these outlines; the first is the most certain."""

    def write(outlines: list[Polygon], name: str = "detections.gpkg") -> Path:
        count = len(outlines)
        kept = frame(
            outlines,
            detection=[f"d{number:05d}" for number in range(count)],
            mean=[0.95 - 0.05 * number for number in range(count)],
            area_m2=[1.0] * count,
            perimeter_m=[1.0] * count,
        )
        removed = frame([square(9)], detection=["d9"], mean=[0.1], reason=["too small"])
        write_layers(tmp_path / name, {"kept": kept, "removed": removed})
        return tmp_path / name

    return write
