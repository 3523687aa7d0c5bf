"""Proxies and certificates from the environment, for catalogues, archives, token servers and model hubs alike.

The proxy, the authority and all servers are real ones on the loopback.
"""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.imagery.access import fetch, write_netrc
from tests.servers.s3 import READER
from tests.servers.tls import PROXY_NAME, PROXY_PASSWORD
from tests.servers.tokens import NAME, PASSWORD

from lobate.errors import UserError
from lobate.imagery.finding.stac_search import StacTransport
from lobate.io.network_environment import certificates, prepare_network
from lobate.io.redaction import redact
from lobate.settings.imagery import Archive, Catalogue

VARIABLES = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]
CONTENT = bytes(range(256)) * 2000


@pytest.fixture
def world(token_server, token_archive, s3_server, authority, keyless, monkeypatch):
    """Settings whose catalogue, archive, token server and S3 server all speak https, by certificates of the authority."""
    token_archive.content = CONTENT
    with ExitStack() as open_servers:
        https = {
            url: open_servers.enter_context(authority.before(url))
            for url in (token_server.base, token_archive.url, s3_server.url)
        }
        write_netrc(keyless, f'machine localhost login {NAME} password "{PASSWORD}"')
        for name, value in READER.environment().items():
            monkeypatch.setenv(name, value)
        archive = Archive(
            token_url=token_server.url.replace(token_server.base, https[token_server.base]),
            token_hosts=[https[token_archive.url].removeprefix("https://")],
            s3_endpoint=https[s3_server.url],
        )
        settings = Catalogue(
            url=https[token_archive.url], collection="c", allow_private=True, archive=archive, tries=1, timeout_s=20
        )
        yield settings, https


def fetch_all(world, s3_server, tmp_path):
    """Fetch by token, by S3 key, and ask the catalogue."""
    settings, _ = world
    assert fetch(settings, f"{settings.url}/B04", tmp_path / "token") == CONTENT
    assert fetch(settings, s3_server.put("tls/B04.jp2", CONTENT), tmp_path / "s3") == CONTENT
    with pytest.raises(UserError, match="its answer is not JSON"):  # the catalogue is reached
        StacTransport(settings).request(f"{settings.url}/")


@pytest.mark.parametrize("variable", VARIABLES)
def test_an_authority_of_the_institute_is_trusted_by_any_of_the_variables(
    world, s3_server, authority, monkeypatch, tmp_path, variable
):
    monkeypatch.setenv(variable, str(authority.certificate))
    fetch_all(world, s3_server, tmp_path)


def test_an_unknown_authority_is_told_at_once(world, tmp_path):
    settings, _ = world
    for ask in (
        lambda: fetch(settings, f"{settings.url}/B04", tmp_path / "token"),
        lambda: fetch(settings, "s3://eodata/B04", tmp_path / "s3"),
        lambda: StacTransport(settings).request(f"{settings.url}/"),
    ):
        with pytest.raises(UserError, match=r"certificate of localhost is signed by an authority .*SSL_CERT_FILE"):
            ask()


def test_all_requests_go_through_the_proxy(world, s3_server, authority, proxy, monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    fetch_all(world, s3_server, tmp_path)
    _, https = world
    places = {url.removeprefix("https://") for url in https.values()}
    assert places == set(proxy.connected_to())


def test_what_no_proxy_names_goes_without(world, s3_server, authority, proxy, monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "localhost")
    fetch_all(world, s3_server, tmp_path)
    assert proxy.connected_to() == []


def test_a_proxy_that_refuses_the_password_is_told_without_it(world, authority, proxy, monkeypatch, tmp_path, caplog):
    settings, _ = world
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    monkeypatch.setenv("HTTPS_PROXY", f"http://{PROXY_NAME}:not-the-word@127.0.0.1:{proxy.port}")
    with (
        caplog.at_level(logging.DEBUG),
        pytest.raises(UserError, match=r"proxy 127\.0\.0\.1:\d+ wants a name") as raised,
    ):
        fetch(settings, f"{settings.url}/B04", tmp_path / "token")
    assert "not-the-word" not in str(raised.value) + caplog.text


def test_a_proxy_that_is_not_there_is_told(world, authority, monkeypatch, tmp_path):
    settings, _ = world
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"proxy 127\.0\.0\.1:9, which HTTPS_PROXY"):
        fetch(settings, f"{settings.url}/B04", tmp_path / "token")


@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot be read"), (b"\x30\x82 in DER", "holds no certificate in PEM")]
)
def test_a_file_that_holds_no_certificate_is_told(keyless, monkeypatch, tmp_path, content, said):
    if content:
        (tmp_path / "ca.pem").write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with pytest.raises(UserError, match=f"SSL_CERT_FILE names .*{said}"):
        certificates()


def test_one_variable_sets_the_others(keyless, monkeypatch, tmp_path):
    for name in [*VARIABLES, "SSL_CERT_DIR"]:
        monkeypatch.setenv(name, "")  # so that it is as before after the test
        monkeypatch.delenv(name)
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "ca.pem"))
    prepare_network()
    assert {os.environ[name] for name in VARIABLES} == {str(tmp_path / "ca.pem")}


def test_passwords_of_proxies_and_tokens_of_hubs_are_hidden(keyless, monkeypatch, proxy):
    monkeypatch.setenv("https_proxy", proxy.url)
    monkeypatch.setenv("HF_TOKEN", "hf_secret_token")
    prepare_network()
    shown = redact(f"{proxy.url} {PROXY_PASSWORD} hf_secret_token")
    assert PROXY_PASSWORD not in shown
    assert "%2F1" not in shown
    assert "hf_secret_token" not in shown


WEIGHTS = """
import sys, timm
from safetensors.torch import save_file
save_file(timm.create_model("mobilenetv2_050", pretrained=False).state_dict(), sys.argv[1])
"""
FETCH = """
from lobate.cli.main import main
main(["--version"])  # any command prepares the network
from lobate.network.backbone import fetch_backbone
print(type(fetch_backbone("mobilenetv2_050", 3)).__name__)
"""


class Hub(BaseHTTPRequestHandler):
    """A model hub with one file, as the client of the hub asks for it."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self._answer(b"", len(self.server.content))

    def do_GET(self):
        self._answer(self.server.content, len(self.server.content))

    def _answer(self, body, length):
        name_fits = self.path.endswith("/model.safetensors")
        self.send_response(200 if name_fits else 404)
        self.send_header("ETag", f'"{hashlib.sha256(self.server.content).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", str(length if name_fits else 0))
        self.end_headers()
        self.wfile.write(body if name_fits else b"")

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    path = tmp_path_factory.mktemp("hub") / "model.safetensors"
    subprocess.run([sys.executable, "-c", WEIGHTS, str(path)], check=True, timeout=300)
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        server.content = path.read_bytes()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("variable", VARIABLES)
def test_the_model_hub_takes_the_same_proxy_and_certificates(hub, authority, proxy, keyless, variable):
    with authority.before(hub) as https:
        environment = {
            **os.environ,
            "HF_ENDPOINT": https,
            "HF_HOME": str(keyless / "hub"),
            "HF_HUB_DISABLE_XET": "1",
            "HTTPS_PROXY": proxy.url,
            variable: str(authority.certificate),
        }
        done = subprocess.run(
            [sys.executable, "-c", FETCH], env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.stdout.split()[-1:] == ["Backbone"], done.stderr[-3000:]
        assert set(proxy.connected_to()) == {https.removeprefix("https://")}
