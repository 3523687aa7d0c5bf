"""Files in S3 buckets: the https address of an ``s3://`` address, its signature, and what a refusal means.

Requests are signed in their headers, so no address holds a signature.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from lobate.errors import UserError
from lobate.imagery.fetching.aws_files import S3Key, aws_endpoint, aws_region
from lobate.imagery.fetching.credentials import s3_key, s3_key_places
from lobate.imagery.fetching.signature import signature_headers

if TYPE_CHECKING:
    import requests

SCHEME = "s3://"
AMAZON = "amazonaws.com"
DEFAULT_REGION = "us-east-1"
SIGNED_HEADERS = ("Authorization", "X-Amz-Date", "X-Amz-Content-SHA256", "X-Amz-Security-Token")
MAX_ERROR_BYTES = 1 << 16
WRONG_KEY = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidSecurity")
EXPIRED = ("ExpiredToken", "TokenRefreshRequired", "RequestExpired")
ELSEWHERE = ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException")


@dataclass(frozen=True)
class S3Archive:
    """The S3 server of an archive: its endpoint and region, those of the settings, else those of the AWS files."""

    stated_endpoint: str = ""
    stated_region: str = ""
    _given: set[tuple[str, str]] = field(default_factory=set, compare=False, repr=False)
    """Scheme and host of the addresses that ``address`` returned."""

    @cached_property
    def endpoint(self) -> str:
        """Base address of the server; empty for Amazon's own."""
        return (self.stated_endpoint or aws_endpoint()).rstrip("/")

    @cached_property
    def region(self) -> str:
        """Region that requests are signed for."""
        return self.stated_region or aws_region() or DEFAULT_REGION

    def address(self, url: str) -> str:
        """Return the http(s) address of a file at ``s3://bucket/key``. Raises UserError for anything else."""
        bucket, _, key = url.removeprefix(SCHEME).partition("/")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}", bucket) or not key:
            raise UserError(
                f"The address {url[:200]!r} is no file in an S3 bucket (s3://bucket/key). It comes from the catalogue: take the scene "
                "from another one."
            )
        url = self._base(bucket) + "/" + quote(key, safe="/-_.~")
        self._given.add(_origin(url))
        return url

    def serves(self, url: str) -> bool:
        """Whether a URL leads to this server, so that it gets a signature.

        Without an endpoint in the settings, only addresses that were ``s3://`` do: many open archives have https
        addresses at Amazon, which refuse a signature with a key that they do not know.
        """
        origin = _origin(url)
        return origin in self._given or bool(self.stated_endpoint and origin == _origin(self.stated_endpoint))

    def sign(self, request: requests.PreparedRequest) -> None:
        """Add the headers of a signature, where there is a key; a bucket may be open to all."""
        if self._key is not None:
            headers = signature_headers(
                str(request.method), str(request.url), self._key, self.region, datetime.now(UTC)
            )
            request.headers.update(headers)

    def refusal(self, place: str, response: requests.Response) -> UserError | None:
        """Return what the server's answer means where a key is at fault, else None. ``place``: the file's address."""
        code = _error_code(response)
        server = self.endpoint or "Amazon S3"
        places = s3_key_places(str(urlsplit(str(response.request.url)).hostname))
        if code in ELSEWHERE:
            return UserError(
                f"{place} cannot be fetched: its bucket lies in another region than {self.region}, or at another endpoint "
                f"({code}). Set the region in AWS_REGION or imagery.catalogue.archive.s3_region."
            )
        if code == "RequestTimeTooSkewed":
            return UserError(
                f"{place} cannot be fetched: the clock of this machine differs from that of {server}. Set it."
            )
        if code in EXPIRED:
            return UserError(
                f"{place} cannot be fetched: the session of the S3 key has expired ({code}). Get new keys and keep them in {places}."
            )
        if self._key is None:
            return UserError(
                f"{place} cannot be fetched: {server} wants a key ({code}), and there is none. Looked for it in {places}. The "
                "configuration takes no keys."
            )
        if code in WRONG_KEY:
            return UserError(
                f"{place} cannot be fetched: {server} does not know the S3 key, or its secret is wrong ({code}). Correct the key in "
                f"one of {places}; the first that has one counts."
            )
        return UserError(
            f"{place} cannot be fetched: the S3 key is valid, but has no right to read this file ({code}). Ask the archive for "
            "the right, take another key (AWS_PROFILE), or take the scene from another catalogue."
        )

    def _base(self, bucket: str) -> str:
        if self.endpoint:
            return f"{self.endpoint}/{bucket}"
        host = f"s3.{self.region}.{AMAZON}"
        return f"https://{host}/{bucket}" if "." in bucket else f"https://{bucket}.{host}"

    @cached_property
    def _key(self) -> S3Key | None:
        return s3_key(str(urlsplit(self.endpoint or f"https://s3.{self.region}.{AMAZON}").hostname))


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _error_code(response: requests.Response) -> str:
    """Return the code of S3's error document, else the HTTP status."""
    body = response.raw.read(MAX_ERROR_BYTES, decode_content=True) or b""
    match = re.search(rb"<Code>(\w{1,60})</Code>", body)
    return match[1].decode() if match else f"status {response.status_code}"
