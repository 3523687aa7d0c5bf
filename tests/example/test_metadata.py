from pathlib import Path
from xml.etree import ElementTree

import pytest

from lobate.example.layout import Product
from lobate.example.metadata import product_metadata, tile_metadata

EARLY = "S2A_MSIL2A_20180711T051651_N0208_R062_T44SPC_20180711T081241.SAFE"
LATE = "S2B_MSIL2A_20180802T050659_N0500_R019_T44SPC_20230802T101532.SAFE"


def parsed(name):
    text = product_metadata(Product.of(Path(name)), "GRANULE/L2A_T44SPC", ["GRANULE/L2A_T44SPC/IMG_DATA/a"], 3.25)
    assert "SYNTHETIC" in text
    return ElementTree.fromstring(text.encode())


def test_the_product_says_what_its_numbers_mean():
    root = parsed(LATE)
    assert root.find(".//BOA_QUANTIFICATION_VALUE").text == "10000"
    offsets = root.findall(".//BOA_ADD_OFFSET_VALUES_LIST/BOA_ADD_OFFSET")
    assert len(offsets) == 13
    assert {one.text for one in offsets} == {"-1000"}
    assert root.find(".//PROCESSING_BASELINE").text == "05.00"
    assert float(root.find(".//Cloud_Coverage_Assessment").text) == 3.25
    assert root.find(".//PRODUCT_START_TIME").text == "2018-08-02T05:06:59.000Z"


def test_before_baseline_4_there_is_no_offset():
    root = parsed(EARLY)
    assert root.find(".//BOA_ADD_OFFSET_VALUES_LIST") is None
    assert root.find(".//BOA_QUANTIFICATION_VALUE").text == "10000"


def test_the_granule_says_where_it_lies(layout):
    grid = layout.tiles["44SPC"]
    root = ElementTree.fromstring(tile_metadata(Product.of(Path(EARLY)), grid, 1.0).encode())
    assert root.find(".//HORIZONTAL_CS_CODE").text == "EPSG:32644"
    assert [one.text for one in root.findall(".//NROWS")] == ["320", "160"]
    assert float(root.find(".//ULX").text) == pytest.approx(grid.bounds[0])


def test_the_files_list_their_images(world):
    for scene in world.scenes:
        root = ElementTree.parse(scene / "MTD_MSIL2A.xml").getroot()
        listed = [one.text for one in root.findall(".//IMAGE_FILE")]
        assert len(listed) == 5
        assert all((scene / f"{name}.jp2").is_file() for name in listed)
        assert len(list(scene.glob("GRANULE/*/MTD_TL.xml"))) == 1
