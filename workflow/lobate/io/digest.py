"""What a file, a folder or a Shapefile contains, as one sha256.

All three are a *family* of files: a file is a family of one, a folder has a file for each relative path, a Shapefile
has its side files, and so has a raster that leaves its place on Earth to files beside it. A fetched scene's
checksums.json, written last, stands for its folder. Time stamps, owners and modes do not count.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lobate.errors import UserError

SHAPEFILE_PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
MANIFEST = "checksums.json"
MAIN_FILE = ""
GEOREFERENCE_TAGS = (b"<SRS", b"<GeoTransform", b"<NoDataValue", b"<GCPList")
"""What in GDAL's .aux.xml changes a raster's meaning; programs that only look leave statistics there."""
SIDECARS_BY_NAME, SIDECARS_BY_STEM = ("*.aux.xml", "*.msk"), ("*.tfw", "*.wld")
"""Files beside a raster, named after its whole name and after its stem; no file in a folder is called so."""
READ_UP_TO = 1 << 22
"""Bytes that are read as quickly as looked up."""
SNAKEMAKE_TIMESTAMP = ".snakemake_timestamp"
"""Snakemake leaves this in folders that a rule made."""


def files_of(path: Path) -> dict[str, Path]:
    """Return the files that ``path`` stands for, by relative name; a plain file is called ''.

    Raises UserError when there is nothing.
    """
    if path.name == MANIFEST and path.exists():
        path = path.parent
    if path.is_dir():
        files = (one for one in sorted(path.rglob("*")) if one.is_file() and one.name != SNAKEMAKE_TIMESTAMP)
        return {file.relative_to(path).as_posix(): file for file in files}
    if not path.exists():
        raise UserError(f"The file {path} does not exist. Check its path, or run the step that makes it.")
    if path.suffix.lower() != ".shp":
        return {MAIN_FILE: path, **_raster_sidecars(path)}
    beside = {one.suffix.lower(): one for one in sorted(path.parent.glob(f"{_escape_glob(path.stem)}.*"))}
    return {suffix: beside[suffix] for suffix in SHAPEFILE_PARTS if suffix in beside}


def _raster_sidecars(path: Path) -> dict[str, Path]:
    """Return the files beside a raster that say where it lies, what is nodata, or what is masked."""
    names = SIDECARS_BY_NAME if path.suffix.lower() not in (".tif", ".tiff") else (*SIDECARS_BY_NAME, *SIDECARS_BY_STEM)
    found = {name: file_in(path, name) for name in names}
    return {name: one for name, one in found.items() if one.is_file() and _changes_meaning(one)}


def _changes_meaning(side: Path) -> bool:
    return side.suffix != ".xml" or any(word in side.read_bytes() for word in GEOREFERENCE_TAGS)


def _escape_glob(stem: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in stem)


def file_in(path: Path, name: str) -> Path:
    """Return where the file called ``name`` in the family of ``path`` stands."""
    if name == MAIN_FILE:
        return path
    if name in SIDECARS_BY_NAME:
        return path.with_name(path.name + name[1:])
    if name in SIDECARS_BY_STEM:
        return path.with_suffix(name[1:])
    return path.with_suffix(name) if path.suffix.lower() == ".shp" else path / name


def file_digest(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except PermissionError as error:
        raise UserError(
            f"The file {path} cannot be read: permission denied. Give yourself the right to read it."
        ) from error


def family_digest(files: Mapping[str, str]) -> str:
    """Return the digest of a family from the digests of its files; a plain file's is its own."""
    if set(files) == {MAIN_FILE}:
        return files[MAIN_FILE]
    return text_digest("".join(f"{name}\0{files[name]}\n" for name in sorted(files)))


def content_digest(path: Path) -> str:
    """Return the digest of the file, folder or Shapefile at ``path``."""
    return family_digest({name: file_digest(one) for name, one in files_of(path).items()})


def quick_fingerprint(path: Path) -> str:
    """Return what a look at a file that a person brought tells of it: other content looks different, at no cost.

    Small files are read; large ones and folders are known by size and time. "" for what is not there yet.
    """
    if not path.exists():
        return ""
    looks = ((name, one, one.stat()) for name, one in ({MAIN_FILE: path} if path.is_dir() else files_of(path)).items())
    return family_digest(
        {
            name: file_digest(one) if one.is_file() and at.st_size <= READ_UP_TO else f"{at.st_size} {at.st_mtime_ns}"
            for name, one, at in looks
        }
    )


def text_digest(text: str) -> str:
    """Return the sha256 of a text, in hexadecimal; names that are no UTF-8 may be in it."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def canonical_json(value: Any) -> str:
    """Return JSON that is the same text for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
