"""A product's files, whether they lie in a folder or in a zip that is never unpacked.

Both kinds answer alike: the names of the files inside, the bytes of a small one, and the address under which GDAL reads
a raster (``/vsizip/...`` for a zip).
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from lobate.errors import Mistake


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
    """A product that lies in a zip; entries that would leave the zip's own folder are refused."""

    path: Path

    def names(self) -> list[str]:
        """Return the files inside, sorted; Mistake when the zip is damaged or an entry escapes."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                entries = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
        except (zipfile.BadZipFile, OSError) as error:
            raise Mistake(f"{self.path} cannot be read as a zip ({error}); fetch the product again.") from None
        for entry in entries:
            if _escapes(entry):
                raise Mistake(
                    f"{self.path} holds an entry that leaves the archive ({entry!r}); no Sentinel-2 product does that, "
                    "so it is not opened. Fetch the product again from a source you trust."
                )
        return sorted(entries)

    def read(self, name: str) -> bytes:
        """Return the content of one file; Mistake when the entry is damaged."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(name)
        except (zipfile.BadZipFile, OSError, EOFError) as error:
            raise Mistake(f"{self.path}: {name} cannot be read ({error}); fetch the product again.") from None

    def address(self, name: str) -> str:
        """Return GDAL's path of one file inside the zip."""
        return f"/vsizip/{{{self.path.absolute()}}}/{name}"


def _escapes(entry: str) -> bool:
    path = PurePosixPath(entry.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or ":" in path.parts[0]
