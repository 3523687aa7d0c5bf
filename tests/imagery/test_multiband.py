"""Several bands in one GeoTIFF, by setting or by description."""

from __future__ import annotations

import numpy as np
import pytest

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
