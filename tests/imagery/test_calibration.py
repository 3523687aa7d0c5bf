"""Offset and quantification from the product or the setting, never a guess."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobate.errors import UserError
from lobate.imagery.reading.calibration import Calibration, baseline_calibration, calibrate
from lobate.imagery.reading.product import read_product
from lobate.imagery.reading.scene import SceneRequest
from lobate.imagery.reading.scenes import read_scene

BANDS = ("B04", "B03", "B02")
WITHOUT, WITH = Calibration(10000, 0), Calibration(10000, -1000)


def calibrations(path, offset="metadata"):
    return {band.calibration for band in read_scene(path, SceneRequest(BANDS, offset, needs_classes=False)).bands}


@pytest.mark.parametrize(
    ("baseline", "offset", "expected"),
    [
        ("02.14", None, WITHOUT),
        ("03.01", None, WITHOUT),
        ("04.00", -1000, WITH),
        ("05.11", 0, WITHOUT),
        (None, -1000, WITH),
    ],
)
def test_a_product_says_it(products, tmp_path, baseline, offset, expected):
    assert calibrations(products.write_safe(tmp_path, products.ground(), baseline=baseline, offset=offset)) == {
        expected
    }


@pytest.mark.parametrize("baseline", ["04.00", "05.09", None])
def test_a_product_that_must_say_it_and_does_not_is_refused(products, tmp_path, baseline):
    safe = products.write_safe(tmp_path, products.ground(), baseline=baseline, offset=None)
    with pytest.raises(UserError, match=r"cannot be known.*imagery\.offset"):
        calibrations(safe)
    assert calibrations(safe, "none") == {WITHOUT}
    assert calibrations(safe, "1000") == {WITH}


@pytest.mark.parametrize(
    ("properties", "raster", "expected"),
    [
        ({"earthsearch:boa_offset_applied": True, "s2:processing_baseline": "05.09"}, (1e-4, -0.1), WITHOUT),
        ({"earthsearch:boa_offset_applied": False, "s2:processing_baseline": "05.09"}, (1e-4, -0.1), WITH),
        ({"earthsearch:boa_offset_applied": False, "s2:processing_baseline": "02.14"}, (1e-4, 0), WITHOUT),
        ({"s2:processing_baseline": "02.14"}, None, WITHOUT),
        ({"processing:version": "03.00"}, None, WITHOUT),
        ({}, (1e-4, -0.1), WITH),
    ],
)
def test_an_item_says_it(products, tmp_path, properties, raster, expected):
    assert calibrations(products.write_stac(tmp_path / "item", products.ground(), raster=raster, **properties)) == {
        expected
    }


@pytest.mark.parametrize(
    ("properties", "raster"),
    [
        ({"s2:processing_baseline": "05.09"}, None),
        ({"earthsearch:boa_offset_applied": False, "s2:processing_baseline": "05.09"}, (1e-4, 0)),
        ({}, None),
    ],
)
def test_an_item_that_does_not_say_it_is_refused_unless_the_metadata_lie_beside(products, tmp_path, properties, raster):
    item = products.write_stac(tmp_path / "item", products.ground(), raster=raster, **properties)
    with pytest.raises(UserError, match="cannot be known"):
        calibrations(item)
    assert calibrations(item, "1000") == {WITH}
    safe = products.write_safe(tmp_path, products.ground(), offset=-1000)
    shutil.copy(safe / "MTD_MSIL2A.xml", item)
    assert calibrations(item) == {WITH}


def test_what_the_product_says_goes_before_the_decree(products, tmp_path):
    assert calibrations(products.write_safe(tmp_path, products.ground(), offset=-1000), "none") == {WITH}


def test_bands_without_metadata_are_refused(products, tmp_path):
    scene = products.write_raster(tmp_path / "scene.tif", products.ground())
    with pytest.raises(UserError, match=r"has no scale.*cannot be known"):
        calibrations(scene)


def test_a_level_1c_product_is_refused(products):
    with pytest.raises(UserError, match="Level-1C"):
        read_product(products.product_xml("05.09", 1.0, -1000, level="1C").encode(), "MTD_MSIL1C.xml")


def test_old_names_and_bands_of_their_own_are_read():
    xml = b"""<P><L2A_BOA_QUANTIFICATION_VALUE>1000</L2A_BOA_QUANTIFICATION_VALUE>
    <BOA_ADD_OFFSET band_id="3">-500</BOA_ADD_OFFSET><BOA_ADD_OFFSET band_id="8">-700</BOA_ADD_OFFSET></P>"""
    product = read_product(xml, "MTD_MSIL2A.xml")
    assert product.calibration("B04") == Calibration(1000, -500)
    assert product.calibration("B8A") == Calibration(1000, -700)
    assert product.calibration("B02") is None


@pytest.mark.parametrize("xml", [b"<P>", b"<P><BOA_QUANTIFICATION_VALUE>many</BOA_QUANTIFICATION_VALUE></P>"])
def test_damaged_metadata_are_a_mistake(xml):
    with pytest.raises(UserError, match=r"MTD_MSIL2A\.xml"):
        read_product(xml, "MTD_MSIL2A.xml")


@settings(deadline=None)
@given(quantification=st.integers(1, 100_000), offset=st.integers(-5000, 5000))
def test_scale_and_offset_give_back_the_same_whole_numbers(quantification, offset):
    scale = 1 / quantification
    assert Calibration.of_scale(scale, offset * scale) == Calibration(quantification, offset)


def test_baselines_before_4_had_no_offset():
    assert baseline_calibration("03.99") == baseline_calibration("02.14") == WITHOUT
    assert (
        baseline_calibration("04.00")
        is baseline_calibration("")
        is baseline_calibration(None)
        is baseline_calibration("N/A")
        is None
    )


def test_settle_names_the_setting():
    with pytest.raises(UserError, match=r'imagery\.offset: "1000"'):
        calibrate(None, "metadata", "scene", "its file is silent")
