"""The files beside a raster or a vector file that GDAL reads with it: they are found by their names.

A .cpg beside a vector file or a list names the encoding of its text (`text_encoding`). No library is asked, because a plan looks at thousands of files. A test compares with what the libraries read.
"""

from __future__ import annotations

import os
import re
import time
from functools import lru_cache
from pathlib import Path

APPENDED = (".aux.xml", ".msk", ".ovr")
"""Side files named after the whole name, ``T.tif.msk``. They may have such files too, ``T.tif.msk.ovr``."""
MAX_APPENDED = 3
SHAPEFILE = (".shp", ".shx", ".dbf", ".prj", ".cpg")
MAPINFO = (".tab", ".dat", ".map", ".id", ".ind", ".dbf", ".tda", ".tin", ".tma", ".cpg")
VECTOR_FAMILIES = {
    **dict.fromkeys((".shx", ".dbf"), SHAPEFILE),
    ".tab": MAPINFO,
    **dict.fromkeys((".mif", ".mid"), (".mif", ".mid", ".cpg")),
    **dict.fromkeys((".csv", ".tsv", ".psv"), (".csvt", ".prj", ".cpg")),
    **dict.fromkeys((".geojson", ".geojsonl", ".geojsons", ".kml", ".zip"), (".cpg",)),
}
"""Suffixes beside a vector file of several parts, by its own suffix. The digest has a family of its own for .shp."""
GRID_PARTS = (".hdr", ".prj", ".clr", ".stx", ".sta", ".ige", ".rrd", ".aux", ".sgrd", ".mgrd", ".sdat")
"""Suffixes beside a raster that is neither GeoTIFF nor JPEG 2000: ENVI, BIL, ASCII grid, Erdas Imagine, SAGA."""
GRID_APPENDED = (".hdr", ".aux")
PLACED = re.compile(rb"(?s)II[*+]\0|MM\0[*+]|....jP  |\xff\x4f\xff\x51")
"""First bytes of GeoTIFF and JPEG 2000, which know their place but may have a world file."""
COMPLETE = re.compile(rb"(?:\xef\xbb\xbf)?[\s\x1e]*[{\[<]|SQLite format 3|fgb|PAR1|PK\x03\x04")
"""First bytes of files that need no other: GeoJSON, KML, GeoPackage, FlatGeobuf, GeoParquet, zips."""
RAW_HEADERS = (".hdr", "..hdr", ".sgrd")
"""Beside these, the bytes of a file may be bare pixels, whatever they look like."""
HARMLESS = re.compile(
    rb"(?s)<Histograms>.*?</Histograms>|<MDI key=\"STATISTICS_\w+\">[^<]*</MDI>|</?(?:PAMDataset|PAMRasterBand|Metadata)\b[^>]*>"
    rb"|<\?xml[^>]*\?>|\s+"
)
"""What viewers add to GDAL's .aux.xml: statistics and histograms change no raster's meaning."""
SETTLED_S = 0.1
"""Age of a folder's last change, in seconds, from which its time stamp tells apart its next change."""


def side_files(path: Path) -> dict[str, Path]:
    """Return the files beside ``path`` that GDAL may read with it, by relative name: ``*.msk``, ``*.tfw``.

    Side files that hold statistics only are left out.
    """
    names = _members(path.parent) or _probed(path)
    name, suffix = path.name.lower(), path.suffix.lower()
    stem = name.removesuffix(suffix)
    found = _appended(path, name, names)
    parts = [part for part in _replacing(suffix) if stem + part in names]
    parts += [f".{part}" for part in GRID_APPENDED if name + part in names]
    for part in _fitting(path, parts) if parts else ():
        whole = part.startswith("..")
        found |= _spellings(path, part[whole:], names, path.name if whole else path.stem, f"*{part}")
    return {relative: file for relative, file in found.items() if file != path and _changes_meaning(file)}


