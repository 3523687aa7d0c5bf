"""What stands beside an image: which scene each pixel is from, and the facts."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio

from lobate.settings.imagery import Clouds, Stretch

VEGETATION, CLOUD = 4, 9


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
    values = products.compose(three, image)
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
    products.compose(three, image, clouds=Clouds(dilate_m=0))
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
    assert [one["cloud_cover"] for one in facts_of(tmp_path / "image.tif")["scenes"]] == [1.0, None]


def test_an_8_bit_image_has_no_stretch_and_no_offset(products, tmp_path):
    ready = products.write_raster(tmp_path / "20180711.tif", products.ground(highest=255).astype(np.uint8))
    products.compose(ready, tmp_path / "image.tif", stretch=Stretch(highest=0.5))
    facts = facts_of(tmp_path / "image.tif")
    assert facts["stretch"] is None
    [scene] = facts["scenes"]
    assert (scene["offset"], scene["date"], scene["pixels"]) == ({}, "2018-07-11", 2400)
    assert (record_of(tmp_path / "image.tif") == 1).all()


def test_more_scenes_than_the_record_can_number_are_a_mistake(products, three, tmp_path, monkeypatch):
    from lobate.errors import Mistake

    monkeypatch.setattr("lobate.imagery.tile.MOST_SCENES", 1)
    with pytest.raises(Mistake, match="has 2 scenes; its record"):
        products.compose(three, tmp_path / "image.tif")
