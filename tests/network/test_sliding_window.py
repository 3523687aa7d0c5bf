"""Maps by windows equal the map of the whole image at once; the image is checked, and read once, ahead of the network."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from torch import nn
from torch.nn import functional

from lobate.errors import UserError
from lobate.io import raster
from lobate.io.grid import Grid
from lobate.network import sliding_window
from lobate.network.deeplab import build, landform_probability
from lobate.network.sliding_window import ImageHeader, check_image, read_ahead, write_probability_map
from lobate.network.window_weights import layout_windows
from lobate.settings.training import Network

TRANSFORM = Affine(10, 0, 500_000, 0, -10, 4_000_000)


def write_image(path, pixels, **options):
    bands, height, width = pixels.shape
    grid = Grid(height, width, TRANSFORM, CRS.from_epsg(32644))
    profile = {**grid.profile(), "driver": "GTiff", "count": bands, "dtype": pixels.dtype, **options}
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(pixels)
    return path


def noise(height, width, bands=3, seed=0):
    return np.random.default_rng(seed).integers(1, 256, (bands, height, width)).astype(np.uint8)


def local(radius, seed=0):
    """A network that looks ``radius`` pixels far, with zeros past the border as a convolution has them."""
    kernel = torch.randn(1, 3, 2 * radius + 1, 2 * radius + 1, generator=torch.Generator().manual_seed(seed))

    def network(images):
        mixed = functional.conv2d(images.float() / 255 - 0.3, kernel, padding=radius)
        return torch.sigmoid(mixed[:, 0] / kernel.square().sum().sqrt())

    return network


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def at_once(network, pixels):
    with torch.inference_mode():
        return 254 * network(torch.from_numpy(pixels)[None])[0].double().numpy()


@pytest.mark.parametrize("blend", ["ramp", "crop"])
@pytest.mark.parametrize("size", [(130, 170), (64, 200), (65, 64), (30, 100), (20, 20), (1, 70)])
def test_a_local_network_gives_the_same_by_windows_everywhere(tmp_path, blend, size):
    pixels = noise(*size)
    image = write_image(tmp_path / "image.tif", pixels)
    network = local(7)  # sees 15 pixels, one less than the overlap
    write_probability_map(network, image, tmp_path / "map.tif", window=64, overlap=16, blend=blend, batch=3)
    assert np.abs(read(tmp_path / "map.tif") - at_once(network, pixels)).max() <= 0.51


@given(st.integers(1, 90), st.integers(1, 90), st.integers(8, 60), st.integers(1, 7), st.booleans(), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_windows_are_exact_while_the_network_sees_less_than_the_overlap(
    tmp_path_factory, height, width, window, batch, ramp, seed
):
    folder = tmp_path_factory.mktemp("exact")
    pixels, overlap = noise(height, width, seed=seed), window // 2
    network = local((overlap - 1) // 2, seed)
    image = write_image(folder / "image.tif", pixels)
    blend = "ramp" if ramp else "crop"
    write_probability_map(network, image, folder / "map.tif", window=window, overlap=overlap, blend=blend, batch=batch)
    assert np.abs(read(folder / "map.tif") - at_once(network, pixels)).max() <= 0.51


def test_the_ramp_of_the_default_overlap_is_exact_for_what_sees_15_16_of_it(tmp_path):
    pixels = noise(200, 480, bands=1)
    image = write_image(tmp_path / "image.tif", pixels)
    column = torch.randn(1, 1, 1, 151, generator=torch.Generator().manual_seed(3)) / 12

    def network(images):
        return torch.sigmoid(functional.conv2d(images.float() / 255 - 0.3, column, padding=(0, 75))[:, 0])

    write_probability_map(network, image, tmp_path / "map.tif", window=320, overlap=160)
    mapped, expected = read(tmp_path / "map.tif"), at_once(network, pixels)
    assert expected.std() > 15
    assert np.abs(mapped - expected).max() <= 0.51


def test_layers_are_bands_that_are_blended_alike(tmp_path):
    pixels = noise(90, 110)
    pixels[:, 5, 7] = 0
    image = write_image(tmp_path / "image.tif", pixels)

    def network(images):
        return torch.stack([local(3)(images), local(3, seed=1)(images)], 1)

    write_probability_map(network, image, tmp_path / "map.tif", window=48, overlap=16, layers=("probability", "spread"))
    with rasterio.open(tmp_path / "map.tif") as dataset:
        values = dataset.read()
        assert (dataset.descriptions, dataset.nodata) == (("probability", "spread"), 255)
    assert (values[:, 5, 7] == 255).all()
    for band, seed in enumerate((0, 1)):
        differences = np.abs(values[band] - at_once(local(3, seed), pixels))
        differences[5, 7] = 0
        assert differences.max() <= 0.51


def test_rows_are_written_in_a_thread_of_their_own_while_the_network_goes_on(tmp_path, monkeypatch):
    image = write_image(tmp_path / "image.tif", noise(200, 40))
    threads, second = set(), threading.Event()
    write, calls = sliding_window._write_rows, []

    def waiting(*arguments):
        threads.add(threading.get_ident())
        assert second.wait(timeout=30), "the network waits for the first rows to be written"
        write(*arguments)

    def network(images):
        calls.append(threading.get_ident())
        if len(calls) == 2:
            second.set()
        return local(1)(images)

    monkeypatch.setattr(sliding_window, "_write_rows", waiting)
    write_probability_map(network, image, tmp_path / "map.tif", window=48, overlap=8)
    assert len(threads) == 1 and not threads & set(calls)


def test_progress_is_told_by_rows(tmp_path, caplog):
    image = write_image(tmp_path / "image.tif", noise(200, 40))
    with caplog.at_level("INFO"):
        write_probability_map(local(1), image, tmp_path / "map.tif", window=32, overlap=8)
    lines = [record.message for record in caplog.records if "of the rows" in record.message]
    assert lines[0].startswith("12 % of the rows done, about") and lines[-1].startswith("100 % of the rows done, in")
    assert len(lines) <= 10


def test_the_map_lies_on_the_image_s_grid_and_is_a_cog(tmp_path):
    image = write_image(tmp_path / "image.tif", noise(70, 90))
    write_probability_map(local(1), image, tmp_path / "map.tif", window=32, overlap=8)
    with rasterio.open(tmp_path / "map.tif") as dataset:
        assert (dataset.dtypes, dataset.nodata) == (("uint8",), 255)
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    with rasterio.open(tmp_path / "map.tif") as dataset, rasterio.open(image) as source:
        assert Grid.from_raster(dataset).same_as(Grid.from_raster(source))


def test_the_same_image_gives_the_same_bytes_whatever_the_batch(tmp_path):
    image = write_image(tmp_path / "image.tif", noise(100, 120))
    for name, batch in (("one.tif", 1), ("five.tif", 5)):
        write_probability_map(local(2), image, tmp_path / name, window=48, overlap=16, batch=batch)
    assert (tmp_path / "one.tif").read_bytes() == (tmp_path / "five.tif").read_bytes()


def test_no_data_stays_no_data_and_empty_windows_are_skipped(tmp_path):
    pixels = noise(96, 160)
    pixels[:, :, 70:] = 0
    pixels[:, 3, 5] = 0
    pixels[0, 40, 40] = 0
    image = write_image(tmp_path / "image.tif", pixels)
    seen = []

    def network(images):
        seen.append(len(images))
        return torch.full((len(images), *images.shape[-2:]), 0.5)

    write_probability_map(network, image, tmp_path / "map.tif", window=32, overlap=0, batch=2)
    values = read(tmp_path / "map.tif")
    assert ((values == 255) == ~pixels.any(axis=0)).all()
    assert set(np.unique(values)) == {127, 255}
    assert sum(seen) == 3 * 3 and max(seen) == 2


def test_an_image_without_data_is_all_no_data(tmp_path):
    image = write_image(tmp_path / "image.tif", np.zeros((3, 40, 50), np.uint8))
    write_probability_map(local(1), image, tmp_path / "map.tif", window=32, overlap=8)
    assert (read(tmp_path / "map.tif") == 255).all()


def test_a_seam_of_the_real_network_is_small(tmp_path):
    torch.manual_seed(0)
    network = landform_probability(
        build(Network(backbone="resnet18", weights="none", aspp_channels=16, low_level_channels=8))
    )
    pixels = noise(160, 224)
    image = write_image(tmp_path / "image.tif", pixels)
    write_probability_map(network, image, tmp_path / "map.tif", window=96, overlap=48)
    steps = np.abs(np.diff(read(tmp_path / "map.tif").astype(int), axis=1))
    assert steps[:, 90:100].mean() <= 1.5 * steps.mean() + 1


def test_probabilities_of_zero_and_one(tmp_path):
    image = write_image(tmp_path / "image.tif", noise(50, 50))
    for value in (0.0, 1.0):
        write_probability_map(
            lambda images, value=value: torch.full((len(images), *images.shape[-2:]), value),
            image,
            tmp_path / "map.tif",
            window=32,
            overlap=10,
        )
        assert (read(tmp_path / "map.tif") == round(254 * value)).all()


def test_short_memory_takes_fewer_windows_at_once_for_good(tmp_path, caplog):
    pixels = noise(128, 200)
    image = write_image(tmp_path / "image.tif", pixels)
    sizes = []

    def network(images):
        sizes.append(len(images))
        if len(images) > 1:
            raise torch.OutOfMemoryError("out of memory")
        return local(2)(images)

    write_probability_map(network, image, tmp_path / "map.tif", window=64, overlap=16, batch=4)
    assert np.abs(read(tmp_path / "map.tif") - at_once(local(2), pixels)).max() <= 0.51
    assert sizes == [4, 2] + [1] * 12
    assert caplog.text.count("Memory is short") == 2


def test_images_that_the_model_cannot_take(tmp_path):
    target = tmp_path / "map.tif"
    wide = write_image(tmp_path / "wide.tif", noise(20, 20).astype(np.uint16))
    four = write_image(tmp_path / "four.tif", noise(20, 20, bands=1).repeat(4, axis=0))  # no alpha, by its look
    for image, what in [(wide, "8-bit"), (four, "4 bands"), (tmp_path / "none.tif", "does not exist")]:
        with pytest.raises(UserError, match=what):
            write_probability_map(local(1), image, target, window=32, overlap=8, channels=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["four.tif", "wide.tif"]


def test_an_image_cut_short_ends_in_a_mistake_and_leaves_nothing(tmp_path):
    image = write_image(tmp_path / "image.tif", noise(300, 300))
    image.write_bytes(image.read_bytes()[:-100_000])
    with pytest.raises(UserError, match="cannot be read"):
        write_probability_map(local(1), image, tmp_path / "map.tif", window=32, overlap=8)
    assert [path.name for path in tmp_path.iterdir()] == ["image.tif"]


def test_a_network_without_numbers_is_told(tmp_path):
    image = write_image(tmp_path / "image.tif", noise(40, 40))
    with pytest.raises(UserError, match="not numbers"):
        write_probability_map(
            lambda images: torch.full((len(images), *images.shape[-2:]), torch.nan),
            image,
            tmp_path / "map.tif",
            window=32,
            overlap=8,
        )


def test_a_mistake_of_the_network_comes_through(tmp_path):
    image = write_image(tmp_path / "image.tif", noise(40, 40))
    with pytest.raises(ZeroDivisionError):
        write_probability_map(lambda images: 1 / 0, image, tmp_path / "map.tif", window=32, overlap=8)
    assert [path.name for path in tmp_path.iterdir()] == ["image.tif"]


def test_modules_are_networks_too(tmp_path):
    class Brightness(nn.Module):
        def forward(self, images):
            return images.float().mean(1) / 255

    pixels = noise(40, 60)
    image = write_image(tmp_path / "image.tif", pixels)
    write_probability_map(Brightness(), image, tmp_path / "map.tif", window=32, overlap=8)
    assert np.abs(read(tmp_path / "map.tif") - pixels.mean(0) * 254 / 255).max() <= 0.51


BANDS = ["B04", "B03", "B02"]


def write_bands(path, pixels, *, descriptions=(), **options):
    bands, height, width = pixels.shape
    grid = Grid(height, width, Affine(10, 0, 500_000, 0, -10, 4_000_000), CRS.from_epsg(32644))
    profile = {**grid.profile(), "driver": "GTiff", "count": bands, "dtype": pixels.dtype, **options}
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(pixels)
        for index, text in enumerate(descriptions, 1):
            dataset.set_band_description(index, text)
    return path


def checked(path, channels=3, names=None):
    image = ImageHeader.read(path)
    check_image(image, channels=channels, names=names)
    return image


@given(st.integers(1, 120), st.integers(1, 50), st.data())
@settings(max_examples=20, deadline=None)
def test_bands_are_the_image_s_rows(tmp_path_factory, height, window, data):
    pixels = noise(height, 7)
    pixels[:, :: data.draw(st.integers(2, 9)), 2] = 0
    path = write_bands(tmp_path_factory.mktemp("rows") / "image.tif", pixels)
    rows = layout_windows(height, window, data.draw(st.integers(0, window - 1)))
    with read_ahead(path, rows) as bands:
        values = list(bands)
    assert len(values) == len(rows)
    for start, (band, valid) in zip(rows.starts, values, strict=True):
        np.testing.assert_array_equal(band, pixels[:, start : start + rows.length])
        np.testing.assert_array_equal(valid, band.any(axis=0))


def test_each_row_is_asked_for_once_in_a_thread_of_its_own(tmp_path, monkeypatch):
    path = write_bands(tmp_path / "image.tif", noise(200, 40))
    asked, threads = [], set()

    @contextmanager
    def watched(path):
        with raster.open_raster(path) as dataset:
            yield Watched(dataset)

    class Watched:
        def __init__(self, dataset):
            self.dataset = dataset

        def __getattr__(self, name):
            return getattr(self.dataset, name)

        def read(self, *, indexes, window, out):
            threads.add(threading.get_ident())
            asked.extend(range(window.row_off, window.row_off + window.height))
            return self.dataset.read(indexes=indexes, out=out, window=window)

    monkeypatch.setattr(sliding_window, "open_raster", watched)
    with read_ahead(path, layout_windows(200, 32, 12)) as bands:
        assert len(list(bands)) == 10
    assert asked == list(range(200))
    assert len(threads) == 1 and threading.get_ident() not in threads


def test_the_next_band_is_read_while_the_last_one_is_worked_on(tmp_path, monkeypatch):
    path = write_bands(tmp_path / "image.tif", noise(100, 20))
    second = threading.Event()
    read = sliding_window._read_bands

    def watched(image, rows):
        for number, band in enumerate(read(image, rows)):
            if number == 1:
                second.set()
            yield band

    monkeypatch.setattr(sliding_window, "_read_bands", watched)
    with read_ahead(path, layout_windows(100, 32, 0)) as bands:
        next(bands)
        assert second.wait(timeout=30)


@pytest.mark.parametrize("width", [1000, 9000])
def test_each_block_is_decoded_once_however_wide_the_image(tmp_path, width):
    path = write_bands(
        tmp_path / "image.tif", noise(1100, width), tiled=True, blockxsize=512, blockysize=512, compress="deflate"
    )
    cache = checked(path).cache_bytes(1)
    with rasterio.Env(GDAL_CACHEMAX=cache), read_ahead(path, layout_windows(1100, 480, 160)) as bands:
        before = bytes_read()
        for _ in bands:
            pass
        assert bytes_read() - before < 1.1 * path.stat().st_size


def bytes_read():
    return int(re.search(r"rchar: (\d+)", Path("/proc/self/io").read_text())[1])


def test_images_that_the_network_cannot_take(tmp_path):
    wide = write_bands(tmp_path / "wide.tif", noise(20, 20).astype(np.uint16))
    four = write_bands(tmp_path / "four.tif", noise(20, 20, bands=1).repeat(4, axis=0))
    turned = write_bands(tmp_path / "turned.tif", noise(20, 20), descriptions=BANDS[::-1])
    worded = write_bands(tmp_path / "worded.tif", noise(20, 20), descriptions=["B2: 490 nm", "vert", "B4"])
    coloured = write_bands(tmp_path / "coloured.tif", noise(20, 20))
    with rasterio.open(coloured, "r+") as dataset:
        dataset.colorinterp = [ColorInterp.blue, ColorInterp.green, ColorInterp.red]
    for path, what in [
        (wide, "8-bit"),
        (four, "4 bands.*B04, B03, B02"),
        (turned, "B02, B03, B04, but .*B04, B03, B02"),
        (worded, "B02, B03, B04, but .*B04, B03, B02"),
        (coloured, "B02, B03, B04, but .*B04, B03, B02"),
        (tmp_path / "none.tif", "does not exist"),
    ]:
        with pytest.raises(UserError, match=what):
            checked(path, names=BANDS)


@pytest.mark.parametrize("descriptions", [(), BANDS, ["red", "green", "blue"], ["B04", "", ""]])
def test_images_that_say_nothing_against_it_are_taken(tmp_path, descriptions):
    path = write_bands(tmp_path / "image.tif", noise(20, 30), descriptions=descriptions)
    header = checked(path, names=BANDS)
    grid, cache = header.grid, header.cache_bytes(1)
    assert (grid.shape, cache > 0) == ((20, 30), True)
