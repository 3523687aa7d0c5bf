import numpy as np
import pytest
import rasterio

from lobate.example.product import digital_numbers


def test_digital_numbers_are_what_esa_writes():
    reflectance = np.array([0.2, 0.0, -0.3, np.nan, 20.0])
    assert digital_numbers(reflectance, 0).tolist() == [2000, 1, 1, 0, 65535]
    assert digital_numbers(reflectance, 1000).tolist() == [3000, 1000, 1, 0, 65535]


def test_bands_are_lossless_jpeg_2000_on_the_tiles_grid(world, layout):
    for band, side, dtype in (
        ("B02", 320, "uint16"),
        ("B04", 320, "uint16"),
        ("B08", 320, "uint16"),
        ("SCL", 160, "uint8"),
    ):
        with rasterio.open(world.raster(2, band)) as image:
            assert image.driver == "JP2OpenJPEG"
            assert image.shape == (side, side)
            assert image.dtypes == (dtype,)
            assert image.crs.to_epsg() == 32644
            assert image.bounds == pytest.approx(layout.tiles["44SQC"].bounds)


def test_the_offset_is_in_the_late_baseline_only(world):
    """Both dates show the same ground in the overlap's unclouded part, 1000 apart but for the sun."""
    with rasterio.open(world.raster(2, "B04")) as early, rasterio.open(world.raster(3, "B04")) as late:
        difference = late.read(1).astype(int) - early.read(1)
    assert 800 < np.median(difference) < 1200


def test_where_two_tiles_overlap_they_show_the_same(world):
    with rasterio.open(world.raster(0, "B03")) as west, rasterio.open(world.raster(2, "B03")) as east:
        assert np.array_equal(west.read(1)[:, -64:], east.read(1)[:, :64])


def test_one_scene_has_a_cloud_and_another_a_wedge(world):
    shares = []
    for scene in range(4):
        with rasterio.open(world.raster(scene, "SCL")) as image:
            classes = image.read(1)
        shares.append((np.isin(classes, (8, 9)).mean(), (classes == 3).mean(), (classes == 0).mean()))
    assert 0.005 < shares[0][0] < 0.05, "cloud within the 5 % limit"
    assert shares[0][1] > 0, "and its shadow"
    assert shares[1][2] > 0.02, "beyond the orbit's edge"
    assert shares[2][2] == shares[3][2] == 0
    with rasterio.open(world.raster(1, "B02")) as image:
        assert (image.read(1) == 0).mean() == pytest.approx(shares[1][2], abs=0.01)
