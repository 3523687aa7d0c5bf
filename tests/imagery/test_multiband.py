"""Several bands in one GeoTIFF, by setting or by description."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from lobate.errors import UserError
from lobate.imagery.reading.multiband import read
from lobate.imagery.reading.scene import SceneRequest
from lobate.settings.imagery import Clouds

SCALED = {"scales": [1e-4] * 5, "offsets": [0.0] * 5}
CLOUD, VEGETATION = 9, 4


@pytest.fixture
def five(products):
    """B02, B03, B04, B08 and SCL, with a cloud in the first corner."""
    numbers = products.ground()
    classes = np.full(numbers.shape[1:], VEGETATION, np.uint16)
    classes[:8, :8] = CLOUD
    return np.stack([numbers[2], numbers[1], numbers[0], numbers[0] // 2, classes])


def test_the_setting_gives_the_order(products, five, tmp_path):
    scene = products.write_raster(tmp_path / "scene.tif", five[:4], scales=[1e-4] * 4, offsets=[0.0] * 4)
    image = products.compose(scene, tmp_path / "image.tif", band_order=["blue", "B03", "B4", "nir"])
    assert np.array_equal(image, products.by_hand(five[[2, 1, 0]]))


def test_the_setting_goes_before_descriptions(products, five, tmp_path):
    descriptions = ["B04", "B03", "B02", "B08"]
    scene = products.write_raster(
        tmp_path / "scene.tif", five[:4], scales=[1e-4] * 4, offsets=[0.0] * 4, descriptions=descriptions
    )
    assert np.array_equal(products.compose(scene, tmp_path / "a.tif"), products.by_hand(five[:3]))
    by_setting = products.compose(scene, tmp_path / "b.tif", band_order=["B02", "B03", "B04", "B08"])
    assert np.array_equal(by_setting, products.by_hand(five[[2, 1, 0]]))


def test_a_classification_among_the_bands_masks(products, five, tmp_path):
    scene = products.write_raster(tmp_path / "scene.tif", five, **SCALED)
    order = ["B02", "B03", "B04", "B08", "SCL"]
    expected = products.by_hand(five[[2, 1, 0]])
    expected[:, :8, :8] = 0
    assert np.array_equal(products.compose(scene, tmp_path / "image.tif", band_order=order), expected)
    unmasked = products.compose(scene, tmp_path / "u.tif", band_order=order, clouds=Clouds(invalid_classes=[]))
    assert np.array_equal(unmasked, products.by_hand(five[[2, 1, 0]]))


def test_an_order_of_another_length_is_a_mistake(products, five, tmp_path):
    scene = products.write_raster(tmp_path / "scene.tif", five, **SCALED)
    with pytest.raises(UserError, match=r"has 5 bands, but imagery\.band_order names 2 \(B02, B03\)"):
        read(scene, SceneRequest(("B02",), "none", needs_classes=True, band_order=("B02", "B03")))


def test_a_band_that_the_order_lacks_is_a_mistake(products, five, tmp_path):
    scene = products.write_raster(tmp_path / "scene.tif", five, **SCALED)
    with pytest.raises(UserError, match=r"should hold the bands B11.*imagery\.band_order"):
        read(scene, SceneRequest(("B11",), "none", needs_classes=True, band_order=("B02", "B03", "B04", "B08", "SCL")))


def test_an_alpha_band_counts_for_nothing(products, tmp_path):
    pixels = products.ground(highest=255).astype(np.uint8)
    alpha = np.full((1, *pixels.shape[1:]), 255, np.uint8)
    alpha[0, :3] = 0
    ready = products.write_raster(
        tmp_path / "ready.tif", np.concatenate([pixels, alpha]), photometric="RGB", alpha="YES"
    )
    image = products.compose(ready, tmp_path / "image.tif", band_order=["red", "green", "blue"])
    assert np.array_equal(image[:, 3:], pixels[:, 3:])
    assert not image[:, :3].any()


def test_clouds_that_nothing_tells_of_are_told(products, five, tmp_path, caplog):
    scene = products.write_raster(tmp_path / "scene.tif", five[:3], scales=[1e-4] * 3, offsets=[0.0] * 3)
    products.compose(scene, tmp_path / "image.tif")
    [warning] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "scene.tif" in warning.getMessage() or "scene scene" in warning.getMessage()
    assert "clouds are not masked" in warning.getMessage()


LANGUAGES = {
    "English": ("blue", "green", "red"), "German": ("Blau", "Grün", "Rot"), "French": ("bleu", "vert", "rouge"),
    "Spanish": ("azul", "verde", "rojo"), "Italian": ("blu", "verde", "rosso"), "Portuguese": ("azul", "verde", "vermelho"),
    "Russian": ("синий", "зелёный", "красный"), "Chinese": ("蓝", "绿", "红"), "names": ("B02: 490 nm", "B03: 560 nm", "B04: 665 nm"),
    "sentences": ("B2, central wavelength 492 nm", "B3, central wavelength 560 nm", "B4, central wavelength 665 nm"),
    "exports": ("sur_refl_B2_median", "sur_refl_B3_median", "sur_refl_B4_median"), "wavelengths": ("492 nm", "560 nm", "665 nm"),
    "numbers": ("Band 2", "Band 3", "Band 4"),
}  # fmt: skip
FALSE_COLOUR = ["B08", "B04", "B03"]


@pytest.mark.parametrize("texts", LANGUAGES.values(), ids=LANGUAGES)
def test_bands_come_in_the_order_of_their_names(products, five, tmp_path, texts):
    scene = products.write_raster(tmp_path / "scene.tif", five[:3], descriptions=texts)
    image = products.compose(scene, tmp_path / "image.tif", offset="none")
    assert np.array_equal(image, products.by_hand(five[[2, 1, 0]]))


def test_b8a_is_not_b8(products, five, tmp_path):
    texts, five = ["sur_refl_B8A", "sur_refl_B4", "sur_refl_B3", "sur_refl_B8"], np.maximum(five, 1)
    scene = products.write_raster(tmp_path / "scene.tif", five[:4], descriptions=texts)
    image = products.compose(scene, tmp_path / "image.tif", offset="none", bands=FALSE_COLOUR)
    assert np.array_equal(image, products.by_hand(five[[3, 1, 2]]))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_colours_give_the_order(products, five, tmp_path, dtype):
    pixels = (five[:3] % 255 + 1).astype(dtype)
    scene = products.write_raster(tmp_path / "scene.tif", pixels)
    with rasterio.open(scene, "r+") as dataset:
        dataset.colorinterp = [ColorInterp.blue, ColorInterp.green, ColorInterp.red]
    image = products.compose(scene, tmp_path / "image.tif", offset="none")
    expected = pixels[::-1] if dtype == "uint8" else products.by_hand(pixels[::-1])
    assert np.array_equal(image, expected)


@pytest.mark.parametrize(
    "texts", [("foo", "bar", "baz"), ("NDVI", "B04_std", "x"), ("first", "", ""), ("B04", "B04", "B03")]
)
def test_descriptions_that_name_no_order_are_asked_about(products, five, tmp_path, texts):
    scene = products.write_raster(tmp_path / "scene.tif", five[:3], descriptions=texts)
    with pytest.raises(UserError, match=r"[Nn]ame.*bands in.*imagery\.band_order"):
        read(scene, SceneRequest(("B04", "B03", "B02"), "none", needs_classes=False))
    image = products.compose(scene, tmp_path / "image.tif", offset="none", band_order=["B02", "B03", "B04"])
    assert np.array_equal(image, products.by_hand(five[[2, 1, 0]]))


def test_an_order_that_names_a_band_by_two_words_is_a_mistake(products, five, tmp_path):
    scene = products.write_raster(tmp_path / "scene.tif", five[:3])
    with pytest.raises(UserError, match="names B04 more than once"):
        read(scene, SceneRequest(("B04",), "none", needs_classes=False, band_order=("B04", "rot", "B02")))


def test_numbers_that_only_count_leave_the_order_of_the_setting(products, five, tmp_path):
    scene = products.write_raster(tmp_path / "scene.tif", five[:3], descriptions=["Band 1", "Band 2", "Band 3"])
    assert np.array_equal(products.compose(scene, tmp_path / "i.tif", offset="none"), products.by_hand(five[:3]))


def test_the_setting_says_whether_a_fourth_band_is_alpha(products, five, tmp_path):
    """GDAL calls it alpha where nothing is said; here it is near infrared, or a mask that hides a corner."""
    pixels = (five[:4] % 255 + 1).astype(np.uint8)
    pixels[3, :5, :5] = 0
    scene = products.write_raster(tmp_path / "scene.tif", pixels)
    near = products.compose(scene, tmp_path / "near.tif", bands=FALSE_COLOUR, band_order=["B02", "B03", "B04", "B08"])
    assert np.array_equal(near, pixels[[3, 2, 1]])
    shown = products.compose(scene, tmp_path / "shown.tif", band_order=["red", "green", "blue", "alpha"])
    assert not shown[:, :5, :5].any() and np.array_equal(shown[:, 5:], pixels[:3, 5:])


@pytest.mark.parametrize(
    ("scale", "offset", "added"), [(1, -1000, 1000), (1e-4, -0.1, 1000), (1e-4, 0, 0), (0, 0, 0), (1, 0, 0)]
)
def test_scale_and_offset_are_obeyed(products, five, tmp_path, scale, offset, added):
    numbers = five[:3] + np.uint16(added)
    scene = products.write_raster(tmp_path / "scene.tif", numbers, scales=[scale] * 3, offsets=[offset] * 3)
    rule = "metadata" if added or scale == 1e-4 else "none"
    image = products.compose(scene, tmp_path / "image.tif", offset=rule)
    assert np.array_equal(image, products.by_hand(five[:3]))


@pytest.mark.parametrize(("scale", "offset"), [(0.01, 0), (1, -0.1), (100, 0), (-1e-4, 0.3)])
def test_tags_that_give_no_reflectance_are_asked_about(products, five, tmp_path, scale, offset):
    scene = products.write_raster(tmp_path / "scene.tif", five[:3], scales=[scale] * 3, offsets=[offset] * 3)
    with pytest.raises(UserError, match=r"holds neither reflectance.*gdal_edit\.py -unsetscale"):
        read(scene, SceneRequest(("B04", "B03", "B02"), "none", needs_classes=False))


def test_a_finished_image_has_no_scale(products, five, tmp_path):
    pixels = (five[:3] % 255).astype(np.uint8)
    scene = products.write_raster(tmp_path / "scene.tif", pixels, scales=[0.004] * 3, offsets=[0.0] * 3)
    with pytest.raises(UserError, match="8-bit images are taken as they are"):
        read(scene, SceneRequest(("B04", "B03", "B02"), "none", needs_classes=False))
