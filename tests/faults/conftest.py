"""An image and outlines on it, for rules that need no more."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS
from shapely.geometry import box

from lobate.io.grid import Grid
from lobate.io.raster import CogWriter


@pytest.fixture
def bench_image(tmp_path: Path) -> tuple[Path, Path]:
    image, outlines = tmp_path / "image.tif", tmp_path / "outlines.gpkg"
    grid = Grid(64, 64, Affine(10, 0, 500_000, 0, -10, 4_000_000), CRS.from_epsg(32644))
    with CogWriter(image, grid, count=3, nodata=0, photometric_rgb=True) as pixels:
        pixels.write(np.full((3, 64, 64), 90, np.uint8), 0)
    square = gpd.GeoDataFrame({"id": ["it's"]}, geometry=[box(500_100, 3_999_700, 500_300, 3_999_900)], crs=32644)
    square.to_file(outlines)
    return image, outlines
