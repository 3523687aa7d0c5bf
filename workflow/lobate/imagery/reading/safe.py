"""Scenes as ESA packs them: a ``.SAFE`` folder, or its zip, read in place."""

from __future__ import annotations

import re
from pathlib import Path

from lobate.errors import Mistake
from lobate.imagery.reading.archive import Archive, Folder, Zip
from lobate.imagery.reading.calibration import settle
from lobate.imagery.reading.product import Product, read_product
from lobate.imagery.reading.scene import Band, Scene, Wanted, date_in, missing_band, missing_classes

RASTER = re.compile(r"GRANULE/([^/]+)/IMG_DATA/(?:.*[/_])(B\w\w|SCL)_(\d\d)m\.(?:jp2|tif|tiff)$")


def recognises(path: Path) -> bool:
    """Whether this is a SAFE product: a zip, a folder with a GRANULE in it, or a folder that calls itself one."""
    if path.is_dir():
        return path.name.endswith(".SAFE") or (path / "GRANULE").is_dir() or len(list(path.glob("*.SAFE"))) == 1
    return path.suffix.lower() == ".zip"


def read(path: Path, wanted: Wanted) -> Scene:
    """Return the scene; Mistake when metadata, a band or the classification is missing."""
    archive = _archive(path)
    names = archive.names()
    product = _product(archive, names)
    rasters = _rasters(path, names)
    lacking = [band for band in wanted.bands if band not in rasters]
    if lacking:
        raise missing_band(path, lacking, sorted(rasters))
    if wanted.classes and "SCL" not in rasters:
        raise missing_classes(path)
    return Scene(
        name=re.sub(r"\.zip$|\.SAFE$|\.SAFE\.zip$", "", path.name),
        path=path,
        bands=tuple(_band(archive, rasters[band], product, band, wanted) for band in wanted.bands),
        classes=Band(archive.address(rasters["SCL"])) if "SCL" in rasters else None,
        date=product.date or date_in(path.name),
        cloud=product.cloud,
        baseline=product.baseline,
    )


def _archive(path: Path) -> Archive:
    if not path.is_dir():
        return Zip(path)
    inner = sorted(path.glob("*.SAFE"))
    return Folder(inner[0] if len(inner) == 1 else path)


def _product(archive: Archive, names: list[str]) -> Product:
    for name in names:
        if re.fullmatch(r"(?:[^/]+/)?MTD_MSIL(?:2A|1C)\.xml", name):
            return read_product(archive.read(name), f"{archive.path}: {name}")
    raise Mistake(
        f"{archive.path} has no MTD_MSIL2A.xml, so it is no whole Level-2A product; fetch it again, or unpack it so that "
        "the folder ends in .SAFE and holds MTD_MSIL2A.xml and GRANULE."
    )


def _rasters(path: Path, names: list[str]) -> dict[str, str]:
    """Return band -> file, in the finest resolution there is."""
    found: dict[str, tuple[int, str]] = {}
    granules = set()
    for name in names:
        if match := RASTER.search(name):
            granule, band, metres = match[1], match[2], int(match[3])
            granules.add(granule)
            found[band] = min(found.get(band, (metres, name)), (metres, name))
    if len(granules) > 1:
        raise Mistake(
            f"{path} holds {len(granules)} granules ({', '.join(sorted(granules))}), as products before December 2016 "
            "do; use products of one tile each."
        )
    return {band: name for band, (_, name) in found.items()}


def _band(archive: Archive, name: str, product: Product, band: str, wanted: Wanted) -> Band:
    calibration = settle(product.calibration(band), wanted.offset, f"{archive.path}: {band}", product.why_unknown)
    return Band(archive.address(name), calibration=calibration)
