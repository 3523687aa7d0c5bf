"""Scenes as ESA's SAFE products: a ``.SAFE`` folder, or its zip, which is read in place.

``FolderArchive`` and ``ZipArchive`` have the same methods: names of the files inside, content of a small file, and the
address of a raster for GDAL (``/vsizip/...`` in a zip).
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from lobate.errors import UserError
from lobate.imagery.reading.calibration import calibrate
from lobate.imagery.reading.product import Product, read_product
from lobate.imagery.reading.quantification import file_quantification
from lobate.imagery.reading.scene import Band, Scene, SceneRequest, find_date, missing_band_error, missing_classes_error
from lobate.io.filekind import check_kind, files_below

MAX_METADATA_BYTES = 32 << 20
"""A product's metadata have some hundred thousand bytes."""
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compressions of a product's entries. GDAL unpacks others as well, such as deflate64, with a buffer overflow in old versions."""
MAX_UNPACKED_BYTES, MAX_UNPACKED_RATIO = 1 << 30, 100
"""A zip that unpacks to more than these bytes, and to more than this multiple of its own size, counts as a zip bomb."""
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, NotImplementedError, ValueError)
"""Exceptions of Python's zipfile for damaged, encrypted and unsupported archives."""
METADATA_PATTERN = re.compile(r"(?:[^/]+/)?MTD_MSIL(?:2A|1C)\.xml")
"""Path of the metadata in a product."""
RASTER_PATTERN = re.compile(r"GRANULE/([^/]+)/IMG_DATA/(?:.*[/_])(B\w\w|SCL)_(\d\d)m\.(?:jp2|tif|tiff)$")
"""Path of a raster in a product: granule, band, resolution in metres."""


class Archive(Protocol):
    """The files of one product."""

    @property
    def path(self) -> Path:
        """The product's folder or zip."""

    def names(self) -> list[str]:
        """Return the files inside, sorted, as paths with forward slashes relative to the product."""

    def read(self, name: str) -> bytes:
        """Return the content of one file."""

    def address(self, name: str) -> str:
        """Return the path or address of one file for GDAL."""


@dataclass(frozen=True)
class FolderArchive:
    """A product in a folder."""

    path: Path

    def names(self) -> list[str]:
        """Return the files inside, sorted; links to folders are followed."""
        return files_below(self.path)

    def read(self, name: str) -> bytes:
        """Return the content of one file."""
        return (self.path / name).read_bytes()

    def address(self, name: str) -> str:
        """Return the path of one file."""
        return str(self.path / name)


@dataclass(frozen=True)
class ZipArchive:
    """A product in a zip. A zip with entries outside its own folder or of a rare compression, or a zip bomb, is refused."""

    path: Path

    def names(self) -> list[str]:
        """Return the files inside, sorted.

        Raises UserError for a damaged zip, an entry outside it or of another compression than deflate, and a zip bomb.
        """
        check_kind(self.path)
        try:
            with zipfile.ZipFile(self.path) as archive:
                entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        except ZIP_ERRORS as error:
            raise UserError(f"{self.path} cannot be read as a zip ({error}); fetch the product again.") from None
        for entry in entries:
            if _escapes(entry.filename):
                raise UserError(
                    f"{self.path} holds an entry that leaves the archive ({entry.filename!r}); no Sentinel-2 product does "
                    "that, so it is not opened. Fetch the product again from a source you trust."
                )
            if entry.compress_type not in COMPRESSIONS:
                raise UserError(
                    f"{self.path} holds an entry that is neither stored nor deflated ({entry.filename!r}, method "
                    f"{entry.compress_type}); no Sentinel-2 product is packed so. Fetch the product again, or unpack it and "
                    "name the .SAFE folder."
                )
        self._check_size(sum(entry.file_size for entry in entries))
        return sorted(entry.filename for entry in entries)

    def _check_size(self, unpacked: int) -> None:
        if unpacked > max(MAX_UNPACKED_BYTES, MAX_UNPACKED_RATIO * self.path.stat().st_size):
            raise UserError(
                f"{self.path} would unpack to {unpacked / 1e9:.1f} GB, more than {MAX_UNPACKED_RATIO} times its own size; no "
                "Sentinel-2 product does that, so it is not opened. Fetch the product again from a source you trust."
            )

    def read(self, name: str) -> bytes:
        """Return the content of one file. Raises UserError for an entry that is damaged, or too large for metadata."""
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(name) as file:
                content = file.read(MAX_METADATA_BYTES + 1)
        except ZIP_ERRORS as error:
            raise UserError(f"{self.path}: {name} cannot be read ({error}); fetch the product again.") from None
        if len(content) > MAX_METADATA_BYTES:
            raise UserError(f"{self.path}: {name} is far too large for a product's metadata; fetch the product again.")
        return content

    def address(self, name: str) -> str:
        """Return GDAL's path of one file inside the zip."""
        return f"/vsizip/{{{self.path.absolute()}}}/{name}"


