"""Files over HTTP from archives that are slow, busy, or cut the line: each arrives whole and right, or not at all.

A file grows in a ``Part``; a transfer that breaks goes on where it broke, in this process or the next. What may pass by
itself (403, 408, 425, 429, 5xx, a cut or silent connection) is tried again after waits of 1, 2, 4, ... seconds, or as long
as the server asks. Length and checksum are compared before the file gets its name.

A file that is half here: its bytes so far, and of which version of the remote file they are.

The bytes lie in ``<name>.part``, their origin in ``<name>.part.json`` beside it. More bytes are only ever added to those of
the same version, which the server vouches for (``If-Range`` with a strong ETag, else with the time of the last change).
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Mapping
from contextlib import closing
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
from lobate.imagery.fetching.retry import RetryableError, RetryPolicy, StallGuard, parse_retry_after
from lobate.imagery.fetching.signing import Signer, Unsigned
from lobate.imagery.fetching.ssrf_guard import UnresolvedHost
from lobate.imagery.fetching.urls import strip_query
from lobate.progress import Progress


class PartialFile:
    """The bytes fetched so far of the file at ``url``; ``path`` is where they lie."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self._origin_file = path.with_name(path.name + ".json")
        self._url = strip_query(url)
        self._max_size = self.size

    @property
    def size(self) -> int:
        """How many bytes are here."""
        return self.path.stat().st_size if self.path.exists() else 0

    def has_grown(self, min_bytes: int) -> bool:
        """Whether it has ``worth`` bytes more than it ever had when this was asked, or when it began."""
        grown = self.size - self._max_size >= min_bytes
        self._max_size = max(self._max_size, self.size)
        return grown

    def range_headers(self) -> dict[str, str]:
        """Return the headers that ask for the bytes which are lacking, of the same version; else for all of them."""
        validator = self._read_origin().get("validator")
        if not validator or not self.size:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": validator}

    def start(self, response: requests.Response) -> int | None:
        """Make ready for the answer's bytes: keep those it goes on from, or drop all; return how many bytes the whole has.

        None where the answer does not tell. Raises Trouble when it brings bytes from the middle that do not follow.
        """
        start, total = _content_range(response.headers)
        if response.status_code != requests.codes.partial_content or start != self.size:
            self.discard()
            if response.status_code == requests.codes.partial_content:
                raise RetryableError("the server sent other bytes than were asked for")
            total = _content_length(response.headers)
        self._origin_file.write_text(
            json.dumps({"url": self._url, "validator": _validator(response.headers)}), encoding="utf-8"
        )
        return total

    def is_complete(self, refusal: requests.Response) -> bool:
        """Whether the server refused to send more because there is no more (``416`` with ``Content-Range: bytes */1000``)."""
        return refusal.headers.get("Content-Range", "").strip() == f"bytes */{self.size}"

    def discard(self) -> None:
        """Forget what is here."""
        for one in (self._origin_file, self.path):
            one.unlink(missing_ok=True)

    def commit(self, target: Path) -> None:
        """Turn into the finished file, at once and for good."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        target.parent.mkdir(parents=True, exist_ok=True)
        self.path.replace(target)
        self._origin_file.unlink(missing_ok=True)

    def _read_origin(self) -> dict[str, Any]:
        try:
            note = json.loads(self._origin_file.read_bytes())
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) and note.get("url") == self._url else {}


def _content_range(headers: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Return first byte and length of the whole, of ``Content-Range: bytes 100-999/1000``."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", "").strip())
    if not match:
        return None, None
    return int(match[1]), None if match[2] == "*" else int(match[2])


def _content_length(headers: Mapping[str, str]) -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if text.isdecimal() and not is_encoded(headers) else None


def is_encoded(headers: Mapping[str, str]) -> bool:
    """Whether the answer comes compressed although nobody asked for that; its length is then not the file's."""
    return headers.get("Content-Encoding", "identity").lower() not in ("", "identity")


