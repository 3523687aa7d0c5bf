"""What the server says of a region: its session, lists, outlines and items."""

from __future__ import annotations

import re

import geopandas as gpd
import numpy as np
import pytest
import shapely

from lobate.io.vector import geodesic_area_m2

from .client import COUNT, REMOVED
from .region import LEFT, PIXEL, TOP, UTM

pytestmark = pytest.mark.xdist_group("review-server")


def kept_frame(folder) -> gpd.GeoDataFrame:
    """The detections in the plane, as the file has them."""
    frame = gpd.read_file(folder / "results/demo/mapping/detections.gpkg", layer="kept")
    return frame.assign(area=geodesic_area_m2(frame)).to_crs(UTM)


def kept_order(client) -> list[str]:
    return [one["id"] for one in client.get("api/lists/detections")["items"]]


class TestLooking:
    def test_the_session_names_all_that_is_there(self, client):
        session = client.get("api/session")
        (plane,) = session["planes"]
        assert (plane["crs"], plane["base"], plane["origin"]) == ("EPSG:32644", PIXEL, [LEFT, TOP])
        assert {one["id"]: one["count"] for one in session["lists"]} == {
            "detections": COUNT, "removed": REMOVED, "candidates": 0, "conflicts": 0,
        }  # fmt: skip
        assert session["waiting"] == COUNT
        kinds = {one["id"]: one["kind"] for one in session["layers"]}
        assert {"image", "date1", "date2", "hillshade", "slope", "contours", "probability"} <= {
            name for name, kind in kinds.items() if kind == "picture"
        }
        assert {"detections", "removed", "candidates", "hand"} <= {
            name for name, kind in kinds.items() if kind == "outlines"
        }
        assert "active" in session["vocabularies"]["activity"]

    def test_a_list_is_what_pandas_reads_of_the_file(self, client, shared):
        frame = kept_frame(shared.folder)
        items = client.get("api/lists/detections")["items"]
        assert [one["id"] for one in items] == frame.sort_values(["mean", "detection"])["detection"].tolist()
        by_id = {one["id"]: one for one in items}
        for row in frame.itertuples():
            item = by_id[row.detection]
            assert item["confidence"] == pytest.approx(row.mean, abs=1e-4)
            assert item["area_m2"] == pytest.approx(row.area, abs=0.1)
            assert item["bounds"] == pytest.approx(row.geometry.bounds, abs=0.1)
            assert (item["status"], item["tile"], item["version"]) == ("pending", "T44SPC", 0)

    @pytest.mark.parametrize(
        ("query", "keeps"),
        [
            ({"min_confidence": 0.6}, lambda row: row["mean"] >= 0.6),
            ({"max_confidence": 0.5}, lambda row: row["mean"].round(4) <= 0.5),
            ({"min_area": 55_000, "max_area": 70_000}, lambda row: row["area"].between(55_000, 70_000)),
            ({"search": "D0000"}, lambda row: row["detection"].str.startswith("d0000")),
            ({"status": "accepted,rejected"}, lambda row: row["mean"] < 0),
            ({"tile": "T44SPC"}, lambda row: row["mean"] > 0),
            ({"tile": "T44SQC"}, lambda row: row["mean"] < 0),
        ],
    )
    def test_filters_are_those_of_pandas(self, client, shared, query, keeps):
        frame = kept_frame(shared.folder)
        items = client.get("api/lists/detections", **query)["items"]
        assert {one["id"] for one in items} == set(frame[keeps(frame)]["detection"])

    @pytest.mark.parametrize(("sort", "column"), [("confidence", "mean"), ("area", "area"), ("id", "detection")])
    @pytest.mark.parametrize("descending", [False, True])
    def test_orders_are_those_of_pandas(self, client, shared, sort, column, descending):
        values = kept_frame(shared.folder).set_index("detection", drop=False)[column]
        items = client.get("api/lists/detections", sort=sort, descending="1" if descending else "")["items"]
        values = values.round(1) if column == "area" else values
        expected = values.sort_values(ascending=not descending).tolist()
        assert values[[one["id"] for one in items]].tolist() == expected

    @pytest.mark.parametrize("query", [{"sort": "colour"}, {"min_area": "much"}, {"max_area": "nan"}])
    def test_a_filter_that_says_nothing_is_refused_in_words(self, client, query):
        assert next(iter(query.values())) in client.get("api/lists/detections", 400, **query)["error"]

    def test_a_removed_one_has_its_reason_as_text(self, client):
        """The page writes it as text; the policy of the page forbids scripts in markup besides."""
        items = client.get("api/lists/removed")["items"]
        assert any("<img" in one["reason"] for one in items)
        answer = client.raw("GET", "/api/lists/removed")
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize("tolerance", [0, 2, 5, 40])
    def test_outlines_are_simplified_within_the_tolerance_and_valid(self, client, shared, tolerance):
        frame = kept_frame(shared.folder).set_index("detection").geometry
        west, south, east, north = frame.total_bounds
        query = {"west": west, "south": south, "east": east, "north": north, "tolerance": tolerance, "plane": "plane1"}
        found = client.get("api/outlines/detections", **query)["outlines"]
        assert {one["id"] for one in found} == set(frame.index)
        vertices = 0
        for one in found:
            (ring,) = one["rings"]
            shape = shapely.Polygon(np.reshape(ring, (-1, 2)))
            assert shape.is_valid
            assert shape.hausdorff_distance(frame[one["id"]]) <= tolerance + 0.02
            vertices += len(ring) // 2
        if tolerance >= 5:
            assert vertices < 0.3 * shapely.get_num_coordinates(frame.values).sum()

    def test_only_outlines_within_the_bounds_come(self, client, shared):
        frame = kept_frame(shared.folder)
        west, south, east, north = frame.geometry.iloc[7].bounds
        bounds = {"west": west, "south": south, "east": east, "north": north}
        found = client.get("api/outlines/detections", plane="plane1", tolerance=1, **bounds)["outlines"]
        near = frame[
            shapely.intersects(
                shapely.box(*shapely.bounds(frame.geometry.values).T), shapely.box(west, south, east, north)
            )
        ]
        assert [one["id"] for one in found] == [name for name in kept_order(client) if name in set(near["detection"])]

    def test_a_whole_outline_is_the_files_own(self, client, shared):
        frame = kept_frame(shared.folder).set_index("detection").geometry
        item = client.get("api/item/detections/d00003")
        ((ring,),) = item["outline"]
        assert shapely.Polygon(ring).hausdorff_distance(frame["d00003"]) < 0.02
        assert item["seen"] == item["outline"]
        assert client.get("api/item/detections/d00000")["others"] == ["positive: h1"]

    @pytest.mark.parametrize(
        "path",
        [
            "api/item/detections/d99999", "api/item/nolist/d00001", "api/lists/nolist", "api/outlines/nolayer?plane=plane1&west=0&south=0&east=1&north=1",
            "api/outlines/detections?plane=plane9", "picture/nolayer/plane1/0/0/0.png", "picture/image/plane9/0/0/0.png",
            "picture/image/plane1/0/0/x.png", "picture/image/plane1/0/0/1e9.png", "thumbnail/detections/d99999.png", "nothing", "page/nothing.js",
        ],
    )  # fmt: skip
    def test_what_is_not_there_is_said(self, client, path):
        assert client.get(path, 404)["error"]

    @pytest.mark.parametrize(
        "path",
        [
            "/page/../app.py", "/page/..%2fapp.py", "/page/%2e%2e/app.py", "/page/..\\app.py", "/../../etc/passwd", "//etc/passwd",
            "/page/%2fetc%2fpasswd", "/page/..%c0%afapp.py", "/page/main.js%00.py", "/picture/..%2f..%2fdem.tif/plane1/0/0/0.png",
            "/picture/%2fetc%2fpasswd/plane1/0/0/0.png", "/thumbnail/detections/..%2f..%2fconfig.yaml", "/api/item/detections/..%2f..",
            "http://127.0.0.1/etc/passwd", "/page/", "/api/export.geojson/../../config.yaml", "/resources/demo/decisions.gpkg", "/config.yaml",
        ],
    )  # fmt: skip
    def test_no_path_leads_to_a_file(self, client, path):
        answer = client.raw("GET", path)
        assert answer.status in (400, 403, 404), answer.body[:200]
        assert b"import" not in answer.body
        assert b"root:" not in answer.body

    def test_the_page_comes_whole(self, client):
        page = client.get("").decode()
        names = re.findall(r'(?:src|href)="(page/[^"]+)"', page)
        assert names
        for name in names:
            assert client.get(name)
