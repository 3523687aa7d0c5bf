"""A STAC API, spoken to by pystac-client: patient with a server that is busy, strict with answers that are none.

Every request goes through ``Line``: its address is checked, what may pass by itself (403, 408, 425, 429, 5xx, a cut or
silent connection, half an answer) is tried again, and what does not pass ends in one paragraph.
"""

from __future__ import annotations

import difflib
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from time import sleep
from typing import Any, TypeVar

import requests
from pystac.link import Link
from pystac_client import Client, ItemSearch
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from pystac_client.warnings import PystacClientWarning
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry
from urllib3.exceptions import HTTPError

from lobate.errors import UserError
from lobate.imagery.catalogues import catalogue_url
from lobate.imagery.fetching.http import RETRYABLE
from lobate.imagery.fetching.retry import RetryableError, RetryPolicy, StallGuard, parse_retry_after
from lobate.imagery.fetching.ssrf_guard import UnresolvedHost, open_session
from lobate.settings.imagery import Catalogue

log = logging.getLogger(__name__)
T = TypeVar("T")
Json = dict[str, Any]

PAGE_SIZE = 100
"""Items asked for at a time."""
MAX_STALE_PAGES = 3
"""Pages in a row without a new item, after which paging counts as broken."""
CHUNK_BYTES = 1 << 16
MAX_ANSWER_BYTES = 256 << 20
"""Bytes of an answer; a page of a hundred items has some two million."""


def search(
    settings: Catalogue, collection: str, ground: BaseGeometry, days: tuple[date, date] | None = None
) -> list[Json]:
    """Return all items of a collection that touch ``ground`` (longitude and latitude), as the catalogue orders them.

    ``days``: first and last, in UTC; without them, of any time. Raises UserError when the catalogue is down, is no STAC API,
    has no such collection, or never ends.
    """
    url, line = catalogue_url(settings), StacTransport(settings)
    asked = {
        "collections": [collection],
        "intersects": mapping(ground),
        "datetime": _interval(days) if days else None,
        "limit": PAGE_SIZE,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PystacClientWarning)  # what a catalogue leaves out shows in its answers
        client = _call(url, lambda: Client.open(url, stac_io=line))
        pages = _pages(line, _call(url, lambda: client.search(method=_search_method(client), **asked)))
    items = [item for page in _items_by_page(url, pages) for item in page]
    if not items:
        _check_collection(client, url, collection)
    return items


class StacTransport(StacApiIO):
    """pystac-client's way out to the web, with checked addresses and patience."""

    def __init__(self, settings: Catalogue) -> None:
        super().__init__(max_retries=None)
        self.session = open_session(private=settings.allow_private)
        self._url = catalogue_url(settings)
        self._retry_policy = RetryPolicy(tries=settings.tries, timeout_s=settings.timeout_s)

    def read_text(self, source: Any, *arguments: Any, **more: Any) -> str:
        """Return an answer; pystac-client would open an address without a scheme as a file of this machine."""
        if isinstance(source, Link):
            return super().read_text(source, *arguments, **more)
        return self.request(str(source), *arguments, **more)

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> str:
        """Return the JSON text of an answer. Raises UserError when there is none after all tries."""
        method = (method or "GET").upper()
        body = {"json": parameters} if method == "POST" else {"params": parameters}
        for failures in range(1, self._retry_policy.tries + 1):
            try:
                return self._request_once(method, href, headers=headers, **body)
            except RetryableError as trouble:
                if failures == self._retry_policy.tries:
                    raise self._unavailable(str(trouble), failures) from None
                wait = self._retry_policy.wait_s(failures, trouble.retry_after_s)
                log.info("the catalogue %s: %s; asking again in %g s", self._url, trouble, wait)
                sleep(wait)
        raise AssertionError("tries is at least 1")

    def _request_once(self, method: str, href: str, **more: Any) -> str:
        try:
            with self.session.request(method, href, stream=True, timeout=self._retry_policy.timeout_s, **more) as answer:
                return self._json_text(answer)
        except UnresolvedHost as error:
            raise RetryableError(str(error).partition(". ")[0]) from None
        except (requests.ConnectionError, requests.Timeout, HTTPError, OSError) as error:
            if isinstance(error, requests.RequestException) and not isinstance(
                error, requests.ConnectionError | requests.Timeout
            ):
                raise _not_stac(self._url, error) from None
            raise RetryableError(f"no answer, or half of one ({_short(error)})") from None

    def _json_text(self, answer: requests.Response) -> str:
        if answer.status_code in RETRYABLE or answer.status_code >= requests.codes.internal_server_error:
            said = f"it says {answer.status_code} {answer.reason or ''}".rstrip()
            raise RetryableError(said, retry_after_s=parse_retry_after(answer.headers.get("Retry-After", "")))
        text = self._read_body(answer)
        if not answer.ok:
            raise APIError.from_response(answer)
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            raise RetryableError(f"its answer is no JSON ({text[:40]!r}...)") from None
        return text.decode("utf-8")

    def _read_body(self, answer: requests.Response) -> bytes:
        pieces, pace = bytearray(), StallGuard(self._retry_policy.timeout_s)
        while piece := answer.raw.read1(CHUNK_BYTES, decode_content=True):
            pieces += piece
            pace.check(len(piece))
            if len(pieces) > MAX_ANSWER_BYTES:
                raise UserError(
                    f"An answer of the catalogue {self._url} does not end. Name another in imagery.catalogue."
                )
        return bytes(pieces)

    def _unavailable(self, trouble: str, failures: int) -> UserError:
        times = f", and so {failures} times in a row" if failures > 1 else ""
        return UserError(
            f"The catalogue {self._url} cannot be asked: {trouble}{times}. Check the network, try again later, or name another "
            "catalogue in imagery.catalogue."
        )


