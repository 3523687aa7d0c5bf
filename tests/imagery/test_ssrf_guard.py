"""URLs that a catalogue may and may not make this machine request."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobate.errors import UserError
from lobate.imagery.fetching import ssrf_guard
from lobate.imagery.fetching.session import open_session
from lobate.imagery.fetching.ssrf_guard import RefusedUrl, UnresolvedHost, check_url

PUBLIC = "8.8.8.8"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def resolve(monkeypatch, *addresses):
    """Let every name mean these addresses."""
    found = [(0, 0, 0, "", (address, 443)) for address in addresses]
    monkeypatch.setattr(ssrf_guard.socket, "getaddrinfo", lambda *_, **__: found)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "/etc/passwd", "B04.tif", "s3://bucket/key", "ftp://example.org/x", "gopher://example.org",
        "http://", "http:///x", "https://[::1", "http://example.org:99999/", "http://exa mple.org/", "http://a\\@b/", "",
        "http://example.org/\r\nHost: x",
    ],
)  # fmt: skip
def test_what_is_no_web_address_is_refused_even_where_private_ones_are_allowed(url):
    with pytest.raises(RefusedUrl, match="no web address"):
        check_url(url, private=True)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.8.9.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1",
        "[::1]", "[fe80::1]", "[fc00::1]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]", "[2002:7f00:1::]", "224.0.0.1",
        "255.255.255.255", "192.0.2.1", "[::]", "192.0.0.9", "192.88.99.1", "[fec0::1]", "[64:ff9b::169.254.169.254]",
        "[64:ff9b:1::808:808]", "[::127.0.0.1]", "[::8.8.8.8]", "[::ffff:0:127.0.0.1]", "[2606:4700::5efe:10.0.0.1]",
        "[2606:4700::200:5efe:127.0.0.1]", "[4000::1]", "[5f00::1]", "[100::1]", "[3fff::1]",
    ],
)  # fmt: skip
def test_addresses_of_this_machine_and_its_network_are_refused_unless_allowed(host):
    with pytest.raises(RefusedUrl, match="allow_private"):
        check_url(f"http://{host}/x", private=False)
    check_url(f"http://{host}/x", private=True)


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "017700000001"])
def test_other_spellings_of_the_loopback_are_refused(host):
    with pytest.raises(UserError):
        check_url(f"http://{host}/x", private=False)


def test_a_name_is_judged_by_all_that_it_leads_to(monkeypatch):
    resolve(monkeypatch, PUBLIC)
    check_url("https://archive.example/B04.tif", private=False)
    resolve(monkeypatch, PUBLIC, "10.0.0.1")
    with pytest.raises(RefusedUrl, match=r"archive\.example leads to 10\.0\.0\.1"):
        check_url("https://archive.example/B04.tif?secret=1", private=False)


def test_a_refusal_does_not_tell_what_is_secret(monkeypatch):
    resolve(monkeypatch, "10.0.0.1")
    with pytest.raises(RefusedUrl) as refused:
        check_url("https://archive.example/B04.tif?sig=secret", private=False)
    assert "secret" not in str(refused.value)


def test_a_name_that_nobody_knows_is_told(monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(ssrf_guard.socket, "getaddrinfo", unknown)
    with pytest.raises(UnresolvedHost, match=r"nowhere\.example cannot be found"):
        check_url("https://nowhere.example/", private=False)


def test_behind_a_proxy_names_are_the_proxys_to_resolve(monkeypatch):
    def never(*_, **__):
        raise AssertionError("asked for a name that the proxy resolves")

    monkeypatch.setattr(ssrf_guard.socket, "getaddrinfo", never)
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    check_url("https://archive.example/B04.tif", private=False)
    for url in ("https://169.254.169.254/latest", "https://localhost/x"):
        with pytest.raises(RefusedUrl):
            check_url(url, private=False)


@given(st.text(max_size=40), st.booleans())
def test_any_text_passes_or_is_a_mistake(text, private):
    with pytest.MonkeyPatch.context() as patched:
        resolve(patched, PUBLIC)
        try:
            check_url(text, private=private)
        except UserError:
            return
    assert text.lower().startswith(("http://", "https://"))


class Server(BaseHTTPRequestHandler):
    """Answers /to/<url> by leading there, anything else by a greeting."""

    def do_GET(self):
        leads = self.path.startswith("/to/")
        self.send_response(302 if leads else 200)
        if leads:
            self.send_header("Location", self.path.removeprefix("/to/"))
        self.send_header("Content-Length", "0" if leads else "2")
        self.end_headers()
        self.wfile.write(b"" if leads else b"hi")

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_a_session_asks_where_it_may(server):
    with open_session(private=True) as session:
        assert session.get(f"{server}/to/{server}/x", timeout=5).text == "hi"
        assert session.headers["User-Agent"].startswith("lobate/")
    with open_session(private=False) as session, pytest.raises(RefusedUrl):
        session.get(server, timeout=5)


@pytest.mark.parametrize("place", ["http://169.254.169.254/latest", "file:///etc/passwd"])
def test_a_redirect_is_checked_like_any_address(server, monkeypatch, place):
    public = ssrf_guard.is_public
    monkeypatch.setattr(ssrf_guard, "is_public", lambda one: str(one) == "127.0.0.1" or public(one))
    with open_session(private=False) as session, pytest.raises(RefusedUrl):
        session.get(f"{server}/to/{place}", timeout=5)


def test_a_name_that_changes_its_meaning_after_the_check_is_found_out(server, monkeypatch):
    real = socket.getaddrinfo
    asked = []

    def changing(host, port, *arguments, **more):
        asked.append(host)
        return [(0, 0, 0, "", (PUBLIC, port))] if len(asked) == 1 else real("127.0.0.1", port, *arguments, **more)

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    with open_session(private=False) as session, pytest.raises(RefusedUrl, match=r"127\.0\.0\.1"):
        session.get(server.replace("127.0.0.1", "archive.example"), timeout=5)
    assert len(asked) == 2


@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize("url", ["https://me:secret-word@archive.example/x", "https://secret-word@archive.example/"])
def test_an_address_with_a_login_is_refused_and_not_shown(url, private):
    with pytest.raises(RefusedUrl, match=r"archive\.example holds a name or a password, .*netrc") as raised:
        check_url(url, private=private)
    assert "secret-word" not in str(raised.value)
