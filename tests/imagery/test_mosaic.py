"""Mosaics of elevation tiles, with unchanged pixels and voids."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin

from lobate.errors import UserError
from lobate.imagery.mosaic import VOID, write_mosaic
from lobate.imagery.mosaic_dem import mosaic_dem

STEP = 0.01


def write_tile(path, heights, west, north, *, step=(STEP, STEP), crs="EPSG:4326", nodata=None, dtype="float32"):
    """Write a tile as Copernicus does: the pixels' centres, not their corners, stand on whole degrees."""
    profile = {"driver": "GTiff", "count": 1, "height": heights.shape[0], "width": heights.shape[1], "nodata": nodata}
    transform = from_origin(west - step[0] / 2, north + step[1] / 2, *step)
    with rasterio.open(path, "w", dtype=dtype, crs=crs, transform=transform, **profile) as dataset:
        dataset.write(heights.astype(dtype), 1)
    return path


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1), dataset.profile, dataset.bounds


@pytest.fixture
def heights():
    return np.random.default_rng(0).uniform(100, 5000, (100, 200)).astype(np.float32)


def test_tiles_keep_their_pixels_and_what_lies_between_them_is_void(tmp_path, heights):
    west = write_tile(tmp_path / "a.tif", heights[:, :100], 10, 45)
    east = write_tile(tmp_path / "b.tif", heights[:, 100:], 11, 45)
    south = write_tile(tmp_path / "c.tif", heights[:, :100] + 1, 11, 44)
    share = write_mosaic([west, east, south], tmp_path / "dem.tif")
    made, profile, bounds = read(tmp_path / "dem.tif")
    assert np.array_equal(made[:100], heights)
    assert np.array_equal(made[100:, 100:], heights[:, :100] + 1)
    assert (made[100:, :100] == VOID).all()
    assert share == 0.25
    assert np.allclose(bounds, (9.995, 43.005, 11.995, 45.005))
    assert (profile["dtype"], profile["nodata"], profile["tiled"]) == ("float32", -9999, True)
    assert (profile["compress"], profile["crs"].to_epsg()) == ("deflate", 4326)


@pytest.mark.parametrize("void", [-32767, -32768, -9999, np.nan, -600, 20000])
@pytest.mark.parametrize("declared", [True, False])
def test_voids_stay_voids(tmp_path, heights, void, declared):
    heights[10:20, 30:40] = void
    tile = write_tile(tmp_path / "a.tif", heights, 10, 45, nodata=void if declared else None)
    share = write_mosaic([tile], tmp_path / "dem.tif")
    made = read(tmp_path / "dem.tif")[0]
    assert (made[10:20, 30:40] == VOID).all()
    assert np.count_nonzero(made == VOID) == 100
    assert share == 100 / made.size


def test_the_sea_is_no_void(tmp_path):
    write_mosaic([write_tile(tmp_path / "a.tif", np.zeros((50, 50)), 10, 45)], tmp_path / "dem.tif")
    assert (read(tmp_path / "dem.tif")[0] == 0).all()


def test_what_one_tile_does_not_know_another_may(tmp_path, heights):
    holed = heights.copy()
    holed[5, 5] = -32767
    first = write_tile(tmp_path / "a.tif", holed, 10, 45)
    second = write_tile(tmp_path / "b.tif", heights + 7, 10, 45)
    write_mosaic([first, second], tmp_path / "dem.tif")
    made = read(tmp_path / "dem.tif")[0]
    assert made[5, 5] == heights[5, 5] + 7
    assert made[5, 6] == heights[5, 6]


def test_whole_metres_are_heights_too(tmp_path, heights):
    tile = write_tile(tmp_path / "a.tif", np.round(heights), 10, 45, dtype="int16", nodata=-32768)
    write_mosaic([tile], tmp_path / "dem.tif")
    assert np.array_equal(read(tmp_path / "dem.tif")[0], np.round(heights))