def recognises(path: Path) -> bool:
    """Whether this is a SAFE product: a zip, a folder named ``.SAFE``, with a GRANULE folder, or with one ``.SAFE`` inside."""
    if path.is_dir():
        return path.name.endswith(".SAFE") or (path / "GRANULE").is_dir() or len(list(path.glob("*.SAFE"))) == 1
    return path.suffix.lower() == ".zip"


def read(path: Path, wanted: SceneRequest) -> Scene:
    """Return the scene. Raises UserError when metadata, a band or the classification is missing."""
    archive = _open_archive(path)
    names = archive.names()
    product = _read_metadata(archive, names)
    rasters = _finest_rasters(path, names)
    missing = [band for band in wanted.bands if band not in rasters]
    if missing:
        raise missing_band_error(path, missing, sorted(rasters))
    if wanted.needs_classes and "SCL" not in rasters:
        raise missing_classes_error(path)
    return Scene(
        name=re.sub(r"\.zip$|\.SAFE$|\.SAFE\.zip$", "", path.name),
        path=path,
        bands=tuple(_band(archive, rasters[band], product, band, wanted) for band in wanted.bands),
        classes=Band(archive.address(rasters["SCL"])) if "SCL" in rasters else None,
        date=product.date or find_date(path.name),
        cloud=product.cloud,
        baseline=product.baseline,
    )


def opened_files(path: Path, bands: Sequence[str]) -> list[Path]:
    """Return the files of a product's folder that hold these bands, the classification and the metadata that ``read`` opens.

    Raises UserError for a product without metadata, or with several granules.
    """
    archive = _open_archive(path)
    names = archive.names()
    rasters = _finest_rasters(path, names)
    wanted = [rasters[band] for band in (*bands, "SCL") if band in rasters]
    return [archive.path / name for name in (_metadata_name(archive, names), *wanted)]


def _open_archive(path: Path) -> Archive:
    if not path.is_dir():
        return ZipArchive(path)
    inner = sorted(path.glob("*.SAFE"))
    return FolderArchive(inner[0] if len(inner) == 1 else path)


def _read_metadata(archive: Archive, names: list[str]) -> Product:
    name = _metadata_name(archive, names)
    return read_product(archive.read(name), f"{archive.path}: {name}")


def _metadata_name(archive: Archive, names: list[str]) -> str:
    for name in names:
        if METADATA_PATTERN.fullmatch(name):
            return name
    raise UserError(
        f"{archive.path} has no MTD_MSIL2A.xml, so it is no complete Level-2A product; fetch it again, or unpack it so that "
        "the folder ends in .SAFE and holds MTD_MSIL2A.xml and GRANULE."
    )


def _finest_rasters(path: Path, names: list[str]) -> dict[str, str]:
    """Return band -> file, in the finest resolution of the product."""
    finest: dict[str, tuple[int, str]] = {}
    granules = set()
    for name in names:
        if match := RASTER_PATTERN.search(name):
            granule, band, metres = match[1], match[2], int(match[3])
            granules.add(granule)
            finest[band] = min(finest.get(band, (metres, name)), (metres, name))
    if len(granules) > 1:
        raise UserError(
            f"{path} holds {len(granules)} granules ({', '.join(sorted(granules))}), like products before December 2016; "
            "use products of one tile each."
        )
    return {band: name for band, (_, name) in finest.items()}


def _band(archive: Archive, name: str, product: Product, band: str, wanted: SceneRequest) -> Band:
    address, stated, source = archive.address(name), product.calibration(band), f"{archive.path}: {band}"
    number = None if stated else wanted.quantification
    if not name.endswith(".jp2"):  # JPEG 2000 holds integers; a converted product may hold other numbers
        number = file_quantification(address, stated, wanted.quantification)
    calibration = calibrate(None if number else stated, wanted.offset_rule, source, product.why_unknown, number)
    return Band(address, calibration=calibration)


def _escapes(entry: str) -> bool:
    path = PurePosixPath(entry.replace("\\", "/"))
    return not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]
