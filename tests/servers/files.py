"""A real file server with range requests, nginx, and before it a gate that keeps a record and injects faults.

nginx runs from a temporary prefix, with its own configuration, as a child of the tests. The gate hands requests on to it
and may answer in its place, break the line, change bytes, or let them drip.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.needs import lacking

CONFIGURATION = """
daemon off;
master_process off;
pid {prefix}/nginx.pid;
error_log {prefix}/error.log;
events {{ worker_connections 64; }}
http {{
  types {{ application/json json; image/tiff tif; application/xml xml; }}
  access_log off;
  client_body_temp_path {prefix}/body;
  proxy_temp_path {prefix}/proxy;
  fastcgi_temp_path {prefix}/fastcgi;
  uwsgi_temp_path {prefix}/uwsgi;
  scgi_temp_path {prefix}/scgi;
  server {{ {server} }}
}}
"""
"""Of nginx; ``server`` says where it listens and what it serves."""
STARTS_WITHIN_S = 10
INSTALL = "run tests/servers/install.sh"


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one answer."""

    status: int = 0
    """Answer with this status in the server's place; 0: hand on."""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent beside or in place of the server's."""
    share: float = 1.0
    """Share of the body that is sent before the line is cut."""
    flipped: bool = False
    """Send a body with one byte changed."""
    pause_s: float = 0.0
    """Wait so long after each piece of the body."""


@dataclass(frozen=True)
class Request:
    """One request that came."""

    path: str
    query: str
    range: str
    if_range: str
    status: int


@dataclass
class FileServer:
    """Where files are served from, at which address, what is to go wrong, and what was asked."""

    folder: Path
    url: str
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    """Path -> what goes wrong with the next answers, in order."""
    requests: list[Request] = field(default_factory=list)
    signatures: list[str] | None = None
    """Good signatures, the newest last; without the query ``sig`` being one of them the answer is 403. None: open to all."""
    lifetime_s: float = 3600.0
    """How long a new signature is said to be good."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, path: str, *faults: Fault) -> None:
        """Let the next answers for a path go wrong."""
        self.faults.setdefault(path, []).extend(faults)

    def asked(self, path: str) -> list[Request]:
        """Return the requests for a path."""
        return [request for request in self.requests if request.path == path]

    def address(self, path: str) -> str:
        """Return where a path is served."""
        return f"{self.url}/{path}"

    def forget(self) -> None:
        """Forget requests, faults and signatures."""
        self.faults.clear()
        self.requests.clear()
        self.signatures = None
        self.lifetime_s = 3600.0


def nginx_program() -> str | None:
    """Return where nginx is, None where it is not installed; Debian keeps it off a user's PATH."""
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


def require_nginx() -> None:
    """Skip the test, or fail it in CI, where there is no nginx."""
    if nginx_program() is None:
        lacking(f"no file server: nginx is not installed; {INSTALL}")


@contextmanager
def nginx_serving(folder: Path, prefix: Path) -> Iterator[int]:
    """Serve a folder by nginx on a port of the loopback."""
    port = _free_port()
    prefix.mkdir(parents=True, exist_ok=True)
    configuration = prefix / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(prefix=prefix, server=f"listen 127.0.0.1:{port}; root {folder};"))
    command = [str(nginx_program()), "-p", str(prefix), "-e", str(prefix / "error.log"), "-c", str(configuration)]
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, child, prefix / "error.log")
        yield port
    finally:
        child.terminate()
        child.wait(timeout=10)


@contextmanager
def serving(folder: Path, prefix: Path) -> Iterator[FileServer]:
    """Serve a folder by nginx, behind a gate, on the loopback."""
    require_nginx()
    with nginx_serving(folder, prefix) as port, _Door(("127.0.0.1", 0), _Gate) as gate:
        gate.behind = port
        gate.files = FileServer(folder, f"http://127.0.0.1:{gate.server_port}")
        threading.Thread(target=gate.serve_forever, daemon=True).start()
        yield gate.files
        gate.shutdown()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _wait_for(port: int, child: subprocess.Popen, errors: Path) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < until and child.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError(f"nginx did not start: {errors.read_text() if errors.exists() else 'it left no log'}")


class _Door(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of connections that the other side broke."""


class _Gate(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        files: FileServer = self.server.files
        parts = urlsplit(self.path)
        path = parts.path.lstrip("/")
        with files.lock:
            waiting = files.faults.get(path, [])
            fault = waiting.pop(0) if waiting else Fault()
        if path == "sign":
            self._sign(files, parts.query)
            return
        signature = parse_qs(parts.query).get("sig", [""])[0]
        if files.signatures is not None and signature not in files.signatures[-1:]:
            fault = Fault(status=403)
        status, headers, body = (fault.status, {}, b"") if fault.status else self._behind()
        with files.lock:
            asked = [self.headers.get(name, "") for name in ("Range", "If-Range")]
            files.requests.append(Request(path, parts.query, *asked, status))
        self._answer(status, {**headers, **fault.headers}, body, fault)

    def _behind(self) -> tuple[int, dict[str, str], bytes]:
        """Hand the request on to nginx."""
        line = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=10)
        sent = {name: self.headers[name] for name in ("Range", "If-Range", "Accept-Encoding") if name in self.headers}
        line.request("GET", urlsplit(self.path).path, headers=sent)
        answer = line.getresponse()
        body = answer.read()
        line.close()
        kept = ("content-type", "content-range", "etag", "last-modified", "accept-ranges")
        return answer.status, {name: one for name, one in answer.getheaders() if name.lower() in kept}, body

    def _sign(self, files: FileServer, query: str) -> None:
        files.signatures = [*(files.signatures or []), f"s{len(files.signatures or []) + 1}"]
        expiry = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + files.lifetime_s))
        signed = f"{parse_qs(query)['href'][0]}?sig={files.signatures[-1]}"
        body = json.dumps({"href": signed, "msft:expiry": expiry}).encode()
        files.requests.append(Request("sign", query, "", "", 200))
        self._answer(200, {"Content-Type": "application/json"}, body, Fault())

    def _answer(self, status: int, headers: dict[str, str], body: bytes, fault: Fault) -> None:
        if fault.flipped and body:
            middle = len(body) // 2
            body = body[:middle] + bytes([body[middle] ^ 0xFF]) + body[middle + 1 :]
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):
            self._send(body[: int(len(body) * fault.share)], fault.pause_s)
        if fault.share < 1:
            self.close_connection = True

    def _send(self, body: bytes, pause_s: float) -> None:
        step = 64 if pause_s else len(body) or 1
        for start in range(0, len(body), step):
            self.wfile.write(body[start : start + step])
            self.wfile.flush()
            time.sleep(pause_s)

    def log_message(self, *_: object) -> None:
        """Say nothing: what was asked is on record."""
