"""Signatures of S3 requests in their headers: AWS Signature Version 4 for requests without a body.

See https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html. The secret itself is never sent.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from lobate.imagery.fetching.aws_files import S3Key

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_BODY = hashlib.sha256(b"").hexdigest()
UNRESERVED = "-_.~"


def signature_headers(
    method: str, url: str, key: S3Key, region: str, moment: datetime, headers: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the headers that sign a request at ``moment``; ``headers`` are others that the signature covers."""
    parts, stamp = urlsplit(url), moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    added = {"X-Amz-Content-SHA256": EMPTY_BODY, "X-Amz-Date": stamp}
    if key.session_token:
        added["X-Amz-Security-Token"] = key.session_token
    covered = {name.lower(): " ".join(text.split()) for name, text in {**(headers or {}), **added}.items()}
    covered = dict(sorted({**covered, "host": _host(parts)}.items()))
    names = ";".join(covered)
    lines = "".join(f"{name}:{text}\n" for name, text in covered.items())
    request = "\n".join([method, _path(parts.path), _query(parts.query), lines, names, EMPTY_BODY])
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    text = "\n".join([ALGORITHM, stamp, scope, hashlib.sha256(request.encode()).hexdigest()])
    signature = _hmac(_signing_key(key.secret, scope), text).hex()
    return {
        **added,
        "Authorization": f"{ALGORITHM} Credential={key.key}/{scope}, SignedHeaders={names}, Signature={signature}",
    }


def _host(parts: SplitResult) -> str:
    """Return the header Host as it is sent: without the scheme's own port."""
    return parts.netloc.removesuffix({"http": ":80", "https": ":443"}[parts.scheme])


def _path(path: str) -> str:
    return quote(unquote(path), safe=f"/{UNRESERVED}") or "/"


def _query(query: str) -> str:
    pairs = sorted(
        (quote(name, safe=UNRESERVED), quote(value, safe=UNRESERVED))
        for name, value in parse_qsl(query, keep_blank_values=True)
    )
    return "&".join(f"{name}={value}" for name, value in pairs)


def _signing_key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
