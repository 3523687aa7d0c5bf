"""Assets that a scene needs, with each catalogue's keys; their downloads, checksums and checks on arrival."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobate.errors import UserError
from lobate.imagery.fetching import assets
from lobate.imagery.fetching.assets import (
    Asset,
    asset_download,
    elevation_asset,
    local_item,
    missing,
    parse_item,
    scene_assets,
    scene_downloads,
    sidecar_downloads,
    with_access,
)
from lobate.imagery.fetching.journal import open_journal

SOURCE = "https://api.example/v1/collections/c/items/S2A"
HREF = "https://archive.example/a"
CATALOGUES = {
    "earth search": {"red": "B04.tif", "green": "B03.tif", "scl": "SCL.tif", "visual": "TCI.tif", "granule_metadata": "metadata.xml"},
    "earth search, both formats": {"red": "B04.tif", "red-jp2": "B04.jp2", "green": "B03.tif", "scl": "SCL.tif", "granule_metadata": "m.xml"},
    "planetary computer": {"B04": "T_B04_10m.tif", "B03": "T_B03_10m.tif", "SCL": "T_SCL_20m.tif", "granule-metadata": "MTD_TL.xml"},
    "data space": {"B04_10m": "B04_10m.jp2", "B04_20m": "B04_20m.jp2", "B03_10m": "B03_10m.jp2", "SCL_20m": "SCL_20m.jp2", "granule_metadata": "MTD_TL.xml"},
}  # fmt: skip


def item_of(files, **more):
    return {
        "type": "Feature",
        "id": "S2A",
        "properties": {},
        "assets": {key: {"href": f"{HREF}/{name}"} for key, name in files.items()},
        **more,
    }


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_every_catalogue_has_its_names_and_here_they_are_ours(catalogue):
    found = {one.name: one for one in scene_assets(item_of(CATALOGUES[catalogue]), SOURCE, ["B04", "B03"])}
    suffix = ".jp2" if catalogue == "data space" else ".tif"
    assert {one.file for one in found.values()} == {f"{band}{suffix}" for band in ("B04", "B03", "SCL")} | {
        "granule_metadata.xml"
    }
    assert "20m" not in found["B04"].url
    assert [what for what, one in found.items() if not one.is_raster] == ["granule_metadata"]


def test_of_several_addresses_the_settings_choose_the_access():
    bucket = {key: f"s3://eodata/{name}" for key, name in CATALOGUES["data space"].items()}
    both = {
        key: {"href": bucket[key], "alternate": {"https": {"href": f"{HREF}/{key}/$value"}}, "type": "image/jp2"}
        for key in bucket
    }
    for access, begin in (("https", HREF), ("s3", "s3://eodata/")):
        item = with_access({**item_of({}), "assets": both}, access)
        found = scene_assets(item, SOURCE, ["B04", "B03"])
        assert all(one.url.startswith(begin) for one in found)
        assert {one.file for one in found if one.is_raster} == {"B04.jp2", "B03.jp2", "SCL.jp2"}
    only = item_of(CATALOGUES["data space"])
    assert with_access(only, "s3") == only  # where there is one address, it is taken
    tile = {
        "id": "dem",
        "assets": {"data": {"href": "s3://eodata/dem.tif", "alternate": {"https": {"href": f"{HREF}/dem"}}}},
    }
    assert elevation_asset(tile, f"{SOURCE}/", "s3").url == "s3://eodata/dem.tif"
    assert elevation_asset(tile, f"{SOURCE}/").url == f"{HREF}/dem"


def test_the_products_metadata_get_the_name_that_says_so():
    item = item_of({"red": "B04.tif", "product_metadata": "x.xml", "granule_metadata": "y.xml"})
    files = [one.file for one in scene_assets(item, SOURCE, ["B04"])]
    assert files == ["B04.tif", "granule_metadata.xml", "MTD_MSIL2A.xml"]


@pytest.mark.parametrize(
    ("asset", "file"),
    [
        ({"href": "B04.JP2"}, "B04.jp2"),
        ({"href": "x?file=B04"}, "B04.tif"),
        ({"href": "x", "type": "image/jp2"}, "B04.jp2"),
        ({"href": "../../../../etc/passwd"}, "B04.tif"),
        ({"href": "B04.exe"}, "B04.tif"),
    ],
)
def test_a_file_is_called_after_what_it_is(asset, file):
    assert scene_assets(item_of({}, assets={"B04": asset}), SOURCE, ["B04"])[0].file == file


def test_what_the_catalogue_knows_of_a_file():
    known = {"href": "B04.tif", "file:checksum": "1220ab", "file:size": 17}
    asset = scene_assets(item_of({}, assets={"red": known}), SOURCE, ["B04"])[0]
    assert (asset.url, asset.checksum, asset.size) == (
        "https://api.example/v1/collections/c/items/B04.tif",
        "1220ab",
        17,
    )
    for size in (0, -1, "17", None, 1.5):
        assert scene_assets(item_of({}, assets={"red": {**known, "file:size": size}}), SOURCE, ["B04"])[0].size is None


def test_the_band_asked_for_twice_comes_once():
    assert len(scene_assets(item_of({"red": "B04.tif", "scl": "SCL.tif"}), SOURCE, ["B04", "SCL", "B04"])) == 2


def test_a_band_that_is_not_there_is_named_with_what_is():
    with pytest.raises(UserError, match="has no B08 and no B11; it has green, red"):
        scene_assets(item_of({"red": "B04.tif", "green": "B03.tif"}), SOURCE, ["B04", "B08", "B11"])


@pytest.mark.parametrize("band", ["../B04", "B04/x", "", ".", "B 04", "$(id)"])
def test_a_band_must_have_a_name(band):
    with pytest.raises(UserError, match="not the name of a band"):
        scene_assets(item_of({"red": "B04.tif"}), SOURCE, [band])


def test_the_local_item_leads_to_what_is_here_and_to_the_rest_where_it_is():
    item = item_of(
        {"red": "B04.tif?sig=1", "nir": "B08.tif"}, links=[{"rel": "license", "href": "l"}, {"rel": "self"}, 3]
    )
    item["assets"] |= {"relative": {"href": "x.jpg"}, "broken": {"href": "http://[x"}, "none": 5}
    here = {"B04.tif": f"{HREF}/B04.tif", "B08.tif": f"{HREF}/another/B08.tif", "S2A.json": SOURCE}
    made = local_item(item, f"{SOURCE}?token=1", here)
    assert {key: one["href"] for key, one in made["assets"].items()} == {
        "red": "./B04.tif",
        "nir": f"{HREF}/B08.tif",
        "relative": "https://api.example/v1/collections/c/items/x.jpg",
        "broken": "http://[x",
    }
    assert made["links"] == [
        {"rel": "license", "href": "l"},
        {"rel": "derived_from", "href": SOURCE, "type": "application/geo+json"},
    ]


def test_files_that_differ_by_their_query_only_stay_apart():
    item = item_of({"red": "get?file=1", "green": "get?file=2"})
    made = local_item(item, SOURCE, {"B04.tif": f"{HREF}/get", "B03.tif": f"{HREF}/get"})
    assert [one["href"] for one in made["assets"].values()] == ["./B04.tif", "./B03.tif"]


def test_elevation_is_called_after_its_tile():
    asset = elevation_asset({"id": "N46E010", "assets": {"data": {"href": "x.tif"}}}, "https://a.example/items/")
    assert (asset.file, asset.url) == ("N46E010.tif", "https://a.example/items/x.tif")
    by_role = elevation_asset(
        {"id": "N", "assets": {"a": {"href": "a.png"}, "z": {"href": "z.tif", "roles": ["data"]}}}, "https://a.example/"
    )
    assert by_role.url.endswith("z.tif")


NESTED = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["B04", "data", "B04.tif", "http://[x", "//[", "s3://a/b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["href", "red", "SCL", "alternate", "roles", "data", "type"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(st.binary(max_size=60) | NESTED.map(lambda one: json.dumps(one).encode()))
def test_any_bytes_are_an_item_or_a_mistake(content):
    try:
        parse_item(content, SOURCE)
    except UserError as mistake:
        assert "STAC item" in str(mistake)


@given(st.dictionaries(st.sampled_from(["red", "B04", "scl", "data", "granule_metadata"]), NESTED))
def test_any_assets_are_read_or_a_mistake(assets):
    item = parse_item(json.dumps({"type": "Feature", "id": "a", "assets": assets}).encode(), SOURCE)
    for read in (lambda: scene_assets(item, SOURCE, ["B04"]), lambda: [elevation_asset(item, SOURCE)]):
        try:
            found = read()
        except UserError:
            continue
        assert all(one.url for one in found)
        local_item(item, SOURCE, {})


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
    listed = {one.file: one for one in scene_downloads(ITEM, ROW, ["B04"])}
    assert listed["B04.tif"].label == "B04 of scene S2A"
    assert (listed["B04.tif"].checksum.digest, listed["B04.tif"].size) == ("ab" * 32, 7)
    assert listed["SCL.tif"].checksum.algorithm == "sha1"
    assert [file for file, one in listed.items() if one.optional] == ["granule_metadata.xml"]


def test_table_and_catalogue_may_use_different_kinds_of_checksum_and_the_tables_counts():
    assert asset_download(asset("1114" + "00" * 20), "B04", "1220" + "ab" * 32).checksum.algorithm == "sha256"


def test_table_and_catalogue_must_not_contradict_each_other():
    with pytest.raises(UserError, match="another file there now"):
        asset_download(asset("1220" + "cd" * 32), "B04 of scene S2A", "1220" + "ab" * 32)


def test_a_checksum_of_an_unknown_kind_is_told(caplog):
    with caplog.at_level("INFO"):
        assert asset_download(asset("blake3-xyz"), "B04 of scene S2A").checksum is None
    assert "B04 of scene S2A: the catalogue's checksum blake3-xyz... is of an unknown kind" in caplog.text


def test_what_is_absent_for_good_is_not_lacking(tmp_path):
    wanted = scene_downloads(ITEM, ROW, ["B04"])
    with open_journal(tmp_path / "scenes" / "S2A") as journal:
        assert [one.file for one in missing(journal, wanted)] == ["B04.tif", "SCL.tif", "granule_metadata.xml"]
        journal.record_absent("granule_metadata.xml")
        journal.record_absent("B04.tif")  # a band is never done without
        assert [one.file for one in missing(journal, wanted)] == ["B04.tif", "SCL.tif"]


@pytest.mark.parametrize("content", [b"", b"<html>", b"II*\0cut"])
def test_what_is_no_image_is_refused_and_metadata_are_not_looked_at(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(UserError, match="is no readable image"):
        asset_download(asset(), "B04").check(tmp_path / "x")
    asset_download(asset(what="granule_metadata"), "metadata").check(tmp_path / "x")


def test_a_raster_that_leads_to_other_files_is_not_opened(products, tmp_path, monkeypatch):
    products.write_raster(tmp_path / "secret.tif", products.ground()[0])
    (tmp_path / "x").write_text(
        '<VRTDataset rasterXSize="60" rasterYSize="40"><VRTRasterBand dataType="UInt16" band="1"><SimpleSource>'
        f"<SourceFilename>{tmp_path / 'secret.tif'}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    monkeypatch.setattr(assets, "open_raster", None)
    with pytest.raises(UserError, match="is no readable image"):
        asset_download(asset(), "B04").check(tmp_path / "x")


@pytest.mark.parametrize("options", [{}, {"BIGTIFF": "YES"}, {"ENDIANNESS": "BIG"}, {"jpeg2000": True}])
def test_images_of_every_kind_are_taken(products, tmp_path, options):
    path = products.write_raster(tmp_path / "B04.tif", products.ground()[0], **options)
    asset_download(asset(), "B04").check(path)


def test_an_image_that_ends_too_soon_is_refused(products, tmp_path):
    path = products.write_raster(tmp_path / "B04.tif", products.ground(300, 300)[0], compress="deflate", tiled=True)
    asset_download(asset(), "B04").check(path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(UserError, match="is truncated"):
        asset_download(asset(), "B04").check(path)


def test_only_a_raster_without_a_place_on_earth_needs_a_side_file(products, tmp_path):
    with open_journal(tmp_path / "scenes" / "S2A") as journal:
        products.write_raster(journal.folder / "B04.tif", products.ground()[0], crs=None)
        products.write_raster(journal.folder / "SCL.tif", products.ground()[0])
        beside = sidecar_downloads(journal, ITEM, ROW, ["B04"])
    assert [(one.file, one.url, one.optional) for one in beside] == [
        ("B04.tif.aux.xml", "https://a.example/B04.tif.aux.xml", True)
    ]
