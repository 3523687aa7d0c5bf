"""Which pixels have data: every way to say it in a file, alone and together, for images and measurements."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.enums import ColorInterp
from rasterio.io import MemoryFile

from lobate.io.validity import Validity, alpha_bands

PLACE = {"crs": "EPSG:32644", "transform": Affine(10, 0, 5e5, 0, -10, 4e6)}
WHOLE = ((0, 4), (0, 5))


def written(path, pixels, *, alpha=False, descriptions=(), tags=None, **options):
    count, height, width = pixels.shape
    profile = {"count": count, "height": height, "width": width, "dtype": pixels.dtype, **PLACE, **options}
    with rasterio.open(path, "w", driver="GTiff", **profile) as target:
        target.colorinterp = [ColorInterp.gray] * (count - 1) + [ColorInterp.alpha if alpha else ColorInterp.undefined]
        target.write(pixels)
        target.update_tags(**tags or {})
        if descriptions:
            target.descriptions = descriptions
    return rasterio.open(path)


def valid(dataset, **options):
    validity = Validity.of_image(dataset)
    if options:
        validity = Validity(dataset, validity.bands, **options)
    return validity.of(dataset.read(validity.bands), WHOLE)


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(2, 90, (3, 4, 5))


def test_0_in_one_band_is_a_colour_in_8_bit_and_no_measurement_in_16(tmp_path, pixels):
    pixels[0, 1, 1] = 0
    pixels[:, 2, 2] = 0
    eight, sixteen = (written(tmp_path / f"{t}.tif", pixels.astype(t)) for t in ("uint8", "uint16"))
    assert np.argwhere(~valid(eight)).tolist() == [[2, 2]]
    assert np.argwhere(~valid(sixteen)).tolist() == [[1, 1], [2, 2]]


def test_0_is_an_elevation(tmp_path, pixels):
    pixels[0, 1, 1] = 0
    dem = written(tmp_path / "dem.tif", pixels[:1].astype("int16"))
    assert valid(dem, zero_is_nodata=False).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_alpha_of_any_type_after_any_number_of_bands(tmp_path, pixels, dtype):
    """GDAL takes alpha for a mask only as the last of two or four bands of unsigned integers."""
    for count in (1, 2, 3, 5):
        bands = np.concatenate([pixels, pixels, np.ones((1, 4, 5))])[[*range(count), -1]].astype(dtype)
        bands[-1, 0, 0] = 0
        dataset = written(tmp_path / f"{count}.tif", bands, alpha=True)
        assert alpha_bands(dataset) == (count + 1,)
        assert np.argwhere(~valid(dataset)).tolist() == [[0, 0]]


def test_a_band_with_a_name_is_no_alpha_and_one_called_alpha_is(tmp_path, pixels):
    named = written(tmp_path / "a.tif", pixels.astype("uint8"), alpha=True, descriptions=["B04", "B03", "B8"])
    assert alpha_bands(named) == ()
    called = written(tmp_path / "b.tif", pixels.astype("uint16"), descriptions=["B04", "alpha", "B03"])
    assert alpha_bands(called) == (2,)
    only = written(tmp_path / "c.tif", pixels[:1].astype("uint8"), alpha=True)
    assert alpha_bands(only) == ()


def test_nodata_of_all_bands_together(tmp_path, pixels):
    """NODATA_VALUES: a pixel has no data where each band has its own of these numbers."""
    pixels[:, 3, 3] = 5, 6, 7
    pixels[0, 2, 2] = 5
    dataset = written(tmp_path / "a.tif", pixels.astype("uint16"), tags={"NODATA_VALUES": "5 6 7"})
    assert np.argwhere(~valid(dataset)).tolist() == [[3, 3]]


@pytest.mark.parametrize("nodata", [-9999, 300, 1e20, np.nan])
def test_a_nodata_value_beyond_the_type_hides_nothing(tmp_path, pixels, nodata):
    dataset = written(tmp_path / "a.tif", pixels.astype("float32"), nodata=nodata)
    assert valid(dataset).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_no_data(tmp_path, pixels, value):
    real = pixels.astype("float32")
    real[1, 2, 3] = value
    dataset = written(tmp_path / "a.tif", real)
    validity = Validity.of_image(dataset)
    cleared = real.copy()
    assert np.argwhere(~validity.clear(cleared, WHOLE)).tolist() == [[2, 3]]
    assert (cleared[:, 2, 3] == 0).all() and np.isfinite(cleared).all()


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_whatever_is_said_counts_together(data):
    """Against a plain loop over pixels: nodata value, mask and alpha in one file, for any type."""
    dtype = data.draw(st.sampled_from(["uint8", "uint16", "int16", "float32"]))
    nodata, masked, alpha = (
        data.draw(st.sampled_from(choice)) for choice in ([None, 0, 7], [False, True], [False, True])
    )
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    bands, mask, opaque = rng.integers(0, 9, (2, 4, 5)), rng.random((4, 5)) < 0.7, rng.integers(0, 3, (4, 5))
    content = np.concatenate([bands, opaque[np.newaxis]] if alpha else [bands]).astype(dtype)
    with MemoryFile() as memory, rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        profile = {"count": len(content), "height": 4, "width": 5, "dtype": dtype, "nodata": nodata, **PLACE}
        with memory.open(driver="GTiff", **profile) as target:
            colours = [ColorInterp.gray, ColorInterp.undefined, ColorInterp.alpha]
            target.colorinterp = colours[: len(content)]
            target.write(content)
            if masked:
                target.write_mask(mask)
        with memory.open() as dataset:
            result = valid(dataset)
    for row, col in np.ndindex(4, 5):
        numbers = [value not in (0, nodata) for value in bands[:, row, col].tolist()]
        expected = any(numbers) if dtype == "uint8" else all(numbers)
        expected &= (not masked or mask[row, col]) and (not alpha or opaque[row, col] > 0)
        assert result[row, col] == expected
