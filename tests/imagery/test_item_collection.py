"""A scene table as a STAC item collection: taken from any tool, written by find_scenes, and the same table either way."""

from __future__ import annotations

import json

import pystac
import pytest
from tests.imagery.test_items import URL, item

from lobate.errors import UserError
from lobate.imagery.finding.items import read_items
from lobate.imagery.item_collection import to_collection
from lobate.imagery.scene_table import read_rows, read_table, scenes_by_tile, to_tsv
from lobate.settings.imagery import Imagery

SECOND = "S2B_T44SPC_20180716T051649_L2A"
ITEMS = [item(), item(id=SECOND, links=[{"rel": "self", "href": f"{URL}/items/{SECOND}"}])]


@pytest.fixture
def write(tmp_path):
    def to_file(content, name="scenes.geojson"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return to_file


def collection(*items):
    return {"type": "FeatureCollection", "features": [{"type": "Feature", **one} for one in items]}


def test_a_collection_is_the_same_table_as_its_lines(write, tmp_path):
    scenes = read_items(ITEMS, URL)
    table = write(to_tsv(scene.row for scene in scenes), "scenes.tsv")
    for path in (write(collection(*reversed(ITEMS))), write(to_collection(scenes), "written.geojson")):
        assert read_rows(path) == read_rows(table)
        assert read_table(path).equals(read_table(table))
    tiles = scenes_by_tile(Imagery(scenes=str(tmp_path / "written.geojson")))
    assert tiles == scenes_by_tile(Imagery(scenes=str(table)))


def test_the_same_scenes_give_the_same_bytes_and_valid_stac(write):
    full = [{"type": "Feature", "stac_version": "1.0.0", "bbox": [80, 35, 81, 36], **one} for one in ITEMS]
    text = to_collection(read_items(full, URL))
    assert text == to_collection(read_items(full[::-1], URL))
    saved = pystac.ItemCollection.from_dict(json.loads(text))
    assert [one.id for one in saved] == [ITEMS[0]["id"], SECOND]
    path = write("")
    saved.save_object(str(path))  # as other tools write it
    assert [row["scene"] for row in read_rows(path)] == [ITEMS[0]["id"], SECOND]


def test_an_item_without_a_link_to_itself_is_found_by_its_collection(write):
    linked = item(links=[{"rel": "collection", "href": f"{URL}/"}])
    assert read_rows(write(collection(linked)))[0]["source"] == f"{URL}/items/{ITEMS[0]['id']}"


def test_one_item_is_a_table_of_one_scene(write):
    assert read_rows(write({"type": "Feature", **ITEMS[0]}, "scene.json"))[0]["scene"] == ITEMS[0]["id"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "no STAC item collection"),
        ({"type": "Catalog"}, "no STAC item collection"),
        ({"type": "FeatureCollection", "features": {}}, "no STAC item collection"),
        (collection(), "names no scene"),
        ({"type": "FeatureCollection", "features": [1]}, r"Item 1 .* no STAC item with assets"),
        ({"type": "FeatureCollection", "features": [{"type": "Feature", "id": "lake"}]}, r"Item 1 .*'lake'"),
        (collection(ITEMS[0], item(id="../x")), r"Item 2 .* cannot be the name of a folder"),
        (collection(ITEMS[0], item(id="no_tile_20180711")), r"Item 2 .* MGRS tile"),
        (collection(item(links=[])), r"Item 1 .* no link to itself"),
        (collection(item(links=[{"rel": "self", "href": "./item.json"}])), r"no link to itself"),
        (collection(ITEMS[0], ITEMS[0]), "twice"),
    ],
)
def test_what_is_no_table_of_scenes_is_told(write, content, said):
    with pytest.raises(UserError, match=said):
        read_rows(write(content))


def test_of_several_resolutions_the_finest_has_the_checksum(write):
    """The Copernicus Data Space lists B04_10m, B04_20m and B04_60m."""
    digests = {"B04_10m": "10", "B04_20m": "20", "B04_60m": "60", "SCL_20m": "2020", "AOT_10m": "aa"}
    assets = {name: {"href": f"{name}.jp2", "file:checksum": digest} for name, digest in digests.items()}
    assert read_rows(write(collection(item(assets=assets))))[0]["checksums"] == "B04=10;SCL=2020"
