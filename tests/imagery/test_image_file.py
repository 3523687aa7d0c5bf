"""The image as a file: a valid cloud-optimised GeoTIFF in true colour with transparent nodata."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.enums import ColorInterp, MaskFlags
from rio_cogeo.cogeo import cog_validate

VEGETATION, CLOUD = 4, 9
PHOTOMETRIC_INTERPRETATION, RGB = 262, 2


@pytest.fixture
def image(products, tmp_path):
    """An image larger than a block, with nodata from a cloud and from numbers of 0."""
    numbers = products.ground(1100, 700) + 1000
    numbers[:, :100, :50] = 0
    classes = np.full((550, 350), VEGETATION, np.uint8)
    classes[200:300, 200:300] = CLOUD
    scene = products.write_safe(tmp_path, numbers, suffix=".tif", classes=classes)
    products.compose(scene, tmp_path / "image.tif")
    return tmp_path / "image.tif"


@pytest.mark.parametrize("name", ["image.tif", "image_scene.tif"])
def test_it_is_a_valid_cog_with_overviews(image, name):
    path = image.with_name(name)
    valid, errors, warnings = cog_validate(path, strict=True, quiet=True)
    assert valid, (errors, warnings)
    assert not errors + warnings
    with rasterio.open(path) as dataset:
        assert dataset.overviews(1) == [2, 4]
        assert dataset.compression.name == "deflate"


def test_qgis_shows_true_colour(image):
    with rasterio.open(image) as dataset:
        assert list(dataset.colorinterp) == [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
        assert dataset.descriptions == ("B04", "B03", "B02")
    with Image.open(image) as tiff:
        assert tiff.tag_v2[PHOTOMETRIC_INTERPRETATION] == RGB


def test_nodata_is_transparent_and_nothing_else_is(image):
    """QGIS makes a pixel transparent where any of the three bands is nodata, so none may be 0 where another is not."""
    with rasterio.open(image) as dataset, rasterio.open(image.with_name("image_scene.tif")) as record:
        assert dataset.nodatavals == (0, 0, 0)
        assert all(flags == [MaskFlags.nodata] for flags in dataset.mask_flag_enums)
        void = dataset.read() == 0
        assert np.array_equal(void.any(axis=0), void.all(axis=0))
        assert np.array_equal(~void.any(axis=0), record.read(1) == 1)
        assert void[0, :100, :50].all()
        assert void[0, 400:600, 400:600].all()


def test_overviews_do_not_darken_at_the_edge_of_nodata(products, tmp_path):
    numbers = np.full((3, 1100, 700), 2500, np.uint16)
    numbers[:, :, :301] = 0
    products.compose(products.write_safe(tmp_path, numbers, suffix=".tif"), tmp_path / "image.tif")
    with rasterio.open(tmp_path / "image.tif", overview_level=0) as smaller:
        assert set(np.unique(smaller.read())) == {0, 128}


def test_the_image_lies_on_the_scenes_own_grid(image):
    with rasterio.open(image) as dataset:
        assert dataset.crs.to_epsg() == 32644
        assert dataset.transform.to_gdal() == (500_000.0, 10.0, 0.0, 4_000_000.0, 0.0, -10.0)
