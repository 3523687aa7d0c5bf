"""Real Sentinel-2 products of two years from two archives; skipped where they are not installed."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
import rasterio
from scipy.ndimage import distance_transform_edt

from lobate.errors import UserError
from lobate.settings.imagery import Clouds


@pytest.fixture(scope="session")
def old(real_data):
    return real_data / "s2_l2a_baseline_0214" / "S2A_29RKH_20200219_0_L2A"


@pytest.fixture(scope="session")
def new(real_data):
    return [real_data / "s2_l2a_baseline_0509" / f"S2B_33TWM_202308{day}_0_L2A" for day in (10, 13, 20)]


def band(folder, name):
    with rasterio.open(folder / f"{name}.tif") as dataset:
        return dataset.read(1)


def masked(folder, shape):
    """Return where the classification is invalid, cells repeated to the bands' grid."""
    classes = np.isin(band(folder, "SCL"), [0, 1, 3, 8, 9, 10])
    if classes.shape == shape:
        return classes
    rows, cols = ((np.arange(side) // 2).clip(max=half - 1) for side, half in zip(shape, classes.shape, strict=True))
    return classes[np.ix_(rows, cols)]


def expected_of(folder, by_hand):
    numbers = np.stack([band(folder, name) for name in ("B04", "B03", "B02")])
    seen = ~masked(folder, numbers.shape[1:]) & (numbers > 0).all(axis=0)
    return by_hand(numbers) * seen


def test_a_product_without_offset_is_read_as_worked_out_by_hand(products, old, tmp_path):
    image = products.compose(old, tmp_path / "image.tif")
    assert image.shape == (3, 1098, 1098)
    expected = expected_of(old, products.by_hand)
    assert np.array_equal(image[:, :-1, :-1], expected[:, :-1, :-1])
    # 0.1666, the scene's median blue reflectance, is 1 + 254 x 0.1666 / 0.3 = 142.05
    assert set(image[2][band(old, "B02") == 1666]) <= {0, 142}
    with rasterio.open(tmp_path / "image.tif") as dataset:
        assert dataset.crs.to_epsg() == 32629
        assert dataset.res == (100.0, 100.0)


@pytest.mark.parametrize("which", [1, 2])
def test_a_product_whose_offset_is_off_already_is_read_as_worked_out_by_hand(products, new, tmp_path, which):
    image = products.compose(new[which], tmp_path / "image.tif")
    assert np.array_equal(image, expected_of(new[which], products.by_hand))
    with rasterio.open(tmp_path / "image.tif") as dataset:
        assert dataset.crs.to_epsg() == 32633


def test_two_dates_see_more_than_either_and_the_cloudy_one_is_left_out(products, new, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        both = products.compose(new, tmp_path / "both.tif", clouds=Clouds(avoided_classes=[], avoided_rim_m=0))
    void = [
        np.count_nonzero(~image.any(axis=0))
        for image in (both, *(expected_of(one, products.by_hand) for one in new[1:]))
    ]
    assert void[0] < min(void[1:])
    assert "S2B_33TWM_20230810_0_L2A is left out: cloud cover 70.627 % is over the limit of 5 %" in caplog.text
    first = expected_of(new[1], products.by_hand)
    assert np.array_equal(both[:, first.any(axis=0)], first[:, first.any(axis=0)])


def test_record_and_facts_of_two_dates(products, new, tmp_path):
    both = products.compose(new, tmp_path / "both.tif")
    facts = json.loads((tmp_path / "both.json").read_text())
    with rasterio.open(tmp_path / "both_scene.tif") as dataset:
        record = dataset.read(1)
    first, second = facts["scenes"]
    assert (first["name"], second["name"]) == ("S2B_33TWM_20230813_0_L2A", "S2B_33TWM_20230820_0_L2A")
    assert [first["baseline"], first["offset"]["B04"], first["quantification"]["B04"]] == ["05.09", 0, 10000]
    [left_out] = facts["left_out"]
    assert left_out["name"] == "S2B_33TWM_20230810_0_L2A"
    assert left_out["reason"] == "cloud cover 70.627 % is over the limit of 5 %"
    for scene in (first, second):
        mine = record == scene["number"]
        assert np.count_nonzero(mine) == scene["pixels"] > 0
        assert np.array_equal(both[:, mine], expected_of(new[scene["number"]], products.by_hand)[:, mine])
    assert facts["valid_share"] == pytest.approx(both.any(axis=0).mean(), abs=1e-6)


def test_real_ground_with_and_without_offset_gives_the_same_bytes(products, old, tmp_path):
    numbers = np.stack([band(old, name) for name in ("B04", "B03", "B02")])
    early = products.write_safe(tmp_path, numbers, baseline="02.14", offset=None)
    late = products.write_safe(tmp_path, np.where(numbers, numbers + 1000, 0).astype(np.uint16), baseline="05.09")
    for scene, name in ((early, "early"), (late, "late")):
        products.compose(scene, tmp_path / f"{name}.tif")
    for end in (".tif", "_scene.tif"):
        assert (tmp_path / f"early{end}").read_bytes() == (tmp_path / f"late{end}").read_bytes()


def test_the_cloudy_scene_alone_is_a_mistake(products, new, tmp_path):
    with pytest.raises(UserError, match=r"70\.627 %"):
        products.compose(new[0], tmp_path / "image.tif")
    assert products.compose(new[0], tmp_path / "image.tif", clouds=Clouds(max_scene_cloud=80)).any()


def test_a_picture_that_is_8_bit_already_is_not_stretched_again(products, real_data, tmp_path):
    picture = real_data / "everest_glaciers" / "LE71400412000304SGS00_RGB.tif"
    image = products.compose(picture, tmp_path / "image.tif")
    with rasterio.open(picture) as dataset:
        assert np.array_equal(image, dataset.read())


def brightness(folder):
    """Return the mean reflectance of the three bands; NaN where one has no number."""
    numbers = np.stack([band(folder, name) for name in ("B04", "B03", "B02")]).astype(float) / 10000
    return np.where((numbers > 0).all(axis=0), numbers.mean(axis=0), np.nan)


def brighter_than(new, which, other):
    """Return how much brighter one date is than another on ground that is vegetation or bare on the other; else NaN."""
    clear = np.isin(band(new[other], "SCL"), [4, 5])
    return np.where(clear, brightness(new[which]) - brightness(new[other]), np.nan)


def test_the_rims_of_clouds_are_hazy_and_lose_that_with_distance(new):
    """Why avoided_rim_m is not 0: pixels called clear beside a cloud are brighter than on the other date. Cells have 120 m."""
    classes = band(new[2], "SCL")
    away = distance_transform_edt(~np.isin(classes, [8, 9, 10]))
    gain = np.where(np.isin(classes, [4, 5]), brighter_than(new, 2, 1), np.nan)
    rim, next_ring, far = (
        np.nanmedian(gain[(away > least) & (away <= most)]) for least, most in ((0.5, 1.1), (2.1, 3.1), (15, np.inf))
    )
    assert rim - far > 0.015
    assert next_ring - far < 0.01


def test_unclassified_pixels_are_haze_and_snow_in_august_is_cloud(new):
    """Why classes 7 and 11 are avoided: on another date the same ground is much darker."""
    for which, number, least in ((2, 7, 0.1), (0, 7, 0.1), (0, 11, 0.07)):
        assert np.nanmedian(brighter_than(new, which, 1)[band(new[which], "SCL") == number]) > least


def test_dark_pixels_of_a_cloudy_date_are_as_dark_as_its_shadows(new):
    """Why class 2 is avoided and not masked: beside clouds it is a missed shadow, on a clear date it is hardly there."""
    shown, classes = brightness(new[0]), band(new[0], "SCL")
    dark, shadow, clear = (np.nanmedian(shown[np.isin(classes, wanted)]) for wanted in ([2], [3], [4, 5]))
    assert dark == pytest.approx(shadow, abs=0.005)
    assert clear > shadow + 0.01
    assert [(band(one, "SCL") == 2).mean() < 0.001 for one in new[1:]] == [True, True]


def test_no_pixel_is_lost_and_none_is_hazy_that_the_other_date_shows_clear(products, new, tmp_path):
    strict = products.compose(new[1:], tmp_path / "all.tif", clouds=Clouds(avoided_classes=[], avoided_rim_m=0))
    image = products.compose(new[1:], tmp_path / "image.tif")
    assert np.array_equal(image.any(axis=0), strict.any(axis=0))
    with rasterio.open(tmp_path / "image_scene.tif") as record:
        giver = record.read(1)
    clear = [
        np.isin(band(one, "SCL"), [4, 5, 6]) & (expected_of(one, products.by_hand).any(axis=0))
        & (distance_transform_edt(~np.isin(band(one, "SCL"), [1, 3, 8, 9, 10])) > 1.1)
        for one in new[1:]
    ]  # fmt: skip
    avoided = [np.isin(band(one, "SCL"), [2, 7, 11]) for one in new[1:]]
    for number in (0, 1):
        assert not ((giver == number + 1) & avoided[number] & clear[1 - number]).any()
