"""Scenes as folders with one raster a band, and perhaps the product's metadata beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import reduce
from pathlib import Path

from lobate.errors import UserError
from lobate.imagery.reading.calibration import Calibration, calibrate
from lobate.imagery.reading.gdal_scale import file_calibration
from lobate.imagery.reading.product import Product, read_product
from lobate.imagery.reading.quantification import file_quantification
from lobate.imagery.reading.scene import (
    Band,
    Scene,
    SceneRequest,
    find_date,
    missing_band_error,
    missing_classes_error,
)
from lobate.io.band_names import COMMON_NAMES
from lobate.io.filekind import check_kind

RASTER_SUFFIXES = (".tif", ".tiff", ".jp2")


def recognises(path: Path) -> bool:
    """Whether this is a folder; readers of more special folders come first."""
    return path.is_dir()


def read(path: Path, wanted: SceneRequest) -> Scene:
    """Return the scene. Raises UserError when a band, its calibration or the classification is missing."""
    product = folder_product(path)
    files = {band: band_file(path, band) for band in (*wanted.bands, "SCL")}
    missing = [band for band in wanted.bands if files[band] is None]
    if missing:
        raise missing_band_error(path, missing, _bands_present(path))
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


def opened_files(path: Path, bands: Sequence[str]) -> list[Path]:
    """Return the files of a folder that hold these bands, the classification and the metadata that ``read`` opens.

    Raises UserError for several files of one band.
    """
    rasters = [file for band in (*bands, "SCL") if (file := band_file(path, band))]
    return [*metadata_files(path), *rasters]


def band_file(path: Path, band: str) -> Path | None:
    """Return the band's raster in a folder (``B04.tif``, ``T33TWM_20230813T095559_B04_10m.jp2``, ``red.tif``).

    Of several resolutions in the names, the finest is taken. Raises UserError when several files remain.
    """
    names = f"{re.escape(band)}|{re.escape(COMMON_NAMES.get(band, band))}"
    wanted = re.compile(rf"(?!MSK_)(?:.*[_.-])?(?:{names})(?:_(\d\d)m)?", re.IGNORECASE)
    by_resolution: dict[int, list[Path]] = {}
    for file in sorted(path.iterdir()):
        if file.suffix.lower() in RASTER_SUFFIXES and (match := wanted.fullmatch(file.stem)):
            by_resolution.setdefault(int(match[1] or 0), []).append(file)
    finest = by_resolution[min(by_resolution)] if by_resolution else []
    if len(finest) > 1:
        raise UserError(
            f"{path} holds several files of {band} ({', '.join(file.name for file in finest)}); give each scene a folder of "
            "its own, with one file a band."
        )
    return finest[0] if finest else None


def folder_product(path: Path) -> Product | None:
    """Return the metadata of product and granule in a folder, merged; None where there are none."""
    files = metadata_files(path)
    for file in files:
        check_kind(file)
    products = [read_product(file.read_bytes(), str(file)) for file in files]
    return reduce(Product.filled_from, products) if products else None


def metadata_files(path: Path) -> list[Path]:
    """Return the XML files of product and granule in a folder, sorted."""
    return sorted(file for file in path.glob("*.xml") if not file.name.endswith(".aux.xml"))


def _bands_present(path: Path) -> list[str]:
    return [band for band in (*COMMON_NAMES, "SCL") if band_file(path, band)]


def _calibration(
    path: Path, product: Product | None, files: dict[str, Path | None], band: str, wanted: SceneRequest
) -> Calibration:
    stated, tagged = product.calibration(band) if product else None, file_calibration(files[band])
    if stated and tagged and stated != tagged:
        raise UserError(
            f"{files[band]}: by its scale and offset, reflectance is (DN + {tagged.offset:g}) / {tagged.quantification:g}; by the "
            f"product's metadata beside it, (DN + {stated.offset:g}) / {stated.quantification:g}. Remove what is wrong: the "
            "XML, or the file's scale and offset (gdal_edit.py -unsetscale -unsetoffset)."
        )
    why = product.why_unknown if product else "there is no MTD_MSIL2A.xml beside the bands and no scale in their files"
    number = None if tagged else file_quantification(str(files[band]), stated, wanted.quantification)
    return calibrate(tagged or (None if number else stated), wanted.offset_rule, f"{path}: {band}", why, number)
