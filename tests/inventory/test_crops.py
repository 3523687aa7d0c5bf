"""Each detection's picture: from the tile that shows it best, at full resolution near it, small in all."""

from __future__ import annotations

import base64

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.io import MemoryFile
from rasterio.transform import from_origin

from lobate.inventory import crops
from lobate.inventory.crops import crop_all


def write(path, left, *, bands=3, value=100, side=300):
    profile = {"driver": "GTiff", "count": bands, "width": side, "height": side, "dtype": "uint8", "crs": 32644}
    with rasterio.open(path, "w", transform=from_origin(600_000 + 10 * left, 3_990_000, 10, 10), **profile) as image:
        image.write(np.full((bands, side, side), value, np.uint8))
    return path


def at(column, row, radius=10):
    """An outline round a pixel of the image that begins at 0."""
    shape = shapely.Point(600_000 + 10 * column, 3_990_000 - 10 * row).buffer(10 * radius)
    return gpd.GeoSeries([shape], crs=32644).to_crs(4326)[0]


def pixels_of(image):
    with MemoryFile(base64.b64decode(image["source"].split(",")[1])) as file, file.open() as picture:
        return picture.read()


@pytest.fixture
def images(tmp_path):
    """Two tiles side by side that share 100 columns, the second brighter."""
    return {"A": write(tmp_path / "a.tif", 0), "B": write(tmp_path / "b.tif", 200, value=200)}


def test_the_tile_that_shows_it_best(images):
    found = crop_all([at(100, 100), at(230, 100), at(270, 100), at(299, 100), at(480, 100)], images)
    assert [one.tile for one in found] == ["A", "A", "B", "B", "B"]
    near = found[0].images[-1]
    assert (near["left"], near["top"]) == pytest.approx((100 - 10 - 24, 100 - 10 - 24), abs=1)
    assert pixels_of(near).shape == (3, near["height"], near["width"]), "full resolution"
    assert abs(pixels_of(near).astype(int) - 100).max() <= 3


def test_no_data_under_it_on_the_first_tile(tmp_path):
    images = {"A": write(tmp_path / "a.tif", 0, value=0), "B": write(tmp_path / "b.tif", 100)}
    assert [one.tile for one in crop_all([at(150, 150)], images)] == ["B"]


def test_off_every_image_is_told(images, caplog):
    (found,) = crop_all([at(2000, 100)], images)
    assert (found.tile, found.images) == (None, [])
    assert "1 detections lie on no image" in caplog.text


def test_large_landforms_stay_small_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(crops, "NEAR_MOST", 64)
    (found,) = crop_all([at(150, 150, radius=100)], {"A": write(tmp_path / "a.tif", 0)})
    assert max(pixels_of(found.images[-1]).shape) == 64
    assert found.images[-1]["width"] > 200


def test_many_detections_are_packed_harder(tmp_path, monkeypatch):
    image = {"A": write(tmp_path / "a.tif", 0)}
    with rasterio.open(image["A"], "r+") as dataset:
        dataset.write(np.random.default_rng(0).integers(1, 255, (3, 300, 300), dtype=np.uint8))
    outlines = [at(100 + n, 100) for n in range(5)]
    full = sum(len(one["source"]) for crop in crop_all(outlines, image) for one in crop.images)
    monkeypatch.setattr(crops, "MOST_BYTES", full // 2)
    assert sum(len(one["source"]) for crop in crop_all(outlines, image) for one in crop.images) < 0.7 * full


def test_one_band_is_grey(tmp_path):
    (found,) = crop_all([at(100, 100)], {"A": write(tmp_path / "a.tif", 0, bands=1)})
    assert len(pixels_of(found.images[0])) == 1
