"""Folders of bands: the file of each band, and its calibration."""

from __future__ import annotations

import pytest

from lobate.errors import UserError
from lobate.imagery.reading.bandfolder import band_file, read
from lobate.imagery.reading.calibration import Calibration
from lobate.imagery.reading.scene import SceneRequest

WANTED = SceneRequest(("B04",), "metadata", needs_classes=False)


def empty(folder, *names):
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["B04.tif", "B03.tif"], "B04.tif"),
        (["RED.TIF"], "RED.TIF"),
        (["T33_B04_20m.jp2", "T33_B04_10m.jp2"], "T33_B04_10m.jp2"),
        (["MSK_QUALIT_B04.jp2", "T33_B04_10m.jp2"], "T33_B04_10m.jp2"),
        (["rededge.tif", "B04.tif.aux.xml", "B04.vrt", "AB04.tif"], None),
    ],
)
def test_names_tell_the_band(tmp_path, names, expected):
    found = band_file(empty(tmp_path, *names), "B04")
    assert (found.name if found else None) == expected


def test_two_files_of_one_band_are_a_mistake(tmp_path):
    with pytest.raises(UserError, match=r"several files of B04 \(20180711_B04\.tif, 20180720_B04\.tif\)"):
        band_file(empty(tmp_path, "20180720_B04.tif", "20180711_B04.tif"), "B04")


def test_a_band_may_have_any_name(tmp_path):
    assert band_file(empty(tmp_path, "slope(.tif"), "slope(").name == "slope(.tif"
    assert band_file(tmp_path, "a[") is None


@pytest.mark.parametrize(("offset", "agrees"), [(-0.1, True), (0.0, False)])
def test_metadata_and_file_must_not_contradict_each_other(products, tmp_path, offset, agrees):
    products.write_raster(tmp_path / "B04.tif", products.ground()[0], scales=[1e-4], offsets=[offset])
    (tmp_path / "MTD_MSIL2A.xml").write_text(products.product_xml("05.09", 1.0, -1000))
    if agrees:
        assert read(tmp_path, WANTED).bands[0].calibration == Calibration(10000, -1000)
        return
    with pytest.raises(UserError, match=r"\(DN \+ 0\) / 10000; by the product's metadata.*\(DN \+ -1000\) / 10000"):
        read(tmp_path, WANTED)
