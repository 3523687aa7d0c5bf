"""COGs have fixed bytes and overviews; unreadable rasters have a clear error."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rio_cogeo import cog_validate

from lobate.errors import UserError
from lobate.io.grid import Grid
from lobate.io.raster import CogWriter, open_raster, row_blocks

GRID = Grid(1300, 1100, Affine(10, 0, 500000, 0, -10, 4000000), CRS.from_epsg(32644))


def written(path, rows=300, count=3):
    pixels = np.random.default_rng(1).integers(0, 255, (count, *GRID.shape), dtype=np.uint8)
    with CogWriter(path, GRID, count=count, nodata=0, photometric_rgb=count == 3) as cog:
        for start, stop in row_blocks(GRID.height, rows):
            cog.write(pixels[:, start:stop], start)
    return pixels


def test_pixels_come_back_from_a_valid_cog_with_overviews(tmp_path):
    pixels = written(tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as cog:
        assert (cog.read() == pixels).all()
        assert Grid.from_raster(cog).same_as(GRID)
        assert cog.overviews(1)
        assert [one.name for one in cog.colorinterp] == ["red", "green", "blue"]
        assert cog.nodata == 0
    valid, errors, _ = cog_validate(tmp_path / "a.tif")
    assert valid, errors
    assert [one.name for one in tmp_path.iterdir()] == ["a.tif"]


def test_same_pixels_same_bytes_whatever_the_bands_of_rows(tmp_path):
    written(tmp_path / "a.tif", rows=300)
    written(tmp_path / "b.tif", rows=512)
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()


def test_failure_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), CogWriter(tmp_path / "a.tif", GRID) as cog:
        cog.write(np.zeros((10, 1100), np.uint8), 0)
        raise KeyError
    assert not list(tmp_path.iterdir())


def test_rows_out_of_order_or_missing_are_refused(tmp_path):
    with pytest.raises(ValueError, match="order"), CogWriter(tmp_path / "a.tif", GRID) as cog:
        cog.write(np.zeros((10, 1100), np.uint8), 5)
    with pytest.raises(ValueError, match="10 of 1300"), CogWriter(tmp_path / "b.tif", GRID) as cog:
        cog.write(np.zeros((10, 1100), np.uint8), 0)
    assert not list(tmp_path.iterdir())


def test_bad_rasters_are_mistakes(tmp_path):
    with pytest.raises(UserError, match="does not exist"), open_raster(tmp_path / "no.tif"):
        pass
    (tmp_path / "text.tif").write_text("no raster")
    with pytest.raises(UserError, match="cannot be read"), open_raster(tmp_path / "text.tif"):
        pass
    with rasterio.open(tmp_path / "bare.tif", "w", driver="GTiff", height=2, width=2, count=1, dtype="uint8"):
        pass
    with pytest.raises(UserError, match="no coordinate reference system"), open_raster(tmp_path / "bare.tif"):
        pass
    with open_raster(tmp_path / "bare.tif", require_place=False) as bare:
        assert bare.width == 2


def test_truncated_raster_is_a_mistake_when_it_is_read(tmp_path):
    written(tmp_path / "a.tif")
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(UserError, match="truncated"), open_raster(tmp_path / "a.tif") as cog:
        cog.read()


def test_each_overview_is_half_of_the_one_before_until_one_block_holds_it(tmp_path):
    pixels = written(tmp_path / "a.tif", count=1)[0]
    with rasterio.open(tmp_path / "a.tif") as cog:
        assert cog.overviews(1) == [2, 4]
    with rasterio.open(tmp_path / "a.tif", overview_level=0) as half:
        assert (half.read(1) == pixels[::2, ::2]).all()


def test_blocks_of_nothing_take_no_room(tmp_path):
    grid = Grid(6000, 6000, GRID.transform, GRID.crs)
    with CogWriter(tmp_path / "a.tif", grid, smooth=False) as cog:
        cog.write(np.zeros(grid.shape, np.uint8), 0)
    assert (tmp_path / "a.tif").stat().st_size < 5000
    assert cog_validate(tmp_path / "a.tif")[0]
    with rasterio.open(tmp_path / "a.tif") as cog:
        assert not cog.read().any()
