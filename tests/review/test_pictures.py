"""The pictures against rasterio's own reading of the same windows."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

from .region import PIXEL

pytestmark = pytest.mark.xdist_group("review-server")


def pixels_of(png: bytes) -> np.ndarray:
    """The pixels of a PNG without filters, (256, 256, 4)."""
    with rasterio.io.MemoryFile(png) as file, file.open() as picture:
        return np.moveaxis(picture.read(), 0, -1)


class TestPictures:
    @pytest.mark.parametrize(("z", "x", "y"), [(0, 0, 0), (0, 1, 0), (-1, 1, 1), (-2, 3, 2), (-3, 0, 0)])
    def test_a_picture_is_rasterios_own_reading_of_the_window(self, client, shared, z, x, y):
        side = 256 * 2.0**z
        with rasterio.open(shared.folder / "results/demo/imagery/T44SPC.tif") as image:
            inside = Window(x * side, y * side, side, side).intersection(Window(0, 0, image.width, image.height))
            rows, columns = (round(length / 2.0**z) for length in (inside.height, inside.width))
            expected = np.zeros((3, 256, 256), np.uint8)
            expected[:, :rows, :columns] = image.read(window=inside, out_shape=(3, rows, columns))
        picture = pixels_of(client.get(f"picture/image/plane1/{z}/{x}/{y}.png"))
        assert (np.moveaxis(picture[..., :3], -1, 0) == expected).all()
        assert ((picture[..., 3] == 255) == (expected != 0).any(axis=0)).all()

    def test_a_wider_picture_shows_every_other_pixel_or_their_mean(self, client, shared):
        with rasterio.open(shared.folder / "results/demo/imagery/T44SPC.tif") as image:
            whole = image.read()
        picture = pixels_of(client.get("picture/image/plane1/1/0/0.png"))
        height, width = (side // 2 for side in whole.shape[1:])
        height, width = min(height, 256), min(width, 256)
        for band in range(3):
            blocks = whole[band, : 2 * height, : 2 * width].reshape(height, 2, width, 2).astype(int)
            shown = picture[:height, :width, band].astype(int)
            assert (shown >= blocks.min(axis=(1, 3))).all()
            assert (shown <= blocks.max(axis=(1, 3))).all()

    def test_contrast_stretches_between_its_ends(self, client):
        plain = pixels_of(client.get("picture/image/plane1/0/0/0.png")).astype(int)
        picture = pixels_of(client.get("picture/image/plane1/0/0/0.png", low=100, high=150)).astype(int)
        shown = plain[..., 3] > 0
        expected = np.clip((plain[..., :3] - 100) * 255 / 50 + 0.5, 0, 255).astype(int)
        assert (abs(picture[shown][:, :3] - expected[shown]) <= 1).all()

    def test_bands_are_chosen_by_name(self, client):
        plain = pixels_of(client.get("picture/image/plane1/0/0/0.png"))
        grey = pixels_of(client.get("picture/image/plane1/0/0/0.png", bands="B03"))
        assert (grey[..., :3] == plain[..., 1:2]).all()
        assert (
            "B99"
            not in client.get("picture/image/plane1/0/0/0.png", 400, bands="B99")["error"].partition("name one")[2]
        )

    def test_dates_are_the_scenes_themselves(self, client, shared):
        with rasterio.open(shared.folder / "scenes/second.tif") as scene:
            expected = scene.read(window=Window(0, 0, 256, 256))
        shown = [pixels_of(client.get(f"picture/{name}/plane1/0/0/0.png")) for name in ("date1", "date2")]
        assert any((np.moveaxis(one[..., :3], -1, 0) == expected).all() for one in shown)

    def test_probability_grows_more_opaque_and_nodata_is_clear(self, client, shared):
        with rasterio.open(shared.folder / "results/demo/mapping/T44SPC_probability.tif") as raster:
            values = raster.read(1, window=Window(0, 0, 256, 256))
        opacity = pixels_of(client.get("picture/probability/plane1/0/0/0.png"))[..., 3].astype(int)
        assert (opacity[values == 255] == 0).all()
        order = np.argsort(values[values < 255], kind="stable")
        assert (np.diff(opacity[values < 255][order]) >= 0).all()

    def test_the_hillshade_is_light_where_ground_faces_north_west(self, client, shared):
        with rasterio.open(shared.folder / "dem.tif") as raster:
            heights = raster.read(1, window=Window(0, 0, 256, 256)).astype(float)
        north, east = -np.gradient(heights, PIXEL, axis=0), np.gradient(heights, PIXEL, axis=1)
        light = pixels_of(client.get("picture/hillshade/plane1/0/0/0.png"))[..., 0].astype(float)
        facing = (east - north) / np.sqrt(2)
        assert np.corrcoef(light[2:-2, 2:-2].ravel(), facing[2:-2, 2:-2].ravel())[0, 1] > 0.9

    def test_contours_lie_between_their_levels(self, client, shared):
        with rasterio.open(shared.folder / "dem.tif") as raster:
            heights = raster.read(1, window=Window(0, 0, 257, 257)).astype(float)
        lines = pixels_of(client.get("picture/contours/plane1/0/0/0.png"))[..., 3] > 0
        level = np.floor(heights / 50)
        crosses = (level[:-1, :-1] != level[1:, :-1]) | (level[:-1, :-1] != level[:-1, 1:])
        assert (lines == crosses).mean() > 0.98

    def test_off_the_ground_there_is_nothing(self, client):
        for place in ("0/999/999", "0/-5/0", "9/0/0", "-9/0/0"):
            assert (pixels_of(client.get(f"picture/image/plane1/{place}.png"))[..., 3] == 0).all()

    def test_a_thumbnail_shows_ground_and_outline(self, client):
        picture = pixels_of(client.get("thumbnail/detections/d00007.png", size=96))
        assert picture.shape == (96, 96, 4)
        outline = (picture[..., :3] == (255, 242, 0)).all(axis=-1)
        assert 100 < outline.sum() < 1000
        assert len(np.unique(picture[..., 0])) > 20

    def test_pictures_with_a_stamp_may_be_kept(self, client):
        (layer,) = [one for one in client.get("api/session")["layers"] if one["id"] == "image"]
        answer = client.raw("GET", f"/picture/image/plane1/0/0/0.png?stamp={layer['stamp']}")
        assert "max-age" in answer.headers["cache-control"]
        assert client.raw("GET", "/picture/image/plane1/0/0/0.png").headers["cache-control"] == "no-cache"
