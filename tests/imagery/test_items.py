from __future__ import annotations

import copy
import json
import logging
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box, mapping

from lobate.imagery.finding.items import UnusableItem, latest_revision, read_item, read_items

URL = "https://stac.example/v1/collections/s2"
ITEM = {
    "id": "S2A_T44SPC_20180711T051651_L2A",
    "geometry": mapping(box(80, 35, 81, 36)),
    "properties": {"datetime": "2018-07-11T05:21:58.024Z", "eo:cloud_cover": 1.25, "s2:processing_baseline": "05.00"},
    "links": [{"rel": "self", "href": f"{URL}/items/S2A"}],
    "assets": {
        "red": {"href": "B04.tif", "file:checksum": "1220ab"},
        "scl": {"href": "SCL.tif", "file:checksum": "1220CD"},
        "red-jp2": {"href": "B04.jp2", "file:checksum": "1220ef"},
        "blue": {"href": "B02.tif"},
    },
}


def item(**changed):
    new = copy.deepcopy(ITEM)
    for name, value in changed.items():
        if name in ("id", "geometry", "bbox", "links", "assets", "properties"):
            new[name] = value
        else:
            new["properties"][name.replace("__", ":")] = value
    return {name: value for name, value in new.items() if value is not None}


def test_an_item_becomes_a_line_of_the_table():
    assert read_item(item(), URL).row == {
        "scene": "S2A_T44SPC_20180711T051651_L2A",
        "tile": "44SPC",
        "date": "2018-07-11",
        "cloud_cover": "1.25",
        "baseline": "05.00",
        "source": f"{URL}/items/S2A",
        "checksums": "B04=1220ab;SCL=1220CD",
    }


@pytest.mark.parametrize(
    ("changed", "tile"),
    [
        ({"grid__code": "MGRS-33TWM"}, "33TWM"),
        ({"s2__mgrs_tile": "33TWM"}, "33TWM"),
        ({"s2__mgrs_tile": "T4QFJ"}, "04QFJ"),
        ({"mgrs__utm_zone": 4, "mgrs__latitude_band": "Q", "mgrs__grid_square": "FJ"}, "04QFJ"),
        ({"id": "S2A_44SPC_20180711_0_L2A"}, "44SPC"),
        ({"id": "S2A_4QFJ_20180711_0_L2A"}, "04QFJ"),
        ({"id": "S2A_MSIL2A_20180711T051651_R062_T44SPC_20201011T081241"}, "44SPC"),
        ({"id": "x", "s2__product_uri": "S2A_MSIL2A_20180711T051651_N0208_R062_T44SPC_20180711T081241.SAFE"}, "44SPC"),
        ({"grid__code": "WRS2-140041"}, "44SPC"),
    ],
)
def test_the_tile_is_found_wherever_the_catalogue_says_it(changed, tile):
    assert read_item(item(**changed), URL).tile == tile


@pytest.mark.parametrize(
    ("changed", "baseline"),
    [
        ({"s2__processing_baseline": "5.09"}, "05.09"),
        ({"s2__processing_baseline": None, "processing__version": "02.14"}, "02.14"),
        ({"s2__processing_baseline": None, "s2__datatake_id": "GS2B_20230820T094549_033710_N05.09"}, "05.09"),
        (
            {"s2__processing_baseline": None, "id": "S2A_MSIL2A_20180711T051651_N0208_R062_T44SPC_20180711T081241"},
            "02.08",
        ),
        ({"s2__processing_baseline": None}, ""),
        ({"s2__processing_baseline": ["x"]}, ""),
    ],
)
def test_the_baseline_is_found_or_left_empty(changed, baseline):
    assert read_item(item(**changed), URL).baseline == baseline


@pytest.mark.parametrize("cloud", [None, "3", float("nan"), -1, 101, True, [3]])
def test_a_cloud_cover_that_is_none_stays_unknown(cloud):
    found = read_item(item(eo__cloud_cover=cloud), URL)
    assert found.cloud is None
    assert found.row["cloud_cover"] == ""


def test_the_day_is_that_of_universal_time():
    assert read_item(item(datetime="2018-07-11T23:30:00-03:00"), URL).date == date(2018, 7, 12)
    assert read_item(item(datetime=None, start_datetime="2018-07-10T00:00:00Z"), URL).date == date(2018, 7, 10)
    assert read_item(item(datetime=None), URL).date == date(2018, 7, 11)  # in its name


