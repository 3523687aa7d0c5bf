"""What is to be fetched, what its bytes must be, and how it is looked at on arrival."""

from __future__ import annotations

import pytest

from lobate.errors import Mistake
from lobate.imagery.fetching import orders
from lobate.imagery.fetching.assets import Asset
from lobate.imagery.fetching.orders import lacking, order_of, orders_of, side_orders
from lobate.imagery.fetching.workshop import enter_workshop

ROW = {"scene": "S2A", "source": "https://a.example/S2A.json", "checksums": "B04=1220" + "ab" * 32}
ITEM = {
    "id": "S2A",
    "assets": {
        "red": {"href": "B04.tif", "file:size": 7},
        "scl": {"href": "SCL.tif", "file:checksum": "1114" + "cd" * 20},
        "granule_metadata": {"href": "m.xml"},
    },
}


def asset(checksum="", what="B04"):
    return Asset(what, "B04.tif", "red", "https://a.example/B04.tif", checksum, None)


def test_a_scenes_orders_know_what_table_and_catalogue_say():
    listed = {one.file: one for one in orders_of(ITEM, ROW, ["B04"])}
    assert listed["B04.tif"].what == "B04 of scene S2A"
    assert (listed["B04.tif"].checksum.digest, listed["B04.tif"].size) == ("ab" * 32, 7)
    assert listed["SCL.tif"].checksum.algorithm == "sha1"
    assert [file for file, one in listed.items() if one.optional] == ["granule_metadata.xml"]


def test_table_and_catalogue_may_use_different_kinds_of_checksum_and_the_tables_counts():
    assert order_of(asset("1114" + "00" * 20), "B04", "1220" + "ab" * 32).checksum.algorithm == "sha256"


def test_table_and_catalogue_must_not_contradict_each_other():
    with pytest.raises(Mistake, match="another file there now"):
        order_of(asset("1220" + "cd" * 32), "B04 of scene S2A", "1220" + "ab" * 32)


def test_a_checksum_of_an_unknown_kind_is_told(caplog):
    with caplog.at_level("INFO"):
        assert order_of(asset("blake3-xyz"), "B04 of scene S2A").checksum is None
    assert "B04 of scene S2A: the catalogue's checksum blake3-xyz... is of an unknown kind" in caplog.text


def test_what_is_absent_for_good_is_not_lacking(tmp_path):
    wanted = orders_of(ITEM, ROW, ["B04"])
    with enter_workshop(tmp_path / "scenes" / "S2A") as workshop:
        assert [one.file for one in lacking(workshop, wanted)] == ["B04.tif", "SCL.tif", "granule_metadata.xml"]
        workshop.lacks("granule_metadata.xml")
        workshop.lacks("B04.tif")  # a band is never done without
        assert [one.file for one in lacking(workshop, wanted)] == ["B04.tif", "SCL.tif"]


@pytest.mark.parametrize("content", [b"", b"<html>", b"II*\0cut"])
def test_what_is_no_image_is_refused_and_metadata_are_not_looked_at(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(Mistake, match="no image"):
        order_of(asset(), "B04").check(tmp_path / "x")
    order_of(asset(what="granule_metadata"), "metadata").check(tmp_path / "x")


def test_a_raster_that_leads_to_other_files_is_not_opened(products, tmp_path, monkeypatch):
    products.write_raster(tmp_path / "secret.tif", products.ground()[0])
    (tmp_path / "x").write_text(
        '<VRTDataset rasterXSize="60" rasterYSize="40"><VRTRasterBand dataType="UInt16" band="1"><SimpleSource>'
        f"<SourceFilename>{tmp_path / 'secret.tif'}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    monkeypatch.setattr(orders, "open_raster", None)
    with pytest.raises(Mistake, match="no image"):
        order_of(asset(), "B04").check(tmp_path / "x")


@pytest.mark.parametrize("options", [{}, {"BIGTIFF": "YES"}, {"ENDIANNESS": "BIG"}, {"jpeg2000": True}])
def test_images_of_every_kind_are_taken(products, tmp_path, options):
    path = products.write_raster(tmp_path / "B04.tif", products.ground()[0], **options)
    order_of(asset(), "B04").check(path)


def test_an_image_that_ends_too_soon_is_refused(products, tmp_path):
    path = products.write_raster(tmp_path / "B04.tif", products.ground(300, 300)[0], compress="deflate", tiled=True)
    order_of(asset(), "B04").check(path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(Mistake, match="ends too soon"):
        order_of(asset(), "B04").check(path)


def test_only_a_raster_without_a_place_on_earth_needs_a_side_file(products, tmp_path):
    with enter_workshop(tmp_path / "scenes" / "S2A") as workshop:
        products.write_raster(workshop.folder / "B04.tif", products.ground()[0], crs=None)
        products.write_raster(workshop.folder / "SCL.tif", products.ground()[0])
        beside = side_orders(workshop, ITEM, ROW, ["B04"])
    assert [(one.file, one.url, one.optional) for one in beside] == [
        ("B04.tif.aux.xml", "https://a.example/B04.tif.aux.xml", True)
    ]
