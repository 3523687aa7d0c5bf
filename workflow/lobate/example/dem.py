"""The synthetic DEM: coarser than the world, with noise and voids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.warp import Resampling, reproject, transform_bounds

from lobate.example.product import NOTICE, WorldLayout
from lobate.example.terrain import fractal

ARC_SECOND = 1 / 3600
"""One arc second, about 30 m."""
NODATA = -32768
VOID_SHARE = 0.004
"""Share of the DEM's cells without a height."""


def write_dem(path: Path, surface: np.ndarray, layout: WorldLayout, rng: np.random.Generator) -> None:
    """Write a DEM of both tiles: whole metres (int16) on a grid of one arc second in EPSG:4326, voids as -32768."""
    transform, height, width = _dem_grid(layout)
    elevation = np.full((height, width), np.nan, dtype=np.float32)
    reproject(
        surface,
        elevation,
        src_transform=layout.world.transform,
        src_crs=layout.world.crs,
        dst_transform=transform,
        dst_crs="EPSG:4326",
        resampling=Resampling.average,
        dst_nodata=np.nan,
    )
    elevation += 1.5 * fractal(elevation.shape, rng, 1.5)
    void_noise = fractal(elevation.shape, rng, 3.0)
    elevation[void_noise > np.quantile(void_noise, 1 - VOID_SHARE)] = np.nan
    metres = np.where(np.isnan(elevation), NODATA, np.rint(elevation)).astype(np.int16)
    profile = {"height": height, "width": width, "transform": transform, "crs": "EPSG:4326", "nodata": NODATA}
    with rasterio.open(path, "w", driver="GTiff", count=1, dtype="int16", compress="deflate", **profile) as target:
        target.write(metres, 1)
        target.update_tags(TIFFTAG_IMAGEDESCRIPTION=NOTICE)


def _dem_grid(layout: WorldLayout) -> tuple[Affine, int, int]:
    """Return transform, height and width of the arc-second grid that covers both tiles and stays in the world."""
    bounds = np.array([grid.bounds for grid in layout.tiles.values()])
    padded = (*bounds[:, :2].min(axis=0) - 60, *bounds[:, 2:].max(axis=0) + 60)
    left, bottom, right, top = transform_bounds(layout.world.crs, "EPSG:4326", *padded)
    west, north = np.floor(left / ARC_SECOND), np.ceil(top / ARC_SECOND)
    width, height = int(np.ceil(right / ARC_SECOND) - west), int(north - np.floor(bottom / ARC_SECOND))
    return Affine(ARC_SECOND, 0, west * ARC_SECOND, 0, -ARC_SECOND, north * ARC_SECOND), height, width
