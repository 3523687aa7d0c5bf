"""All kinds of scenes give the same image of the same ground; missing parts are reported."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from lobate.errors import UserError
from lobate.imagery.reading.scene import SceneRequest, find_date
from lobate.imagery.reading.scenes import read_scene
from lobate.settings.imagery import Clouds

WANTED = SceneRequest(("B04", "B03", "B02"), "metadata", needs_classes=True)


def as_safe_folder(products, folder, numbers):
    return products.write_safe(folder, numbers + 1000)


def as_safe_zip(products, folder, numbers):
    safe = products.write_safe(folder, numbers + 1000)
    packed = products.zip_safe(safe)
    shutil.rmtree(safe)
    return packed


def as_folder_around_a_safe(products, folder, numbers):
    products.write_safe(folder / "download", numbers + 1000)
    return folder / "download"


def as_stac_of_cogs(products, folder, numbers):
    return products.write_stac(
        folder / "item", numbers + 1000, raster=(0.0001, -0.1), **{"earthsearch:boa_offset_applied": False}
    )


def as_stac_of_jpeg_2000_called_tif(products, folder, numbers):
    path = products.write_stac(
        folder / "item", numbers, jpeg2000=True, raster=(0.0001, -0.1), **{"earthsearch:boa_offset_applied": True}
    )
    return path


def as_early_stac(products, folder, numbers):
    return products.write_stac(folder / "item", numbers, suffix=".jp2", **{"s2:processing_baseline": "02.14"})


def as_bands_with_metadata(products, folder, numbers):
    safe = products.write_safe(folder, numbers + 1000)
    bands = folder / "bands"
    bands.mkdir()
    for file in [*safe.rglob("*_10m.jp2"), *safe.rglob("*SCL*"), safe / "MTD_MSIL2A.xml"]:
        shutil.copy(file, bands)
    return bands


def as_bands_with_scales(products, folder, numbers):
    for band, array in zip(["red", "green", "blue"], numbers, strict=True):
        products.write_raster(folder / "bands" / f"{band}.tif", array + 1000, scales=[1e-4], offsets=[-0.1])
    classes = np.full((20, 30), 4, np.uint8)
    products.write_raster(folder / "bands" / "SCL.tif", classes, metres=20.0)
    return folder / "bands"


def as_geotiff_by_descriptions(products, folder, numbers):
    return products.write_raster(
        folder / "scene.tif",
        numbers[::-1] + 1000,
        descriptions=["B2", "green", "B04"],
        scales=[1e-4] * 3,
        offsets=[-0.1] * 3,
    )


def as_geotiff_in_order(products, folder, numbers):
    return products.write_raster(folder / "scene.tif", numbers, scales=[1e-4] * 3, offsets=[0] * 3)


KINDS = [
    as_safe_folder,
    as_safe_zip,
    as_folder_around_a_safe,
    as_stac_of_cogs,
    as_stac_of_jpeg_2000_called_tif,
    as_early_stac,
    as_bands_with_metadata,
    as_bands_with_scales,
    as_geotiff_by_descriptions,
    as_geotiff_in_order,
]


@pytest.mark.parametrize("write", KINDS, ids=lambda write: write.__name__)
def test_every_kind_of_scene_gives_the_same_image(products, tmp_path, write):
    numbers = products.ground()
    image = products.compose(write(products, tmp_path, numbers), tmp_path / "image.tif")
    assert np.array_equal(image, products.by_hand(numbers))


def test_date_cloud_cover_and_name_of_a_safe(products, tmp_path):
    scene = read_scene(products.write_safe(tmp_path, products.ground(), cloud=3.25), WANTED)
    assert scene.cloud == 3.25
    assert scene.date.startswith("2018-07-11")
    assert scene.name == "S2A_MSIL2A_20180711T051651_N0509_R062_T44SPC_20180711T081241"


def test_the_finest_resolution_is_read(products, tmp_path):
    scene = read_scene(products.write_safe(tmp_path, products.ground()), WANTED)
    assert all(band.address.endswith("_10m.jp2") for band in scene.bands)
    assert scene.classes.address.endswith("SCL_20m.jp2")


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("S2A_MSIL2A_20180711T051651_N0208", "2018-07-11"),
        ("S2B_33TWM_20230810_0_L2A", "2023-08-10"),
        ("scene of 2018-07-11", "2018-07-11"),
        ("T44SPC", ""),
        ("120180711", ""),
    ],
)
def test_dates_in_names(name, date):
    assert find_date(name) == date


def test_a_missing_band_is_a_mistake_in_folder_zip_and_item(products, tmp_path):
    safe = products.write_safe(tmp_path, products.ground())
    packed = products.zip_safe(safe, without="B03")
    item = products.write_stac(tmp_path / "item", products.ground(), **{"s2:processing_baseline": "02.14"})
    for file in [*safe.rglob("*_B03_*"), item / "B03.tif"]:
        file.unlink()
    for path in (safe, packed, item):
        with pytest.raises(UserError, match=r"lacks B03 \(bands found: B02, B04"):
            read_scene(path, WANTED)


def test_a_missing_classification_is_a_mistake_unless_no_mask_is_wanted(products, tmp_path):
    safe = products.write_safe(tmp_path, products.ground() + 1000, with_classes=False)
    item = products.write_stac(tmp_path / "item", products.ground(), **{"s2:processing_baseline": "02.14"})
    (item / "SCL.tif").unlink()
    for path in (safe, item):
        with pytest.raises(UserError, match=r"no scene classification.*invalid_classes"):
            products.compose(path, tmp_path / "image.tif")
        products.compose(path, tmp_path / "image.tif", clouds=Clouds(invalid_classes=[]))


def test_a_zip_that_would_escape_is_refused(products, tmp_path):
    packed = products.zip_safe(products.write_safe(tmp_path, products.ground()), extra="../../outside.jp2")
    with pytest.raises(UserError, match="leaves the archive"):
        read_scene(packed, WANTED)


def test_a_truncated_zip_is_a_mistake(products, tmp_path):
    packed = products.zip_safe(products.write_safe(tmp_path, products.ground()))
    packed.write_bytes(packed.read_bytes()[:2000])
    with pytest.raises(UserError, match="cannot be read as a zip"):
        read_scene(packed, WANTED)


def test_an_item_cannot_point_outside_its_folder(products, tmp_path):
    item = products.write_stac(tmp_path / "item", products.ground(), **{"s2:processing_baseline": "02.14"})
    (item / "B04.tif").rename(tmp_path / "elsewhere.tif")
    file = item / "item.json"
    content = json.loads(file.read_text())
    content["assets"]["red"]["href"] = "../elsewhere.tif"
    file.write_text(json.dumps(content))
    with pytest.raises(UserError, match="lacks B04"):
        read_scene(item, WANTED)


def test_two_items_in_one_folder_are_a_mistake(products, tmp_path):
    item = products.write_stac(tmp_path / "item", products.ground())
    shutil.copy(item / "item.json", item / "other.json")
    with pytest.raises(UserError, match="2 STAC items"):
        read_scene(item, WANTED)


def test_a_folder_without_metadata_or_bands_is_a_mistake(tmp_path):
    (tmp_path / "empty.SAFE").mkdir()
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no MTD_MSIL2A\.xml"):
        read_scene(tmp_path / "empty.SAFE", WANTED)
    with pytest.raises(UserError, match="none at all"):
        read_scene(tmp_path / "empty", WANTED)


def test_the_wrong_number_of_bands_is_a_mistake(products, tmp_path):
    scene = products.write_raster(tmp_path / "scene.tif", products.ground()[:2])
    with pytest.raises(UserError, match=r"B04, B03, B02, but it has 2"):
        read_scene(scene, WANTED)


def test_an_item_given_without_its_folder_is_a_mistake(products, tmp_path):
    item = products.write_stac(tmp_path / "item", products.ground())
    with pytest.raises(UserError, match="give the folder"):
        read_scene(item / "item.json", WANTED)
