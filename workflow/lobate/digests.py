"""What a file, a folder or a Shapefile contains, as one sha256.

All three are a *family* of files: a file is a family of one, a folder has a file for each relative path, a Shapefile
has its side files. A fetched scene's checksums.json, written last, stands for its folder. Time stamps, owners and modes
do not count.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lobate.errors import Mistake

SIDE_FILES = (".shp", ".shx", ".dbf", ".prj", ".cpg")
MANIFEST = "checksums.json"
ITSELF = ""
NOT_CONTENT = ".snakemake_timestamp"
"""Snakemake leaves this in folders that a rule made."""


def family(path: Path) -> dict[str, Path]:
    """Return the files that ``path`` stands for, by relative name; a plain file is called ''.

    Raises Mistake when there is nothing.
    """
    if path.name == MANIFEST and path.exists():
        path = path.parent
    if path.is_dir():
        files = (one for one in sorted(path.rglob("*")) if one.is_file() and one.name != NOT_CONTENT)
        return {one.relative_to(path).as_posix(): one for one in files}
    if not path.exists():
        raise Mistake(f"The file {path} does not exist. Check its path, or run the step that makes it.")
    if path.suffix.lower() != ".shp":
        return {ITSELF: path}
    beside = {one.suffix.lower(): one for one in sorted(path.parent.glob(f"{_escaped(path.stem)}.*"))}
    return {suffix: beside[suffix] for suffix in SIDE_FILES if suffix in beside}


def _escaped(stem: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in stem)


def member(path: Path, name: str) -> Path:
    """Return where the file called ``name`` in the family of ``path`` stands."""
    if name == ITSELF:
        return path
    return path.with_suffix(name) if path.suffix.lower() == ".shp" else path / name


def file_digest(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except PermissionError as error:
        raise Mistake(
            f"The file {path} cannot be read: permission denied. Give yourself the right to read it."
        ) from error


def family_digest(files: Mapping[str, str]) -> str:
    """Return the digest of a family from the digests of its files; a plain file's is its own."""
    if set(files) == {ITSELF}:
        return files[ITSELF]
    return text_digest("".join(f"{name}\0{files[name]}\n" for name in sorted(files)))


def content_digest(path: Path) -> str:
    """Return the digest of the file, folder or Shapefile at ``path``."""
    return family_digest({name: file_digest(one) for name, one in family(path).items()})


def text_digest(text: str) -> str:
    """Return the sha256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(value: Any) -> str:
    """Return JSON that is the same text for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
