"""What each request carries to prove who asks, by the address of its server alone.

A token goes to the hosts that the archive names, a signature to its S3 endpoint, and a login to the host of its entry in
``~/.netrc``; nothing goes anywhere else. A redirect is a new request: what the first carried is taken off. Nothing goes
over plain http, except in one's own network (`imagery.catalogue.allow_private`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase, _basic_auth_str

from lobate.errors import UserError
from lobate.imagery.fetching.credentials import Login, netrc_login
from lobate.imagery.fetching.retry import KeyRefusedError, RetryableError, parse_retry_after
from lobate.imagery.fetching.s3 import SIGNED_HEADERS, S3Archive
from lobate.imagery.fetching.urls import strip_query

if TYPE_CHECKING:
    from lobate.imagery.fetching.token_file import TokenFile

BEARER = "Bearer "


class Anonymous(AuthBase):
    """Sends nothing; requests of its own would read ``~/.netrc``, even its entry ``default``."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Take off what an earlier request carried."""
        for name in SIGNED_HEADERS:
            request.headers.pop(name, None)
        return request

    def address(self, url: str) -> str:
        """Return the address to request for a file's address."""
        return url

    def refusal(self, url: str, response: requests.Response) -> Exception | None:
        """Return what a refusal means where a key is at fault, else None."""
        return None


class Authorization(Anonymous):
    """Token, signature and logins of one archive."""

    def __init__(
        self,
        *,
        plain_http: bool,
        s3: S3Archive,
        tokens: TokenFile | None = None,
        token_hosts: Sequence[str] = (),
    ) -> None:
        self._plain_http, self._s3, self._tokens, self._token_hosts = plain_http, s3, tokens, tuple(token_hosts)
        self._other_hosts = {urlsplit(s3.stated_endpoint).hostname, *([tokens.host] if tokens else [])}

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add what the server of this request needs, and nothing else."""
        super().__call__(request)
        url = str(request.url)
        if not self._may_carry(url):
            return request
        if self._takes_token(url) and self._tokens:
            request.headers["Authorization"] = BEARER + self._tokens.current()
        elif self._s3.serves(url):
            self._s3.sign(request)
        elif login := self._login(str(urlsplit(url).hostname)):
            request.headers["Authorization"] = _basic_auth_str(login.name, login.password)
        return request

    def address(self, url: str) -> str:
        """Return the address to request for a file's address: for ``s3://`` the http(s) address at the S3 server."""
        return self._s3.address(url) if url.startswith("s3://") else url

    def refusal(self, url: str, response: requests.Response) -> Exception | None:
        """Return what a refusal means where a key is at fault, else None. A refused token is not sent again."""
        asked, status = str(response.request.url), response.status_code
        if self._takes_token(asked):
            return self._token_refusal(strip_query(url), response)
        if self._s3.serves(asked) and status in (301, 307, 400, 401, 403):
            return self._s3.refusal(strip_query(url), response)
        if status == requests.codes.unauthorized:
            return _login_refusal(strip_query(url), response)
        return None

    def _token_refusal(self, place: str, response: requests.Response) -> Exception | None:
        status, sent = response.status_code, response.request.headers.get("Authorization", "")
        if status == requests.codes.too_many_requests:
            return RetryableError(
                "the archive answers 429: the account has too many connections open, or its quota of this month is used up",
                retry_after_s=parse_retry_after(response.headers.get("Retry-After", "")),
            )
        if status not in (401, 403):
            return None
        if not sent.startswith(BEARER) or self._tokens is None:
            return UserError(
                f"{place} cannot be fetched: the archive takes a key over https only, and this address is plain http. Correct the "
                "address in the catalogue or the scene table."
            )
        self._tokens.refuse(sent.removeprefix(BEARER))
        return KeyRefusedError(
            f"the archive answers {status} to the token",
            UserError(
                f"{place} cannot be fetched: the archive answers {status} to a new token. The account is known, but has no right to "
                "this file: accept the archive's terms on its web page, ask for the right, or take the scene from another catalogue."
            ),
        )

    def _login(self, host: str) -> Login | None:
        """Return the login of ``~/.netrc`` for a host; none where it is an account at the token server, or an S3 key.

        Most servers want none, so a file that cannot be read is no error before one of them does.
        """
        if host not in self._other_hosts:
            with suppress(UserError):
                return netrc_login(host)
        return None

    def _may_carry(self, url: str) -> bool:
        return self._plain_http or urlsplit(url).scheme == "https"

    def _takes_token(self, url: str) -> bool:
        parts = urlsplit(url)
        return any(
            place in (parts.hostname, parts.netloc) or (place.startswith(".") and str(parts.hostname).endswith(place))
            for place in self._token_hosts
        )


def _login_refusal(place: str, response: requests.Response) -> UserError:
    """Return what a 401 means. Raises UserError for a ``~/.netrc`` that cannot be read."""
    host = str(urlsplit(str(response.request.url)).hostname)
    netrc_login(host)
    sent = "Authorization" in response.request.headers
    return UserError(
        f"{place} cannot be fetched: {host} refuses the name or the password of ~/.netrc (401). Correct them there."
        if sent
        else f"{place} cannot be fetched: {host} wants a login (401), and ~/.netrc has none for it. Write the line 'machine {host} "
        "login NAME password PASSWORD' into it. The configuration takes no keys."
    )
