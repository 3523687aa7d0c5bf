"""Downloads over HTTP from slow, busy or unreliable archives: a file arrives complete and correct, or not at all.

Failures that may pass are tried again, with exponential backoff: status 403, 408, 425, 429 and 5xx, a cut or stalled
connection. A broken transfer is resumed, by this process or the next. Length and checksum are compared before the file
gets its name.

A partial file is ``<name>.part``; ``<name>.part.json`` beside it holds its URL and the version of the remote file. Bytes
are appended only to the same version (``If-Range`` with a strong ETag, else with ``Last-Modified``).
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import requests
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from lobate.errors import UserError
from lobate.imagery.fetching.checksum import Checksum
from lobate.imagery.fetching.journal import os_errors
from lobate.imagery.fetching.retry import (
    KeyRefusedError,
    RetryableError,
    RetryPolicy,
    StallGuard,
    is_retryable,
    parse_retry_after,
)
from lobate.imagery.fetching.session import ArchiveSession
from lobate.imagery.fetching.signing import Signer, Unsigned
from lobate.imagery.fetching.ssrf_guard import UnresolvedHost
from lobate.imagery.fetching.urls import one_line, strip_query
from lobate.progress import Progress

log = logging.getLogger(__name__)
T = TypeVar("T")

CHUNK_BYTES = 1 << 18
PROGRESS_BYTES = 1 << 20
"""A broken transfer that brought so many bytes does not count as a failure in a row."""
MAX_FILE_BYTES = 16 << 30
MAX_DOCUMENT_BYTES = 64 << 20
ATTEMPTS_PER_FILE = 2
"""A complete download with a wrong checksum is repeated once."""


class NotFoundError(UserError):
    """The server does not have the file (404 or 410)."""


class DownloadStopped(Exception):
    """Another thread stopped the transfer; the partial file is kept."""


@dataclass(frozen=True)
class DownloadRequest:
    """One file to download: its URL, its target, and its expected content."""

    url: str
    target: Path
    work_dir: Path
    """Folder of partial files, on the target's file system."""
    checksum: Checksum | None = None
    size: int | None = None
    """Bytes, where the catalogue has it; ignored where there is a checksum."""

    def mismatch(self, path: Path) -> str:
        """Return what is wrong with the downloaded bytes, empty where nothing is."""
        if self.checksum:
            return "" if self.checksum.matches(path) else f"its {self.checksum.algorithm} is not the catalogue's"
        size = path.stat().st_size
        return "" if self.size in (None, size) else f"it has {size} bytes, not {self.size} as in the catalogue"


class PartialFile:
    """The bytes at ``path`` that have been downloaded so far from ``url``."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self._origin_file = path.with_name(path.name + ".json")
        self._url = strip_query(url)
        self._max_size = self.size

    @property
    def size(self) -> int:
        """Number of bytes so far."""
        return self.path.stat().st_size if self.path.exists() else 0

    def has_grown(self, min_bytes: int) -> bool:
        """Whether the file is ``min_bytes`` larger than at any former call, or at the start."""
        grown = self.size - self._max_size >= min_bytes
        self._max_size = max(self._max_size, self.size)
        return grown

    def range_headers(self) -> dict[str, str]:
        """Return the request headers for the remaining bytes of the same version; empty where all bytes are needed."""
        validator = self._read_origin().get("validator")
        if not validator or not self.size:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": validator}

    def start(self, response: requests.Response) -> int | None:
        """Prepare for the response's bytes, and return the file's total size, None where the server does not send it.

        The bytes so far are kept where the response continues them, else dropped. Raises RetryableError for a response with
        another range than requested.
        """
        start, total = _content_range(response.headers)
        if response.status_code != requests.codes.partial_content or start != self.size:
            self.discard()
            if response.status_code == requests.codes.partial_content:
                raise RetryableError("the server sent other bytes than were requested")
            total = _content_length(response.headers)
        self._origin_file.write_text(
            json.dumps({"url": self._url, "validator": _validator(response.headers)}), encoding="utf-8"
        )
        return total

    def is_complete(self, response: requests.Response) -> bool:
        """Whether a 416 response means that no bytes remain (``Content-Range: bytes */1000``)."""
        return response.headers.get("Content-Range", "").strip() == f"bytes */{self.size}"

    def discard(self) -> None:
        """Delete the bytes so far."""
        for path in (self._origin_file, self.path):
            path.unlink(missing_ok=True)

    def commit(self, target: Path) -> None:
        """Rename to the finished file, with its bytes safe on disk."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        target.parent.mkdir(parents=True, exist_ok=True)
        self.path.replace(target)
        self._origin_file.unlink(missing_ok=True)

    def _read_origin(self) -> dict[str, Any]:
        try:
            origin = json.loads(self._origin_file.read_bytes())
        except (OSError, ValueError):
            return {}
        return origin if isinstance(origin, dict) and origin.get("url") == self._url else {}


