"""Search of a real STAC API over HTTP, with real scenes where they are installed and made-up ones for special cases."""

from __future__ import annotations

import logging
from datetime import date, timedelta

import geopandas as gpd
import pytest
import requests
import yaml
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Polygon, box, mapping
from tests.servers.stac import real_items

from lobate.cli.main import main
from lobate.errors import UserError
from lobate.imagery.find_scenes import find_scenes, is_in_ranges, season_ranges
from lobate.imagery.scene_table import read_rows, read_table
from lobate.settings.imagery import Catalogue, Clouds, Find

pytestmark = pytest.mark.xdist_group("stac")
TILE = box(80, 35, 81, 36)


def made_up(
    scene, day="2018-07-11", cloud=1.0, *, tile="44SPC", ground=TILE, baseline="02.08", sensed="T051651", **more
):
    """Return an item; ``sensed``: when that day the pass began."""
    compact = day.replace("-", "")
    uri = f"S2A_MSIL2A_{compact}{sensed}_N{baseline.replace('.', '')}_R062_T{tile}_{compact}T081241.SAFE"
    known = {
        "eo:cloud_cover": cloud,
        "grid:code": f"MGRS-{tile}",
        "s2:product_uri": uri,
        "s2:processing_baseline": baseline,
    }
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": scene,
        "geometry": mapping(ground),
        "bbox": list(ground.bounds),
        "links": [],
        "properties": {
            "datetime": f"{day}T05:21:58.024Z",
            **{name: value for name, value in known.items() if value is not None},
            **more,
        },
        "assets": {"red": {"href": "https://files.example/B04.tif", "file:checksum": "1220" + "ab" * 32}},
    }


@pytest.fixture
def finding(stac_server, tmp_path, request):
    """Return a function that loads items into a collection of its own once, and finds scenes in it."""
    collection = request.node.name.replace("[", "-").replace("]", "")

    def find(items, area, *, years=(2018,), months=(7, 8), limit=5.0):
        if items:
            stac_server.load(collection, items)
        path = tmp_path / "area.gpkg"
        gpd.GeoDataFrame({"n": [1]}, geometry=[area], crs=4326).to_file(path)
        table, picture, listed = (tmp_path / name for name in ("scenes.tsv", "coverage.png", "scenes.geojson"))
        find_scenes(
            path,
            table,
            picture,
            listed,
            find=Find(area=str(path), years=list(years), months=list(months)),
            clouds=Clouds(max_scene_cloud=limit),
            catalogue=Catalogue(url=stac_server.url, collection=collection, allow_private=True),
        )
        assert read_rows(listed) == read_rows(table)
        return read_table(table)

    return find


@pytest.fixture(autouse=True)
def logged(caplog):
    caplog.set_level(logging.INFO, logger="lobate")
    return caplog


def test_the_real_scenes_of_a_season_are_found_and_the_cloudy_one_is_left_out(finding, real_data, logged, tmp_path):
    items = real_items(real_data, "http://files.example/scenes")
    found = finding(items, box(15.4, 46.2, 15.6, 46.4), years=[2023], months=[8])
    assert found["scene"].tolist() == ["S2B_33TWM_20230813_0_L2A", "S2B_33TWM_20230820_0_L2A"]
    assert found["tile"].tolist() == ["33TWM"] * 2
    assert found["date"].tolist() == ["2023-08-13", "2023-08-20"]
    assert found["cloud_cover"].tolist() == [1.1124, 1.3368]
    assert found["baseline"].tolist() == ["05.09"] * 2
    assert "S2B_33TWM_20230810_0_L2A is left out: cloud cover 70.6 % is over the limit" in logged.text
    assert "100.00 % of the area is shown by 2 scenes" in logged.text
    assert (tmp_path / "coverage.png").read_bytes().startswith(b"\x89PNG")
    item = requests.get(found["source"][0], timeout=10).json()
    assert item["id"] == found["scene"][0]
    assert item["assets"]["red"]["href"] == "http://files.example/scenes/S2B_33TWM_20230813_0_L2A/B04.tif"


def test_the_real_wedge_without_data_is_seen_in_the_coverage(finding, real_data, logged):
    """Only the scene of 13 August shows the west of the tile."""
    finding(real_items(real_data, "http://files.example"), box(15.3, 46.2, 15.4, 46.3), years=[2023], months=[8])
    assert "100.00 % of the area is shown by 2 scenes" in logged.text
    logged.clear()
    finding(None, box(15.01, 46.4, 15.1, 46.5), years=[2023], months=[8])
    assert "100.00 % of the area is shown by 1 scene" in logged.text


def test_a_raised_limit_lets_the_cloudy_scene_in(finding, real_data):
    items = real_items(real_data, "http://files.example")
    assert len(finding(items, box(15.4, 46.2, 15.6, 46.4), years=[2023], months=[8], limit=75)) == 3


