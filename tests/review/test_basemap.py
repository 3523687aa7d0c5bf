"""The basemap: tiles of a server on this machine, in the grid of the images, and nothing asked for without the setting."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from pyproj import Transformer

from lobate.errors import UserError
from lobate.review.basemap import WORLD_M, basemap_layers
from lobate.review.gate import SECURITY_HEADERS
from lobate.review.picture_layers import Look
from lobate.review.png import encode_png
from lobate.review.windows import Frame
from lobate.settings.load import parse
from lobate.settings.review import Basemap

from .client import Client
from .person import sitting
from .region import CONFIG, LEFT, TOP, UTM, make_region, running
from .test_pictures import pixels_of

pytestmark = pytest.mark.xdist_group("review-server")
WORDS = "© people who map <b>"
REGION = {"region": "demo", "imagery": {"tiles": {"T": ["t.tif"]}}, "labels": {"positives": [{"path": "p.gpkg"}]}}


def content(zoom: int, column: int, row: int) -> np.ndarray:
    """A tile whose red and green are its own pixels' numbers, and whose blue is that of the tile."""
    down, across = np.mgrid[:256, :256]
    blue = np.full((256, 256), (31 * column + 17 * row + zoom) % 256)
    return np.stack([across, down, blue, np.full((256, 256), 255)], axis=-1).astype("uint8")


class TileServer(ThreadingHTTPServer):
    """Tiles of this machine; ``asked`` are the paths that were asked for, ``status`` is what it answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Tiles)
        self.asked: list[str] = []
        self.status, self.body = 200, None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{{z}}/{{x}}/{{y}}.png?key=secret"


class Tiles(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        zoom, column, row = (int(part) for part in self.path.partition(".")[0].strip("/").split("/"))
        body = self.server.body or encode_png(content(zoom, column, row))
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture
def tiles():
    with serving() as server:
        yield server


@contextmanager
def serving():
    server = TileServer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def settings(server: TileServer, **more: object) -> Basemap:
    return Basemap(**{"url": server.url, "attribution": WORDS, "allow_private": True, "timeout_s": 5, **more})


def frame(pixel: float = 10.0, x: float = LEFT, y: float = TOP) -> Frame:
    from rasterio.crs import CRS

    return Frame((x, y - 256 * pixel, x + 256 * pixel, y), CRS.from_string(UTM), (256, 256))


@pytest.mark.parametrize("pixel", [1.25, 10.0, 160.0])
def test_each_pixel_is_the_tiles_own_at_its_place(tiles, pixel):
    (layer,) = basemap_layers(settings(tiles), ("plane1",))
    picture = layer.paint("plane1", frame(pixel), Look())
    zoom = int(tiles.asked[0].split("/")[1])
    to_mercator = Transformer.from_crs(UTM, 3857, always_xy=True)
    for row, column in ((0, 0), (17, 200), (255, 128)):
        x, y = to_mercator.transform(LEFT + (column + 0.5) * pixel, TOP - (row + 0.5) * pixel)
        across, down = ((part / WORLD_M + 0.5) * 256 * 2**zoom for part in (x, -y))
        expected = content(zoom, int(across // 256), int(down // 256))[int(down % 256), int(across % 256)]
        assert picture[row, column].tolist() == expected.tolist()
    ground = WORLD_M / 256 / 2**zoom * np.cos(np.radians(36))
    assert pixel / 2.1 < ground < pixel * 1.3 or zoom == 18


def test_tiles_are_kept_in_memory_and_asked_for_once(tiles):
    (layer,) = basemap_layers(settings(tiles), ("plane1",))
    first = layer.paint("plane1", frame(), Look())
    count = len(tiles.asked)
    assert (layer.paint("plane1", frame(), Look()) == first).all()
    assert len(tiles.asked) == count == len(set(tiles.asked))
    assert count <= 16


def test_a_tile_that_is_not_there_is_clear_and_a_failure_is_said_without_the_key(tiles):
    (layer,) = basemap_layers(settings(tiles), ("plane1",))
    tiles.status = 404
    assert (layer.paint("plane1", frame(), Look())[..., 3] == 0).all()
    tiles.status = 500
    with pytest.raises(UserError, match=r"The basemap does not come from 127\.0\.0\.1: .*500") as told:
        layer.paint("plane1", frame(20), Look())
    assert "secret" not in str(told.value)
    assert "catalogue" not in str(told.value)
    tiles.status, tiles.body = 200, b"<html>no picture</html>"
    with pytest.raises(UserError, match="no PNG, JPEG or WebP"):
        layer.paint("plane1", frame(40), Look())


def test_addresses_of_this_machine_are_refused_unless_they_are_allowed(tiles):
    (layer,) = basemap_layers(settings(tiles, allow_private=False), ("plane1",))
    with pytest.raises(UserError, match="The basemap does not come from"):
        layer.paint("plane1", frame(), Look())
    assert tiles.asked == []


@pytest.mark.parametrize(
    "given",
    [{"url": "https://a.example/{z}/{x}.png"}, {"url": "ftp://a.example/{z}/{x}/{y}"}, {"url": "file:///{z}/{x}/{y}"}, {"attribution": ""}],
)  # fmt: skip
def test_a_setting_that_cannot_be_is_refused(given):
    basemap = {"url": "https://a.example/{z}/{x}/{y}.png", "attribution": "A", **given}
    with pytest.raises(Exception, match=next(iter(given))):
        parse({**REGION, "review": {"basemap": basemap}})


def test_without_the_setting_there_is_no_basemap(client):
    assert not [one for one in client.get("api/session")["layers"] if one["id"] == "basemap"]
    assert "not there" not in client.get("picture/basemap/plane1/0/0/0.png", 404)["error"]


def test_the_page_shows_it_with_its_attribution_and_asks_its_own_server_alone(chromium, tiles, tmp_path):
    basemap = f"review:\n  basemap: {{url: '{tiles.url}', attribution: '{WORDS}', allow_private: true}}\n"
    make_region(tmp_path, 20, across=5, removed=1, config=CONFIG + basemap)
    with running(tmp_path, "--port", "0") as server, sitting(chromium, server.address) as person:
        client = Client(server.address)
        person.picture()
        assert tiles.asked == []
        assert person.tab.inner_text("#attribution") == ""
        person.tab.click("#tab-layers")
        person.tab.select_option("#picture", "basemap")
        plain = person.picture()
        assert tiles.asked
        assert person.tab.inner_text("#attribution") == WORDS
        assert person.alert == ""
        assert (pixels_of(client.get("picture/basemap/plane1/0/0/0.png"))[..., 3] == 255).all()
        person.tab.screenshot(path=tmp_path / "basemap.png")
        answer = client.raw("GET", "/")
        assert answer.headers["content-security-policy"] == SECURITY_HEADERS["content-security-policy"]
        assert "http" not in answer.headers["content-security-policy"]
        tiles.status = 500
        person.tab.focus("#canvas")
        person.press("-", "-")
        person.wait("document.querySelector('#alert').textContent.includes('The basemap does not come from 127.0.0.1')")
        person.tab.select_option("#picture", "image")
        assert person.picture() != plain
        assert person.tab.inner_text("#attribution") == ""