class Downloader:
    """Downloads files and documents; threads may share it."""

    def __init__(
        self,
        session: ArchiveSession,
        *,
        retry_policy: RetryPolicy | None = None,
        signer: Signer | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._session = session
        self._retry_policy = retry_policy or RetryPolicy()
        self._signer = signer or Unsigned()
        self._progress = progress or Progress(every_s=inf, bars="never")
        self.stop = Event()

    def read(self, url: str) -> bytes:
        """Return a small document, which needs no signature. Raises NotFoundError, or UserError for another failure."""
        return self._retry(url, lambda: self._read_document(url))

    def fetch(self, request: DownloadRequest) -> None:
        """Download a file, resuming an earlier transfer.

        A file with wrong content is deleted and downloaded once more. Raises NotFoundError, or UserError for another failure.
        """
        with os_errors(request.work_dir):
            request.work_dir.mkdir(parents=True, exist_ok=True)
        part = PartialFile(request.work_dir / f"{request.target.name}.part", request.url)
        mismatch = ""
        for _ in range(ATTEMPTS_PER_FILE):
            self._retry(request.url, lambda: self._resume(request.url, part, request.target.name))
            mismatch = request.mismatch(part.path)
            if not mismatch:
                with os_errors(request.target):
                    part.commit(request.target)
                return
            part.discard()
            log.warning("%s is wrong and is deleted: %s", strip_query(request.url), mismatch)
        raise UserError(
            f"{strip_query(request.url)} was downloaded completely twice, and was wrong both times: {mismatch}. The file changed or "
            "was damaged in the archive, or the catalogue is out of date. Find the scene again to get its present checksum, or "
            "take it from another catalogue."
        )

    def _retry(self, url: str, attempt: Callable[[], T]) -> T:
        """Return the result of ``attempt``, called again after failures that may pass."""
        failures, refused = 0, False
        while True:
            try:
                return attempt()
            except KeyRefusedError as error:
                if refused:
                    raise error.final from None
                refused, wait = True, 0.0
                log.info("%s: %s; going on with a new one", strip_query(url), error)
            except RetryableError as error:
                failures, refused = 1 if error.made_progress else failures + 1, False
                if failures >= self._retry_policy.tries:
                    raise UserError(
                        f"{strip_query(url)} cannot be fetched: {error}, {failures} times in a row. Try again later: what has been "
                        "downloaded so far is kept. If the error stays, open the address in a browser, or raise "
                        "imagery.catalogue.tries."
                    ) from None
                wait = self._retry_policy.wait_s(failures, error.retry_after_s)
                log.info("%s: %s; trying again in %g s", strip_query(url), error, wait)
            if self.stop.wait(wait):
                raise DownloadStopped

    def _read_document(self, url: str) -> bytes:
        with self._response(url, {}, Unsigned()) as response:
            content = bytearray()
            while chunk := self._next_chunk(response):
                content += chunk
                if len(content) > MAX_DOCUMENT_BYTES:
                    raise UserError(
                        f"{strip_query(url)} is larger than any document of a catalogue; check its address."
                    )
            return bytes(content)

    def _resume(self, url: str, part: PartialFile, name: str) -> None:
        """Append the remaining bytes to ``part``. Raises RetryableError when the connection breaks."""
        with self._response(url, part.range_headers(), self._signer) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:
                if part.is_complete(response):
                    return
                part.discard()
                raise RetryableError("the file has become shorter")
            with os_errors(part.path):
                total = part.start(response)
            try:
                self._write_body(response, part, name, total)
            except RetryableError as error:
                error.made_progress = part.has_grown(PROGRESS_BYTES)
                raise

    def _write_body(self, response: requests.Response, part: PartialFile, name: str, total: int | None) -> None:
        size, stall_guard = part.size, StallGuard(self._retry_policy.timeout_s)
        task = self._progress.task(name, total, size)
        with os_errors(part.path), part.path.open("ab") as file:
            while chunk := self._next_chunk(response):
                file.write(chunk)
                size += len(chunk)
                task.update(size)
                stall_guard.check(len(chunk))
                if size > MAX_FILE_BYTES:
                    raise UserError(
                        f"{strip_query(response.url)} does not end; no file of a scene is larger than 16 GB."
                    )
        if total is not None and size != total:
            raise RetryableError(f"the connection was cut after {size} of {total} bytes")

    def _next_chunk(self, response: requests.Response) -> bytes:
        """Return the next bytes, none at the end."""
        if self.stop.is_set():
            raise DownloadStopped
        try:
            return response.raw.read1(CHUNK_BYTES, decode_content=is_encoded(response.headers))
        except (HTTPError, OSError) as error:
            raise RetryableError(f"the connection broke ({root_cause(error)})") from None

    @contextmanager
    def _response(self, url: str, headers: dict[str, str], signer: Signer) -> Iterator[requests.Response]:
        """Yield the response (200, 206 or 416) with its body still to be read, on one of the archive's connections."""
        signed = signer.sign(url)
        address = self._session.authorization.address(signed)
        with self._session.connection(address, self.stop) as connection_headers:
            if self.stop.is_set():
                raise DownloadStopped
            response = self._send(url, address, {"Accept-Encoding": "identity", **headers, **connection_headers})
            with closing(response):
                if response.status_code not in (200, 206) and not (response.status_code == 416 and "Range" in headers):
                    if response.status_code == requests.codes.forbidden:
                        signer.renew(url, signed)
                    raise self._session.authorization.refusal(url, response) or _status_error(url, response)
                yield response

    def _send(self, url: str, address: str, headers: dict[str, str]) -> requests.Response:
        try:
            return self._session.get(address, headers=headers, stream=True, timeout=self._retry_policy.timeout_s)
        except UnresolvedHost as error:
            raise RetryableError(
                f"its host cannot be found ({error.args[0].partition('(')[2].partition(')')[0]})"
            ) from None
        except (requests.ConnectionError, requests.Timeout) as error:
            raise RetryableError(f"no answer ({root_cause(error)})") from None
        except RequestException as error:
            raise UserError(
                f"{strip_query(url)} cannot be requested: {root_cause(error)}. Correct the address, in the scene table or the catalogue."
            ) from None


def is_encoded(headers: Mapping[str, str]) -> bool:
    """Whether the body is compressed although no client asked for that; Content-Length is then not the file's."""
    return headers.get("Content-Encoding", "identity").lower() not in ("", "identity")


def root_cause(error: Exception) -> str:
    """Return the text of an error's innermost cause in one line."""
    cause: BaseException = error
    while inner := getattr(cause, "reason", None) or cause.__cause__ or cause.__context__:
        if not isinstance(inner, BaseException) or inner is cause:
            break
        cause = inner
    return one_line(cause)


def _status_error(url: str, response: requests.Response) -> Exception:
    answer = f"the server answers {response.status_code} {response.reason or ''}".rstrip()
    if response.status_code == requests.codes.forbidden:
        answer += " (some archives require signed addresses: imagery.catalogue.signing)"
    if is_retryable(response.status_code):
        return RetryableError(answer, retry_after_s=parse_retry_after(response.headers.get("Retry-After", "")))
    kind = NotFoundError if response.status_code in (404, 410) else UserError
    return kind(
        f"{strip_query(url)} cannot be fetched: {answer}. Check whether the catalogue still lists it (find the scene again), or "
        "take the scene from another catalogue."
    )


def _content_range(headers: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Return first byte and total size of ``Content-Range: bytes 100-999/1000``."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", "").strip())
    if not match:
        return None, None
    return int(match[1]), None if match[2] == "*" else int(match[2])


def _content_length(headers: Mapping[str, str]) -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if text.isdecimal() and not is_encoded(headers) else None


def _validator(headers: Mapping[str, str]) -> str:
    etag = headers.get("ETag", "")
    if is_encoded(headers):
        return ""
    return headers.get("Last-Modified", "") if not etag or etag.startswith("W/") else etag
