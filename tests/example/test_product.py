from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio

from lobate.errors import UserError
from lobate.example.product import ProductName, digital_numbers, make_layout, product_metadata, tile_metadata
from lobate.settings.example import Example


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


EARLY = "S2A_MSIL2A_20180711T051651_N0208_R062_T44SPC_20180711T081241.SAFE"
LATE = "S2B_MSIL2A_20180802T050659_N0500_R019_T44SPC_20230802T101532.SAFE"


def parsed(name):
    text = product_metadata(
        ProductName.parse(Path(name)), "GRANULE/L2A_T44SPC", ["GRANULE/L2A_T44SPC/IMG_DATA/a"], 3.25
    )
    assert "SYNTHETIC" in text
    return ElementTree.fromstring(text.encode())


def test_the_product_metadata_hold_offset_quantification_and_cloud():
    root = parsed(LATE)
    assert root.find(".//BOA_QUANTIFICATION_VALUE").text == "10000"
    offsets = root.findall(".//BOA_ADD_OFFSET_VALUES_LIST/BOA_ADD_OFFSET")
    assert len(offsets) == 13
    assert {offset.text for offset in offsets} == {"-1000"}
    assert root.find(".//PROCESSING_BASELINE").text == "05.00"
    assert float(root.find(".//Cloud_Coverage_Assessment").text) == 3.25
    assert root.find(".//PRODUCT_START_TIME").text == "2018-08-02T05:06:59.000Z"


def test_before_baseline_4_there_is_no_offset():
    root = parsed(EARLY)
    assert root.find(".//BOA_ADD_OFFSET_VALUES_LIST") is None
    assert root.find(".//BOA_QUANTIFICATION_VALUE").text == "10000"


def test_the_tile_metadata_hold_the_grid(layout):
    grid = layout.tiles["44SPC"]
    root = ElementTree.fromstring(tile_metadata(ProductName.parse(Path(EARLY)), grid, 1.0).encode())
    assert root.find(".//HORIZONTAL_CS_CODE").text == "EPSG:32644"
    assert [rows.text for rows in root.findall(".//NROWS")] == ["320", "160"]
    assert float(root.find(".//ULX").text) == pytest.approx(grid.bounds[0])


def test_the_files_list_their_images(world):
    for scene in world.scenes:
        root = ElementTree.parse(scene / "MTD_MSIL2A.xml").getroot()
        images = [image.text for image in root.findall(".//IMAGE_FILE")]
        assert len(images) == 5
        assert all((scene / f"{name}.jp2").is_file() for name in images)
        assert len(list(scene.glob("GRANULE/*/MTD_TL.xml"))) == 1


LATE_SCENE = "S2B_MSIL2A_20180802T050659_N0500_R019_T44SQC_20230802T101532.SAFE"


def test_a_name_gives_tile_date_and_baseline():
    product = ProductName.parse(Path("any") / EARLY)
    assert (product.satellite, product.tile, product.sensed) == ("S2A", "44SPC", "20180711T051651")
    assert (product.baseline, product.dn_offset) == ((2, 8), 0)
    assert ProductName.parse(Path(LATE_SCENE)).dn_offset == 1000, "from baseline 04.00 on"


@pytest.mark.parametrize("name", ["scene.SAFE", EARLY.replace("L2A", "L1C"), EARLY.replace("T44", "T31"), EARLY[:-5]])
def test_other_names_are_a_mistake(name):
    with pytest.raises(UserError, match=r"cannot make a scene called .* Name it in imagery\.tiles"):
        ProductName.parse(Path(name))


def test_tiles_overlap_and_lie_in_the_world(layout):
    west, east = layout.tiles.values()
    assert list(layout.tiles) == ["44SPC", "44SQC"]
    assert west.bounds[2] - east.bounds[0] == 640
    assert west.bounds[3] == east.bounds[3]
    assert layout.world.footprint.buffer(-10 * layout.margin + 1).contains(
        west.footprint.union(east.footprint).buffer(-1)
    )
    assert west.transform.c % 20 == 0, "pixels of 20 m must fit"


def test_tile_windows_are_the_tiles_in_the_worlds_arrays(layout):
    rows, cols = layout.tile_window("44SQC")
    assert layout.world.crop(rows.start, cols.start, 320, 320) == layout.tiles["44SQC"]
    assert layout.seam == layout.margin + 320


def test_one_tile_or_too_much_overlap_is_a_mistake():
    with pytest.raises(UserError, match="two tiles"):
        make_layout([ProductName.parse(Path(EARLY))], Example(truth="t.gpkg"))
    with pytest.raises(UserError, match=r"example\.overlap"):
        make_layout(
            [ProductName.parse(Path(EARLY)), ProductName.parse(Path(LATE_SCENE))],
            Example(side=256, overlap=256, truth="t.gpkg"),
        )
