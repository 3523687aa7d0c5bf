"""The range of a whole region, compared with the pixels of its images; histograms and percentiles."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lobate.errors import UserError
from lobate.imagery.measure_stretch import Histogram, measure_stretch, percentile
from lobate.imagery.reading.calibration import Calibration
from lobate.settings.imagery import Clouds, Percentiles, Stretch

BANDS = ["B04", "B03", "B02"]
CLOUD = 9
MEASURED = Stretch(method="percentiles")


def measure(tiles: dict[str, list], target, **settings) -> dict:
    scenes = [scene for listed in tiles.values() for scene in listed]
    names = [tile for tile, listed in tiles.items() for _ in listed]
    defaults = {"bands": BANDS, "percentiles": Percentiles(), "clouds": Clouds(), "offset": "metadata"}
    measure_stretch(scenes, target, tiles=names, **{**defaults, **settings})
    return json.loads(target.read_text())


def half_cloudy(height=20, width=30):
    classes = np.full((height, width), 4, np.uint8)
    classes[:, : width // 2] = CLOUD
    return classes


@pytest.fixture
def region(products, tmp_path):
    """Two tiles; the first has two dates of which one is half under clouds. Returns it and the reflectances shown."""
    first, second, other = (products.ground(seed=seed) for seed in (1, 2, 3))
    tiles = {
        "A": [
            products.write_safe(tmp_path / "a", first + 1000, cloud=1.0, classes=half_cloudy()),
            products.write_safe(tmp_path / "a", second, cloud=2.0, date="20180720", baseline="02.14", offset=None),
        ],
        "B": [products.write_safe(tmp_path / "b", other + 1000)],
    }
    rim = 30 + round(Clouds().avoided_rim_m / 10)  # the cloud's rim is from the other date too
    image = np.concatenate([second[:, :, :rim], first[:, :, rim:]], axis=2)
    return tiles, np.concatenate([image, other], axis=2).astype(np.int64)


@pytest.mark.parametrize("common", [False, True])
def test_it_is_taken_once_over_what_all_images_show(region, tmp_path, common):
    tiles, shown = region
    found = measure(tiles, tmp_path / "stretch.json", percentiles=Percentiles(low=5, high=90, common=common))
    for number, band in enumerate(BANDS):
        pixels = shown if common else shown[number]
        ends = [np.percentile(pixels, part, method="inverted_cdf") / 10000 for part in (5, 90)]
        assert [found["ranges"][band][end] for end in ("lowest", "highest")] == pytest.approx(ends, abs=1e-12)
    assert found["pixels"] == {"A": 40 * 60, "B": 40 * 60}


def test_all_images_share_it(products, region, tmp_path):
    tiles, shown = region
    found = measure(tiles, tmp_path / "stretch.json")
    for name, columns in (("A", slice(0, 60)), ("B", slice(60, None))):
        image = products.compose(
            tiles[name], tmp_path / f"{name}.tif", stretch=MEASURED, measured=tmp_path / "stretch.json"
        )
        for band, values, numbers in zip(BANDS, image, shown[:, :, columns], strict=True):
            lowest, highest = (round(found["ranges"][band][end] * 10000) for end in ("lowest", "highest"))
            expected = np.clip(
                1 + (2 * 254 * (numbers - lowest) + highest - lowest) // (2 * (highest - lowest)), 1, 255
            )
            assert np.array_equal(values, expected)
        stretch = json.loads((tmp_path / f"{name}.json").read_text())["stretch"]
        assert stretch == {"method": "percentiles", "ranges": found["ranges"]}


def test_bands_of_rows_make_no_difference(region, tmp_path, monkeypatch):
    tiles, _ = region
    whole = measure(tiles, tmp_path / "whole.json")
    monkeypatch.setattr("lobate.imagery.scene_stack.MAX_ROWS", 7)
    assert measure(tiles, tmp_path / "banded.json") == whole


def test_the_fixed_range_asks_nobody(products, region, tmp_path):
    tiles, _ = region
    fixed = products.compose(tiles["B"], tmp_path / "fixed.tif")
    (tmp_path / "stretch.json").write_text("nothing")
    assert np.array_equal(
        fixed, products.compose(tiles["B"], tmp_path / "with.tif", measured=tmp_path / "stretch.json")
    )


def test_percentiles_without_a_measured_range_are_a_mistake(products, region, tmp_path):
    with pytest.raises(UserError, match="no measured range was given"):
        products.compose(region[0]["B"], tmp_path / "image.tif", stretch=MEASURED)


def test_a_range_of_other_bands_is_a_mistake(products, region, tmp_path):
    measure(region[0], tmp_path / "stretch.json", bands=["B04"])
    with pytest.raises(UserError, match="no range for B03, B02"):
        products.compose(region[0]["B"], tmp_path / "image.tif", stretch=MEASURED, measured=tmp_path / "stretch.json")


def test_a_region_of_8_bit_images_has_nothing_to_measure(products, tmp_path):
    ready = products.write_raster(tmp_path / "ready.tif", products.ground().astype(np.uint8))
    with pytest.raises(UserError, match="all pixels are 8 bit already"):
        measure({"A": [ready]}, tmp_path / "stretch.json")
    assert not (tmp_path / "stretch.json").exists()


def test_8_bit_images_among_others_are_left_alone(products, region, tmp_path):
    ready = products.write_raster(tmp_path / "ready.tif", products.ground().astype(np.uint8))
    tiles = {**region[0], "C": [ready]}
    found = measure(tiles, tmp_path / "stretch.json")
    assert found["pixels"]["C"] == 0
    assert found["ranges"] == measure(region[0], tmp_path / "without.json")["ranges"]


def test_a_single_reflectance_is_a_mistake(products, tmp_path):
    scene = products.write_safe(tmp_path, np.full((3, 40, 60), 1500, np.uint16))
    with pytest.raises(UserError, match=r"one reflectance only \(0\.05\)"):
        measure({"A": [scene]}, tmp_path / "stretch.json")


def test_each_scene_needs_a_tile(region, tmp_path):
    with pytest.raises(UserError, match="3 scenes, but 1 names"):
        measure_stretch(
            [scene for listed in region[0].values() for scene in listed], tmp_path / "stretch.json", tiles=["A"],
            bands=BANDS, percentiles=Percentiles(), clouds=Clouds(), offset="metadata",
        )  # fmt: skip


NUMBERS = arrays(np.uint16, st.tuples(st.integers(1, 150), st.integers(1, 4)), elements=st.integers(0, 65535))


@settings(deadline=None)
@given(numbers=NUMBERS, offset=st.sampled_from([0.0, -1000.0]), per_cent=st.floats(0, 100))
def test_a_percentile_is_numpys(numbers, offset, per_cent):
    histogram = Histogram()
    histogram.add("B04", Calibration(10000, offset), numbers, np.ones(numbers.shape, bool))
    values, counts = histogram.reflectances(["B04"])
    assert counts.sum() == numbers.size
    reflectance = np.round((numbers + offset) / 10000, 9)
    assert percentile(values, counts, per_cent) == np.percentile(reflectance, per_cent, method="inverted_cdf")


def test_the_same_ground_with_and_without_offset_counts_as_one_reflectance():
    histogram, everywhere = Histogram(), np.ones((2, 3), bool)
    histogram.add("B04", Calibration(10000, 0), np.full((2, 3), 500, np.uint16), everywhere)
    histogram.add("B04", Calibration(10000, -1000), np.full((2, 3), 1500, np.uint16), everywhere)
    histogram.add("B04", Calibration(1000, 0), np.full((2, 3), 50, np.int16), everywhere)
    values, counts = histogram.reflectances(["B04"])
    assert values.tolist() == [0.05]
    assert counts.tolist() == [18]


def test_signed_numbers_stay_below_0_and_bands_apart():
    histogram = Histogram()
    histogram.add("B04", Calibration(), np.array([[-100, 100]], np.int16), np.array([[True, True]]))
    histogram.add("B03", Calibration(), np.array([[7000, 9]], np.int16), np.array([[True, False]]))
    assert histogram.reflectances(["B04"])[0].tolist() == [-0.01, 0.01]
    assert histogram.reflectances(["B03"])[0].tolist() == [0.7]
    assert histogram.reflectances(["B04", "B03"])[0].tolist() == [-0.01, 0.01, 0.7]
    assert not len(histogram.reflectances(["B02"])[0])
