"""The pixels of one scene: accepted files, resampling of coarser bands, and the dilated cloud mask."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT

from lobate.errors import UserError
from lobate.imagery.pixels import AVOIDED, CLEAR, MASKED, Resampled, ScenePixels, dilate
from lobate.imagery.reading.scene import SceneRequest
from lobate.imagery.reading.scenes import read_scene
from lobate.imagery.stretch import Range
from lobate.io.grid import Grid
from lobate.settings.imagery import Clouds

WANTED = SceneRequest(("B04", "B03", "B02"), "metadata", needs_classes=True)
RANGES = (Range(0.0, 0.3),) * 3


def opened(scene, **clouds):
    return ScenePixels(read_scene(scene, WANTED), RANGES, Clouds(**clouds))


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
    source = f"<SimpleSource><SourceFilename>{elsewhere}</SourceFilename></SimpleSource>"
    band.write_text(
        f'<VRTDataset rasterXSize="30" rasterYSize="20"><VRTRasterBand dataType="UInt16" band="1">{source}</VRTRasterBand></VRTDataset>'
    )
    with pytest.raises(UserError, match="is a VRT or names a service"), opened(scene):
        pass


def test_all_of_a_scene_is_closed_when_it_cannot_be_opened(products, tmp_path):
    scene = products.write_safe(tmp_path, products.ground() + 1000, suffix=".tif")
    [classes] = scene.rglob("*_SCL_20m.tif")
    products.write_raster(classes, np.ones((20, 30), np.complex64), metres=20.0)
    pixels = opened(scene)
    with pytest.raises(UserError, match=r"SCL_20m\.tif, band 1, holds other numbers"), pixels:
        pass
    assert all(dataset.closed for dataset in pixels._open.values())


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_classes_may_be_of_any_type(products, tmp_path, dtype):
    """A file has one type for all its bands: with reflectance as floating point, the classes are too."""
    scene = products.write_safe(tmp_path, products.ground() + 1000, suffix=".tif")
    [classes] = scene.rglob("*_SCL_20m.tif")
    numbers = np.full((20, 30), 4, dtype)
    numbers[0], numbers[1] = 9, np.nan if dtype.startswith("float") else 0
    products.write_raster(classes, numbers, metres=20.0)
    with opened(scene, avoided_rim_m=0) as pixels:
        assert pixels.rows(0, 6)[1][:, 0].tolist() == [MASKED] * 4 + [CLEAR] * 2


def test_mixed_classes_are_a_mistake(products, tmp_path):
    """Bilinear resampling makes 8.5 of cloud (9) and cloud (8), and 6.5 of cloud (9) and vegetation (4)."""
    scene = products.write_safe(tmp_path, products.ground() + 1000, suffix=".tif")
    [classes] = scene.rglob("*_SCL_20m.tif")
    products.write_raster(classes, np.full((20, 30), 6.5, np.float32), metres=20.0)
    with pytest.raises(UserError, match=r"SCL_20m\.tif, band 1, holds other numbers"), opened(scene) as pixels:
        pixels.rows(0, 6)


def test_a_pixel_is_seen_where_every_band_has_a_number(products, tmp_path):
    numbers = products.ground() + 1000
    numbers[0, 1, 1], numbers[2, 2, 2] = 0, 0
    with opened(products.write_safe(tmp_path, numbers)) as pixels:
        values, ranks = pixels.rows(0, 4)
        seen = ranks < MASKED
        assert np.argwhere(~seen).tolist() == [[1, 1], [2, 2]]
        assert not values[:, ~seen].any()
        assert np.array_equal(np.stack(pixels.numbers(0, 4)), numbers[:, :4])


def test_ranks_by_class_and_by_distance(products, tmp_path):
    """Cloud is masked, its rim avoided; nodata has no rim; snow, dark and unclassified ground are avoided."""
    classes = np.full((20, 30), 4, np.uint8)
    classes[10, 15], classes[0, 0] = 9, 0
    classes[3, 3:6] = (2, 7, 11)
    scene = products.write_safe(tmp_path, products.ground() + 1000, classes=classes)
    with opened(scene, dilate_m=20, avoided_rim_m=40) as pixels:
        found = pixels.class_rank(0, 40)[::2, ::2]
    rows, cols = np.mgrid[:20, :30]
    away = np.hypot(rows - 10, cols - 15) * 20
    from_nodata = np.hypot(rows, cols) * 20
    expected = np.select([(away <= 20) | (from_nodata <= 20), away <= 60], [MASKED, AVOIDED], CLEAR)
    expected[3, 3:6] = AVOIDED
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("metres", [10.0, 20.0, 60.0, 7.3])
@pytest.mark.parametrize("shift", [0.0, -35.0, 35.0])
def test_it_is_what_gdal_makes_of_it(products, tmp_path, metres, shift):
    coarse = np.random.default_rng(1).integers(1, 12, (30, 25)).astype(np.uint8)
    products.write_raster(tmp_path / "c.tif", coarse, metres=metres, origin=(500_000.0 + shift, 4_000_000.0 - shift))
    fine = products.write_raster(tmp_path / "f.tif", np.zeros((40, 60), np.uint8))
    with rasterio.open(tmp_path / "c.tif") as dataset, rasterio.open(fine) as target:
        grid = Grid.from_raster(target)
        own = Resampled(dataset, 1, grid)
        bands = [own.read(start, min(start + 7, 40)) for start in range(0, 40, 7)]
        with WarpedVRT(dataset, resampling=Resampling.nearest, **grid.profile()) as warped:
            assert np.array_equal(np.concatenate(bands), warped.read(1))


def test_another_crs_is_a_mistake(products, tmp_path):
    products.write_raster(tmp_path / "c.tif", np.ones((4, 4), np.uint8), crs="EPSG:32645")
    fine = products.write_raster(tmp_path / "f.tif", np.zeros((4, 4), np.uint8))
    with (
        rasterio.open(tmp_path / "c.tif") as dataset,
        rasterio.open(fine) as target,
        pytest.raises(UserError, match="share a CRS"),
    ):
        Resampled(dataset, 1, Grid.from_raster(target))


@settings(max_examples=60, deadline=None)
@given(
    masked=array_shapes(min_dims=2, max_dims=2, max_side=14).flatmap(lambda shape: arrays(bool, shape)),
    radius=st.floats(0, 20),
)
def test_it_grows_by_a_disc(masked, radius):
    rows, cols = np.indices(masked.shape)
    expected = np.zeros_like(masked)
    for row, col in np.argwhere(masked):
        expected |= (rows - row) ** 2 + (cols - col) ** 2 <= radius**2
    assert np.array_equal(dilate(masked, radius), expected)