def test_hundreds_of_scenes_come_over_many_pages_sorted_and_complete(finding):
    days = [str(date(2018, 7, 1) + timedelta(days=number % 62)) for number in range(247)]
    items = [
        made_up(f"S2A_44SPC_{number:03}", day, sensed=f"T05{number % 60:02}{number // 60:02}")
        for number, day in enumerate(days)
    ]
    found = finding(items[::-1], TILE.buffer(-0.2))
    assert len(found) == 247
    assert found["scene"].is_unique
    assert found["date"].is_monotonic_increasing
    assert found["checksums"].unique().tolist() == ["B04=1220" + "ab" * 32]


def test_a_season_over_new_year(finding):
    days = ["2019-01-31", "2019-11-30", "2019-12-01", "2020-01-15", "2020-02-29", "2020-03-01"]
    items = [made_up(f"S2A_19HCD_{day}", day, tile="19HCD", ground=box(-70, -34, -69, -33)) for day in days]
    found = finding(items, box(-69.8, -33.8, -69.2, -33.2), years=[2019], months=[12, 1, 2])
    assert found["date"].tolist() == ["2019-12-01", "2020-01-15", "2020-02-29"]


def test_a_product_that_was_processed_again_is_named_once(finding, logged):
    items = [made_up("S2A_44SPC_20180711_0", baseline="02.08"), made_up("S2A_44SPC_20180711_1", baseline="05.00")]
    assert finding(items, TILE)["scene"].tolist() == ["S2A_44SPC_20180711_1"]
    assert "S2A_44SPC_20180711_0 (baseline 02.08) is left out" in logged.text


def test_a_scene_without_cloud_cover_is_in_the_table_and_told(finding, logged):
    found = finding([made_up("S2A_44SPC_20180711", cloud=None)], TILE)
    assert found["cloud_cover"].isna().tolist() == [True]
    assert "has no cloud cover of scene S2A_44SPC_20180711" in logged.text


def test_scenes_beside_the_area_are_not_in_the_table(finding):
    """A catalogue is asked for an outline round the area, which holds ground that is not in it."""
    corner = Polygon([(79, 34), (82, 34), (82, 34.2), (79.2, 34.2), (79.2, 37), (79, 37)])
    items = [made_up("S2A_in", ground=box(79, 34, 80, 35)), made_up("S2A_beside", tile="44SQC", ground=TILE)]
    assert finding(items, corner)["scene"].tolist() == ["S2A_in"]


def test_ground_without_a_scene_is_told_with_the_best_above_the_limit(finding, logged):
    items = [
        made_up("S2A_44SPC_a"),
        made_up("S2A_44SQC_hazy", "2018-07-12", 22.5, tile="44SQC", ground=box(81, 35, 82, 36)),
        made_up("S2A_44SQC_white", "2018-07-13", 90.0, tile="44SQC", ground=box(81, 35, 82, 36)),
        made_up("S2A_44SPC_grey", "2018-07-14", 30.0),  # shows nothing that is lacking
    ]
    found = finding(items, box(80, 35, 82.5, 36))
    assert found["scene"].tolist() == ["S2A_44SPC_a"]
    (warning,) = [record.getMessage() for record in logged.records if record.levelno == logging.WARNING]
    assert "60.00 % of the area" in warning
    assert "35.5" in warning
    assert "has no scene of at most 5 % cloud cover" in warning
    assert "tile 44SQC, S2A_44SQC_hazy of 2018-07-12, 22.5 % cloud and 67 % of that ground." in warning
    assert "grey" not in warning
    assert "white" not in warning


