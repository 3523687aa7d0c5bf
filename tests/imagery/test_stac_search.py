"""Failures of a catalogue, played by a small local server; a real STAC API is in test_find_scenes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from shapely.geometry import box

from lobate.errors import UserError
from lobate.imagery.catalogues import catalogue_url, scene_collection
from lobate.imagery.finding import stac_search
from lobate.imagery.finding.stac_search import search
from lobate.settings.imagery import Catalogue

GROUND = box(10, 46, 11, 47)
JULY = (date(2018, 7, 1), date(2018, 7, 31))
CONFORMS = ["https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/item-search",
            "https://api.stacspec.org/v1.0.0/collections", "https://api.stacspec.org/v1.0.0/ogcapi-features"]  # fmt: skip
Answer = tuple[int, dict[str, str], bytes]


class Fake:
    """Answers as a STAC API, but for what ``faults`` says, one for each request, in turn."""

    def __init__(self) -> None:
        self.faults: list[Callable[[Any], None] | None] = []
        self.asked: list[tuple[str, str, dict[str, Any] | None]] = []
        self.pages = [[{"id": "a"}, {"id": "b"}], [{"id": "c"}]]
        self.endless = False
        self.search_method = "POST"
        self.links: list[dict[str, Any]] = []
        self.url = ""

    def answer(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        path, _, query = path.partition("?")
        if path == "/search":
            return self._page(body if body is not None else dict(part.split("=", 1) for part in query.split("&")))
        if path == "/collections":
            return {"collections": [self._collection(name) for name in ("s2-l2a", "landsat")], "links": []}
        links = [
            {"rel": "self", "href": self.url},
            {"rel": "data", "href": f"{self.url}/collections"},
            {
                "rel": "search",
                "href": f"{self.url}/search",
                "type": "application/geo+json",
                "method": self.search_method,
            },
        ]
        return {"type": "Catalog", "id": "fake", "description": "d", "stac_version": "1.0.0", "conformsTo": CONFORMS,
                "links": self.links or links}  # fmt: skip

    def _collection(self, name: str) -> dict[str, Any]:
        extent = {
            "spatial": {"bbox": [[-180, -90, 180, 90]]},
            "temporal": {"interval": [["2015-06-23T00:00:00Z", None]]},
        }
        return {"type": "Collection", "id": name, "description": "d", "license": "x", "stac_version": "1.0.0", "links": [],
                "extent": extent}  # fmt: skip

    def _page(self, asked: dict[str, Any]) -> dict[str, Any]:
        number = int(asked.get("page", 0))
        after = number if self.endless else number + 1
        link = {"rel": "next", "href": f"{self.url}/search", "method": self.search_method}
        if self.search_method == "POST":
            link |= {"body": {**asked, "page": after}}
        else:
            link["href"] += f"?page={after}"
        more = [link] if self.endless or after < len(self.pages) else []
        features = self.pages[number] if self.pages else []
        return {"type": "FeatureCollection", "features": features, "links": more}


@pytest.fixture
def fake(monkeypatch) -> Iterator[Fake]:
    served = Fake()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            served.asked.append((self.command, self.path, body))
            fault = served.faults.pop(0) if served.faults else None
            if fault:
                fault(self)
            else:
                send(200, json.dumps(served.answer(self.path, body)).encode())(self)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    served.waits = []
    monkeypatch.setattr(stac_search, "sleep", served.waits.append)
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


def send(status: int, body: bytes = b"no", **headers: str) -> Callable[[Any], None]:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", headers.get("length", str(len(body))))
        handler.end_headers()
        with suppress(OSError):
            handler.wfile.write(body)
        handler.close_connection = True

    return respond


def cut(handler: BaseHTTPRequestHandler) -> None:
    """Promise more than comes."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"type": "Cata')
    handler.close_connection = True


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.close()


def asked(fake: Fake, **changed: Any) -> list[str]:
    settings = {"url": fake.url, "collection": "s2-l2a", "allow_private": True, "tries": 3, **changed}
    return [item["id"] for item in search(Catalogue(**settings), settings["collection"], GROUND, JULY)]


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_all_pages_are_read_by_whichever_method_the_catalogue_knows(fake, method):
    fake.search_method = method
    assert asked(fake) == ["a", "b", "c"]
    assert [command for command, path, _ in fake.asked if path.startswith("/search")] == [method] * 2
    body = json.dumps(fake.asked[1], default=str)
    assert "2018-07-01T00:00:00Z/2018-08-01T00:00:00Z" in body.replace("%3A", ":").replace("%2F", "/")


@pytest.mark.parametrize("fault", [send(500), send(503), send(429), send(403), send(200, b"<html>busy</html>"), send(200, b"\xff\xfe"),
                                   send(200, b""), cut, hang_up])  # fmt: skip
@pytest.mark.parametrize("before", [0, 1, 2])
def test_what_passes_is_waited_for(fake, fault, before):
    fake.faults = [*[None] * before, fault, fault]
    assert asked(fake) == ["a", "b", "c"]
    assert fake.waits == [1, 2]


