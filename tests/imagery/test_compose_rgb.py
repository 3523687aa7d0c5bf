"""The image of a tile from whole products, the record of scenes, and the facts."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
import rasterio

from lobate.errors import UserError
from lobate.settings.imagery import Clouds, Stretch

VEGETATION, CLOUD, SNOW = 4, 9, 11
NO_RIM = Clouds(avoided_rim_m=0)


def test_values_are_those_worked_out_by_hand(products, tmp_path):
    numbers = products.ground()
    image = products.compose(products.write_safe(tmp_path, numbers + 1000), tmp_path / "image.tif")
    assert np.array_equal(image, products.by_hand(numbers))


def test_same_ground_with_and_without_offset_gives_the_same_bytes(products, tmp_path):
    numbers = products.ground(highest=8000)
    early = products.write_safe(tmp_path, numbers, baseline="02.14", offset=None)
    late = products.write_safe(tmp_path, numbers + 1000, baseline="05.09", offset=-1000)
    products.compose(early, tmp_path / "early.tif")
    products.compose(late, tmp_path / "late.tif")
    assert (tmp_path / "early.tif").read_bytes() == (tmp_path / "late.tif").read_bytes()


def test_a_number_of_0_is_nodata_in_all_bands(products, tmp_path):
    numbers = products.ground() + 1000
    numbers[1, 3, 4] = 0
    image = products.compose(products.write_safe(tmp_path, numbers), tmp_path / "image.tif")
    assert not image[:, 3, 4].any()
    assert np.count_nonzero(image == 0) == 3


def test_clouds_are_filled_from_the_next_clearest_scene(products, tmp_path):
    numbers, others = products.ground(seed=1) + 1000, products.ground(seed=2) + 1000
    cloudy, behind = (np.full((20, 30), VEGETATION, np.uint8) for _ in range(2))
    cloudy[5:10, 5:10] = CLOUD
    behind[5, 5] = CLOUD
    late = products.write_safe(tmp_path, others, date="20180820", cloud=3.0, classes=behind)
    first = products.write_safe(tmp_path, numbers, date="20180901", cloud=2.0, classes=cloudy)
    image = products.compose([late, first], tmp_path / "image.tif", clouds=NO_RIM)
    expected = products.by_hand(numbers - 1000)
    expected[:, 10:20, 10:20] = products.by_hand(others - 1000)[:, 10:20, 10:20]
    expected[:, 10:12, 10:12] = 0
    assert np.array_equal(image, expected)


def test_snow_is_taken_only_where_no_date_is_free_of_it(products, tmp_path):
    """The clearest scene has snow on the left half; the next has less of it, and clouds elsewhere."""
    numbers, others = products.ground(seed=1), products.ground(seed=2)
    snowy, less = (np.full((20, 30), VEGETATION, np.uint8) for _ in range(2))
    snowy[:, :15], less[:, :5], less[:3] = SNOW, SNOW, CLOUD
    first = products.write_safe(tmp_path, numbers + 1000, date="20180701", cloud=1.0, classes=snowy)
    second = products.write_safe(tmp_path, others + 1000, date="20180801", cloud=2.0, classes=less)
    image = products.compose([first, second], tmp_path / "image.tif", clouds=NO_RIM)
    expected = products.by_hand(numbers)
    expected[:, 6:, 10:30] = products.by_hand(others)[:, 6:, 10:30]
    assert np.array_equal(
        image, expected
    )  # all of the image is there: snow on both dates, and snow under the other's cloud
    facts = facts_of(tmp_path / "image.tif")
    assert facts["valid_share"] == 1
    assert facts["avoided_share"] == pytest.approx((6 * 30 + 34 * 10) / 2400, abs=1e-6)
    assert facts["avoided_classes"] == [2, 7, 11]


def test_one_date_alone_keeps_its_snow(products, tmp_path):
    scene = products.write_safe(
        tmp_path, products.ground() + 1000, classes=np.full((20, 30), SNOW, np.uint8), suffix=".tif"
    )
    image = products.compose(scene, tmp_path / "image.tif")
    assert np.array_equal(image, products.by_hand(products.ground()))


def test_the_rim_of_a_cloud_is_from_another_date_and_never_lost(products, tmp_path):
    classes = np.full((20, 30), VEGETATION, np.uint8)
    classes[10, 15] = CLOUD
    hazy = products.write_safe(tmp_path, products.ground(seed=1) + 1000, date="20180701", cloud=1.0, classes=classes)
    clear = products.write_safe(tmp_path, products.ground(seed=2) + 1000, date="20180801", cloud=2.0)
    products.compose([hazy, clear], tmp_path / "image.tif", clouds=Clouds(avoided_rim_m=60))
    rows, cols = np.mgrid[:20, :30]
    near = (np.hypot(rows - 10, cols - 15) * 20 <= 60).repeat(2, axis=0).repeat(2, axis=1)
    assert np.array_equal(record_of(tmp_path / "image.tif") == 2, near)
    alone = products.compose(hazy, tmp_path / "alone.tif", clouds=Clouds(avoided_rim_m=60))
    assert np.count_nonzero(alone[0] == 0) == 4  # the cloud itself


def test_order_of_scenes_does_not_matter(products, tmp_path):
    scenes = [
        products.write_safe(tmp_path, products.ground(seed=day) + 1000, date=f"201807{day}", cloud=2.0, suffix=".tif")
        for day in (11, 13, 12)
    ]
    first = products.compose(scenes, tmp_path / "a.tif")
    assert np.array_equal(first, products.compose(scenes[::-1], tmp_path / "b.tif"))
    assert np.array_equal(first, products.by_hand(products.ground(seed=11)))


def test_the_mask_grows_by_metres(products, tmp_path):
    classes = np.full((20, 30), VEGETATION, np.uint8)
    classes[10, 15] = CLOUD
    scene = products.write_safe(tmp_path, products.ground() + 1000, classes=classes)
    image = products.compose(scene, tmp_path / "image.tif", clouds=Clouds(dilate_m=40))
    rows, cols = np.mgrid[:20, :30]
    near = (np.hypot(rows - 10, cols - 15) * 20 <= 40).repeat(2, axis=0).repeat(2, axis=1)
    assert np.array_equal(image[0] == 0, near)


def test_a_cloudy_scene_is_left_out_and_told(products, tmp_path, caplog):
    clear = products.write_safe(tmp_path, products.ground(seed=1) + 1000, cloud=5.0)
    cloudy = products.write_safe(tmp_path, products.ground(seed=2) + 1000, cloud=5.1, date="20180820")
    with caplog.at_level(logging.INFO):
        image = products.compose([cloudy, clear], tmp_path / "image.tif")
    assert np.array_equal(image, products.by_hand(products.ground(seed=1)))
    assert "S2A_MSIL2A_20180820" in caplog.text
    assert "5.1 % is over the limit of 5 %" in caplog.text


def test_no_scene_clear_enough_is_a_mistake(products, tmp_path):
    scene = products.write_safe(tmp_path, products.ground(), cloud=70.6)
    with pytest.raises(UserError, match=r"70\.6 % is over the limit.*max_scene_cloud"):
        products.compose(scene, tmp_path / "image.tif")
    assert not (tmp_path / "image.tif").exists()


def test_an_8_bit_image_passes_through_unchanged(products, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 50, 70)).astype(np.uint8)
    pixels[:, :5] = 0
    ready = products.write_raster(tmp_path / "ready.tif", pixels)
    assert np.array_equal(products.compose(ready, tmp_path / "image.tif"), pixels)


def test_other_nodata_of_an_8_bit_image_becomes_0(products, tmp_path):
    pixels = np.random.default_rng(0).integers(1, 255, (3, 50, 70)).astype(np.uint8)
    pixels[:, :5], pixels[0, 9] = 255, 255
    ready = products.write_raster(tmp_path / "ready.tif", pixels, nodata=255)
    image = products.compose(ready, tmp_path / "image.tif")
    assert not image[:, :5].any()
    assert np.array_equal(image[:, 5:], pixels[:, 5:])


def test_the_image_is_a_described_rgb_cog(products, tmp_path):
    scene = products.write_safe(tmp_path, products.ground(1100, 700) + 1000, suffix=".tif")
    products.compose(scene, tmp_path / "image.tif")
    with rasterio.open(tmp_path / "image.tif") as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.descriptions == ("B04", "B03", "B02")
        assert [colour.name for colour in dataset.colorinterp] == ["red", "green", "blue"]
        assert dataset.nodatavals == (0, 0, 0)
        assert dataset.overviews(1)


def test_any_number_of_bands_and_a_coarser_band_on_the_finest_grid(products, tmp_path):
    fine, coarse = products.ground(40, 60)[0], products.ground(20, 30, seed=5)[0]
    folder = tmp_path / "20180711"
    products.write_raster(folder / "B08.tif", fine, scales=[1e-4], offsets=[0.0])
    products.write_raster(folder / "B11.tif", coarse, metres=20.0, scales=[1e-4], offsets=[0.0])
    image = products.compose(folder, tmp_path / "image.tif", bands=["B11", "B08"], clouds=Clouds(invalid_classes=[]))
    assert np.array_equal(image[1], products.by_hand(fine))
    assert np.array_equal(image[0], products.by_hand(coarse).repeat(2, axis=0).repeat(2, axis=1))


def test_bands_of_rows_leave_no_seam(products, tmp_path, monkeypatch):
    numbers = products.ground(1300, 40)
    classes = np.random.default_rng(3).choice([VEGETATION, CLOUD], (650, 20), p=[0.97, 0.03]).astype(np.uint8)
    scene = products.write_safe(tmp_path, numbers + 1000, classes=classes, suffix=".tif")
    clouds = Clouds(dilate_m=100, avoided_rim_m=60)
    banded = products.compose(scene, tmp_path / "banded.tif", clouds=clouds)
    monkeypatch.setattr("lobate.imagery.scene_stack.MIN_ROWS", 4096)
    monkeypatch.setattr("lobate.imagery.scene_stack.MAX_ROWS", 4096)
    assert np.array_equal(banded, products.compose(scene, tmp_path / "whole.tif", clouds=clouds))
    assert (tmp_path / "banded.tif").read_bytes() == (tmp_path / "whole.tif").read_bytes()


def test_scenes_on_different_grids_are_a_mistake(products, tmp_path):
    here = products.write_safe(tmp_path, products.ground() + 1000)
    there = products.write_safe(
        tmp_path, products.ground() + 1000, date="20180820", grid={"origin": (500_010.0, 4_000_000.0)}
    )
    with pytest.raises(UserError, match="different grids"):
        products.compose([here, there], tmp_path / "image.tif")
    assert not (tmp_path / "image.tif").exists()


def test_a_scene_that_shows_nothing_is_a_mistake(products, tmp_path):
    scene = products.write_safe(tmp_path, np.zeros((3, 40, 60), np.uint16))
    with pytest.raises(UserError, match="show nothing"):
        products.compose(scene, tmp_path / "image.tif")
    assert not list(tmp_path.glob("image*"))


@pytest.mark.parametrize("suffix", [".tif", ".jp2"])
def test_a_truncated_band_is_a_mistake_that_names_it(products, tmp_path, suffix):
    scene = products.write_safe(tmp_path, products.ground(600, 600) + 1000, suffix=suffix)
    [band] = scene.rglob(f"*_B03_10m{suffix}")
    band.write_bytes(band.read_bytes()[: band.stat().st_size // 2])
    with pytest.raises(UserError, match=r"B03_10m.*cannot be read"):
        products.compose(scene, tmp_path / "image.tif")
    assert not list(tmp_path.glob("image*"))


def test_a_raster_without_crs_is_a_mistake(products, tmp_path):
    scene = products.write_safe(tmp_path, products.ground() + 1000, crs=None, suffix=".tif")
    with pytest.raises(UserError, match="no coordinate reference system"):
        products.compose(scene, tmp_path / "image.tif")


def test_no_scene_there_is_a_mistake(products, tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        products.compose(tmp_path / "nowhere.SAFE", tmp_path / "image.tif")


def test_ready_and_raw_scenes_do_not_mix(products, tmp_path):
    raw = products.write_safe(tmp_path, products.ground() + 1000)
    ready = products.write_raster(tmp_path / "ready.tif", products.ground().astype(np.uint8))
    with pytest.raises(UserError, match="partly 8 bit"):
        products.compose([raw, ready], tmp_path / "image.tif")


def test_the_stretch_is_a_setting(products, tmp_path):
    numbers = np.tile(np.array([500, 1000, 1500, 2000, 2500], np.uint16), (3, 8, 2))
    scene = products.write_safe(tmp_path, numbers + 1000)
    image = products.compose(scene, tmp_path / "image.tif", stretch=Stretch(lowest=0.1, highest=0.2))
    assert image[0, 0, :5].tolist() == [1, 1, 128, 255, 255]


def record_of(image):
    with rasterio.open(image.with_name(f"{image.stem}_scene.tif")) as dataset:
        return dataset.read(1)


def facts_of(image):
    return json.loads(image.with_suffix(".json").read_text())


@pytest.fixture
def three(products, tmp_path):
    """Three dates, listed the wrong way round: the clearest has a cloud, the next a wedge of nodata, one is too cloudy."""
    cloud = np.full((20, 30), VEGETATION, np.uint8)
    cloud[5:10, 5:10] = CLOUD
    wedge = products.ground(seed=2)
    wedge[:, :16, :15] = 0
    return [
        products.write_safe(tmp_path, products.ground(seed=3) + 1000, date="20180801", cloud=70.6),
        products.write_safe(tmp_path, wedge, date="20180720", cloud=2.0, baseline="02.14", offset=None),
        products.write_safe(tmp_path, products.ground(seed=1) + 1000, date="20180711", cloud=1.0, classes=cloud),
    ]


def test_the_record_says_which_scene_each_pixel_is_from(products, three, tmp_path):
    image = tmp_path / "image.tif"
    values = products.compose(three, image, clouds=NO_RIM)
    expected = np.ones((40, 60), np.uint8)
    expected[10:20, 10:20] = 2
    expected[10:16, 10:15] = 0
    assert np.array_equal(record_of(image), expected)
    assert np.array_equal(values.any(axis=0), expected > 0)
    for number, seed in ((1, 1), (2, 2)):
        chosen = expected == number
        assert np.array_equal(values[:, chosen], products.by_hand(products.ground(seed=seed))[:, chosen])


def test_the_facts_are_those_of_the_products(products, three, tmp_path):
    image = tmp_path / "image.tif"
    products.compose(three, image, clouds=NO_RIM)
    facts = facts_of(image)
    first, second = facts["scenes"]
    [out] = facts["left_out"]
    assert (first["number"], first["name"][:19], first["cloud_cover"]) == (1, "S2A_MSIL2A_20180711", 1.0)
    assert (first["baseline"], first["offset"]["B04"], first["quantification"]["B02"]) == ("05.09", -1000.0, 10000.0)
    assert first["date"].startswith("2018-07-11")
    assert (second["number"], second["baseline"], second["offset"]["B04"]) == (2, "02.14", 0.0)
    assert (first["pixels"], second["pixels"]) == (2300, 70)
    assert facts["valid_share"] == pytest.approx(2370 / 2400, abs=1e-6)
    assert out["name"].startswith("S2A_MSIL2A_20180801")
    assert out["reason"] == "cloud cover 70.6 % is over the limit of 5 %"
    assert facts["bands"] == ["B04", "B03", "B02"]
    assert facts["stretch"]["method"] == "fixed"
    assert facts["stretch"]["ranges"]["B03"] == {"lowest": 0.0, "highest": 0.3}


def test_facts_and_record_do_not_depend_on_the_order_given(products, three, tmp_path):
    products.compose(three, tmp_path / "a.tif")
    products.compose(three[::-1], tmp_path / "b.tif")
    for one, other in (("a.tif", "b.tif"), ("a_scene.tif", "b_scene.tif"), ("a.json", "b.json")):
        assert (tmp_path / one).read_bytes() == (tmp_path / other).read_bytes()


def test_equal_cloud_cover_goes_by_date_then_by_name(products, tmp_path):
    scenes = [
        products.write_stac(tmp_path / name, products.ground(), **{"s2:processing_baseline": "02.14", "datetime": date})
        for name, date in (("b", "2018-07-12T05:00:00Z"), ("c", "2018-07-11T05:00:00Z"), ("a", "2018-07-12T05:00:00Z"))
    ]
    for listed in (scenes, scenes[::-1]):
        products.compose(listed, tmp_path / "image.tif")
        assert [scene["name"] for scene in facts_of(tmp_path / "image.tif")["scenes"]] == ["c", "a", "b"]


def test_a_scene_that_does_not_say_how_cloudy_it_is_comes_last(products, tmp_path):
    unknown = products.write_stac(
        tmp_path / "a", products.ground(), **{"s2:processing_baseline": "02.14", "eo:cloud_cover": None}
    )
    known = products.write_stac(tmp_path / "b", products.ground(), **{"s2:processing_baseline": "02.14"})
    products.compose([unknown, known], tmp_path / "image.tif")
    assert [scene["cloud_cover"] for scene in facts_of(tmp_path / "image.tif")["scenes"]] == [1.0, None]


def test_an_8_bit_image_has_no_stretch_and_no_offset(products, tmp_path):
    ready = products.write_raster(tmp_path / "20180711.tif", products.ground(highest=255).astype(np.uint8))
    products.compose(ready, tmp_path / "image.tif", stretch=Stretch(highest=0.5))
    facts = facts_of(tmp_path / "image.tif")
    assert facts["stretch"] is None
    [scene] = facts["scenes"]
    assert (scene["offset"], scene["date"], scene["pixels"]) == ({}, "2018-07-11", 2400)
    assert (record_of(tmp_path / "image.tif") == 1).all()


def test_more_scenes_than_the_record_can_number_are_a_mistake(products, three, tmp_path, monkeypatch):
    from lobate.errors import UserError

    monkeypatch.setattr("lobate.imagery.scene_stack.MAX_SCENES", 1)
    with pytest.raises(UserError, match="has 2 scenes; its record"):
        products.compose(three, tmp_path / "image.tif")
