"""Search of a STAC API with pystac-client, with retries and strict checks of its answers.

``StacTransport`` makes all requests. It checks each URL, and tries again after failures that may pass: status 403, 408,
425, 429 and 5xx, a cut or stalled connection, an incomplete answer. Other failures become a UserError.
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
from lobate.imagery.fetching.http import root_cause
from lobate.imagery.fetching.retry import (
    KeyRefusedError,
    RetryableError,
    RetryPolicy,
    StallGuard,
    is_retryable,
    parse_retry_after,
)
from lobate.imagery.fetching.session import open_archive_session
from lobate.imagery.fetching.ssrf_guard import UnresolvedHost
from lobate.imagery.fetching.urls import one_line
from lobate.settings.imagery import Catalogue

log = logging.getLogger(__name__)
T = TypeVar("T")
Json = dict[str, Any]

PAGE_SIZE = 100
"""Items requested at a time."""
MAX_STALE_PAGES = 3
"""After so many pages in a row without a new item, paging counts as broken."""
CHUNK_BYTES = 1 << 16
MAX_ANSWER_BYTES = 256 << 20
"""A page of a hundred items has about two million bytes."""


def search(
    settings: Catalogue, collection: str, ground: BaseGeometry, days: tuple[date, date] | None = None
) -> list[Json]:
    """Return all items of a collection that touch ``ground`` (longitude and latitude), in the catalogue's order.

    ``days``: first and last day in UTC; without them, items of any date. Raises UserError when the catalogue is down, is no
    STAC API, has no such collection, or repeats its pages without end.
    """
    url, transport = catalogue_url(settings), StacTransport(settings)
    query = {
        "collections": [collection],
        "intersects": mapping(ground),
        "datetime": _interval(days) if days else None,
        "limit": PAGE_SIZE,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PystacClientWarning)  # of features that the catalogue does not declare
        client = _call(url, lambda: Client.open(url, stac_io=transport))
        pages = _pages(transport, _call(url, lambda: client.search(method=_search_method(client), **query)))
    items = [item for page in _items_by_page(url, pages) for item in page]
    if not items:
        _check_collection(client, url, collection)
    return items


class StacTransport(StacApiIO):
    """The HTTP transport of pystac-client, with checked URLs and retries."""

    def __init__(self, settings: Catalogue) -> None:
        super().__init__(max_retries=None)
        self.session = self._authorized = open_archive_session(settings)
        self._url = catalogue_url(settings)
        self._retry_policy = RetryPolicy(tries=settings.tries, timeout_s=settings.timeout_s)

    def read_text(self, source: Any, *args: Any, **kwargs: Any) -> str:
        """Return the answer's text. The method of pystac-client would open a URL without a scheme as a local file."""
        if isinstance(source, Link):
            return super().read_text(source, *args, **kwargs)
        return self.request(str(source), *args, **kwargs)

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> str:
        """Return the JSON text of an answer. Raises UserError when all attempts fail."""
        method = (method or "GET").upper()
        body = {"json": parameters} if method == "POST" else {"params": parameters}
        failures, refused = 0, False
        while True:
            try:
                return self._request_once(method, href, headers=headers, **body)
            except KeyRefusedError as error:
                if refused:
                    raise error.final from None
                refused = True
            except RetryableError as error:
                failures += 1
                if failures == self._retry_policy.tries:
                    raise self._unavailable(str(error), failures) from None
                wait = self._retry_policy.wait_s(failures, error.retry_after_s)
                log.info("the catalogue %s: %s; trying again in %g s", self._url, error, wait)
                sleep(wait)

    def _request_once(self, method: str, href: str, **options: Any) -> str:
        try:
            with self.session.request(
                method, href, stream=True, timeout=self._retry_policy.timeout_s, **options
            ) as response:
                return self._json_text(response)
        except UnresolvedHost as error:
            raise RetryableError(str(error).partition(". ")[0]) from None
        except (requests.ConnectionError, requests.Timeout, HTTPError, OSError) as error:
            if isinstance(error, requests.RequestException) and not isinstance(
                error, requests.ConnectionError | requests.Timeout
            ):
                raise _not_stac(self._url, error) from None
            raise RetryableError(f"no answer, or an incomplete one ({root_cause(error)})") from None

    def _json_text(self, response: requests.Response) -> str:
        refusal = self._authorized.authorization.refusal(str(response.url), response)
        if refusal is not None:
            raise refusal
        if is_retryable(response.status_code):
            answer = f"it answers {response.status_code} {response.reason or ''}".rstrip()
            raise RetryableError(answer, retry_after_s=parse_retry_after(response.headers.get("Retry-After", "")))
        text = self._read_body(response)
        if not response.ok:
            raise APIError.from_response(response)
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            raise RetryableError(f"its answer is not JSON ({text[:40]!r}...)") from None
        return text.decode("utf-8")

    def _read_body(self, response: requests.Response) -> bytes:
        content, stall_guard = bytearray(), StallGuard(self._retry_policy.timeout_s)
        while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
            content += chunk
            stall_guard.check(len(chunk))
            if len(content) > MAX_ANSWER_BYTES:
                raise UserError(
                    f"An answer of the catalogue {self._url} does not end. Name another in imagery.catalogue."
                )
        return bytes(content)

    def _unavailable(self, reason: str, failures: int) -> UserError:
        times = f", {failures} times in a row" if failures > 1 else ""
        return UserError(
            f"The catalogue {self._url} cannot be reached: {reason}{times}. Check the network, try again later, or name another "
            "catalogue in imagery.catalogue."
        )


