"""What `check` says of files of outlines in other encodings, of several layers, and with longitudes of the Pacific."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pytest

from lobate.cli.check import check_region, outlines_without_patches
from lobate.errors import UserErrors
from lobate.settings.load import parse


def region(**changed):
    return parse({"region": "r", "imagery": {"tiles": {"T": ["a.tif"]}}, **changed})


def test_an_encoding_that_nothing_names_is_asked_for_with_the_setting(outline_on_image):
    frame = gpd.read_file("p.gpkg").rename(columns={"id": "名称"}).assign(名称="冰川一")
    frame.to_file("h.shp", encoding="GBK")
    Path("h.cpg").unlink()
    file = {"path": "h.shp", "id_field": "名称", "where": {"名称": "冰川一"}}
    with pytest.raises(
        UserErrors, match=r"labels\.positives\[0\]: The file h\.shp has text that is no UTF-8.*encoding"
    ):
        check_region(region(labels={"positives": [file]}))
    check_region(region(labels={"positives": [file | {"encoding": "GBK"}]}))


def test_each_layer_of_a_list_is_checked(outline_on_image):
    frame = gpd.read_file("p.gpkg")
    frame.to_file("two.gpkg", layer="here")
    frame.translate(xoff=5).to_frame("geometry").assign(id="far").to_file("two.gpkg", layer="far")
    check_region(region(labels={"positives": [{"path": "two.gpkg", "layer": ["here"]}]}))
    with pytest.raises(UserErrors, match=r"none of the 1 outlines in two\.gpkg lies on an image"):
        check_region(region(labels={"positives": [{"path": "two.gpkg", "layer": ["here", "far"]}]}))
    chosen = region(labels={"positives": [{"path": "two.gpkg", "layer": ["here", "far"]}]})
    assert outlines_without_patches(chosen) == [
        "1 of the 2 outlines in two.gpkg (labels.positives) lie on no image and will give no patch. Add the images that show them "
        "to imagery.tiles or imagery.scenes, or leave these outlines out."
    ]


@pytest.mark.parametrize("turns", [-1, 0, 1])
def test_longitudes_of_the_pacific_lie_on_the_same_image(outline_on_image, turns):
    gpd.read_file("p.gpkg").translate(xoff=360 * turns).to_file("turned.gpkg")
    chosen = region(labels={"positives": [{"path": "turned.gpkg"}]})
    check_region(chosen)
    assert outlines_without_patches(chosen) == []


def test_the_key_of_a_database_may_be_the_id(outline_on_image):
    check_region(region(labels={"positives": [{"path": "p.gpkg", "id_field": "fid", "where": {"fid": 1}}]}))


def test_a_field_of_one_layer_of_a_list_is_enough(outline_on_image):
    frame = gpd.read_file("p.gpkg")
    frame.assign(kind="a").to_file("two.gpkg", layer="one")
    frame.to_file("two.gpkg", layer="two")
    file = {"path": "two.gpkg", "layer": ["one", "two"], "where": {"kind": "a"}}
    check_region(region(labels={"positives": [file]}))
    with pytest.raises(UserErrors, match=r"two\.gpkg, layer one, two: no feature has kind = b \(there are a\)"):
        check_region(region(labels={"positives": [file | {"where": {"kind": "b"}}]}))
    with pytest.raises(UserErrors, match=r"two\.gpkg has no field grade; it has id, kind"):
        check_region(region(labels={"positives": [file | {"where": {"grade": "b"}}]}))
