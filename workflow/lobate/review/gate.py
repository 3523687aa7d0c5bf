"""Who may talk to the server: this machine's browser, with the token, from the server's own page, and nobody else.

The gate stands before every route. It refuses foreign ``Host`` and ``Origin`` headers (DNS rebinding, other pages), every
upgrade (there is no WebSocket), requests without the token's cookie, posts without the page's own header, and large bodies.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
SAFE_METHODS = ("GET", "HEAD")
METHODS = (*SAFE_METHODS, "POST")
PAGE_HEADER = "x-lobate"
"""Header that only the server's own page sends: a form or an image of another page cannot set it."""
MAX_BODY, MAX_IMPORT = 4 << 20, 64 << 20
"""Bytes of a request's body at most, and of a file of decisions that is taken up."""
IMPORT_PATH = "/api/import"
SECURITY_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
}
NO_TOKEN = (
    "This page needs the token that the server printed when it started. Open the whole address from the terminal, with "
    "?token=... at its end; after a new start of the server it is another one."
)


class Refused(Exception):
    """A request that the gate turns away, with its status and a paragraph."""

    def __init__(self, status: int, paragraph: str) -> None:
        super().__init__(paragraph)
        self.status, self.paragraph = status, paragraph


class Gate:
    """ASGI middleware that lets only this server's own page through to ``app``.

    ``allowed`` are further host names, as of a hub that forwards requests; ``prefix`` is the path that such a hub puts
    before the server's own (it may strip it or not).
    """

    def __init__(self, app: App, token: str, *, allowed: Iterable[str] = (), prefix: str = "") -> None:
        self._app, self._token = app, token
        self._allowed = {name.lower().rstrip(".") for name in allowed}
        self._prefix = normal_prefix(prefix)
        # browsers keep one jar for all ports of a host: two servers must not take each other's cookie
        self._cookie = "lobate_" + hashlib.sha256(token.encode()).hexdigest()[:12]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008, "reason": "There is no WebSocket here."})
            return
        try:
            await self._pass(scope, receive, send)
        except Refused as refused:
            await _answer(send, refused.status, refused.paragraph)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        host = self._check_host(headers)
        if "upgrade" in headers:
            raise Refused(400, "This server takes no upgrade of a connection: there is no WebSocket here.")
        if scope["method"] not in METHODS:
            raise Refused(405, f"This server takes {', '.join(METHODS)} only.")
        self._check_origin(headers, host, required=scope["method"] not in SAFE_METHODS)
        path = self._own_path(scope["path"])
        if path is None:
            await _redirect(send, f"{self._prefix}/" + _query(scope), [])
            return
        if path == "/" and "token=" in scope["query_string"].decode("latin-1"):
            await self._sign_in(scope, send)
            return
        self._check_cookie(headers)
        if headers.get("sec-fetch-site", ["same-origin"])[0] not in ("same-origin", "none"):
            raise Refused(403, "This request comes from another page.")
        if scope["method"] == "POST":
            _check_post(headers)
        limit = MAX_IMPORT if path == IMPORT_PATH else MAX_BODY
        await self._app(
            {**scope, "path": path, "raw_path": path.encode(), "root_path": ""},
            _limited(receive, headers, limit),
            _with_headers(send),
        )

    def _check_host(self, headers: dict[str, list[str]]) -> str:
        """Return the value of the one Host header, of this machine on any port or of an allowed host."""
        hosts = headers.get("host", [])
        name = _host_name(hosts[0]) if len(hosts) == 1 else ""
        if name not in LOOPBACK_NAMES and name not in self._allowed:
            raise Refused(
                403,
                "This server answers only under localhost, 127.0.0.1 or [::1], on any port, so that no other page can reach "
                "it under a name of its own. For a hub that forwards to it, start it with --allow-host and the hub's name.",
            )
        return hosts[0]

    def _check_origin(self, headers: dict[str, list[str]], host: str, *, required: bool) -> None:
        origins = headers.get("origin", [])
        if not origins and not required:
            return
        origin = urlsplit(origins[0]) if len(origins) == 1 else None
        try:
            is_own = origin is not None and origin.scheme in ("http", "https") and self._is_own(origin.netloc, host)
        except ValueError:  # a port that is no number
            is_own = False
        if not is_own:
            raise Refused(403, "This request comes from another page, or says not from which (header Origin).")

    def _is_own(self, netloc: str, host: str) -> bool:
        return netloc.lower() == host.lower() or _host_name(netloc) in self._allowed

    def _own_path(self, path: str) -> str | None:
        """Return the path below the prefix, whether a hub stripped it or not; None for the prefix without its slash."""
        if not self._prefix:
            return path
        if path == self._prefix:
            return None
        return path.removeprefix(self._prefix) if path.startswith(self._prefix + "/") else path

    async def _sign_in(self, scope: Scope, send: Send) -> None:
        """Take the token out of the address into a cookie that no script can read, and lead to the page."""
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            raise Refused(403, NO_TOKEN)
        cookie = f"{self._cookie}={self._token}; Path={self._prefix}/; HttpOnly; SameSite=Strict"
        site = _headers(scope).get("sec-fetch-site", ["none"])[0]
        await _redirect(send, "./", [(b"set-cookie", cookie.encode())], by_page=site in ("cross-site", "same-site"))

    def _check_cookie(self, headers: dict[str, list[str]]) -> None:
        try:
            cookies = SimpleCookie("; ".join(headers.get("cookie", [])))
        except CookieError:
            cookies = SimpleCookie()
        given = cookies[self._cookie].value if self._cookie in cookies else ""
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            raise Refused(403, NO_TOKEN)


