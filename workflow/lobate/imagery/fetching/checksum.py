"""Checksums in catalogues: multihashes of STAC's file extension, or plain hexadecimal digests."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

MULTIHASHES = {"11": ("sha1", 20), "12": ("sha256", 32), "13": ("sha512", 64), "d501": ("md5", 16)}
"""Multihash code (a varint, in hexadecimal) -> algorithm and length of its digest in bytes."""
HEX_LENGTHS = {2 * length: name for name, length in MULTIHASHES.values()}
"""Number of digits of a plain digest -> algorithm. No multihash has one of these numbers of digits."""


@dataclass(frozen=True)
class Checksum:
    """Expected digest of a file's content."""

    algorithm: str
    digest: str
    """In hexadecimal, lower case."""

    def matches(self, path: Path) -> bool:
        """Whether the file's content has this digest."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.new(self.algorithm, usedforsecurity=False))
        return digest.hexdigest() == self.digest


def parse_checksum(text: str) -> Checksum | None:
    """Return the checksum in a catalogue's text, None for an unknown kind.

    Known are multihashes in hexadecimal (``1220...`` sha2-256, ``1114...`` sha1, ``1340...`` sha2-512, ``d50110...`` md5;
    https://multiformats.io/multihash) and plain digests of these four.
    """
    digits = text.strip().lower()
    if not re.fullmatch(r"[0-9a-f]+", digits):
        return None
    if len(digits) in HEX_LENGTHS:
        return Checksum(HEX_LENGTHS[len(digits)], digits)
    for code, (name, length) in MULTIHASHES.items():
        prefix = f"{code}{length:02x}"
        if digits.startswith(prefix) and len(digits) == len(prefix) + 2 * length:
            return Checksum(name, digits.removeprefix(prefix))
    return None
