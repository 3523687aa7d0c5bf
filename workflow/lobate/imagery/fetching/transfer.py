"""Files over HTTP from archives that are slow, busy, or cut the line: each arrives whole and right, or not at all.

A file grows in a ``Part``; a transfer that breaks goes on where it broke, in this process or the next. What may pass by
itself (403, 408, 425, 429, 5xx, a cut or silent connection) is tried again after waits of 1, 2, 4, ... seconds, or as long
as the server asks. Length and checksum are compared before the file gets its name.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TypeVar

import requests
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from lobate.errors import Mistake
from lobate.imagery.fetching.address import plain
from lobate.imagery.fetching.checksum import Checksum
from lobate.imagery.fetching.disk import writing
from lobate.imagery.fetching.guard import Unresolved
from lobate.imagery.fetching.part import Part, is_encoded
from lobate.imagery.fetching.patience import Pace, Patience, Trouble, asked_s
from lobate.imagery.fetching.progress import Progress, Quiet
from lobate.imagery.fetching.signing import Signer, Unsigned

log = logging.getLogger(__name__)
T = TypeVar("T")

PASSING = {403, 408, 425, 429}
"""Refusals that may be others in a while, as all of the server's own faults (5xx) may."""
CHUNK = 1 << 18
WORTH = 1 << 20
"""Bytes that make a broken transfer count as one that moves on."""
LARGEST = 16 << 30
LARGEST_DOCUMENT = 64 << 20


@dataclass(frozen=True)
class Wish:
    """One file: where it is, what it must be, and where it is to stand."""

    url: str
    target: Path
    workshop: Path
    """Folder of half-fetched files, in the target's file system."""
    checksum: Checksum | None = None
    size: int | None = None
    """Bytes, where the catalogue tells; a checksum overrules it."""

    def fault(self, path: Path) -> str:
        """Return what is wrong with the fetched bytes, empty where nothing is."""
        if self.checksum:
            return "" if self.checksum.fits(path) else f"its {self.checksum.algorithm} is not the catalogue's"
        size = path.stat().st_size
        return "" if self.size in (None, size) else f"it has {size} bytes, not {self.size} as the catalogue says"


class Missing(Mistake):
    """The server has no such file."""


class Stopped(Exception):
    """The transfer was told to stop; what has come so far is kept."""


