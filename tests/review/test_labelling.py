"""Drawing labels where no map is yet: landforms, look-alikes and areas, on disk at once, undone and seen by others."""

from __future__ import annotations

import geopandas as gpd
import pytest

from .client import Client
from .region import LEFT, TOP, UTM, make_region, running

pytestmark = pytest.mark.xdist_group("review-server")


def square(x: float, y: float, side: float) -> list:
    return [
        [
            [
                [LEFT + x, TOP - y],
                [LEFT + x + side, TOP - y],
                [LEFT + x + side, TOP - y - side],
                [LEFT + x, TOP - y - side],
            ]
        ]
    ]


@pytest.fixture
def unmapped(tmp_path):
    """A region with scenes alone."""
    make_region(tmp_path, 4, across=2, removed=1)
    for file in (tmp_path / "results/demo").rglob("*.*"):
        file.unlink()
    with running(tmp_path, "--port", "0") as server:
        yield server


def drawn(folder, layer: str) -> gpd.GeoDataFrame:
    return gpd.read_file(folder / "resources/demo/drawn.gpkg", layer=layer)


def test_what_is_drawn_is_on_disk_and_on_the_page(unmapped):
    client = Client(unmapped.address)
    assert client.get("api/session")["mode"] == "labels"
    answer = client.post("api/draw", layer="positives", plane="plane1", outline=square(100, 100, 200), reviewer="Ada")
    client.post(
        "api/draw", layer="complete", plane="plane1", outline=square(50, 50, 600), reviewer="Ada", remark="by foot"
    )
    counts = {one["id"]: one["count"] for one in client.get("api/session")["lists"]}
    assert (counts["positives"], counts["negatives"], counts["complete"]) == (1, 0, 1)
    bounds = {"west": LEFT, "east": LEFT + 1000, "north": TOP, "south": TOP - 1000}
    (shown,) = client.get("api/outlines/drawn_positives", plane="plane1", tolerance=1, **bounds)["outlines"]
    assert shown["id"] == answer["id"]
    unmapped.kill()
    assert drawn(unmapped.folder, "positives").to_crs(UTM).area.iloc[0] == pytest.approx(40_000, rel=1e-3)
    assert drawn(unmapped.folder, "complete")["remark"].tolist() == ["by foot"]


def test_mending_deleting_and_undo(unmapped):
    client = Client(unmapped.address)
    said = {"layer": "negatives", "plane": "plane1", "reviewer": "Ada"}
    name = client.post("api/draw", outline=square(100, 100, 200), **said)["id"]
    assert client.post("api/draw", outline=square(100, 100, 300), id=name, **said)["id"] == name
    assert client.post("api/draw", outline=None, id=name, **said)["counts"]["negatives"] == 0
    assert client.post("api/undo", reviewer="Ada")["counts"]["negatives"] == 1
    client.post("api/undo", reviewer="Ada")
    unmapped.kill()
    assert drawn(unmapped.folder, "negatives").to_crs(UTM).area.iloc[0] == pytest.approx(40_000, rel=1e-3)


@pytest.mark.parametrize(
    "body",
    [
        {"layer": "others"}, {"outline": [[[[0, 0], [1, 1], [1, 0], [0, 1]]]]}, {"outline": None}, {"outline": None, "id": "x"},
        {"id": "positive_9"}, {"plane": "plane9"},
    ],
)  # fmt: skip
def test_what_cannot_stand_is_refused_and_nothing_is_kept(unmapped, body):
    client = Client(unmapped.address)
    said = {"layer": "positives", "plane": "plane1", "outline": square(0, 0, 100), "reviewer": "Ada", **body}
    assert client.post("api/draw", 404 if "plane" in body else 400, **said)["error"]
    assert not (unmapped.folder / "resources/demo/drawn.gpkg").exists()


def test_another_browser_hears_of_it(unmapped):
    first, second = Client(unmapped.address), Client(unmapped.address)
    with second.listening() as events:
        next(events)
        first.post("api/draw", layer="positives", plane="plane1", outline=square(0, 0, 100), reviewer="Ada")
        assert next(events)["changed"] == ["drawn_positives", "drawn_negatives", "drawn_complete"]
