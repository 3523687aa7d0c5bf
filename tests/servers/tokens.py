"""A real token server on the loopback (Authlib), and an archive before it that serves files for good tokens only.

The archive breaks a transfer off when its token ends, and keeps a record of how many connections were open at once.
"""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.needs import lacking
from tests.servers.s3 import free_ports

PYTHON = Path(__file__).resolve().parents[2] / ".venv-servers" / "bin" / "python"
PROGRAM = Path(__file__).with_name("token_program.py")
START_S = 60.0
NAME, PASSWORD = "kunlun@example.org", "pass word&+%äß/1"
PIECE = 64 << 10


@dataclass(frozen=True)
class TokenServer:
    """A running token server."""

    base: str

    @property
    def url(self) -> str:
        """Address where tokens are asked for."""
        return f"{self.base}/realms/test/token"

    def set(self, **state: Any) -> None:
        """Change what it does from now on."""
        requests.post(f"{self.base}/state", json=state, timeout=10)

    def forget(self) -> None:
        """Be as at the start."""
        state = {"name": NAME, "password": PASSWORD, "lifetime_s": 600.0, "refresh_lifetime_s": 3600.0}
        requests.post(f"{self.base}/state?forget=1", json={**state, "next": [], "reason": ""}, timeout=10)

    def asked(self) -> list[str]:
        """Return the grants that were asked for, in order."""
        return requests.post(f"{self.base}/state", json={}, timeout=10).json()["asked"]

    def tokens(self) -> list[str]:
        """Return all access and refresh tokens that were given."""
        given = requests.post(f"{self.base}/state", json={}, timeout=10).json()["tokens"]
        return [token[name] for token in given for name in ("access_token", "refresh_token")]

    def ends_at(self, token: str) -> float:
        """Return when an access token ends; 0 for one that the server never gave."""
        tokens = requests.post(f"{self.base}/state", json={}, timeout=10).json()["tokens"]
        return next((one["expires"] for one in tokens if one["access_token"] == token), 0.0)


@dataclass
class TokenArchive:
    """An archive that serves ``content``, or what ``files`` has at a path, to who has a token."""

    url: str
    content: bytes = b""
    files: dict[str, bytes] = field(default_factory=dict)
    pause_s: float = 0.0
    """Wait so long after each piece."""
    forbidden: bool = False
    """Whether good tokens are refused too, for want of a right."""
    next_answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    redirect: str = ""
    """Where requests are sent on to."""
    record: list[tuple[str, str, int]] = field(default_factory=list)
    """Range, Authorization and status of each request."""
    most_at_once: int = 0
    at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@pytest.fixture(scope="session")
def running_token_server() -> Iterator[TokenServer]:
    """A token server; skips where it is not installed, but not in CI."""
    if not PYTHON.exists():
        lacking("no token server: .venv-servers is not there; run tests/servers/install.sh")
    (port,) = free_ports(1)
    program = ["setpriv", "--pdeathsig", "KILL", PYTHON, PROGRAM, port]
    process = subprocess.Popen([*map(str, program)], cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server, end = TokenServer(f"http://127.0.0.1:{port}"), time.monotonic() + START_S
    try:
        while time.monotonic() < end and process.poll() is None:
            with suppress(requests.RequestException):
                server.forget()
                break
            time.sleep(0.1)
        yield server
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def token_server(running_token_server) -> TokenServer:
    """The token server, without memory of other tests."""
    running_token_server.forget()
    return running_token_server


@pytest.fixture
def token_archive(token_server) -> Iterator[TokenArchive]:
    """An archive that takes the tokens of the token server."""
    with serving_for_tokens(token_server) as archive:
        yield archive


@contextmanager
def serving_for_tokens(tokens: TokenServer) -> Iterator[TokenArchive]:
    """Serve an archive on a port of its own."""
    with _Door(("127.0.0.1", 0), _Gate) as gate:
        gate.tokens, gate.archive = tokens, TokenArchive(f"http://127.0.0.1:{gate.server_port}")
        threading.Thread(target=gate.serve_forever, daemon=True).start()
        yield gate.archive
        gate.shutdown()


class _Door(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None:
        """Say nothing of connections that the other side broke."""


class _Gate(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        archive, self.counts = self.server.archive, True
        with archive.lock:
            archive.at_once += 1
            archive.most_at_once = max(archive.most_at_once, archive.at_once)

    def finish(self) -> None:
        self._count_no_longer()
        with suppress(OSError):
            super().finish()

    def _count_no_longer(self) -> None:
        if self.counts:
            with self.server.archive.lock:
                self.server.archive.at_once -= 1
        self.counts = False

    def do_GET(self) -> None:
        archive, sent = self.server.archive, self.headers.get("Authorization", "")
        ends_at = self.server.tokens.ends_at(sent.removeprefix("Bearer "))
        start = int((re.match(r"bytes=(\d+)-", self.headers.get("Range", "")) or [0, 0])[1])
        status, headers = 206 if start else 200, {}
        with archive.lock:
            if archive.next_answers:
                status, headers = archive.next_answers.pop(0)
            elif archive.redirect:
                status, headers = 302, {"Location": archive.redirect}
            elif ends_at < time.time():
                status = 401
            elif archive.forbidden:
                status = 403
            archive.record.append((self.headers.get("Range", ""), sent, status))
        content = archive.files.get(self.path, archive.content) if status in (200, 206) else b""
        self._answer(status, headers, content, start, ends_at)

    def _answer(self, status: int, headers: dict[str, str], content: bytes, start: int, ends_at: float) -> None:
        total, body = len(content), content[start:]
        if status == 206:
            headers = {"Content-Range": f"bytes {start}-{total - 1}/{total}"}
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "ETag": '"one"', **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        for place in range(0, len(body), PIECE):
            if ends_at < time.time():  # the token has ended in mid-transfer
                self.close_connection = True
                return
            time.sleep(self.server.archive.pause_s)
            if place + PIECE >= len(body) and self.headers.get("Connection") == "close":
                self._count_no_longer()  # the other side may have gone before this thread is back from its last piece
            self.wfile.write(body[place : place + PIECE])
            self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Say nothing: what was asked is on record."""
