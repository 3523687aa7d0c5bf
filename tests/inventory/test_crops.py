"""Thumbnails: from the tile that shows most, at full resolution near the outline, small in all.

Pixels and ground agree to millimetres within a page's pictures, anywhere on Earth.
"""

from __future__ import annotations

import base64

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from pyproj import Transformer
from rasterio.crs import CRS
from rasterio.io import MemoryFile
from rasterio.transform import from_origin

from lobate.inventory import crops
from lobate.inventory.crops import CropWindow, crop_thumbnails, fallback_grid, pixel_bounds
from lobate.io.grid import Grid


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
    thumbnails = crop_thumbnails([at(100, 100), at(230, 100), at(270, 100), at(299, 100), at(480, 100)], images)
    assert [thumbnail.tile for thumbnail in thumbnails] == ["A", "A", "B", "B", "B"]
    near = thumbnails[0].images[-1]
    assert (near["left"], near["top"]) == pytest.approx((100 - 10 - 24, 100 - 10 - 24), abs=1)
    assert pixels_of(near).shape == (3, near["height"], near["width"]), "full resolution"
    assert abs(pixels_of(near).astype(int) - 100).max() <= 3


def test_no_data_under_it_on_the_first_tile(tmp_path):
    images = {"A": write(tmp_path / "a.tif", 0, value=0), "B": write(tmp_path / "b.tif", 100)}
    assert [thumbnail.tile for thumbnail in crop_thumbnails([at(150, 150)], images)] == ["B"]


def test_off_every_image_is_reported(images, caplog):
    (thumbnail,) = crop_thumbnails([at(2000, 100)], images)
    assert (thumbnail.tile, thumbnail.images) == (None, [])
    assert "1 detections lie on no image" in caplog.text


def test_large_landforms_stay_small_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(crops, "NEAR_MAX_SIDE", 64)
    (thumbnail,) = crop_thumbnails([at(150, 150, radius=100)], {"A": write(tmp_path / "a.tif", 0)})
    assert max(pixels_of(thumbnail.images[-1]).shape) == 64
    assert thumbnail.images[-1]["width"] > 200


def test_with_many_detections_only_the_ground_farther_away_is_coarser(tmp_path, monkeypatch):
    image = {"A": write(tmp_path / "a.tif", 0)}
    with rasterio.open(image["A"], "r+") as dataset:
        dataset.write(np.random.default_rng(0).integers(1, 255, (3, 300, 300), dtype=np.uint8))
    outlines = [at(100 + n, 100) for n in range(5)]
    sizes, nears, fars = [], [], []
    for limit in (None, 2, 1000):
        if limit:
            monkeypatch.setattr(crops, "MAX_BYTES", sizes[0] // limit)
        pictures = [crop.images for crop in crop_thumbnails(outlines, image)]
        sizes.append(sum(len(picture["source"]) for pair in pictures for picture in pair))
        fars.append(max(pixels_of(pictures[0][0]).shape))
        nears.append([pair[1] for pair in pictures])
    assert sizes[0] > sizes[1] > sizes[2]
    assert fars == [231, 160, 80], "the least, however large the page gets"
    assert nears[0] == nears[1] == nears[2], "the ground near the outline is never blurred"


def test_one_band_is_grey(tmp_path):
    (thumbnail,) = crop_thumbnails([at(100, 100)], {"A": write(tmp_path / "a.tif", 0, bands=1)})
    picture = pixels_of(thumbnail.images[0]).astype(int)
    assert np.ptp(picture, axis=0).max() <= 2, "the same in red, green and blue"


def applied(fit, points):
    """What `polynomial` of outline.js does."""
    u, v = ((np.asarray(points) - fit["origin"]) / fit["scale"]).T
    terms = np.column_stack([np.ones_like(u), u, v, u * u, u * v, v * v])
    return np.column_stack([terms @ fit["x"], terms @ fit["y"]])


@pytest.mark.parametrize(
    ("crs", "x", "y"),
    [(32644, 600_000, 3_990_000), (32719, 350_000, 6_600_000), (32633, 250_000, 8_700_000), (3413, -500_000, -900_000)],
)
def test_polynomials_are_the_projection(crs, x, y):
    grid = Grid(1000, 1000, Affine(10, 0, x, 0, -10, y), CRS.from_epsg(crs))
    to_ground = Transformer.from_crs(crs, 4326, always_xy=True)
    middle = shapely.Point(to_ground.transform(x + 5000, y - 5000)).buffer(0.01)
    frame = CropWindow.around(middle, grid, 0.5, 50)
    fits, (left, top, right, bottom) = frame.polynomials(), frame.window
    rng = np.random.default_rng(0)
    pixels = rng.uniform([left, top], [right, bottom], (200, 2))
    metres = np.column_stack(grid.transform @ tuple(pixels.T))
    ground = applied(fits["to_ground"], pixels)
    back = np.column_stack(Transformer.from_crs(4326, crs, always_xy=True).transform(*ground.T))
    assert np.abs(back - metres).max() < 0.05, "metres"
    assert np.abs(applied(fits["to_pixel"], ground) - pixels).max() < 0.01, "pixels"


def test_window_holds_the_outline_with_its_margin():
    grid = Grid(100, 100, Affine(1, 0, 0, 0, -1, 50), CRS.from_epsg(4326))
    outline = shapely.box(10, 20, 20, 30)
    assert np.allclose(pixel_bounds(outline, grid), (10, 20, 20, 30))
    assert CropWindow.around(outline, grid, 0.5, 2).window == (5, 15, 26, 36)
    assert CropWindow.around(outline, grid, 0.1, 7).window == (3, 13, 28, 38)


def test_without_an_image_there_is_a_grid_all_the_same():
    outline = shapely.box(80, 36, 80.01, 36.01)
    fits = CropWindow.around(outline, fallback_grid(outline), 1, 10).polynomials()
    assert np.allclose(applied(fits["to_ground"], applied(fits["to_pixel"], [(80.004, 36.002)])), (80.004, 36.002))