def test_ground_that_no_scene_shows_at_all_is_told(finding, logged):
    finding([made_up("S2A_44SPC_a")], box(80.5, 35, 81.5, 36))
    assert "50.00 % of the area" in logged.text
    assert "No cloudier scene shows it either" in logged.text


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([made_up("S2A_44SPC_a", "2018-06-30")], "no scene at all of the area of interest .* in months 7, 8 of 2018"),
        (
            [made_up("S2A_44SPC_a", cloud=60.0), made_up("S2A_44SPC_b", "2018-07-12", cloud=20.0)],
            "The best above the limit: tile 44SPC, S2A_44SPC_b of 2018-07-12, 20.0 % cloud. Raise",
        ),
    ],
    ids=["none", "cloudy"],
)
def test_where_nothing_is_clear_enough_there_is_no_table(finding, tmp_path, items, message):
    with pytest.raises(UserError, match=message):
        finding(items, TILE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["area.gpkg"]


def test_both_sides_of_the_antimeridian(finding, logged):
    west, east = box(179, -17, 180, -16), box(-180, -17, -179, -16)
    over = MultiPolygon([box(179.5, -17, 180, -16), box(-180, -17, -179.5, -16)])
    items = [
        made_up("S2A_60KXF_a", tile="60KXF", ground=west),
        made_up("S2A_01KAB_a", tile="01KAB", ground=east),
        made_up("S2A_01KBB_a", tile="01KBB", ground=over),
        made_up("S2A_31NAA_far", tile="31NAA", ground=box(0, -17, 1, -16)),
    ]
    area = Polygon([(179.2, -16.8), (-179.2, -16.8), (-179.2, -16.2), (179.2, -16.2)])
    assert finding(items, area)["tile"].tolist() == ["01KAB", "01KBB", "60KXF"]
    assert "37.50 % of the area is shown by 1 scene" in logged.text
    assert "62.50 % of the area is shown by 2 scenes" in logged.text
    assert "every part of the area is shown" in logged.text


def test_the_same_catalogue_gives_the_same_bytes(finding, tmp_path):
    def made():
        return [(tmp_path / name).read_bytes() for name in ("scenes.tsv", "coverage.png")]

    finding([made_up("S2A_44SPC_b"), made_up("S2A_44SPC_a", "2018-07-12", ground=box(80, 35, 80.6, 36))], TILE)
    first = made()
    finding(None, TILE)
    assert made() == first


def test_a_collection_that_is_not_there_is_told(finding):
    with pytest.raises(UserError, match="has no collection test_a_collection_that_is_not_there_is_told"):
        finding(None, TILE)


def test_without_a_section_find_the_verb_says_so(tmp_path):
    for area in (None, tmp_path / "a.gpkg"):
        with pytest.raises(UserError, match=r"imagery\.find"):
            find_scenes(area, tmp_path / "t", tmp_path / "c", find=None, clouds=Clouds(), catalogue=Catalogue())


@pytest.mark.parametrize(
    ("area", "message"),
    [
        (box(5e5, 3.9e6, 5.4e5, 3.94e6), "whose coordinates are degrees"),
        (Polygon(), "is empty"),
        (box(0, 0, 1, 1), "cannot be reached"),
    ],
    ids=["nowhere", "empty", "down"],
)
def test_on_the_command_line_a_mistake_is_one_paragraph_and_status_2(area, message, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gpd.GeoDataFrame({"n": [1]}, geometry=[area], crs=4326).to_file("area.gpkg")
    nobody = {"url": "http://127.0.0.1:9/v1", "collection": "x", "allow_private": True, "tries": 1}
    imagery = {"find": {"area": "area.gpkg", "years": [2018], "months": [7]}, "catalogue": nobody}
    settings = {"region": "r", "imagery": imagery, "labels": {"positives": [{"path": "p.shp"}]}}
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(settings))
    words = ["--area", "area.gpkg", "--table", "t.tsv", "--coverage", "c.png", "--settings", "r.yaml"]
    assert main(["find-scenes", *words]) == 2
    logged = capfd.readouterr().err.strip()
    assert logged.startswith("Error: ")
    assert message in logged
    assert "\n" not in logged
    assert sorted(path.name for path in tmp_path.iterdir()) == ["area.gpkg", "r.yaml"]


@pytest.mark.parametrize(
    ("years", "months", "expected"),
    [
        ([2018], [7, 8], [("2018-07-01", "2018-08-31")]),
        ([2019, 2018], [8], [("2018-08-01", "2018-08-31"), ("2019-08-01", "2019-08-31")]),
        ([2019], [12, 1, 2], [("2019-12-01", "2020-02-29")]),  # 2020 is a leap year
        ([2018], [11, 12, 1], [("2018-11-01", "2019-01-31")]),
        ([2018], [1, 2, 12], [("2018-01-01", "2018-02-28"), ("2018-12-01", "2018-12-31")]),
        ([2018], [6, 9], [("2018-06-01", "2018-06-30"), ("2018-09-01", "2018-09-30")]),
        ([2018], list(range(1, 13)), [("2018-01-01", "2018-12-31")]),
        ([2018], [12], [("2018-12-01", "2018-12-31")]),
    ],
)
def test_months_of_years_become_ranges(years, months, expected):
    assert [(str(first), str(last)) for first, last in season_ranges(years, months)] == expected


@given(
    st.lists(st.integers(2015, 2030), min_size=1, max_size=4, unique=True),
    st.sets(st.integers(1, 12), min_size=1),
)
def test_a_day_is_within_exactly_when_its_year_and_month_are_named(years, months):
    ranges = season_ranges(years, sorted(months))
    for day in (date(2014, 12, 30) + timedelta(days=step) for step in range(0, 365 * 17, 9)):
        assert is_in_ranges(day, ranges) == (day.year in years and day.month in months)


@pytest.mark.parametrize("months", [[8, 7], [11, 2], [12, 1, 12], [7, 7], [0], [13], [], [12, 2], [1, 12, 11]])
def test_months_that_are_no_season_are_refused(months):
    with pytest.raises(ValueError, match="months"):
        Find(area="a", years=[2018], months=months)