def test_coarser_tiles_further_north_are_resampled_to_the_finest(tmp_path):
    """As at 50 degrees, from where on Copernicus has 2,400 columns a degree in place of 3,600."""
    plane = lambda lon, lat: 100 * lon + 30 * lat  # noqa: E731 - what bilinear interpolation keeps
    cols, rows = np.arange(90) / 90 + 10, 51 - np.arange(60) / 60
    fine = plane(*np.meshgrid(cols, rows - 1))
    coarse = plane(*np.meshgrid(np.arange(60) / 60 + 10, rows))
    coarse[30, 30] = -32767
    tiles = [
        write_tile(tmp_path / "n.tif", coarse, 10, 51, step=(1 / 60, 1 / 60)),
        write_tile(tmp_path / "s.tif", fine, 10, 50, step=(1 / 90, 1 / 60)),
    ]
    write_mosaic(tiles, tmp_path / "dem.tif")
    made, profile, _ = read(tmp_path / "dem.tif")
    assert profile["transform"].a == pytest.approx(1 / 90)
    assert np.array_equal(made[-60:, -90:], fine.astype(np.float32))
    first = made.shape[1] - 90
    expected = plane(*np.meshgrid(cols, rows))
    inner = made[1:59, first + 1 : first + 88]
    known = inner != VOID
    assert np.allclose(inner[known], expected[1:59, 1:88][known], atol=0.02 + 100 / 60)
    assert np.median(np.abs(inner[known] - expected[1:59, 1:88][known])) < 0.01
    assert 1 <= np.count_nonzero(~known) <= 4


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(4)), st.integers(30, 60))
def test_the_order_of_tiles_that_do_not_overlap_does_not_matter(tmp_path_factory, order, side):
    folder = tmp_path_factory.mktemp("tiles")
    rng = np.random.default_rng(side)
    tiles = [
        write_tile(folder / f"{n}.tif", rng.uniform(0, 100, (side, side)), 10 + side * STEP * (n % 2), 45 - side * STEP * (n // 2))
        for n in range(4)
    ]  # fmt: skip
    write_mosaic(tiles, folder / "one.tif")
    write_mosaic([tiles[n] for n in order], folder / "other.tif")
    assert (folder / "one.tif").read_bytes() == (folder / "other.tif").read_bytes()


def test_tiles_in_different_crs_are_refused(tmp_path, heights):
    tiles = [
        write_tile(tmp_path / "a.tif", heights, 10, 45),
        write_tile(tmp_path / "b.tif", heights, 10, 45, crs="EPSG:4258"),
    ]
    with pytest.raises(UserError, match="different coordinate reference systems"):
        write_mosaic(tiles, tmp_path / "dem.tif")
    assert not (tmp_path / "dem.tif").exists()


def test_a_mosaic_without_end_is_refused_before_it_is_begun(tmp_path, heights):
    """Two small tiles far apart: what lies between them would be written too."""
    fine = (0.0001, 0.0001)
    tiles = [
        write_tile(tmp_path / "a.tif", heights, 10, 10, step=fine),
        write_tile(tmp_path / "b.tif", heights, 90, 50, step=fine),
    ]
    with pytest.raises(UserError, match=r"have 800,200 x 400,100 pixels.*Leave out files far from the region"):
        write_mosaic(tiles, tmp_path / "dem.tif")
    assert not (tmp_path / "dem.tif").exists()


def test_tiles_of_several_crs_or_none_are_told_by_the_verb(tmp_path, heights):
    own = write_tile(tmp_path / "a.tif", heights, 10, 45, nodata=-9999)
    other = write_tile(tmp_path / "b.tif", heights, 12, 45, crs="EPSG:4258", nodata=-9999)
    with pytest.raises(UserError, match=r"gdalwarp -t_srs"):
        mosaic_dem([own, other], tmp_path / "dem.tif")
    with pytest.raises(UserError, match=r"inventory\.dem"):
        mosaic_dem([], tmp_path / "dem.tif")


def test_a_tile_of_other_units_says_so_and_becomes_metres(tmp_path, heights):
    """SRTM in metres beside a tile in decimetres over a datum, as some national models have it."""
    whole = np.round(heights)
    plain = write_tile(tmp_path / "a.tif", whole[:, :100], 10, 45, dtype="int16", nodata=-32768)
    numbers = (whole[:, 100:] - 50) * 4
    numbers[3, 4] = -9999
    fine = write_tile(tmp_path / "b.tif", numbers, 11, 45, nodata=-9999)
    with rasterio.open(fine, "r+") as tile:
        tile.scales, tile.offsets = (0.25,), (50.0,)
    mosaic_dem([plain, fine], tmp_path / "dem.tif")
    made = read(tmp_path / "dem.tif")[0]
    assert made[3, 104] == VOID
    made[3, 104] = whole[3, 104]
    assert np.array_equal(made, whole)


@pytest.mark.parametrize("content", [b"", b"<html>", b"II*\0garbage"])
def test_a_tile_that_is_none_is_refused(tmp_path, content):
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.tif cannot be read"):
        write_mosaic([tmp_path / "a.tif"], tmp_path / "dem.tif")
