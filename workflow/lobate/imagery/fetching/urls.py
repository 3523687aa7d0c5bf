"""Addresses of files on the web, taken apart and put together."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit


def strip_query(url: str) -> str:
    """Return an address without its query, where signatures stand: fit for messages, and the same when signed anew."""
    try:
        return urlunsplit(urlsplit(url)._replace(query="", fragment=""))
    except ValueError:  # no address at all, as whoever asks for it will be told
        return url.partition("?")[0]


def sibling_url(url: str, suffix: str) -> str:
    """Return the address of the file that has ``ending`` after its name, such as ``.aux.xml``."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path}{suffix}"))
