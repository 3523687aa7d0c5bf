"""Signed URLs: signatures that some archives require, and that expire.

A *token service* gives one token for all files of a storage account and container (Planetary Computer:
``<service>/token/<account>/<container>``). A *signing service* signs one URL at a time (``<service>?href=...``). Both
answer with ``msft:expiry`` where signatures end; these are renewed before that time, and after a 403.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, Protocol
from urllib.parse import quote, urlsplit, urlunsplit

from lobate.errors import UserError

STORAGE_HOST = ".blob.core.windows.net"
RENEW_BEFORE = timedelta(minutes=2)
"""Signatures that end sooner than this are renewed: a URL is signed when its transfer begins."""

ReadDocument = Callable[[str], bytes]
"""Downloads a small document."""
Clock = Callable[[], datetime]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Signer(Protocol):
    """Turns a URL of the catalogue into one that the archive serves."""

    def sign(self, url: str) -> str:
        """Return the signed URL."""

    def renew(self, url: str, refused: str) -> None:
        """Forget the signature of ``url``, which the archive refused as ``refused``."""


class Unsigned:
    """For archives that need no signature."""

    def sign(self, url: str) -> str:
        """Return the URL unchanged."""
        return url

    def renew(self, url: str, refused: str) -> None:
        """Do nothing."""


class SignatureCache:
    """Signatures of one service, kept until shortly before they expire; threads share them.

    ``key`` returns what URLs with the same signature have in common (None: no signature is needed). ``request_url`` returns
    the request to the service for a key, and ``apply`` signs a URL with the service's answer.
    """

    def __init__(
        self,
        read: ReadDocument,
        key: Callable[[str], str | None],
        request_url: Callable[[str], str],
        apply: Callable[[str, dict[str, Any]], str],
        now: Clock,
    ) -> None:
        self._read, self._key, self._request_url, self._apply, self._now = read, key, request_url, apply, now
        self._answers: dict[str, dict[str, Any]] = {}
        self._lock = Lock()

    def sign(self, url: str) -> str:
        """Return the signed URL. Raises UserError for an answer of the service without a signature."""
        key = self._key(url)
        if key is None:
            return url
        with self._lock:
            if key not in self._answers or _expiry(self._answers[key]) - self._now() < RENEW_BEFORE:
                self._answers[key] = self._request(key)
            return self._apply(url, self._answers[key])

    def renew(self, url: str, refused: str) -> None:
        """Forget the refused signature, unless another thread has renewed it already."""
        key = self._key(url)
        with self._lock:
            if key in self._answers and self._apply(url, self._answers[key]) == refused:
                del self._answers[key]

    def _request(self, key: str) -> dict[str, Any]:
        url = self._request_url(key)
        try:
            answer = json.loads(self._read(url))
            self._apply(key, answer)
            _expiry(answer)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise UserError(
                f"The answer of the signing service {url.partition('?')[0]} holds no signature. Check imagery.catalogue.name "
                "and imagery.catalogue.signing."
            ) from None
        return answer


def token_signer(service: str, read: ReadDocument, now: Clock = _utc_now) -> SignatureCache:
    """Return the signer of a token service; it signs only files in Azure storage."""
    return SignatureCache(read, _container_of, lambda key: f"{service}/token/{key}", _with_token, now)


def url_signer(service: str, read: ReadDocument, now: Clock = _utc_now) -> SignatureCache:
    """Return the signer of a service that signs one URL at a time."""
    return SignatureCache(
        read,
        lambda url: url,
        lambda url: f"{service}?href={quote(url, safe='')}",
        lambda _, answer: _require_text(answer["href"]),
        now,
    )


def _container_of(url: str) -> str | None:
    """Return ``account/container`` of a file in Azure storage; None for other files and for signed URLs."""
    parts = urlsplit(url)
    host, container = parts.hostname or "", parts.path.strip("/").partition("/")[0]
    if not host.endswith(STORAGE_HOST) or not container or "sig=" in parts.query:
        return None
    return f"{quote(host.removesuffix(STORAGE_HOST), safe='')}/{quote(container, safe='')}"


def _with_token(url: str, answer: dict[str, Any]) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, _require_text(answer["token"])]))))


def _require_text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("no text")
    return value


def _expiry(answer: dict[str, Any]) -> datetime:
    """Return when a signature expires; without ``msft:expiry`` it never does."""
    text = answer.get("msft:expiry")
    if text is None:
        return datetime.max.replace(tzinfo=UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
