"""A file that is half here: its bytes so far, and of which version of the remote file they are.

The bytes lie in ``<name>.part``, their origin in ``<name>.part.json`` beside it. More bytes are only ever added to those of
the same version, which the server vouches for (``If-Range`` with a strong ETag, else with the time of the last change).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from lobate.imagery.fetching.address import plain
from lobate.imagery.fetching.patience import Trouble


class Part:
    """The bytes fetched so far of the file at ``url``; ``path`` is where they lie."""

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self._note = path.with_name(path.name + ".json")
        self._url = plain(url)
        self._reached = self.size

    @property
    def size(self) -> int:
        """How many bytes are here."""
        return self.path.stat().st_size if self.path.exists() else 0

    def has_grown(self, worth: int) -> bool:
        """Whether it has ``worth`` bytes more than it ever had when this was asked, or when it began."""
        grown = self.size - self._reached >= worth
        self._reached = max(self._reached, self.size)
        return grown

    def asking(self) -> dict[str, str]:
        """Return the headers that ask for the bytes which are lacking, of the same version; else for all of them."""
        validator = self._known().get("validator")
        if not validator or not self.size:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": validator}

    def begin(self, response: requests.Response) -> int | None:
        """Make ready for the answer's bytes: keep those it goes on from, or drop all; return how many bytes the whole has.

        None where the answer does not tell. Raises Trouble when it brings bytes from the middle that do not follow.
        """
        start, total = _range_of(response.headers)
        if response.status_code != requests.codes.partial_content or start != self.size:
            self.discard()
            if response.status_code == requests.codes.partial_content:
                raise Trouble("the server sent other bytes than were asked for")
            total = _length_of(response.headers)
        self._note.write_text(
            json.dumps({"url": self._url, "validator": _validator_of(response.headers)}), encoding="utf-8"
        )
        return total

    def is_whole(self, refusal: requests.Response) -> bool:
        """Whether the server refused to send more because there is no more (``416`` with ``Content-Range: bytes */1000``)."""
        return refusal.headers.get("Content-Range", "").strip() == f"bytes */{self.size}"

    def discard(self) -> None:
        """Forget what is here."""
        for one in (self._note, self.path):
            one.unlink(missing_ok=True)

    def become(self, target: Path) -> None:
        """Turn into the finished file, at once and for good."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        target.parent.mkdir(parents=True, exist_ok=True)
        self.path.replace(target)
        self._note.unlink(missing_ok=True)

    def _known(self) -> dict[str, Any]:
        try:
            note = json.loads(self._note.read_bytes())
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) and note.get("url") == self._url else {}


def _range_of(headers: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Return first byte and length of the whole, of ``Content-Range: bytes 100-999/1000``."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", "").strip())
    if not match:
        return None, None
    return int(match[1]), None if match[2] == "*" else int(match[2])


def _length_of(headers: Mapping[str, str]) -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if text.isdecimal() and not is_encoded(headers) else None


def is_encoded(headers: Mapping[str, str]) -> bool:
    """Whether the answer comes compressed although nobody asked for that; its length is then not the file's."""
    return headers.get("Content-Encoding", "identity").lower() not in ("", "identity")


def _validator_of(headers: Mapping[str, str]) -> str:
    etag = headers.get("ETag", "")
    if is_encoded(headers):
        return ""
    return headers.get("Last-Modified", "") if not etag or etag.startswith("W/") else etag