def beside(path: Path, name: str) -> Path:
    """Return the path of the side file of ``path`` with the relative name ``name``, as of ``side_files``."""
    suffix = name[1:]
    if suffix.endswith(APPENDED):
        return path.with_name(path.name + suffix)
    return path.with_name(path.name + suffix[1:] if suffix.startswith("..") else path.stem + suffix)


def _appended(path: Path, name: str, names: dict[str, tuple[str, ...]]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    endings = [""]
    for _ in range(MAX_APPENDED):
        endings = [ending + suffix for ending in endings for suffix in APPENDED if name + ending + suffix in names]
        for ending in endings:
            found |= _spellings(path, ending, names, path.name, f"*{ending}")
    return found


def _spellings(
    path: Path, ending: str, names: dict[str, tuple[str, ...]], before: str, relative: str
) -> dict[str, Path]:
    """Return the files with this ending in small or capital letters; the last has the relative name as given."""
    *others, last = names[f"{before}{ending}".lower()]
    return {
        **{f"{relative[: -len(ending)]}{other[len(before) :]}": path.with_name(other) for other in others},
        relative: path.with_name(last),
    }


@lru_cache
def _replacing(suffix: str) -> tuple[str, ...]:
    """Return the suffixes that may stand in the place of a file's own suffix, such as the world files' ``.tfw``."""
    world = (f".{suffix[1:2]}{suffix[-1:]}w", f"{suffix}w", ".wld") if len(suffix) > 1 else (".wld",)
    named = (".cpg",) if suffix == ".json" else ()
    return VECTOR_FAMILIES.get(suffix) or tuple(dict.fromkeys((*world, ".tab", *GRID_PARTS, *named)))


def _fitting(path: Path, parts: list[str]) -> list[str]:
    """Return those of the parts that the format of the file has."""
    if path.suffix.lower() in VECTOR_FAMILIES or any(part in RAW_HEADERS for part in parts):
        return parts
    head = _head(path)
    if PLACED.match(head):
        return [part for part in parts if part not in GRID_PARTS and not part.startswith("..")]
    return [part for part in parts if part == ".cpg"] if COMPLETE.match(head) else parts


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError:
        return b""


def _changes_meaning(file: Path) -> bool:
    """Whether a side file is more than statistics; false for what is no file."""
    if not file.is_file():
        return False
    return not file.name.lower().endswith(".aux.xml") or bool(HARMLESS.sub(b"", file.read_bytes()))


def _members(folder: Path) -> dict[str, tuple[str, ...]]:
    """Return the names in a folder by their small letters."""
    try:
        changed = os.stat(folder).st_mtime_ns  # noqa: PTH116 - a plan looks at tens of thousands of files
    except OSError:
        return {}
    if abs(time.time() - changed / 1e9) < SETTLED_S:
        return _members_of.__wrapped__(str(folder), changed)
    return _members_of(str(folder), changed)


@lru_cache(maxsize=256)
def _members_of(folder: str, changed: int) -> dict[str, tuple[str, ...]]:
    """Return the names in a folder; ``changed`` is its time, for the cache."""
    members: dict[str, tuple[str, ...]] = {}
    try:
        for name in sorted(os.listdir(folder)):  # noqa: PTH208 - as above
            members[name.lower()] = (*members.get(name.lower(), ()), name)
    except OSError:
        return {}
    return members


def _probed(path: Path) -> dict[str, tuple[str, ...]]:
    """Return the names of side files in a folder that cannot be listed, although its files can be read."""
    endings = ["", *APPENDED, *(f"{one}{two}" for one in APPENDED for two in APPENDED), *GRID_APPENDED]
    names = [f"{path.name}{ending}" for ending in endings]
    for part in _replacing(path.suffix.lower()):
        names += [f"{path.stem}{part}", f"{path.stem}{part.upper()}"]
    return {name.lower(): (name,) for name in names if path.with_name(name).is_file()}
