"""The image is read and decoded once, ahead of the network, and refused when the network cannot take it."""

import re
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS

from lobate import rasters
from lobate.errors import Mistake
from lobate.grid import Grid
from lobate.network import source
from lobate.network.source import check_image, read_ahead
from lobate.network.windows import lay_out

BANDS = ["B04", "B03", "B02"]


def write_image(path, pixels, *, descriptions=(), **options):
    bands, height, width = pixels.shape
    grid = Grid(height, width, Affine(10, 0, 500_000, 0, -10, 4_000_000), CRS.from_epsg(32644))
    profile = {**grid.profile(), "driver": "GTiff", "count": bands, "dtype": pixels.dtype, **options}
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(pixels)
        for index, text in enumerate(descriptions, 1):
            dataset.set_band_description(index, text)
    return path


def noise(height, width, bands=3, seed=0):
    return np.random.default_rng(seed).integers(1, 256, (bands, height, width)).astype(np.uint8)


def checked(path, channels=3, names=None):
    return check_image(path, channels=channels, names=names, layers=1)


@given(st.integers(1, 120), st.integers(1, 50), st.data())
@settings(max_examples=20, deadline=None)
def test_bands_are_the_image_s_rows(tmp_path_factory, height, window, data):
    pixels = noise(height, 7)
    pixels[:, :: data.draw(st.integers(2, 9)), 2] = 0
    path = write_image(tmp_path_factory.mktemp("rows") / "image.tif", pixels)
    rows = lay_out(height, window, data.draw(st.integers(0, window - 1)))
    with read_ahead(path, rows) as bands:
        found = list(bands)
    assert len(found) == len(rows)
    for start, (band, valid) in zip(rows.starts, found, strict=True):
        np.testing.assert_array_equal(band, pixels[:, start : start + rows.length])
        np.testing.assert_array_equal(valid, band.any(axis=0))


def test_each_row_is_asked_for_once_in_a_thread_of_its_own(tmp_path, monkeypatch):
    path = write_image(tmp_path / "image.tif", noise(200, 40))
    asked, threads = [], set()

    @contextmanager
    def watched(path):
        with rasters.open_raster(path) as dataset:
            yield Watched(dataset)

    class Watched:
        def __init__(self, dataset):
            self.dataset = dataset

        def __getattr__(self, name):
            return getattr(self.dataset, name)

        def read(self, *, window, out):
            threads.add(threading.get_ident())
            asked.extend(range(window.row_off, window.row_off + window.height))
            return self.dataset.read(out=out, window=window)

    monkeypatch.setattr(source, "open_raster", watched)
    with read_ahead(path, lay_out(200, 32, 12)) as bands:
        assert len(list(bands)) == 10
    assert asked == list(range(200))
    assert len(threads) == 1 and threading.get_ident() not in threads


def test_the_next_band_is_read_while_the_last_one_is_worked_on(tmp_path, monkeypatch):
    path = write_image(tmp_path / "image.tif", noise(100, 20))
    second = threading.Event()
    read = source._bands

    def watched(image, rows):
        for number, band in enumerate(read(image, rows)):
            if number == 1:
                second.set()
            yield band

    monkeypatch.setattr(source, "_bands", watched)
    with read_ahead(path, lay_out(100, 32, 0)) as bands:
        next(bands)
        assert second.wait(timeout=30)


@pytest.mark.parametrize("width", [1000, 9000])
def test_each_block_is_decoded_once_however_wide_the_image(tmp_path, width):
    path = write_image(
        tmp_path / "image.tif", noise(1100, width), tiled=True, blockxsize=512, blockysize=512, compress="deflate"
    )
    _, cache = checked(path)
    with rasterio.Env(GDAL_CACHEMAX=cache), read_ahead(path, lay_out(1100, 480, 160)) as bands:
        before = bytes_read()
        for _ in bands:
            pass
        assert bytes_read() - before < 1.1 * path.stat().st_size


def bytes_read():
    return int(re.search(r"rchar: (\d+)", Path("/proc/self/io").read_text())[1])


def test_images_that_the_network_cannot_take(tmp_path):
    wide = write_image(tmp_path / "wide.tif", noise(20, 20).astype(np.uint16))
    four = write_image(tmp_path / "four.tif", noise(20, 20, bands=4))
    turned = write_image(tmp_path / "turned.tif", noise(20, 20), descriptions=BANDS[::-1])
    for path, what in [
        (wide, "8-bit"),
        (four, "4 bands.*B04, B03, B02"),
        (turned, "B02, B03, B04, but .*B04, B03, B02"),
        (tmp_path / "none.tif", "does not exist"),
    ]:
        with pytest.raises(Mistake, match=what):
            checked(path, names=BANDS)


@pytest.mark.parametrize("descriptions", [(), BANDS, ["red", "green", "blue"], ["B04", "", ""]])
def test_images_that_say_nothing_against_it_are_taken(tmp_path, descriptions):
    path = write_image(tmp_path / "image.tif", noise(20, 30), descriptions=descriptions)
    grid, cache = checked(path, names=BANDS)
    assert (grid.shape, cache > 0) == ((20, 30), True)
