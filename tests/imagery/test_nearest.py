"""A coarser band on a finer grid, by bands of rows."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from lobate.errors import Mistake
from lobate.grid import Grid
from lobate.imagery.nearest import OnGrid


@pytest.mark.parametrize("metres", [10.0, 20.0, 60.0, 7.3])
@pytest.mark.parametrize("shift", [0.0, -35.0, 35.0])
def test_it_is_what_gdal_makes_of_it(products, tmp_path, metres, shift):
    coarse = np.random.default_rng(1).integers(1, 12, (30, 25)).astype(np.uint8)
    products.write_raster(tmp_path / "c.tif", coarse, metres=metres, origin=(500_000.0 + shift, 4_000_000.0 - shift))
    fine = products.write_raster(tmp_path / "f.tif", np.zeros((40, 60), np.uint8))
    grid = Grid.of(fine)
    with rasterio.open(tmp_path / "c.tif") as dataset:
        own = OnGrid(dataset, 1, grid)
        bands = [own.read(start, min(start + 7, 40)) for start in range(0, 40, 7)]
        with WarpedVRT(dataset, resampling=Resampling.nearest, **grid.profile()) as warped:
            assert np.array_equal(np.concatenate(bands), warped.read(1))


def test_another_crs_is_a_mistake(products, tmp_path):
    products.write_raster(tmp_path / "c.tif", np.ones((4, 4), np.uint8), crs="EPSG:32645")
    fine = products.write_raster(tmp_path / "f.tif", np.zeros((4, 4), np.uint8))
    with rasterio.open(tmp_path / "c.tif") as dataset, pytest.raises(Mistake, match="share a CRS"):
        OnGrid(dataset, 1, Grid.of(fine))