def test_without_a_link_to_itself_an_item_stands_in_its_collection():
    for links in (
        [],
        None,
        [{"rel": "self", "href": "../item.json"}],
        [{"rel": "self", "href": "https://a b/c"}],
        "links",
    ):
        assert read_item(item(links=links), URL).source == f"{URL}/items/{ITEM['id']}"


def test_the_footprint_is_cut_at_the_antimeridian_and_may_be_a_box():
    over = {"type": "Polygon", "coordinates": [[[179, 60], [-179, 60], [-179, 61], [179, 61], [179, 60]]]}
    assert read_item(item(geometry=over), URL).footprint.area == pytest.approx(2)
    assert read_item(item(geometry=None, bbox=[179, 60, -179, 61]), URL).footprint.area == pytest.approx(2)
    assert read_item(item(geometry=None, bbox=[10, 60, 0, 11, 61, 9000]), URL).footprint.bounds == (10, 60, 11, 61)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"id": "../../evil_44SPC"}, "cannot be the name of a folder"),
        ({"id": ""}, "cannot be the name of a folder"),
        ({"id": "S2A_44SPC_" + "x" * 200}, "cannot be the name of a folder"),
        ({"id": "scene_20180711"}, "hold an MGRS tile"),
        ({"id": "S2A_44SPC_x", "datetime": "yesterday"}, "no date"),
        ({"geometry": None}, "no footprint"),
        ({"geometry": {"type": "Point", "coordinates": [1, 2]}}, "no footprint"),
        ({"geometry": {"type": "Polygon", "coordinates": "no"}, "bbox": [1, 2]}, "no footprint"),
        ({"properties": "none", "id": "x"}, "hold an MGRS tile"),
    ],
)
def test_an_item_that_is_no_scene_is_told(changed, message, caplog):
    with pytest.raises(UnusableItem, match=message):
        read_item(item(**changed), URL)
    with caplog.at_level(logging.WARNING):
        assert [one.scene for one in read_items([item(**changed), item()], URL)] == [ITEM["id"]]
    assert "is left out" in caplog.text


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*ITEM, *ITEM["properties"], "type"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*ITEM, "bbox"]), JSON, max_size=6))
def test_any_json_is_a_scene_or_unusable(garbage):
    for given_item in (garbage, {**ITEM, **garbage}):
        try:
            row = read_item(json.loads(json.dumps(given_item)), URL).row
        except UnusableItem:
            continue
        assert not any("\t" in value or "\n" in value for value in row.values())


def found(scene, baseline="05.00", *, ground=(80, 35, 81, 36), sensed="20180711T051651", tile="44SPC", made="2020"):
    uri = f"S2A_MSIL2A_{sensed}_N{baseline.replace('.', '')}_R062_T{tile}_20180711T081241.SAFE"
    return read_item(
        item(
            id=scene,
            geometry=mapping(box(*ground)),
            s2__product_uri=uri,
            s2__processing_baseline=baseline,
            s2__generation_time=made,
        ),
        URL,
    )


def test_of_one_product_the_newest_processing_stays(caplog):
    scenes = [found("old", "02.08"), found("new", "05.00"), found("older", "02.07")]
    with caplog.at_level(logging.WARNING):
        assert [one.scene for one in latest_revision(scenes)] == ["new"]
    assert "old (baseline 02.08) is left out: new (baseline 05.00) is a newer processing" in caplog.text
    assert len(caplog.records) == 2


def test_of_the_same_baseline_the_one_made_last_stays():
    assert [one.scene for one in latest_revision([found("b", made="2023"), found("a", made="2024")])] == ["a"]


def test_what_is_no_second_delivery_stays():
    other_pass = found("b", sensed="20180711T052000")
    other_tile = found("c", tile="44SQC")
    # one pass may be cut into two pieces inside a tile
    other_part = found("d", ground=(80.9, 35, 82, 36))
    assert [one.scene for one in latest_revision([found("a"), other_pass, other_tile, other_part])] == [
        "a",
        "b",
        "d",
        "c",
    ]
