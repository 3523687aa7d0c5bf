"""The pixels of one scene: which files are opened, and what may stand in them."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio.shutil

from lobate.errors import Mistake
from lobate.imagery.pixels import ScenePixels
from lobate.imagery.ranges import Range
from lobate.imagery.reading.scene import Wanted
from lobate.imagery.reading.scenes import read_scene
from lobate.settings.imagery import Clouds

WANTED = Wanted(("B04", "B03", "B02"), "metadata", classes=True)
RANGES = (Range(0.0, 0.3),) * 3


def opened(scene):
    return ScenePixels(read_scene(scene, WANTED), RANGES, Clouds())


@pytest.mark.parametrize("kind", ["product", "item", "bands", "file"])
def test_a_file_that_leads_elsewhere_is_not_opened(products, tmp_path, kind):
    """A VRT under a band's name could make GDAL read any file or address; and what it leads to has no part in the key."""
    elsewhere = products.write_raster(tmp_path / "elsewhere.tif", products.ground()[0])
    if kind == "product":
        scene = products.write_safe(tmp_path, products.ground() + 1000, suffix=".tif")
        [band] = scene.rglob("*_B04_10m.tif")
    elif kind == "file":
        scene = band = tmp_path / "scene.tif"
    else:
        scene = products.write_stac(tmp_path / "item", products.ground(), **{"s2:processing_baseline": "02.14"})
        band = scene / "B04.tif"
        if kind == "bands":
            (scene / "item.json").unlink()
            (scene / "MTD_MSIL2A.xml").write_text(products.product_xml("02.14", 1.0, None))
    band.unlink(missing_ok=True)
    rasterio.shutil.copy(elsewhere, band, driver="VRT")
    with pytest.raises(Mistake, match="not recognized as being in a supported file format"), opened(scene):
        pass


def test_all_of_a_scene_is_closed_when_it_cannot_be_opened(products, tmp_path):
    scene = products.write_safe(tmp_path, products.ground() + 1000, suffix=".tif")
    [classes] = scene.rglob("*_SCL_20m.tif")
    products.write_raster(classes, np.ones((20, 30), np.float32), metres=20.0)
    pixels = opened(scene)
    with pytest.raises(Mistake, match=r"SCL_20m\.tif, band 1, holds float32 numbers"), pixels:
        pass
    assert all(dataset.closed for dataset in pixels._open.values())


def test_a_pixel_is_seen_where_every_band_has_a_number(products, tmp_path):
    numbers = products.ground() + 1000
    numbers[0, 1, 1], numbers[2, 2, 2] = 0, 0
    with opened(products.write_safe(tmp_path, numbers)) as pixels:
        values, seen = pixels.rows(0, 4)
        assert np.argwhere(~seen).tolist() == [[1, 1], [2, 2]]
        assert not values[:, ~seen].any()
        assert np.array_equal(np.stack(pixels.numbers(0, 4)), numbers[:, :4])
