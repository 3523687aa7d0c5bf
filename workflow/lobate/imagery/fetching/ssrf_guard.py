"""Which addresses a catalogue may lead to: the public web, never this machine or the network it stands in.

A catalogue is data, and its items name addresses that this machine then asks. So every address is looked at when it
comes (``check_url``), again at each request and each redirect, and once more when the connection stands, where a name
that has meanwhile come to mean another machine is found out (``open_session``).
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

import lobate
from lobate.errors import UserError

SCHEMES = ("http", "https")
POOL_SIZE = 16
"""Connections kept open to one host."""
EMBEDDED_IPV4 = ("ipv4_mapped", "sixtofour", "teredo")
"""Ways in which an IPv6 address leads to an IPv4 one."""

Address = IPv4Address | IPv6Address


class RefusedUrl(UserError):
    """An address that leads where no catalogue may lead."""


class UnresolvedHost(UserError):
    """A host whose name nobody knows, or not now."""


def check_url(url: str, *, private: bool) -> None:
    """Refuse an address that is not http(s) or leads into this machine or its network.

    ``private``: let it lead there (setting ``imagery.catalogue.allow_private``). Raises Refused, or Unresolved where the
    host has no address. Behind a proxy of the environment names are the proxy's to resolve.
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
        if not _is_public(address):
            raise _refused_url(url, host, str(address))


def open_session(*, private: bool) -> requests.Session:
    """Return a session of ``requests`` whose every request, redirect and connection is checked."""
    session = requests.Session()
    session.headers["User-Agent"] = f"lobate/{lobate.__version__}"
    session.adapters.clear()
    session.mount("", GuardedAdapter(private=private))
    return session


class GuardedAdapter(HTTPAdapter):
    """Sends a request only to an address that ``check_url`` lets pass; redirects come by here as well."""

    def __init__(self, *, private: bool) -> None:
        self._private = private
        super().__init__(pool_connections=POOL_SIZE, pool_maxsize=POOL_SIZE)

    def init_poolmanager(self, *arguments: Any, **more: Any) -> None:
        """Make the pools of connections, of the guarded kind."""
        super().init_poolmanager(*arguments, **more)
        if not self._private:
            self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def send(self, request: requests.PreparedRequest, *arguments: Any, **more: Any) -> requests.Response:
        """Check the address, then send."""
        check_url(str(request.url), private=self._private)
        return super().send(request, *arguments, **more)


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
    """Refuse a connection that ended elsewhere than its host's name said a moment ago."""
    peer = ip_address(str(connection.sock.getpeername()[0]).partition("%")[0])
    if not _is_public(peer):
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
            f"The address {url[:200]!r} is no web address (http:// or https:// and a host), and lobate follows no other. It "
            "comes from the catalogue or from the scene table: correct it there, or take the scene from another catalogue."
        )
    return parts


def _ip_literal(host: str) -> Address | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _resolve(host: str, port: int) -> Iterable[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnresolvedHost(
            f"The host {host} cannot be found ({error}). Check the network and the spelling of the address, in the scene "
            "table or in imagery.catalogue.url."
        ) from None
    return [ip_address(str(place[4][0]).partition("%")[0]) for place in found]


def _is_public(address: Address) -> bool:
    """Whether an address belongs to the public network, and so does any IPv4 address inside it."""
    inner = next((one for name in EMBEDDED_IPV4 if (one := getattr(address, name, None))), None)
    if isinstance(inner, tuple):  # teredo: server and client
        return all(_is_public(one) for one in inner)
    return _is_public(inner) if inner else address.is_global and not address.is_multicast


def _refused_url(url: str, host: str, leads_to: str) -> RefusedUrl:
    return RefusedUrl(
        f"The address {url.partition('?')[0]} is refused: {host} leads to {leads_to}, inside this machine or its network, and "
        "a catalogue must not reach there. If that is your own catalogue or file server, set "
        "imagery.catalogue.allow_private: true."
    )
