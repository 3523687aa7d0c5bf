"""One review of tiles in two UTM zones, one of them on two datums: each landform in the plane of its tile."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from pyproj import Transformer

from lobate.io.vector import LONLAT, read_polygons, write_layers
from lobate.review.decisions_file import DecisionsFile

from . import region
from .client import Client
from .person import sitting
from .region import CONFIG, TOP, make_region, outline, running, surface, write_raster

pytestmark = pytest.mark.xdist_group("review-page")

WEST = 768_000.0
"""Left border of the western tile in zone 44: its east lies beyond 84 E, in zone 45."""
ZONE_45, EAST_CORNER = "EPSG:32645", (229_000.0, 3_990_400.0)
OLDER = "EPSG:32244"
"""Zone 44 on the datum of 1972."""
SOUTH, FAR_SOUTH = (WEST, TOP - 3000.0), (WEST, TOP - 8000.0)
TILES = {"T44SPC": "plane1", "T44SPB": "plane1", "T44SPX": "plane2", "T45STV": "plane3"}
SIDE = 300
ACROSS, WESTERN = 3, 6


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Six landforms on the western tile, and two each on the others; the third column lies on both zones' tiles."""
    monkeypatch.setattr(region, "LEFT", WEST)
    scenes = ", ".join(f"{tile}: [scenes/first.tif]" for tile in TILES)
    make_region(
        tmp_path, WESTERN, across=ACROSS, config=CONFIG.replace("T44SPC: [scenes/first.tif, scenes/second.tif]", scenes)
    )
    ground = surface(SIDE, SIDE)
    picture = np.stack([np.clip(25 + tint * ground, 1, 255).astype("uint8") for tint in (90, 170, 120)])
    placed = {"T44SPB": ("EPSG:32644", SOUTH), "T44SPX": (OLDER, FAR_SOUTH), "T45STV": (ZONE_45, EAST_CORNER)}
    more = []
    for number, (tile, (crs, corner)) in enumerate(placed.items()):
        write_raster(tmp_path / f"results/demo/imagery/{tile}.tif", picture, crs=crs, corner=corner)
        shapes = [
            shapely.transform(outline(n, 9), lambda at, c=corner: at - [WEST, TOP] + c + [900, -900]) for n in (0, 10)
        ]
        names = [f"d{10 * (number + 1) + n:05d}" for n in range(2)]
        frame = gpd.GeoDataFrame({"detection": names, "mean": [0.6, 0.7]}, geometry=shapes, crs=crs)
        more.append(frame.to_crs(LONLAT))
    path = tmp_path / "results/demo/mapping/detections.gpkg"
    kept, removed = (read_polygons(path, layer) for layer in ("kept", "removed"))
    write_layers(path, {"kept": pd.concat([kept, *more], ignore_index=True), "removed": removed})
    return tmp_path


def truth(folder) -> gpd.GeoSeries:
    frame = read_polygons(folder / "results/demo/mapping/detections.gpkg", "kept")
    return frame.set_index("detection").geometry


def in_plane(shape: shapely.Geometry, crs: str) -> shapely.Geometry:
    transformer = Transformer.from_crs(LONLAT, crs, always_xy=True)
    return shapely.transform(shape, lambda at: np.column_stack(transformer.transform(at[:, 0], at[:, 1])))


def test_each_landform_is_in_the_plane_of_its_tile(folder):
    shapes, crs = truth(folder), {"plane1": "EPSG:32644", "plane2": OLDER, "plane3": ZONE_45}
    with running(folder) as server:
        client = Client(server.address)
        session = client.get("api/session")
        assert {one["name"]: one["plane"] for one in session["tiles"]} == TILES
        assert [one["id"] for one in session["planes"]] == list(crs)
        items = {
            one["id"]: client.get(f"api/item/detections/{one['id']}")
            for one in client.get("api/lists/detections")["items"]
        }
        assert set(items) == set(shapes.index)
        for name, item in items.items():
            assert item["plane"] == TILES[item["tile"]], name
            expected = in_plane(shapes[name], crs[item["plane"]])
            assert item["bounds"] == pytest.approx(expected.bounds, abs=0.1)
            query = dict(zip(("west", "south", "east", "north"), item["bounds"], strict=True))
            there = client.get("api/outlines/detections", plane=item["plane"], tolerance=0, **query)["outlines"]
            assert name in {one["id"] for one in there}
        assert {item["plane"] for name, item in items.items() if name >= "d00010"} == set(crs)
        zones = [
            client.get("api/outlines/detections", plane=one, tolerance=0, **whole(session, one))["outlines"]
            for one in crs
        ]
        seen = [{one["id"] for one in outlines} for outlines in zones]
        assert seen[0] & seen[2], "where two zones meet, an outline is drawn in both"


def whole(session: dict, plane: str) -> dict[str, float]:
    bounds = next(one["bounds"] for one in session["planes"] if one["id"] == plane)
    return dict(zip(("west", "south", "east", "north"), bounds, strict=True))


def test_a_person_walks_and_mends_and_draws_over_the_planes(folder, chromium):
    shapes = truth(folder)
    with running(folder) as server, sitting(chromium, server.address) as person:
        pictures, systems = {}, {}
        for name in shapes.index:
            person.go(name)
            pictures[name] = person.picture()
            person.tab.mouse.move(*person.place(0.5, 0.5))
            systems[name] = person.tab.inner_text("#coordinates").split("N")[-1].strip()
        assert len(set(pictures.values())) == len(shapes), "each is shown at its own place"
        assert len(set(systems.values())) == 3
        assert systems["d00030"] == ZONE_45
        person.go("d00030")
        person.press("e", "]", "ArrowUp", "Enter")
        person.wait_saved()
        person.go("d00020")
        draw(person)
        for name in sorted(set(shapes.index) - {"d00030"}):
            person.go(name)
            person.press("a")
        person.wait_saved()
    rows = {row.detection: row for row in DecisionsFile(folder / "resources/demo/decisions.gpkg").rows()}
    mended = rows.pop("d00030")
    assert mended.status == "edited"
    assert 0 < mended.outline.hausdorff_distance(shapes["d00030"]) < 40 * 1e-5
    (drawn,) = [rows.pop(name) for name in list(rows) if name is None or name not in shapes.index]
    assert drawn.outline.distance(shapes["d00020"]) < 0.02, "it is drawn beside the one that was looked at"
    assert {name: row.status for name, row in rows.items()} == dict.fromkeys(set(shapes.index) - {"d00030"}, "accepted")
    assert all(row.outline.hausdorff_distance(shapes[name]) < 1e-8 for name, row in rows.items())


def draw(person) -> None:
    """Draw a square at the map's corner."""
    person.press("n")
    for x, y in [(0.05, 0.05), (0.12, 0.05), (0.12, 0.15), (0.05, 0.15)]:
        person.click(x, y)
    person.tab.keyboard.press("Enter")
    person.wait_saved()
