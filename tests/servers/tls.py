"""A way in by TLS and a way out by a proxy: certificates of an authority of the tests' own, and a proxy with a password."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.needs import lacking
from tests.servers.files import CONFIGURATION, nginx_program, require_nginx
from tests.servers.s3 import free_ports

SERVER = """
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;
    location / {{ proxy_pass {url}; proxy_set_header Host $http_host; }}
"""
BINARIES = Path(__file__).resolve().parents[2] / ".venv-servers" / "bin"
PROXY_NAME, PROXY_PASSWORD = "institute", "proxy pass/1"
START_S = 60.0


@dataclass(frozen=True)
class Authority:
    """An authority that no machine trusts, and a certificate for localhost and the Data Space that it signed."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """The authority's own certificate."""
        return self.folder / "client.pem"

    @contextmanager
    def before(self, url: str) -> Iterator[str]:
        """Serve what ``url`` serves by https on localhost, by nginx; yields the https address."""
        require_nginx()
        (port,), prefix = free_ports(1), self.folder / url.rpartition(":")[2]
        prefix.mkdir(exist_ok=True)
        configuration = prefix / "nginx.conf"
        configuration.write_text(
            CONFIGURATION.format(prefix=prefix, server=SERVER.format(folder=self.folder, port=port, url=url))
        )
        program = [str(nginx_program()), "-p", str(prefix), "-e", str(prefix / "error.log"), "-c", str(configuration)]
        process = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_for(port, process)
            yield f"https://localhost:{port}"
        finally:
            process.terminate()
            process.wait(timeout=30)


@dataclass(frozen=True)
class Proxy:
    """A running proxy that wants a name and a password."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        """Its address with name and password, as HTTPS_PROXY holds it."""
        return f"http://{PROXY_NAME}:{quote(PROXY_PASSWORD, safe='')}@127.0.0.1:{self.port}"

    def connected_to(self) -> list[str]:
        """Return the hosts and ports to which it made connections."""
        return re.findall(r" - (?:CONNECT|GET|POST|HEAD) ([\w.]+:\d+)", self.log.read_text())


@pytest.fixture(scope="session")
def authority(tmp_path_factory) -> Authority:
    """An authority of the tests' own."""
    if not (BINARIES / "python").exists():
        lacking("no authority: .venv-servers is not there; run tests/servers/install.sh")
    folder = tmp_path_factory.mktemp("authority")
    names = ["localhost", "127.0.0.1", "*.dataspace.copernicus.eu"]
    program = [BINARIES / "python", "-m", "trustme", "-q", "-d", folder, "-i", *names]
    subprocess.run([*map(str, program)], check=True, cwd=folder, timeout=60)
    return Authority(folder)


@pytest.fixture
def proxy(tmp_path) -> Iterator[Proxy]:
    """A proxy with a password, and an empty log."""
    if not (BINARIES / "proxy").exists():
        lacking("no proxy: .venv-servers is not there; run tests/servers/install.sh")
    (port,), log = free_ports(1), tmp_path / "proxy.log"
    program = [BINARIES / "proxy", "--hostname", "127.0.0.1", "--port", port, "--num-workers", 1, "--num-acceptors", 1]
    program += ["--basic-auth", f"{PROXY_NAME}:{PROXY_PASSWORD}", "--log-file", log, "--log-level", "INFO"]
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", *map(str, program)],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        yield Proxy(port, log)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"nothing answers at port {port}")
