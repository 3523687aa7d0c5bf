"""URLs: strip a query, add a suffix, and shorten an error's text so that no query shows."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit


def strip_query(url: str) -> str:
    """Return a URL without query and fragment, so that it shows no signature and is the same when it is signed again."""
    try:
        return urlunsplit(urlsplit(url)._replace(query="", fragment=""))
    except ValueError:  # not a URL; the request for it raises the error
        return url.partition("?")[0]


def sibling_url(url: str, suffix: str) -> str:
    """Return the URL of the file with ``suffix`` after its name, such as ``.aux.xml``."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path}{suffix}"))


def one_line(error: BaseException) -> str:
    """Return an error's text in one line of at most 200 characters, cut at the query of a URL."""
    return " ".join(str(error).partition("?")[0].split())[:200] or type(error).__name__
