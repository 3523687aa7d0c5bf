"""Scenes as folders of bands: one raster a band, with the product's own metadata beside them where there are any."""

from __future__ import annotations

import re
from functools import reduce
from pathlib import Path

from lobate.errors import UserError
from lobate.imagery.reading.calibration import Calibration, calibrate
from lobate.imagery.reading.gdal_scale import file_calibration
from lobate.imagery.reading.product import Product, read_product
from lobate.imagery.reading.scene import (
    COMMON_NAMES,
    Band,
    Scene,
    SceneRequest,
    find_date,
    missing_band_error,
    missing_classes_error,
)

RASTER_SUFFIXES = (".tif", ".tiff", ".jp2")


def recognises(path: Path) -> bool:
    """Whether this is a folder; the other kinds of folders are asked before."""
    return path.is_dir()


def read(path: Path, wanted: SceneRequest) -> Scene:
    """Return the scene; UserError when a band, or what its numbers mean, is missing."""
    product = folder_product(path)
    files = {band: band_file(path, band) for band in (*wanted.bands, "SCL")}
    lacking = [band for band in wanted.bands if files[band] is None]
    if lacking:
        raise missing_band_error(path, lacking, _bands_present(path))
    if wanted.needs_classes and files["SCL"] is None:
        raise missing_classes_error(path)
    bands = tuple(
        Band(str(files[band]), calibration=_calibration(path, product, files, band, wanted)) for band in wanted.bands
    )
    return Scene(
        name=path.name,
        path=path,
        bands=bands,
        classes=Band(str(files["SCL"])) if files["SCL"] else None,
        date=(product.date if product else "") or find_date(path.name) or find_date(str(files[wanted.bands[0]])),
        cloud=product.cloud if product else None,
        baseline=product.baseline if product else None,
    )


def band_file(path: Path, band: str) -> Path | None:
    """Return the band's raster in a folder (``B04.tif``, ``T33TWM_20230813T095559_B04_10m.jp2``, ``red.tif``).

    The finest resolution is taken where the names tell several; UserError when it is still not one file.
    """
    names = f"{re.escape(band)}|{re.escape(COMMON_NAMES.get(band, band))}"
    wanted = re.compile(rf"(?!MSK_)(?:.*[_.-])?(?:{names})(?:_(\d\d)m)?", re.IGNORECASE)
    found: dict[int, list[Path]] = {}
    for file in sorted(path.iterdir()):
        if file.suffix.lower() in RASTER_SUFFIXES and (match := wanted.fullmatch(file.stem)):
            found.setdefault(int(match[1] or 0), []).append(file)
    finest = found[min(found)] if found else []
    if len(finest) > 1:
        raise UserError(
            f"{path} holds several files of {band} ({', '.join(file.name for file in finest)}); give each scene a folder of "
            "its own, with one file a band."
        )
    return finest[0] if finest else None


def folder_product(path: Path) -> Product | None:
    """Return what the product's and the granule's metadata in a folder say together; None where there are none."""
    files = sorted(file for file in path.glob("*.xml") if not file.name.endswith(".aux.xml"))
    said = [read_product(file.read_bytes(), str(file)) for file in files]
    return reduce(Product.filled_from, said) if said else None


def _bands_present(path: Path) -> list[str]:
    return [band for band in (*COMMON_NAMES, "SCL") if band_file(path, band)]


def _calibration(
    path: Path, product: Product | None, files: dict[str, Path | None], band: str, wanted: SceneRequest
) -> Calibration:
    said, tagged = product.calibration(band) if product else None, file_calibration(files[band])
    if said and tagged and said != tagged:
        raise UserError(
            f"{files[band]} says of itself that reflectance is (DN + {tagged.offset:g}) / {tagged.quantification:g}, the "
            f"product's metadata beside it say (DN + {said.offset:g}) / {said.quantification:g}. Take out what is wrong: the "
            "XML, or the file's scale and offset (gdal_edit.py -unsetscale -unsetoffset)."
        )
    why = product.why_unknown if product else "there is no MTD_MSIL2A.xml beside the bands and no scale in their files"
    return calibrate(said or tagged, wanted.offset_rule, f"{path}: {band}", why)
