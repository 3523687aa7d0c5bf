"""Reflectance in other numbers than 16-bit integers gives the same image, or its owner is asked what the numbers mean."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio

from lobate.errors import UserError
from lobate.imagery.digital_numbers import DigitalNumbers
from lobate.imagery.measure_stretch import measure_stretch
from lobate.imagery.reading.calibration import Calibration
from lobate.imagery.reading.quantification import PLACES, SIDE, sample
from lobate.io.jsonfile import read_json
from lobate.settings.imagery import Clouds, Percentiles

BANDS = ["B04", "B03", "B02"]
NO_CLASSES = Clouds(invalid_classes=[])


def image_of(products, folder, numbers, *, units=None, tags=None, **settings):
    """The image of a scene of ``numbers``; ``tags``: scale and offset of each band."""
    said = {} if tags is None else {"scales": [tags[0]] * 3, "offsets": [tags[1]] * 3}
    scene = products.write_raster(folder / "scene.tif", numbers, descriptions=BANDS, **said)
    if units:
        with rasterio.open(scene, "r+") as dataset:
            dataset.units = [units] * 3
    return products.compose(scene, folder / "image.tif", **{"clouds": NO_CLASSES, **settings})


@pytest.fixture
def ground(products):
    return products.ground(lowest=1, highest=4000)


@pytest.fixture
def expected(products, tmp_path, ground):
    image = image_of(products, tmp_path, ground, offset="none")
    assert np.array_equal(image, products.by_hand(ground))
    return image


KNOWN = {
    "float32 from 0 to 1": (lambda dn: (dn / 10000).astype(np.float32), {}),
    "float64 from 0 to 1": (lambda dn: dn / 10000, {}),
    "float16 with a scale": (lambda dn: dn.astype(np.float32), {"tags": (0.0001, 0.0)}),
    "float32 with scale and offset": (lambda dn: (dn + 1000).astype(np.float32), {"tags": (0.0001, -0.1)}),
    "float32 with an offset": (lambda dn: (dn + 1000).astype(np.float32), {"tags": (1.0, -1000.0)}),
    "unit reflectance": (lambda dn: dn / 10000, {"units": "Reflectance"}),
    "unit per cent": (lambda dn: (dn / 100).astype(np.float32), {"units": "%"}),
    "per cent by the setting": (lambda dn: dn / 100, {"quantification": 100.0}),
    "times 10000 by the settings": (
        lambda dn: dn.astype(np.float32),
        {"quantification": 10000.0, "offset": "none"},
    ),
    "times 10000 with 1000 added": (
        lambda dn: (dn + 1000).astype(np.float64),
        {"quantification": 10000.0, "offset": "1000"},
    ),
    "from 0 to 1 with 0.1 added": (lambda dn: dn / 10000 + 0.1, {"offset": "1000"}),
    "int32": (lambda dn: dn.astype(np.int32), {"offset": "none"}),
    "int32 with negative numbers": (lambda dn: dn.astype(np.int32) - 5000, {"tags": (0.0001, 0.5)}),
    "uint32 with a scale": (lambda dn: dn.astype(np.uint32) * 10, {"tags": (0.00001, 0.0)}),
    "integers of per cent": (lambda dn: (dn / 100).round().astype(np.uint16), {"units": "%"}),
    "integers whose unit is reflectance": (lambda dn: dn, {"units": "BOA reflectance * 10000", "offset": "none"}),
    "16 bit of another quantification": (lambda dn: dn * 2, {"quantification": 20000.0}),
}


@pytest.mark.parametrize("case", KNOWN)
def test_the_same_reflectance_gives_the_same_image(products, tmp_path, ground, expected, case):
    write, settings = KNOWN[case]
    numbers = write(ground)
    numbers[numbers == 0] = 1  # 0 is nodata, as in 16-bit images
    image = image_of(products, tmp_path, numbers, **settings)
    rounded = case == "integers of per cent"  # 1 % is 8 or 9 of 255, and 0 would be nodata
    assert np.array_equal(image, expected) or (rounded and (np.abs(image.astype(int) - expected) <= 9).all())


UNKNOWN = {
    "times 10000": (lambda dn: dn.astype(np.float32), {}, "float32 numbers, mostly .* with neither a unit nor a scale"),
    "per cent": (lambda dn: dn / 100, {}, "float64 numbers, mostly 0.* to 39.*imagery.quantification"),
    "decibels": (lambda dn: -dn / 200.0, {}, "imagery.quantification"),
    "a mask of 0 and 1": (lambda dn: (dn > 2000).astype(np.float32) + 1, {}, "imagery.quantification"),
    "radiance": (lambda dn: dn / 10000, {"units": "W m-2 sr-1 um-1"}, 'the unit "W m-2 sr-1 um-1"'),
    "integers of radiance": (
        lambda dn: dn,
        {"units": "W m-2 sr-1 um-1", "offset": "none"},
        "no reflectance that lobate",
    ),
    "integers of per cent with two decimals": (lambda dn: dn, {"units": "%"}, "no ground is"),
    "a bright picture": (lambda dn: 0.5 + dn / 8000, {}, "imagery.quantification"),
    "per cent, said to be reflectance": (lambda dn: dn / 100, {"units": "reflectance"}, "which no ground is"),
    "per cent, set to reflectance": (lambda dn: dn / 100, {"quantification": 1.0}, "brighter than 39"),
    "reflectance, set to times 10000": (
        lambda dn: dn / 10000,
        {"quantification": 10000.0, "offset": "none"},
        "which no ground is",
    ),
    "times 10000 and an unknown offset": (lambda dn: dn / 1.0, {"quantification": 10000.0}, "imagery.offset"),
    "32-bit integers and an unknown offset": (lambda dn: dn.astype(np.int32), {}, "imagery.offset"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_numbers_of_unknown_meaning_are_asked_about(products, tmp_path, ground, case):
    write, settings, words = UNKNOWN[case]
    with pytest.raises(UserError, match=words):
        image_of(products, tmp_path, write(ground), **settings)
    assert not list(tmp_path.glob("image*"))


def test_a_float_is_nodata_where_it_is_zero_nan_infinite_or_the_nodata_value(products, tmp_path):
    numbers = (products.ground(lowest=100) / 10000).astype(np.float32)
    numbers[:, 0, :4], numbers[1, 1, 1] = [np.nan, np.inf, -np.inf, 0], np.nan
    numbers[:, 2] = 0.12345
    scene = products.write_raster(tmp_path / "scene.tif", numbers, descriptions=BANDS, nodata=0.12345)
    image = products.compose(scene, tmp_path / "image.tif", clouds=NO_CLASSES)
    nothing = np.zeros(image.shape[1:], bool)
    nothing[0, :4] = nothing[1, 1] = nothing[2] = True
    assert np.array_equal((image == 0).all(axis=0), nothing)
    assert np.array_equal((image == 0).any(axis=0), nothing)


def test_reflectance_below_zero_is_data_and_darkest(products, tmp_path):
    """Atmospheric correction makes negative reflectance in shadow, and a cast to an unsigned number would make it bright."""
    numbers = (products.ground(lowest=100) / 10000).astype(np.float32)
    numbers[:, 0, 0], numbers[:, 0, 1], numbers[:, 0, 2] = -0.02, 1e-7, -5.0
    numbers[:, 0, 3] = 9.0
    image = image_of(products, tmp_path, numbers)
    assert image[:, 0, :4].tolist() == [[1, 1, 1, 255]] * 3


@pytest.mark.parametrize("kind", ["folder", "item", "product"])
def test_metadata_beside_converted_bands_are_about_the_integers_they_were(products, tmp_path, kind):
    """A stated offset of -1000 would make reflectance from 0 to 1 black everywhere."""
    ground = products.ground()
    reflectance = (ground / 10000).astype(np.float32)
    if kind == "product":
        scene = products.write_safe(tmp_path, reflectance, suffix=".tif")
    else:
        scene = products.write_stac(tmp_path / "scene", reflectance, raster=(0.0001, -0.1))
    if kind == "folder":
        (scene / "scene.json").unlink()
        (scene / "MTD_MSIL2A.xml").write_text(products.product_xml("05.09", 1.0, -1000))
    assert np.array_equal(products.compose(scene, tmp_path / "image.tif"), products.by_hand(ground))


@pytest.mark.parametrize("kind", ["folder", "product"])
def test_metadata_hold_for_digital_numbers_in_floating_point(products, tmp_path, kind):
    """As warping with NaN as nodata gives them."""
    ground = products.ground()
    numbers = (ground + 1000).astype(np.float32)
    if kind == "product":
        scene = products.write_safe(tmp_path, numbers, suffix=".tif")
    else:
        scene = products.write_stac(tmp_path / "scene", numbers)
        (scene / "scene.json").unlink()
        (scene / "MTD_MSIL2A.xml").write_text(products.product_xml("05.09", 1.0, -1000))
    assert np.array_equal(products.compose(scene, tmp_path / "image.tif"), products.by_hand(ground))


def test_a_range_is_measured_on_floats_as_on_integers(products, tmp_path):
    ground = products.ground()
    ranges = {}
    for name, numbers in (("integers", ground), ("floats", (ground / 10000).astype(np.float32))):
        scene = products.write_raster(tmp_path / f"{name}.tif", numbers, descriptions=BANDS)
        settings = {"bands": BANDS, "percentiles": Percentiles(), "clouds": NO_CLASSES, "offset": "none"}
        measure_stretch([scene], tmp_path / "stretch.json", tiles=["A"], **settings)
        ranges[name] = read_json(tmp_path / "stretch.json", "ranges")
    assert ranges["floats"] == ranges["integers"]


def test_a_little_data_in_a_large_band_is_found(tmp_path, products):
    """Where none of the sample's windows holds data, the band is read whole."""
    side = PLACES * SIDE * 3
    numbers = np.full((1, side, side), np.nan, np.float32)
    numbers[0, 100:140, 100:140] = 0.25
    path = products.write_raster(tmp_path / "band.tif", numbers)
    with rasterio.open(path) as dataset:
        found = sample(dataset, 1)
    assert len(found) and (found == 0.25).all()
    with rasterio.open(path) as dataset:
        made = DigitalNumbers(dataset, 1, Calibration(1.0, 0.0), "band").of(dataset.read(1))
    assert (made[100:140, 100:140] == 3500).all() and (made > 0).sum() == 1600
