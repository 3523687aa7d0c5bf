from __future__ import annotations

import numpy as np
import pytest
import rasterio

from lobate.patches.cores import Window
from lobate.patches.quality import Quality, grey_counts, judge, look
from lobate.settings.patches import Crop

from .conftest import grid, write_raster


def test_valid_share_counts_pixels_with_any_band():
    pixels = np.zeros((3, 2, 2), np.uint8)
    pixels[1, 0, 0] = 9
    assert judge(grey_counts(pixels, 0), 4).valid == 0.25


def test_entropy_is_that_of_equally_frequent_grey_levels():
    pixels = np.repeat(np.arange(1, 101, dtype=np.uint8).reshape(1, 10, 10), 3, axis=0)
    assert judge(grey_counts(pixels, 0), 100).entropy == pytest.approx(2.0)


def test_entropy_of_one_grey_level_and_of_nothing_is_0():
    assert judge(grey_counts(np.full((3, 4, 4), 7, np.uint8), 0), 16) == Quality(1.0, 0.0)
    assert judge(grey_counts(np.zeros((3, 4, 4), np.uint8), 0), 16) == Quality(0.0, 0.0)


def test_any_number_of_bands_will_do():
    pixels = np.full((5, 2, 2), 255, np.uint8)
    assert grey_counts(pixels, None)[255] == 4


def test_the_limits_are_more_than_60_per_cent_and_at_least_half():
    crop = Crop()
    assert Quality(0.6, 2).objection(crop) == "valid share 0.600 is not greater than 0.6"
    assert Quality(0.61, 0.49).objection(crop) == "entropy 0.490 is less than 0.5"
    assert Quality(0.61, 0.5).objection(crop) is None


def test_a_window_read_in_bands_is_judged_as_in_one_go(tmp_path, monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 4, (3, 120, 140), dtype=np.uint8)
    write_raster(tmp_path / "image.tif", pixels, grid())
    window = Window(11, 7, 83, 60)
    whole = judge(grey_counts(pixels[:, 11:94, 7:67], 0), 83 * 60)
    monkeypatch.setattr("lobate.patches.quality.PIXELS_AT_ONCE", 500)
    with rasterio.open(tmp_path / "image.tif") as image:
        assert look(image, window) == whole