def normal_prefix(prefix: str) -> str:
    """Return a path prefix with a slash at its start and none at its end; empty for none."""
    parts = [part for part in prefix.split("/") if part]
    return "".join(f"/{part}" for part in parts)


def _headers(scope: Scope) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return headers


def _host_name(netloc: str) -> str:
    """Return the host of ``host[:port]`` in lower case; empty where it is none."""
    try:
        parts = urlsplit(f"//{netloc}")
        is_plain = parts.netloc == netloc and "@" not in netloc and not (parts.path or parts.query or parts.fragment)
        is_plain = is_plain and (parts.port is None or parts.port > 0)  # a port that is no number is a ValueError
        return (parts.hostname or "").rstrip(".") if is_plain else ""
    except ValueError:
        return ""


def _check_post(headers: dict[str, list[str]]) -> None:
    if headers.get(PAGE_HEADER) != ["1"]:
        raise Refused(403, "This request does not come from the server's own page (header X-Lobate).")
    kind = headers.get("content-type", [""])[0].partition(";")[0].strip().lower()
    if kind not in ("application/json", "application/geo+json"):
        raise Refused(415, "The body of a request must be application/json.")


def _limited(receive: Receive, headers: dict[str, list[str]], limit: int) -> Receive:
    """Return ``receive`` that ends a body over ``limit`` bytes."""
    too_large = Refused(413, f"The request is larger than {limit >> 20} MB.")
    declared = headers.get("content-length", ["0"])[0]
    if not declared.isdigit() or int(declared) > limit:
        raise too_large
    received = 0

    async def receive_limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise too_large
        return message

    return receive_limited


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message["headers"]}
            added = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
            if b"cache-control" not in present:
                added.append((b"cache-control", b"no-store"))
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return send_with_headers


async def _answer(send: Send, status: int, paragraph: str) -> None:
    body = json.dumps({"error": paragraph}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    send = _with_headers(send)
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})


async def _redirect(send: Send, location: str, headers: list[tuple[bytes, bytes]], *, by_page: bool = False) -> None:
    """Lead to another address of this server.

    ``by_page``: by a page of its own. A browser that follows a link of another site sends no strict cookie along redirects.
    """
    body = f'<!doctype html><meta http-equiv="refresh" content="0; url={location}">'.encode() if by_page else b""
    to = [(b"content-length", str(len(body)).encode()), (b"content-type", b"text/html")]
    to += [] if by_page else [(b"location", location.encode("latin-1"))]
    send = _with_headers(send)
    await send({"type": "http.response.start", "status": 200 if by_page else 303, "headers": [*to, *headers]})
    await send({"type": "http.response.body", "body": body})


def _query(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return f"?{query}" if query else ""
