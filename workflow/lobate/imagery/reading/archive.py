"""A product's files, whether they lie in a folder or in a zip that is never unpacked.

Both kinds answer alike: the names of the files inside, the bytes of a small one, and the address under which GDAL reads
a raster (``/vsizip/...`` for a zip).
"""

from __future__ import annotations

import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from lobate.errors import Mistake

LARGEST_METADATA = 32 << 20
"""Bytes of a file that is read whole; a product's metadata have some hundred thousand."""
FREE_BYTES, LARGEST_RATIO = 1 << 30, 100
"""A zip that unpacks to more than this many bytes, and to this many times its own size, is made to exhaust a machine."""
UNREADABLE = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError, ValueError)
"""What Python's zipfile raises for damaged, encrypted and exotic archives."""


class Archive(Protocol):
    """The files of one product."""

    path: Path

    def names(self) -> list[str]:
        """Return the files inside, sorted, as paths with forward slashes relative to the product."""

    def read(self, name: str) -> bytes:
        """Return the content of one file."""

    def address(self, name: str) -> str:
        """Return what GDAL opens to read this file."""


@dataclass(frozen=True)
class Folder:
    """A product that lies in a folder."""

    path: Path

    def names(self) -> list[str]:
        """Return the files inside, sorted; links to folders are followed."""
        found = []
        for root, _, files in os.walk(self.path, followlinks=True):
            found += [(Path(root) / file).relative_to(self.path).as_posix() for file in files]
        return sorted(found)

    def read(self, name: str) -> bytes:
        """Return the content of one file."""
        return (self.path / name).read_bytes()

    def address(self, name: str) -> str:
        """Return the path of one file."""
        return str(self.path / name)


@dataclass(frozen=True)
class Zip:
    """A product that lies in a zip; one whose entries would leave its own folder, or explode, is refused."""

    path: Path

    def names(self) -> list[str]:
        """Return the files inside, sorted; Mistake when the zip is damaged, when an entry escapes, or when it explodes."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        except UNREADABLE as error:
            raise Mistake(f"{self.path} cannot be read as a zip ({error}); fetch the product again.") from None
        for entry in entries:
            if _escapes(entry.filename):
                raise Mistake(
                    f"{self.path} holds an entry that leaves the archive ({entry.filename!r}); no Sentinel-2 product does "
                    "that, so it is not opened. Fetch the product again from a source you trust."
                )
        self._check_size(sum(entry.file_size for entry in entries))
        return sorted(entry.filename for entry in entries)

    def _check_size(self, unpacked: int) -> None:
        if unpacked > max(FREE_BYTES, LARGEST_RATIO * self.path.stat().st_size):
            raise Mistake(
                f"{self.path} would unpack to {unpacked / 1e9:.1f} GB, more than {LARGEST_RATIO} times its own size; no "
                "Sentinel-2 product does that, so it is not opened. Fetch the product again from a source you trust."
            )

    def read(self, name: str) -> bytes:
        """Return the content of one file; Mistake when the entry is damaged, or too large for metadata."""
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(name) as file:
                content = file.read(LARGEST_METADATA + 1)
        except UNREADABLE as error:
            raise Mistake(f"{self.path}: {name} cannot be read ({error}); fetch the product again.") from None
        if len(content) > LARGEST_METADATA:
            raise Mistake(f"{self.path}: {name} is far too large for a product's metadata; fetch the product again.")
        return content

    def address(self, name: str) -> str:
        """Return GDAL's path of one file inside the zip."""
        return f"/vsizip/{{{self.path.absolute()}}}/{name}"


def _escapes(entry: str) -> bool:
    path = PurePosixPath(entry.replace("\\", "/"))
    return not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]
