"""Addresses that must be signed before the archive answers, and signatures that expire.

Two ways are known. A *token service* gives one token for each storage account and container, good for all files in there
(Planetary Computer: ``<service>/token/<account>/<container>``). Any other *signing service* is asked for each address
(``<service>?href=...``). Both answer with ``msft:expiry`` where signatures end; they are renewed before, and after a 403.
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
"""Signatures that end sooner than this are renewed: an address is signed when its transfer begins."""

ReadDocument = Callable[[str], bytes]
"""Fetches a small document."""
Clock = Callable[[], datetime]


class Signer(Protocol):
    """Turns an address from the catalogue into one that the archive answers."""

    def sign(self, url: str) -> str:
        """Return the address to ask."""

    def renew(self, url: str, refused: str) -> None:
        """Forget the signature of ``refused``, which stood for ``url``."""


class Unsigned:
    """For archives that are open to all."""

    def sign(self, url: str) -> str:
        """Return the address as it is."""
        return url

    def renew(self, url: str, refused: str) -> None:
        """There is nothing to forget."""


class SignatureCache:
    """Signatures of one service, kept until shortly before they end; threads share them.

    ``key`` says which addresses share a signature (None: the address needs none), ``address`` what the service is asked for
    it, ``apply`` puts the answer to use.
    """

    def __init__(
        self,
        ask: ReadDocument,
        key: Callable[[str], str | None],
        address: Callable[[str], str],
        apply: Callable[[str, dict[str, Any]], str],
        now: Clock = lambda: datetime.now(UTC),
    ) -> None:
        self._ask, self._key, self._address, self._apply, self._now = ask, key, address, apply, now
        self._answers: dict[str, dict[str, Any]] = {}
        self._lock = Lock()

    def sign(self, url: str) -> str:
        """Return the signed address. Raises UserError when the service's answer is none."""
        key = self._key(url)
        if key is None:
            return url
        with self._lock:
            if key not in self._answers or _expiry(self._answers[key]) - self._now() < RENEW_BEFORE:
                self._answers[key] = self._answer(key)
            return self._apply(url, self._answers[key])

    def renew(self, url: str, refused: str) -> None:
        """Forget the signature that was refused, unless another thread has renewed it already."""
        key = self._key(url)
        with self._lock:
            if key in self._answers and self._apply(url, self._answers[key]) == refused:
                del self._answers[key]

    def _answer(self, key: str) -> dict[str, Any]:
        address = self._address(key)
        try:
            answer = json.loads(self._ask(address))
            self._apply(key, answer)
            _expiry(answer)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise UserError(
                f"The signing service {address.partition('?')[0]} gave no signature that could be understood. Check "
                "imagery.catalogue.name and imagery.catalogue.signing."
            ) from None
        return answer


def token_signer(service: str, ask: ReadDocument, **more: Any) -> SignatureCache:
    """Return signatures of a token service; only files in its kind of storage are signed."""
    return SignatureCache(ask, _container_of, lambda key: f"{service}/token/{key}", _with_token, **more)


def url_signer(service: str, ask: ReadDocument, **more: Any) -> SignatureCache:
    """Return signatures of a service that signs one address at a time."""
    return SignatureCache(
        ask,
        lambda url: url,
        lambda url: f"{service}?href={quote(url, safe='')}",
        lambda _, answer: _require_text(answer["href"]),
        **more,
    )


def _container_of(url: str) -> str | None:
    """Return ``account/container`` of a file in the storage that needs tokens, None for others and where one is there."""
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
    """Return when a signature ends; one that does not say never does."""
    text = answer.get("msft:expiry")
    if text is None:
        return datetime.max.replace(tzinfo=UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
