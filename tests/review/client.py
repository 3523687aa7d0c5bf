"""A program in front of the review, which asks as its page does."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

COUNT, REMOVED = 20, 3
"""Detections and removed ones of the region that the tests of the server share."""
TIMEOUT_S = 60


class Client:
    """One browser at an address that the server printed; ``port`` where another one leads to it."""

    def __init__(self, address: str, port: int | None = None, prefix: str = "") -> None:
        parts = urlsplit(address)
        self.host, self.port = "127.0.0.1", port or parts.port
        self.prefix = prefix or parts.path.rstrip("/")
        self.cookie = ""
        signed = self.raw("GET", f"{self.prefix}/?{parts.query}")
        assert signed.status == 303, signed.status
        self.cookie = signed.headers["set-cookie"].partition(";")[0]

    def raw(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Any:
        """Send one request as it is; the answer has ``status``, ``headers`` and ``body``."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)
        given = {"Cookie": self.cookie} if self.cookie else {}
        connection.request(method, path, body, {**given, **headers})
        answer = connection.getresponse()
        answer.body = answer.read()
        connection.close()
        return answer

    def get(self, path: str, expected: int = 200, **query: Any) -> Any:
        """Return what the server answers, as JSON where it is JSON."""
        address = f"{self.prefix}/{path}" + (f"?{urlencode(query)}" if query else "")
        return self._read(self.raw("GET", address), expected)

    def post(self, path: str, expected: int = 200, **body: Any) -> Any:
        """Return what the server answers to a body of JSON."""
        own = {"Origin": f"http://{self.host}:{self.port}", "X-Lobate": "1", "Content-Type": "application/json"}
        return self._read(self.raw("POST", f"{self.prefix}/{path}", json.dumps(body).encode(), **own), expected)

    def _read(self, answer: Any, status: int) -> Any:
        assert answer.status == status, (answer.status, answer.body[:500])
        is_json = "json" in answer.headers["content-type"]
        return json.loads(answer.body) if is_json else answer.body

    def decide(
        self, name: str | None, said: str | None, reviewer: str = "Ada", expected: int = 200, **more: Any
    ) -> Any:
        """Decide about a detection."""
        body = {"list": "detections", "id": name, "base": 0, "status": said, "reviewer": reviewer, **more}
        return self.post("api/decide", expected, **body)

    @contextmanager
    def listening(self) -> Iterator[Iterator[dict[str, Any]]]:
        """Yield the server's events as they come."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)
        connection.request("GET", f"{self.prefix}/api/events", headers={"Cookie": self.cookie})
        answer = connection.getresponse()
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = iter(answer.readline, b"")
        yield (json.loads(line[6:]) for line in lines if line.startswith(b"data: "))
        connection.close()


class Forwarder:
    """Another port that leads to a server, as `ssh -L` makes it; ``rewrite`` changes what a client says, as a hub does."""

    def __init__(self, port: int, rewrite: Any = None) -> None:
        self._target, self._rewrite = port, rewrite
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._pump, args=(client, server, self._rewrite), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, None), daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket, rewrite: Any) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(rewrite(data) if rewrite else data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self) -> None:
        self._listener.close()