def _pages(transport: StacTransport, query: ItemSearch) -> Iterator[Json]:
    """Yield all pages of an answer. The paging of pystac-client would stop at an empty or broken page."""
    parameters = query.get_parameters()
    page = transport.read_json(query.url, method=query.method, parameters=parameters)
    while True:
        yield page
        link = next((link for link in page.get("links", []) if link["rel"] == "next"), None)
        if link is None:
            return
        page = transport.read_json(Link.from_dict(link), parameters=parameters)


def _items_by_page(url: str, pages: Iterator[Json]) -> Iterator[list[Json]]:
    """Yield the items of each page. Raises UserError when page after page holds no new item."""
    seen: set[str] = set()
    stale = 0
    while (page := _call(url, lambda: next(pages, None))) is not None:
        items = _call(url, partial(_items, page))
        new = {json.dumps([item.get("collection"), item.get("id")]) for item in items} - seen
        stale = 0 if new else stale + 1
        if stale == MAX_STALE_PAGES:
            raise UserError(
                f"The catalogue {url} gives the same page of items again and again ({len(seen)} items so far). Its paging is "
                "broken: tell its operators, or name another catalogue in imagery.catalogue."
            )
        seen |= new
        yield items


def _call(url: str, function: Callable[[], T]) -> T:
    """Return the result of a call of pystac-client, which may raise anything for an answer outside the standard."""
    try:
        return function()
    except UserError:
        raise
    except Exception as error:
        raise _not_stac(url, error) from error


def _not_stac(url: str, error: Exception) -> UserError:
    return UserError(
        f"The catalogue {url} answers, but not as a STAC API does ({type(error).__name__}: {one_line(error)}). Check the address "
        "in imagery.catalogue.url: it is the one of the API's landing page, such as .../v1."
    )


def _items(page: Json) -> list[Json]:
    return [dict(item) for item in page["features"]]


def _search_method(client: Client) -> str:
    """Return POST, which holds larger outlines, where the catalogue offers it, else GET."""
    methods = {str(link.extra_fields.get("method", "GET")).upper() for link in client.get_links("search")}
    return "POST" if "POST" in methods else "GET"


def _interval(days: tuple[date, date]) -> list[datetime]:
    first, last = days
    midnight = time(tzinfo=UTC)
    return [datetime.combine(first, midnight), datetime.combine(last + timedelta(days=1), midnight)]


def _check_collection(client: Client, url: str, name: str) -> None:
    """Raise UserError for a missing collection: many catalogues answer a search in one with no items and no error."""
    names = _call(url, lambda: sorted(collection.id for collection in client.get_collections()))
    if name not in names:
        nearest = difflib.get_close_matches(name, names, n=3, cutoff=0) or ["none at all"]
        raise UserError(
            f"The catalogue {url} has no collection {name}; the nearest of its {len(names)} is {nearest[0]}. Correct "
            "imagery.catalogue.collection."
        )
