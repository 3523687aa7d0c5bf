"""The content of a file, a folder or a Shapefile as one sha256.

Each is a *family* of files: a plain file is a family of one, a folder has a file for each relative path, a Shapefile has
its parts. A file has the side files that GDAL reads with it (``io/beside.py``). A fetched scene's checksums.json,
which is written last, stands for its folder. Time stamps, owners and modes do not count.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from lobate.errors import UserError
from lobate.io.beside import beside, side_files
from lobate.io.filekind import check_kind, files_below

SHAPEFILE_PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
MANIFEST = "checksums.json"
MAIN_FILE = ""
"""Relative name of a plain file, or of a raster beside its side files."""
NAMES_ITS_PLACE = ".hgt"
"""Suffix of SRTM's files, whose name says where they lie (N35E080.hgt)."""
READ_UP_TO = 1 << 22
"""Size up to which a file is read for its quick fingerprint, in bytes: that takes no longer than a look at its status."""
SNAKEMAKE_TIMESTAMP = ".snakemake_timestamp"
"""Snakemake adds a file of this name to folders that a rule made."""


def files_of(path: Path) -> dict[str, Path]:
    """Return the family of files at ``path`` by relative name; that of a plain file is ''.

    Raises UserError if ``path`` does not exist, or is or holds a pipe, a socket or a device.
    """
    if path.name == MANIFEST and path.exists():
        path = path.parent
    mode = check_kind(path)
    if stat.S_ISDIR(mode):
        return {name: path / name for name in files_below(path) if PurePath(name).name != SNAKEMAKE_TIMESTAMP}
    if not mode and not path.exists():
        raise UserError(f"The file {path} does not exist. Check its path, or run the step that makes it.")
    if path.suffix.lower() != ".shp":
        return {path.name if path.suffix.lower() == NAMES_ITS_PLACE else MAIN_FILE: path, **side_files(path)}
    return _shapefile_parts(path)


def _shapefile_parts(path: Path) -> dict[str, Path]:
    """Return the parts of a Shapefile by suffix; of two that differ in capital letters only, the second by its own suffix."""
    parts: dict[str, Path] = {}
    for part in sorted(path.parent.glob(f"{_escape_glob(path.stem)}.*"), reverse=True):
        if (suffix := part.suffix.lower()) in SHAPEFILE_PARTS and part.stem == path.stem:
            parts[part.suffix if suffix in parts else suffix] = part
    return parts


def _escape_glob(stem: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in stem)


def file_in(path: Path, name: str) -> Path:
    """Return the path of the file with the relative name ``name`` in the family of ``path``."""
    if name == MAIN_FILE:
        return path
    if name.startswith("*"):
        return beside(path, name)
    if name == path.name and path.suffix.lower() == NAMES_ITS_PLACE:
        return path
    return path.with_suffix(name) if path.suffix.lower() == ".shp" else path / name


def file_digest(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except PermissionError as error:
        raise UserError(
            f"The file {path} cannot be read: permission denied. Give yourself permission to read it."
        ) from error


def family_digest(files: Mapping[str, str]) -> str:
    """Return the digest of a family from the digests of its files; a plain file's is its own."""
    if set(files) == {MAIN_FILE}:
        return files[MAIN_FILE]
    return text_digest("".join(f"{name}\0{files[name]}\n" for name in sorted(files)))


def content_digest(path: Path) -> str:
    """Return the digest of the file, folder or Shapefile at ``path``."""
    return family_digest({name: file_digest(file) for name, file in files_of(path).items()})


def quick_fingerprint(path: Path) -> str:
    """Return a cheap fingerprint of a user-supplied file or folder; "" if it does not exist.

    It is the sha256 of files up to 4 MiB, and size and times of larger ones. For a folder it is names, sizes and times.
    """
    if not path.exists():
        return ""
    if path.is_dir():
        return status_digest(files_of(path))
    return family_digest({name: _fingerprint(file) for name, file in files_of(path).items()})


def status_digest(files: Mapping[str, Path]) -> str:
    """Return a digest of the names, sizes and times of files, which are not opened."""
    return family_digest({name: _status(file.stat()) for name, file in files.items()})


def _fingerprint(path: Path) -> str:
    status = path.stat()
    return file_digest(path) if status.st_size <= READ_UP_TO else _status(status)


def _status(status: os.stat_result) -> str:
    """Return size and times: of the content, which a copy may bring along, and of the change itself, which none can."""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def text_digest(text: str) -> str:
    """Return the sha256 of a text, in hexadecimal; surrogates, from names that are not UTF-8, are allowed."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def canonical_json(value: Any) -> str:
    """Return JSON without spaces and with sorted keys: the same text for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
