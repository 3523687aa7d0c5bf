"""Who may talk to the server: a table of requests that pass the gate, and of those that do not."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie
from typing import Any

import pytest

from lobate.review.gate import IMPORT_PATH, MAX_BODY, MAX_IMPORT, Gate, normal_prefix

TOKEN = "a-token-of-a-test"
HOST = "127.0.0.1:8000"


async def behind(scope: Any, receive: Any, send: Any) -> None:
    """Whatever reaches it is answered by the path and the length of its body."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"{scope['path']} {size}".encode()})


class Answer:
    def __init__(self, messages: list[Any]) -> None:
        self.messages = messages
        self.status = next((one["status"] for one in messages if one["type"] == "http.response.start"), None)
        start = next((one for one in messages if one["type"] == "http.response.start"), {"headers": []})
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        self.body = b"".join(one.get("body", b"") for one in messages if one["type"] == "http.response.body").decode()


def ask(
    method: str = "GET",
    path: str = "/api/session",
    *,
    query: str = "",
    signed: bool = True,
    body: tuple[bytes, ...] = (b"",),
    gate: dict[str, Any] | None = None,
    without: tuple[str, ...] = (),
    kind: str = "http",
    **headers: str,
) -> Answer:
    """Send one request through the gate; ``headers`` have ``_`` for ``-``; those of a page are there ``without`` some."""
    guard = Gate(behind, TOKEN, **(gate or {}))
    given = {"host": HOST}
    if signed:
        given["cookie"] = f"{guard._cookie}={TOKEN}"
    if method == "POST":
        given |= {"origin": f"http://{HOST}", "x-lobate": "1", "content-type": "application/json"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    listed = [(name.encode(), value.encode()) for name, value in given.items() if name not in without]
    parts = [
        {"type": "http.request", "body": part, "more_body": number < len(body) - 1} for number, part in enumerate(body)
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return parts.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": kind, "method": method, "path": path, "query_string": query.encode(), "headers": listed}
    with ThreadPoolExecutor(1) as own:  # a browser of other tests may run its loop in this thread
        own.submit(asyncio.run, guard(scope, receive, send)).result()
    return Answer(sent)


HOSTS = {
    "127.0.0.1:8000": 200,
    "localhost:8000": 200,
    "localhost": 200,
    "LOCALHOST:1": 200,
    "[::1]:8000": 200,
    "127.0.0.1:9123": 200,  # ssh -L on another port
    "evil.example": 403,
    "evil.example:8000": 403,
    "127.0.0.1.evil.example": 403,
    "localhost.evil.example:8000": 403,
    "127.0.0.2:8000": 403,
    "0.0.0.0:8000": 403,
    "user@127.0.0.1:8000": 403,
    "127.0.0.1:8000/evil.example": 403,
    "127.0.0.1:port": 403,
    "": 403,
}


@pytest.mark.parametrize(("host", "status"), HOSTS.items())
def test_only_names_of_this_machine_are_answered(host, status):
    answer = ask(host=host)
    assert answer.status == status
    assert status == 200 or "--allow-host" in json.loads(answer.body)["error"]


def test_a_host_must_be_said_once():
    assert ask(without=("host",)).status == 403


ORIGINS = {
    f"http://{HOST}": 200,
    f"https://{HOST}": 200,
    "http://127.0.0.1:8001": 403,
    "http://localhost:8000": 403,
    "http://evil.example": 403,
    "null": 403,
    "file://": 403,
    "http://127.0.0.1:8000@evil.example": 403,
    "http://127.0.0.1:port": 403,
    "": 403,
}


@pytest.mark.parametrize(("origin", "status"), ORIGINS.items())
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_only_the_servers_own_page_is_answered(method, origin, status):
    assert ask(method, origin=origin).status == status


@pytest.mark.parametrize("missing", ["origin", "x-lobate", "cookie", "host"])
def test_a_post_without_one_of_its_marks_is_refused(missing):
    assert ask("POST").status == 200
    assert ask("POST", without=(missing,)).status == 403


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_form_of_another_page_is_no_post(kind):
    assert ask("POST", content_type=kind).status == 415


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH"])
def test_other_methods_are_refused(method):
    assert ask(method, origin=f"http://{HOST}").status == 405


@pytest.mark.parametrize("upgrade", ["websocket", "h2c", "WebSocket"])
@pytest.mark.parametrize("host", [HOST, "evil.example"])
def test_no_connection_is_upgraded(host, upgrade):
    answer = ask(host=host, upgrade=upgrade, connection="Upgrade", sec_websocket_key="x", sec_websocket_version="13")
    assert answer.status == (400 if host == HOST else 403)


def test_a_websocket_is_closed():
    assert [one["type"] for one in ask(kind="websocket").messages] == ["websocket.close"]


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_page_cannot_even_show_a_picture(site):
    assert ask(path="/picture/image/plane1/0/0/0.png", sec_fetch_site=site).status == 403
    assert ask(path="/picture/image/plane1/0/0/0.png", sec_fetch_site="same-origin").status == 200


class TestToken:
    def test_it_becomes_a_cookie_that_no_script_reads_and_leaves_the_address(self):
        answer = ask(path="/", query=f"token={TOKEN}", signed=False)
        assert (answer.status, answer.headers["location"]) == (303, "./")
        (cookie,) = SimpleCookie(answer.headers["set-cookie"]).values()
        assert (cookie.value, cookie["path"], cookie["samesite"], cookie["httponly"]) == (TOKEN, "/", "Strict", True)

    def test_after_a_link_of_another_site_a_page_leads_on(self):
        """A strict cookie does not go along the redirects of such a link."""
        answer = ask(path="/", query=f"token={TOKEN}", signed=False, sec_fetch_site="cross-site")
        assert answer.status == 200
        assert 'content="0; url=./"' in answer.body

    @pytest.mark.parametrize("given", ["", "x", TOKEN[:-1], TOKEN + "x", "é", f"{TOKEN}&token=x" * 0 + "%00"])
    def test_a_wrong_one_is_refused_in_words(self, given):
        answer = ask(path="/", query=f"token={given}", signed=False)
        assert answer.status == 403
        assert "printed when it started" in json.loads(answer.body)["error"]
        assert TOKEN not in answer.body

    @pytest.mark.parametrize(
        "path", ["/", "/page/main.js", "/api/session", "/api/events", "/picture/image/p/0/0/0.png", "/x"]
    )
    def test_nothing_is_said_without_it(self, path):
        assert ask(path=path, signed=False).status == 403
        assert ask(path=path, signed=False, cookie="lobate=1; lobate_x=; ;;").status == 403

    def test_two_servers_have_two_cookies(self):
        """Browsers keep one jar for all ports of a host."""
        names = {Gate(behind, token)._cookie for token in ("one", "two")}
        assert len(names) == 2


class TestPrefix:
    @pytest.mark.parametrize("path", ["/user/me/proxy/8000/api/session", "/api/session"])
    def test_a_hub_may_strip_it_or_not(self, path):
        assert ask(path=path, gate={"prefix": "user/me/proxy/8000/"}).body == "/api/session 0"

    def test_the_address_without_its_slash_leads_to_it(self):
        answer = ask(path="/hub", query=f"token={TOKEN}", gate={"prefix": "/hub"}, signed=False)
        assert (answer.status, answer.headers["location"]) == (303, f"/hub/?token={TOKEN}")

    def test_the_cookie_is_the_prefixs(self):
        answer = ask(path="/hub/", query=f"token={TOKEN}", gate={"prefix": "/hub"}, signed=False)
        assert "Path=/hub/;" in answer.headers["set-cookie"]

    def test_a_path_that_only_begins_alike_is_another(self):
        assert ask(path="/hubris", gate={"prefix": "/hub"}).body == "/hubris 0"

    @pytest.mark.parametrize(("given", "prefix"), [("", ""), ("/", ""), ("a", "/a"), ("//a/b//", "/a/b")])
    def test_it_has_one_form(self, given, prefix):
        assert normal_prefix(given) == prefix

    def test_a_hub_of_an_allowed_name(self):
        hub = {"allowed": ("Hub.example",)}
        assert ask(host="hub.example", gate=hub).status == 200
        assert ask("POST", host="hub.example", origin="https://hub.example", gate=hub).status == 200
        assert ask("POST", host=HOST, origin="https://hub.example", gate=hub).status == 200, "the hub rewrote the host"
        assert ask("POST", host="hub.example", origin="https://evil.example", gate=hub).status == 403


class TestBody:
    @pytest.mark.parametrize(("path", "limit"), [("/api/decide", MAX_BODY), (IMPORT_PATH, MAX_IMPORT)])
    def test_a_declared_length_over_the_limit_is_refused_at_once(self, path, limit):
        assert ask("POST", path, content_length=str(limit)).status == 200
        answer = ask("POST", path, content_length=str(limit + 1))
        assert answer.status == 413
        assert f"{limit >> 20} MB" in json.loads(answer.body)["error"]

    @pytest.mark.parametrize("length", ["-1", "x", "1e9", ""])
    def test_a_length_that_is_no_number_is_refused(self, length):
        assert ask("POST", content_length=length).status == 413

    def test_a_body_without_a_length_is_counted(self):
        part = b"x" * (MAX_BODY // 2)
        assert ask("POST", body=(part, part)).body == f"/api/session {MAX_BODY}"
        assert ask("POST", body=(part, part, b"x")).status == 413


def test_every_answer_says_what_the_page_may_do():
    for answer in (ask(), ask(signed=False), ask(path="/", query=f"token={TOKEN}", signed=False)):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
