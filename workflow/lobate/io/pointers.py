"""Files that only point to data elsewhere, in other files or at addresses: they are refused.

What they point to may change without a notice, and a file that comes by mail could name any file and any address.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from pathlib import Path

from rasterio.io import DatasetReader

from lobate.errors import UserError
from lobate.io.beside import side_files
from lobate.io.drivers import SINGLE_FILE_DRIVERS, VECTOR_FORMATS

HEAD_BYTES = 4096
POINTERS = re.compile(
    rb"<VRTDataset|<OGRVRTDataSource|<GDAL_?W[A-Z]+|<W[A-Z]+_GDAL|<OGR[A-Z]+DataSource|<GDALTileIndexDataset|<MRF_META"
    rb"|<[a-z:]*W[MF][A-Z_]*_Capabilities|<Capabilities|gdal_streamed_alg|<TileMapService"
)
"""Elements of virtual rasters and layers, of services (WMS, WMTS, WCS, WFS, CSW, TMS) and of tile indexes."""
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
ERDAS_MAGIC = b"EHFA_HEADER_TAG"
IMAGES_BESIDE = (".ovr", ".msk")
JSON_CRS = re.compile(rb"""["'](?:[cC]|\\u00[46]3)(?:[rR]|\\u00[57]2)(?:[sS]|\\u00[57]3)["']\s*:\s*\{""")
"""A GeoJSON's CRS, also in escaped letters."""
JSON_TOKENS = re.compile(rb"""["'](?:\\.|[^"'\\])*["']|[{}]""", re.DOTALL)
MAPINFO_VIEW = re.compile(rb"""(?i)^\s*(?:create\s+view|open\s+table|"?\\IsSeamless"?.*TRUE)""", re.MULTILINE)


def points_elsewhere(path: str | Path) -> bool:
    """Whether the file is a virtual raster or layer, or names a service."""
    return bool(POINTERS.search(_head(Path(path))))


def raster_pointer_error(path: str | Path) -> UserError:
    """Return the error for a raster that ``points_elsewhere``."""
    return UserError(
        f"{path} is a VRT or names a service, which only points to other files or addresses, so changes in them go "
        "unnoticed. Name these files instead, in a list, or convert it to one GeoTIFF with gdal_translate."
    )


def check_images_beside(path: Path) -> None:
    """Raise UserError for overviews or a mask beside a raster that are no image of their own."""
    for file in side_files(path).values():
        if file.suffix.lower() in IMAGES_BESIDE and not _head(file).startswith((*TIFF_MAGIC, ERDAS_MAGIC)):
            raise UserError(
                f"{file}, beside {path.name}, is neither a GeoTIFF nor an Erdas Imagine file, so it may point to other "
                "files. Delete it, and make it again with gdaladdo where you need it."
            )


def check_dataset(dataset: DatasetReader, path: str | Path) -> None:
    """Raise UserError if an open raster takes its pixels or its overviews from a file that does not belong to it."""
    if overviews := dataset.tags(ns="OVERVIEWS").get("OVERVIEW_FILE"):
        raise UserError(
            f"The raster {path}, or the .aux.xml beside it, takes its overviews from {overviews}, which does not belong to "
            "it. Copy the raster with gdal_translate and use the copy."
        )
    if dataset.driver in SINGLE_FILE_DRIVERS:
        return
    known = {Path(path).resolve(), *(file.resolve() for file in side_files(Path(path)).values())}
    if strangers := sorted({*(str(Path(file).resolve()) for file in dataset.files)} - {*map(str, known)}):
        raise UserError(
            f"The raster {path} takes its pixels from {', '.join(strangers)}, which does not belong to it by its name. "
            "Convert it to one GeoTIFF with gdal_translate and use that."
        )


def check_outlines_file(path: Path) -> None:
    """Raise UserError for a vector file that is no data of its own, or that takes its CRS from an address."""
    if not path.is_file():
        return
    if points_elsewhere(path) or (path.suffix.lower() == ".tab" and MAPINFO_VIEW.search(path.read_bytes())):
        raise UserError(
            f"{path} only points to data in other files or at an address, so changes in them go unnoticed. Convert it with "
            f"ogr2ogr outlines.gpkg {path.name} and name the result. lobate reads {VECTOR_FORMATS}."
        )
    if _head(path).lstrip(b"\xef\xbb\xbf\x1e \t\r\n")[:1] in (b"{", b"[") and _has_linked_crs(path):
        raise UserError(
            f"The vector file {path} names an address for its coordinate reference system, and lobate asks no address. "
            "Assign the right one in QGIS and save it again."
        )


def _has_linked_crs(path: Path) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        words = {word for match in JSON_CRS.finditer(text) for word in _words_of_object(text, match.end())}
    return not words.isdisjoint(("link", "url", "href"))


def _words_of_object(text: mmap.mmap, start: int) -> Iterator[str]:
    """Yield the strings of the JSON object whose first byte after the brace is ``start``, in small letters."""
    depth = 1
    for token in JSON_TOKENS.finditer(text, start):
        depth += (token[0] == b"{") - (token[0] == b"}")
        if depth == 0:
            return
        yield (
            re.sub(rb"\\u00([0-9a-fA-F]{2})", lambda code: bytes.fromhex(code[1].decode()), token[0][1:-1])
            .decode(errors="replace")
            .lower()
        )


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""  # opening the file raises the error
