"""Guard against server-side request forgery (SSRF): URLs from a catalogue may lead to the public web only.

A catalogue is data from outside, and this machine requests the URLs of its items. ``check_url`` checks a URL. The session
of `session.py` checks each request and redirect, and then the connection's peer: DNS may have changed in between.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from lobate.errors import UserError
from lobate.imagery.fetching.public_address import Address, is_public

SCHEMES = ("http", "https")
POOL_SIZE = 16
"""Open connections to one host."""


class RefusedUrl(UserError):
    """A URL that is not http(s), or that leads into this machine or its network."""


class UnresolvedHost(UserError):
    """A host name that DNS does not resolve, perhaps only now."""


def check_url(url: str, *, private: bool) -> None:
    """Refuse a URL that is not http(s), or that leads into this machine or its network.

    ``private`` allows such hosts (setting ``imagery.catalogue.allow_private``). Raises RefusedUrl, and UnresolvedHost for a
    host without an address. Where the environment names a proxy, the proxy resolves host names.
    """
    parts = _split_url(url)
    if private:
        return
    host, port = str(parts.hostname), parts.port or 443
    literal = _ip_literal(host)
    if literal is None and select_proxy(url, get_environ_proxies(url)):
        if host == "localhost" or host.endswith(".localhost"):
            raise _refused_url(url, host, "this machine")
        return
    for address in [literal] if literal else _resolve(host, port):
        if not is_public(address):
            raise _refused_url(url, host, str(address))


class GuardedAdapter(HTTPAdapter):
    """Sends requests, redirects included, only to URLs that ``check_url`` accepts."""

    def __init__(self, *, private: bool) -> None:
        self._private = private
        super().__init__(pool_connections=POOL_SIZE, pool_maxsize=POOL_SIZE)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Create connection pools that check the peer."""
        super().init_poolmanager(*args, **kwargs)
        if not self._private:
            self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """Check the URL, then send the request."""
        check_url(str(request.url), private=self._private)
        return super().send(request, *args, **kwargs)


class _Connection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _check_peer(self)


class _SecureConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _check_peer(self)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def _check_peer(connection: HTTPConnection) -> None:
    """Refuse a connection to a private address, whatever the host name resolved to before."""
    peer = ip_address(str(connection.sock.getpeername()[0]).partition("%")[0])
    if not is_public(peer):
        connection.close()
        raise _refused_url(connection.host, connection.host, str(peer))


def _split_url(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        legal = parts.scheme in SCHEMES and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        legal = False
    if not legal or any(letter.isspace() or not letter.isprintable() or letter == "\\" for letter in url):
        raise RefusedUrl(
            f"The address {url[:200]!r} is no web address (http:// or https:// and a host), and lobate requests no other. It "
            "comes from the catalogue or from the scene table: correct it there, or take the scene from another catalogue."
        )
    if parts.username is not None or parts.password is not None:
        raise RefusedUrl(
            f"The address of a file on {parts.hostname} holds a name or a password, and addresses end up in logs and results. "
            "Take them out of the address, and keep them in ~/.netrc."
        )
    return parts


def _ip_literal(host: str) -> Address | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _resolve(host: str, port: int) -> Iterable[Address]:
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnresolvedHost(
            f"The host {host} cannot be found ({error}). Check the network and the spelling of the address, in the scene "
            "table or in imagery.catalogue.url."
        ) from None
    return [ip_address(str(sockaddr[0]).partition("%")[0]) for *_, sockaddr in entries]


def _refused_url(url: str, host: str, leads_to: str) -> RefusedUrl:
    return RefusedUrl(
        f"The address {url.partition('?')[0]} is refused: {host} leads to {leads_to}, inside this machine or its network, and "
        "a catalogue must not reach there. If that is your own catalogue or file server, set "
        "imagery.catalogue.allow_private: true."
    )