class Courier:
    """Fetches files and documents; one is enough for many files and threads."""

    def __init__(
        self,
        session: requests.Session,
        *,
        patience: Patience | None = None,
        signer: Signer | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._session = session
        self._patience = patience or Patience()
        self._signer = signer or Unsigned()
        self._progress = progress or Quiet()
        self.stop = Event()

    def read(self, url: str) -> bytes:
        """Return a small document of the catalogue, which needs no signature. Raises Missing, or Mistake when it cannot be had."""
        return self._persevere(url, lambda: self._read(url))

    def fetch(self, wish: Wish) -> None:
        """Fetch a file, going on from what an earlier transfer left.

        A file whose bytes are wrong is thrown away and fetched once more. Raises Missing, or Mistake when it cannot be had.
        """
        with writing(wish.workshop):
            wish.workshop.mkdir(parents=True, exist_ok=True)
        part = Part(wish.workshop / f"{wish.target.name}.part", wish.url)
        fault = ""
        for _ in range(2):
            self._persevere(wish.url, lambda: self._continue(wish.url, part, wish.target.name))
            fault = wish.fault(part.path)
            if not fault:
                with writing(wish.target):
                    part.become(wish.target)
                return
            part.discard()
            log.warning("%s is wrong and is thrown away: %s", plain(wish.url), fault)
        raise Mistake(
            f"{plain(wish.url)} arrived whole and wrong, twice: {fault}. The archive or the catalogue has changed or damaged "
            "it; find the scene again to get its present checksum, or take it from another catalogue."
        )

    def _persevere(self, url: str, attempt: Callable[[], T]) -> T:
        """Return what ``attempt`` returns, trying again after trouble that may pass."""
        failures = 0
        while True:
            try:
                return attempt()
            except Trouble as trouble:
                failures = 1 if trouble.moved else failures + 1
                if failures >= self._patience.tries:
                    raise Mistake(
                        f"{plain(url)} cannot be fetched: {trouble}, and so {failures} times in a row. Try again later: what "
                        "has come so far is kept. If it stays so, look at the address in a browser, or raise "
                        "imagery.catalogue.tries."
                    ) from None
                wait = self._patience.wait_s(failures, trouble.asked_s)
                log.info("%s: %s; trying again in %g s", plain(url), trouble, wait)
            if self.stop.wait(wait):
                raise Stopped

    def _read(self, url: str) -> bytes:
        with closing(self._ask(url, {}, Unsigned())) as answer:
            pieces = bytearray()
            while piece := self._piece(answer):
                pieces += piece
                if len(pieces) > LARGEST_DOCUMENT:
                    raise Mistake(f"{plain(url)} is larger than any document of a catalogue; check its address.")
            return bytes(pieces)

    def _continue(self, url: str, part: Part, name: str) -> None:
        """Add what is lacking to ``part``; Trouble when the line breaks."""
        with closing(self._ask(url, part.asking(), self._signer)) as answer:
            if answer.status_code == requests.codes.requested_range_not_satisfiable:
                if part.is_whole(answer):
                    return
                part.discard()
                raise Trouble("the file has become shorter")
            with writing(part.path):
                total = part.begin(answer)
            try:
                self._pour(answer, part, name, total)
            except Trouble as trouble:
                trouble.moved = part.has_grown(WORTH)
                raise

    def _pour(self, answer: requests.Response, part: Part, name: str, total: int | None) -> None:
        size, pace = part.size, Pace(self._patience.timeout_s)
        self._progress.at(name, size, total)
        with writing(part.path), part.path.open("ab") as file:
            while piece := self._piece(answer):
                file.write(piece)
                size += len(piece)
                self._progress.at(name, size, total)
                pace.check(len(piece))
                if size > LARGEST:
                    raise Mistake(f"{plain(answer.url)} does not end; no file of a scene is larger than 16 GB.")
        if total is not None and size != total:
            raise Trouble(f"the connection was cut after {size} of {total} bytes")

    def _piece(self, answer: requests.Response) -> bytes:
        """Return the bytes that come next, none at the end."""
        if self.stop.is_set():
            raise Stopped
        try:
            return answer.raw.read1(CHUNK, decode_content=is_encoded(answer.headers))
        except (HTTPError, OSError) as error:
            raise Trouble(f"the connection broke ({_short(error)})") from None

    def _ask(self, url: str, headers: dict[str, str], signer: Signer) -> requests.Response:
        """Return the answer with its body still to come: 200, 206 or 416."""
        signed = signer.sign(url)
        try:
            answer = self._session.get(
                signed,
                headers={"Accept-Encoding": "identity", **headers},
                stream=True,
                timeout=self._patience.timeout_s,
            )
        except Unresolved as error:
            raise Trouble(f"its host cannot be found ({error.args[0].partition('(')[2].partition(')')[0]})") from None
        except (requests.ConnectionError, requests.Timeout) as error:
            raise Trouble(f"no answer ({_short(error)})") from None
        except RequestException as error:
            raise Mistake(
                f"{plain(url)} cannot be asked for: {_short(error)}. Correct the address, in the scene table or the catalogue."
            ) from None
        if answer.status_code in (200, 206) or (answer.status_code == 416 and "Range" in headers):
            return answer
        with answer:
            if answer.status_code == requests.codes.forbidden:
                signer.renew(url, signed)
            raise _refusal(url, answer)


def _refusal(url: str, answer: requests.Response) -> Exception:
    said = f"the server says {answer.status_code} {answer.reason or ''}".rstrip()
    if answer.status_code == requests.codes.forbidden:
        said += " (some archives want signed addresses: imagery.catalogue.signing)"
    if answer.status_code in PASSING or answer.status_code >= requests.codes.internal_server_error:
        return Trouble(said, asked_s=asked_s(answer.headers.get("Retry-After", "")))
    kind = Missing if answer.status_code in (404, 410) else Mistake
    return kind(
        f"{plain(url)} cannot be fetched: {said}. Look whether the catalogue still lists it (find the scene again), or "
        "take the scene from another catalogue."
    )


def _short(error: Exception) -> str:
    cause: BaseException = error
    while inner := getattr(cause, "reason", None) or cause.__cause__ or cause.__context__:
        if not isinstance(inner, BaseException) or inner is cause:
            break
        cause = inner
    return " ".join(str(cause).partition("?")[0].split())[:200] or type(cause).__name__