def _validator(headers: Mapping[str, str]) -> str:
    etag = headers.get("ETag", "")
    if is_encoded(headers):
        return ""
    return headers.get("Last-Modified", "") if not etag or etag.startswith("W/") else etag


log = logging.getLogger(__name__)
T = TypeVar("T")

RETRYABLE = {403, 408, 425, 429}
"""Refusals that may be others in a while, as all of the server's own faults (5xx) may."""
CHUNK_BYTES = 1 << 18
PROGRESS_BYTES = 1 << 20
"""Bytes that make a broken transfer count as one that moves on."""
MAX_FILE_BYTES = 16 << 30
MAX_DOCUMENT_BYTES = 64 << 20


@dataclass(frozen=True)
class DownloadRequest:
    """One file: where it is, what it must be, and where it is to stand."""

    url: str
    target: Path
    work_dir: Path
    """Folder of half-fetched files, in the target's file system."""
    checksum: Checksum | None = None
    size: int | None = None
    """Bytes, where the catalogue tells; a checksum overrules it."""

    def mismatch(self, path: Path) -> str:
        """Return what is wrong with the fetched bytes, empty where nothing is."""
        if self.checksum:
            return "" if self.checksum.matches(path) else f"its {self.checksum.algorithm} is not the catalogue's"
        size = path.stat().st_size
        return "" if self.size in (None, size) else f"it has {size} bytes, not {self.size} as the catalogue says"


class NotFoundError(UserError):
    """The server has no such file."""


class DownloadStopped(Exception):
    """The transfer was told to stop; what has come so far is kept."""


