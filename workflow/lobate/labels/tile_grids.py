"""The grids of the tiles' images: cleaning and reserving depend on nothing else of an image."""

from __future__ import annotations

from pathlib import Path

import rasterio

from lobate.io.raster import read_grid


def empty_raster(source: Path, target: Path) -> None:
    """Write to ``target`` a raster on the grid of ``source`` without pixels: a view."""
    profile = read_grid(source).profile()
    with rasterio.open(target, "w", driver="GTiff", count=1, dtype="uint8", tiled=True, sparse_ok=True, **profile):
        pass