def test_the_server_says_how_long_to_wait_within_reason(fake):
    fake.faults = [send(429, Retry_After="7"), send(503, Retry_After="999999")]
    assert asked(fake) == ["a", "b", "c"]
    assert fake.waits == [7, 120]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (send(500), "it answers 500 Internal Server Error, 3 times in a row"),
        (send(403), "it answers 403"),
        (send(200, b"<html>"), "its answer is not JSON"),
        (send(200, b"[" * 100_000), "its answer is not JSON"),
        (cut, "or an incomplete one"),
        (hang_up, "no answer"),
    ],
)
def test_what_does_not_pass_is_one_paragraph(fake, fault, message):
    fake.faults = [fault] * 3
    with pytest.raises(UserError, match=message) as raised:
        asked(fake)
    assert "\n" not in str(raised.value)
    assert "imagery.catalogue" in str(raised.value)
    assert len(fake.asked) == 3


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b"null", b"3", b'"text"', b'{"type": "Catalog"}', b'{"type": "FeatureCollection", "features": []}',
     b'{"type": "Collection", "id": "x", "stac_version": "1.0.0"}',
     b'{"type": "Catalog", "id": "x", "description": "d", "stac_version": "1.0.0", "links": [], "conformsTo": []}',
     b'{"type": "Catalog", "id": "x", "description": "d", "stac_version": "1.0.0", "links": [{}]}'],
)  # fmt: skip
def test_json_that_is_no_stac_api_is_told(fake, body):
    fake.faults = [send(200, body)]
    with pytest.raises(UserError, match=r"not as a STAC API.*imagery\.catalogue\.url"):
        asked(fake)


@pytest.mark.parametrize(
    "page",
    [b"[]", b"{}", b'{"features": 3, "links": []}', b'{"features": [3]}', b'{"features": [{"id": "a"}], "links": [{"href": 3}]}',
     b'{"features": [{"id": "a"}], "links": {"rel": "next"}}'],
)  # fmt: skip
def test_pages_that_are_none_are_told(fake, page):
    fake.faults = [None, send(200, page)]
    with pytest.raises(UserError, match="not as a STAC API"):
        asked(fake)


def test_a_status_that_does_not_pass_is_told_at_once(fake):
    fake.faults = [send(404)]
    with pytest.raises(UserError, match="not as a STAC API"):
        asked(fake)
    assert len(fake.asked) == 1
    assert fake.waits == []


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_paging_that_never_ends_is_found_out(fake, method):
    fake.endless, fake.search_method = True, method
    with pytest.raises(UserError, match=r"same page of items again and again \(2 items so far\)"):
        asked(fake)
    assert len(fake.asked) == 5


def test_an_empty_page_is_not_the_end(fake):
    fake.pages = [[{"id": "a"}], [], [{"id": "c"}]]
    assert asked(fake) == ["a", "c"]


def test_a_drip_of_bytes_is_not_waited_for_for_ever(fake):
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        with suppress(OSError):
            for _ in range(100):
                handler.wfile.write(b" ")
                handler.wfile.flush()
                stop.wait(0.05)

    stop = threading.Event()
    fake.faults = [drip]
    with pytest.raises(UserError, match=r"only \d+ bytes came"):
        asked(fake, tries=1, timeout_s=0.3)
    stop.set()


def test_an_empty_answer_of_a_collection_that_is_there_is_no_mistake(fake):
    fake.pages = []
    assert asked(fake) == []


def test_a_collection_that_is_not_there_is_told_with_the_nearest(fake):
    fake.pages = []
    with pytest.raises(UserError, match="no collection s2_l2a; the nearest of its 2 is s2-l2a"):
        asked(fake, collection="s2_l2a")


def test_a_catalogue_in_this_machine_is_refused_unless_allowed(fake):
    with pytest.raises(UserError, match="allow_private"):
        asked(fake, allow_private=False)
    assert fake.asked == []


def test_a_catalogue_leads_to_no_file_of_this_machine(fake, tmp_path):
    page = tmp_path / "page.json"
    page.write_text(json.dumps({"features": [{"id": "local"}]}))
    for href in (str(page), f"file://{page}", f"//{page}"):
        fake.links = [
            {"rel": "self", "href": fake.url},
            {"rel": "search", "href": href, "type": "application/geo+json"},
        ]
        with pytest.raises(UserError):
            asked(fake)


def test_a_host_that_is_not_there_is_told(fake):
    with pytest.raises(UserError, match=r"cannot be reached: The host nowhere\.invalid cannot be found"):
        asked(fake, url="http://nowhere.invalid/v1", allow_private=False)
    assert fake.waits == [1, 2]


def test_catalogues_by_name_and_by_address():
    assert (catalogue_url(Catalogue()), scene_collection(Catalogue())) == (
        "https://earth-search.aws.element84.com/v1",
        "sentinel-2-c1-l2a",
    )
    planetary = Catalogue(name="planetary-computer")
    assert catalogue_url(planetary).startswith("https://planetarycomputer.")
    assert scene_collection(planetary) == "sentinel-2-l2a"
    own = Catalogue(url="https://stac.example/v1", collection="mine")
    assert (catalogue_url(own), scene_collection(own)) == ("https://stac.example/v1", "mine")
    with pytest.raises(ValueError, match="needs the name of its collection"):
        Catalogue(url="https://stac.example/v1")
    with pytest.raises(ValueError, match="url"):
        Catalogue(url="file:///etc/passwd", collection="x")
