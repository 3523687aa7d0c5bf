"""The session that makes all requests to catalogues, archives and token servers.

It checks each address (`ssrf_guard.py`), adds what the server needs to know who asks (`authorization.py`), and takes
proxies and certificates from the environment (`lobate.io.network_environment`).
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.utils import select_proxy
from urllib3.exceptions import HTTPError

import lobate
from lobate.errors import UserError
from lobate.imagery.catalogues import archive_of
from lobate.imagery.fetching.authorization import Anonymous, Authorization
from lobate.imagery.fetching.connections import ConnectionLimit
from lobate.imagery.fetching.retry import RetryableError
from lobate.imagery.fetching.s3 import S3Archive
from lobate.imagery.fetching.ssrf_guard import GuardedAdapter
from lobate.imagery.fetching.token_file import Answer, Post, TokenFile
from lobate.io.network_environment import certificates, hide_secrets
from lobate.settings.imagery import Catalogue

MAX_TOKEN_BYTES = 1 << 20


class ArchiveSession(requests.Session):
    """A session that authorizes each request, redirects included, by the address that it goes to."""

    def __init__(self, authorization: Anonymous, connections: int | None = None, archive: str = "") -> None:
        super().__init__()
        self.auth = self.authorization = authorization
        self._connections, self._archive = connections, archive
        self.headers["User-Agent"] = f"lobate/{lobate.__version__}"

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Authorize a redirect anew: the method of requests would keep headers that it does not know."""
        self.authorization(prepared_request)

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a request. Raises UserError where a proxy or a certificate stands in the way."""
        proxy = select_proxy(str(request.url), options.get("proxies"))
        try:
            response = super().send(request, **options)
        except requests.exceptions.ProxyError as error:
            if "Tunnel connection failed: 5" in str(error):  # the proxy works, and its way on may do so soon
                raise
            raise _proxy_error(proxy, "407" if "407" in str(error) else "no connection") from None
        except requests.exceptions.SSLError as error:
            if _is_certificate_error(error):
                raise _certificate_error(str(request.url)) from None
            raise
        if response.status_code == requests.codes.proxy_authentication_required and proxy:
            response.close()
            raise _proxy_error(proxy, "407")
        return response

    @contextmanager
    def connection(self, url: str, stop: Event) -> Iterator[dict[str, str]]:
        """Wait for one of the archive's connections and hold it; yields the headers of a request that ends with it."""
        if self._connections is None:
            yield {}
            return
        limit = ConnectionLimit(self._archive or urlsplit(url).netloc, self._connections)
        with limit.connection(stop):
            yield {"Connection": "close"}


def open_session(*, private: bool, authorization: Anonymous | None = None, **limit: Any) -> ArchiveSession:
    """Return a session that checks each request, redirect and connection; ``private`` as for ``check_url``."""
    session = ArchiveSession(authorization or Anonymous(), **limit)
    session.adapters.clear()
    session.mount("", GuardedAdapter(private=private))
    session.verify = certificates() or True
    hide_secrets()
    return session


def open_archive_session(settings: Catalogue) -> ArchiveSession:
    """Return the session for a catalogue and its archive, with the keys that the archive needs."""
    archive = archive_of(settings)
    tokens = None
    if archive.token_url:
        tokens = TokenFile(archive.token_url, archive.client_id, _token_post(settings))
    authorization = Authorization(
        plain_http=settings.allow_private,
        s3=S3Archive(archive.s3_endpoint or "", archive.s3_region or ""),
        tokens=tokens,
        token_hosts=archive.token_hosts,
    )
    return open_session(
        private=settings.allow_private,
        authorization=authorization,
        connections=archive.connections,
        archive="" if settings.url else settings.name,
    )


def _token_post(settings: Catalogue) -> Post:
    """Return what posts a form to the token server: over https, without redirects, and with no other key."""

    def post(url: str, form: dict[str, str]) -> Answer:
        if urlsplit(url).scheme != "https" and not settings.allow_private:
            raise UserError(
                f"The token server {url.partition('?')[0]} is plain http, and a password must not go over it. Give its https address "
                "in imagery.catalogue.archive.token_url."
            )
        try:
            with (
                open_session(private=settings.allow_private) as session,
                session.post(
                    url, data=form, timeout=settings.timeout_s, allow_redirects=False, stream=True
                ) as response,
            ):
                return response.status_code, _json(response), response.headers.get("Retry-After", "")
        except (requests.ConnectionError, requests.Timeout, HTTPError) as error:
            raise RetryableError(
                f"no answer of the token server {urlsplit(url).hostname} ({type(error).__name__})"
            ) from None

    return post


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        answer = json.loads(response.raw.read(MAX_TOKEN_BYTES, decode_content=True))
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _is_certificate_error(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _certificate_error(url: str) -> UserError:
    return UserError(
        f"The certificate of {urlsplit(url).hostname} is signed by an authority that this machine does not trust. Behind the proxy of "
        "an institute that is often its own: let SSL_CERT_FILE name a file with its certificate and the public ones (on Debian "
        "/etc/ssl/certs/ca-certificates.crt, once it is installed there)."
    )


def _proxy_error(proxy: str | None, reason: str) -> UserError:
    parts = urlsplit(proxy or "")
    place = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    if reason == "407":
        return UserError(
            f"The proxy {place} wants a name and a password, or refuses those in HTTPS_PROXY and HTTP_PROXY. Set them as "
            "http://NAME:PASSWORD@HOST:PORT in the environment, with special characters written as %XX."
        )
    return UserError(
        f"The proxy {place}, which HTTPS_PROXY or HTTP_PROXY names, cannot be reached, or makes no connection. Correct the variable, or "
        "name the hosts that need no proxy in NO_PROXY."
    )
