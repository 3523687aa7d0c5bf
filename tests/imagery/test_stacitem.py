"""STAC items beside their bands: valid, incomplete and malformed."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lobate.errors import UserError
from lobate.imagery.reading.calibration import Calibration
from lobate.imagery.reading.scene import Scene, SceneRequest
from lobate.imagery.reading.scenes import read_scene

WANTED = SceneRequest(("B04", "B03", "B02"), "metadata", needs_classes=True)
PRODUCT = '<P><PROCESSING_BASELINE>05.09</PROCESSING_BASELINE><BOA_ADD_OFFSET band_id="3">-1000</BOA_ADD_OFFSET></P>'


def rewrite(folder, change):
    file = folder / f"{folder.name}.json"
    item = json.loads(file.read_text())
    change(item)
    file.write_text(json.dumps(item))
    return folder


def test_an_original_beside_the_archives_own_file_still_has_its_offset(products, tmp_path):
    """`boa_offset_applied` speaks of the archive's B04.tif; who fetched the item's `red-jp2` has ESA's own B04.jp2."""
    properties = {"earthsearch:boa_offset_applied": True, "s2:processing_baseline": "05.09"}
    folder = products.write_stac(
        tmp_path / "item", products.ground() + 1000, suffix=".jp2", raster=(1e-4, -0.1), **properties
    )
    assert {band.calibration for band in read_scene(folder, WANTED).bands} == {Calibration(10000, 0)}

    def archive_has_cogs(item):
        for asset in item["assets"].values():
            asset["href"] = asset["href"].replace(".jp2", ".tif")

    rewrite(folder, archive_has_cogs)
    assert {band.calibration for band in read_scene(folder, WANTED).bands} == {Calibration(10000, -1000)}


def test_product_and_granule_metadata_complete_each_other(products, tmp_path):
    folder = products.write_stac(tmp_path / "item", products.ground(), **{"s2:processing_baseline": "05.09"})
    (folder / "granule_metadata.xml").write_text("<G><TILE_ID>S2B_OPER_T33TWM_N05.09</TILE_ID></G>")
    with pytest.raises(UserError, match="cannot be known"):
        read_scene(folder, WANTED)
    (folder / "product_metadata.xml").write_text(PRODUCT)
    band = read_scene(folder, SceneRequest(("B04",), "metadata", needs_classes=True)).bands[0]
    assert band.calibration == Calibration(10000, -1000)


@pytest.mark.parametrize("cloud", ["much", -1, 101, [1], {"a": 1}])
def test_cloud_cover_must_be_per_cent(products, tmp_path, cloud):
    properties = {"s2:processing_baseline": "02.14", "eo:cloud_cover": cloud}
    folder = products.write_stac(tmp_path / "item", products.ground(), **properties)
    with pytest.raises(UserError, match="eo:cloud_cover"):
        read_scene(folder, WANTED)


@pytest.mark.parametrize("scale", [-1e-4, 5e-324, 1e250])
def test_a_scale_that_gives_no_reflectance_is_a_mistake(products, tmp_path, scale):
    folder = products.write_stac(tmp_path / "item", products.ground(), raster=(scale, -0.1))
    with pytest.raises(UserError, match="gives no number"):
        read_scene(folder, WANTED)


SCALARS = st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=300)
KEYS = st.sampled_from(["href", "raster:bands", "bands", "scale", "offset", "raster:scale"])
PROPERTIES = st.sampled_from(
    ["eo:cloud_cover", "datetime", "s2:processing_baseline", "processing:version", "earthsearch:boa_offset_applied"]
)
INNER = st.recursive(SCALARS, lambda one: st.lists(one, max_size=2) | st.dictionaries(KEYS, one, max_size=3))
ITEMS = st.fixed_dictionaries(
    {"type": st.just("Feature"), "assets": st.dictionaries(st.sampled_from(["red", "B04", "scl", "B03_10m"]), INNER)},
    optional={"id": INNER, "properties": st.dictionaries(PROPERTIES, INNER) | INNER},
)


@pytest.fixture(scope="module")
def item_folder(products, tmp_path_factory):
    return products.write_stac(tmp_path_factory.mktemp("stac") / "item", products.ground())


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=ITEMS.map(lambda one: json.dumps(one).encode()) | st.binary(max_size=60))
def test_any_item_is_a_scene_or_a_mistake(item_folder, content):
    (item_folder / "item.json").write_bytes(content)
    try:
        assert isinstance(read_scene(item_folder, WANTED), Scene)
    except UserError as mistake:
        assert "item" in str(mistake)