class Downloader:
    """Fetches files and documents; one is enough for many files and threads."""

    def __init__(
        self,
        session: requests.Session,
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
        """Return a small document of the catalogue, which needs no signature. Raises Missing, or UserError when it cannot be had."""
        return self._retry(url, lambda: self._read_document(url))

    def fetch(self, request: DownloadRequest) -> None:
        """Fetch a file, going on from what an earlier transfer left.

        A file whose bytes are wrong is thrown away and fetched once more. Raises Missing, or UserError when it cannot be had.
        """
        with os_errors(request.work_dir):
            request.work_dir.mkdir(parents=True, exist_ok=True)
        part = PartialFile(request.work_dir / f"{request.target.name}.part", request.url)
        fault = ""
        for _ in range(2):
            self._retry(request.url, lambda: self._resume(request.url, part, request.target.name))
            fault = request.mismatch(part.path)
            if not fault:
                with os_errors(request.target):
                    part.commit(request.target)
                return
            part.discard()
            log.warning("%s is wrong and is thrown away: %s", strip_query(request.url), fault)
        raise UserError(
            f"{strip_query(request.url)} arrived whole and wrong, twice: {fault}. The archive or the catalogue has changed or damaged "
            "it; find the scene again to get its present checksum, or take it from another catalogue."
        )

    def _retry(self, url: str, attempt: Callable[[], T]) -> T:
        """Return what ``attempt`` returns, trying again after trouble that may pass."""
        failures = 0
        while True:
            try:
                return attempt()
            except RetryableError as trouble:
                failures = 1 if trouble.made_progress else failures + 1
                if failures >= self._retry_policy.tries:
                    raise UserError(
                        f"{strip_query(url)} cannot be fetched: {trouble}, and so {failures} times in a row. Try again later: what "
                        "has come so far is kept. If it stays so, look at the address in a browser, or raise "
                        "imagery.catalogue.tries."
                    ) from None
                wait = self._retry_policy.wait_s(failures, trouble.retry_after_s)
                log.info("%s: %s; trying again in %g s", strip_query(url), trouble, wait)
            if self.stop.wait(wait):
                raise DownloadStopped

    def _read_document(self, url: str) -> bytes:
        with closing(self._get(url, {}, Unsigned())) as answer:
            pieces = bytearray()
            while piece := self._next_chunk(answer):
                pieces += piece
                if len(pieces) > MAX_DOCUMENT_BYTES:
                    raise UserError(
                        f"{strip_query(url)} is larger than any document of a catalogue; check its address."
                    )
            return bytes(pieces)

    def _resume(self, url: str, part: PartialFile, name: str) -> None:
        """Add what is lacking to ``part``; Trouble when the line breaks."""
        with closing(self._get(url, part.range_headers(), self._signer)) as answer:
            if answer.status_code == requests.codes.requested_range_not_satisfiable:
                if part.is_complete(answer):
                    return
                part.discard()
                raise RetryableError("the file has become shorter")
            with os_errors(part.path):
                total = part.start(answer)
            try:
                self._write_body(answer, part, name, total)
            except RetryableError as trouble:
                trouble.made_progress = part.has_grown(PROGRESS_BYTES)
                raise

    def _write_body(self, answer: requests.Response, part: PartialFile, name: str, total: int | None) -> None:
        size, pace = part.size, StallGuard(self._retry_policy.timeout_s)
        arrived = self._progress.task(name, total, size)
        with os_errors(part.path), part.path.open("ab") as file:
            while piece := self._next_chunk(answer):
                file.write(piece)
                size += len(piece)
                arrived.at(size)
                pace.check(len(piece))
                if size > MAX_FILE_BYTES:
                    raise UserError(f"{strip_query(answer.url)} does not end; no file of a scene is larger than 16 GB.")
        if total is not None and size != total:
            raise RetryableError(f"the connection was cut after {size} of {total} bytes")

    def _next_chunk(self, answer: requests.Response) -> bytes:
        """Return the bytes that come next, none at the end."""
        if self.stop.is_set():
            raise DownloadStopped
        try:
            return answer.raw.read1(CHUNK_BYTES, decode_content=is_encoded(answer.headers))
        except (HTTPError, OSError) as error:
            raise RetryableError(f"the connection broke ({root_cause(error)})") from None

    def _get(self, url: str, headers: dict[str, str], signer: Signer) -> requests.Response:
        """Return the answer with its body still to come: 200, 206 or 416."""
        signed = signer.sign(url)
        try:
            answer = self._session.get(
                signed,
                headers={"Accept-Encoding": "identity", **headers},
                stream=True,
                timeout=self._retry_policy.timeout_s,
            )
        except UnresolvedHost as error:
            raise RetryableError(
                f"its host cannot be found ({error.args[0].partition('(')[2].partition(')')[0]})"
            ) from None
        except (requests.ConnectionError, requests.Timeout) as error:
            raise RetryableError(f"no answer ({root_cause(error)})") from None
        except RequestException as error:
            raise UserError(
                f"{strip_query(url)} cannot be asked for: {root_cause(error)}. Correct the address, in the scene table or the catalogue."
            ) from None
        if answer.status_code in (200, 206) or (answer.status_code == 416 and "Range" in headers):
            return answer
        with answer:
            if answer.status_code == requests.codes.forbidden:
                signer.renew(url, signed)
            raise _status_error(url, answer)


def _status_error(url: str, answer: requests.Response) -> Exception:
    said = f"the server says {answer.status_code} {answer.reason or ''}".rstrip()
    if answer.status_code == requests.codes.forbidden:
        said += " (some archives want signed addresses: imagery.catalogue.signing)"
    if answer.status_code in RETRYABLE or answer.status_code >= requests.codes.internal_server_error:
        return RetryableError(said, retry_after_s=parse_retry_after(answer.headers.get("Retry-After", "")))
    kind = NotFoundError if answer.status_code in (404, 410) else UserError
    return kind(
        f"{strip_query(url)} cannot be fetched: {said}. Look whether the catalogue still lists it (find the scene again), or "
        "take the scene from another catalogue."
    )


def root_cause(error: Exception) -> str:
    """Return the innermost cause of an error in one line, without queries (they may hold signatures)."""
    cause: BaseException = error
    while inner := getattr(cause, "reason", None) or cause.__cause__ or cause.__context__:
        if not isinstance(inner, BaseException) or inner is cause:
            break
        cause = inner
    return " ".join(str(cause).partition("?")[0].split())[:200] or type(cause).__name__
