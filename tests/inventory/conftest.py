"""Small worlds of squares, in degrees near 36 N 80 E."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pytest
from shapely.geometry import Polygon, box

from lobate.io.vector import write_layers

STEP = 0.003


def square(column: float, row: float = 0.0, side: float = 0.9) -> Polygon:
    """A square of some 250 m a side; squares of whole columns and rows do not touch."""
    west, south = 80 + column * STEP, 36 + row * STEP
    return box(west, south, west + side * STEP, south + side * STEP)


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