def _pages(line: StacTransport, asked: ItemSearch) -> Iterator[Json]:
    """Yield all pages of an answer; pystac-client's own paging takes a page without items, or garbage, for the end."""
    parameters = asked.get_parameters()
    page = line.read_json(asked.url, method=asked.method, parameters=parameters)
    while True:
        yield page
        after = next((link for link in page.get("links", []) if link["rel"] == "next"), None)
        if after is None:
            return
        page = line.read_json(Link.from_dict(after), parameters=parameters)


def _items_by_page(url: str, pages: Iterator[Json]) -> Iterator[list[Json]]:
    """Yield the items of each page; pages that say nothing new mean that paging goes round in circles."""
    seen: set[str] = set()
    stale = 0
    while (page := _call(url, lambda: next(pages, None))) is not None:
        items = _call(url, partial(_items, page))
        fresh = {json.dumps([item.get("collection"), item.get("id")]) for item in items} - seen
        stale = 0 if fresh else stale + 1
        if stale == MAX_STALE_PAGES:
            raise UserError(
                f"The catalogue {url} gives the same page of items again and again ({len(seen)} items so far). Its paging is "
                "broken: tell its keepers, or name another catalogue in imagery.catalogue."
            )
        seen |= fresh
        yield items


def _call(url: str, ask: Callable[[], T]) -> T:
    """Return what pystac-client makes of an answer; what it cannot make sense of may fail in any way at all."""
    try:
        return ask()
    except UserError:
        raise
    except Exception as error:
        raise _not_stac(url, error) from error


def _not_stac(url: str, error: Exception) -> UserError:
    return UserError(
        f"The catalogue {url} answers, but not as a STAC API does ({type(error).__name__}: {_short(error)}). Check the address "
        "in imagery.catalogue.url: it is the one of the API's landing page, such as .../v1."
    )


def _items(page: Json) -> list[Json]:
    return [dict(item) for item in page["features"]]


def _search_method(client: Client) -> str:
    """Return how the catalogue may be searched: GET is what every one knows, POST holds larger outlines."""
    methods = {str(link.extra_fields.get("method", "GET")).upper() for link in client.get_links("search")}
    return "POST" if "POST" in methods else "GET"


def _interval(days: tuple[date, date]) -> list[datetime]:
    first, last = days
    midnight = time(tzinfo=UTC)
    return [datetime.combine(first, midnight), datetime.combine(last + timedelta(days=1), midnight)]


def _check_collection(client: Client, url: str, name: str) -> None:
    """Refuse a collection that is not there: many catalogues answer a search in it with no items, not with an error."""
    names = _call(url, lambda: sorted(collection.id for collection in client.get_collections()))
    if name not in names:
        near = difflib.get_close_matches(name, names, n=3, cutoff=0) or ["none at all"]
        raise UserError(
            f"The catalogue {url} has no collection {name}; the nearest of its {len(names)} is {near[0]}. Correct "
            "imagery.catalogue.collection."
        )


def _short(error: BaseException) -> str:
    return " ".join(str(error).partition("?")[0].split())[:200] or type(error).__name__
