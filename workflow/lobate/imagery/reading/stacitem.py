"""Scenes as open archives offer them: a folder with a STAC item (JSON) and its bands, COG or JPEG 2000.

The item gives offset, cloud cover, date, and the file of each band. The grid comes from the rasters: file names and
``proj:shape`` may be wrong (JPEG 2000 called ``.tif``).
"""

from __future__ import annotations

import json
import os.path
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from lobate.errors import UserError
from lobate.imagery.reading.bandfolder import band_file, folder_product, metadata_files
from lobate.imagery.reading.calibration import DEFAULT_QUANTIFICATION, Calibration, baseline_calibration, calibrate
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

MAX_FLOAT = 1e300
"""An integer in JSON may be too large for a float."""


def recognises(path: Path) -> bool:
    """Whether this is a folder with a STAC item."""
    return path.is_dir() and any(_read_item(file) for file in _json_files(path))


def read(path: Path, wanted: SceneRequest) -> Scene:
    """Return the scene. Raises UserError for several items, or when a band or the classification is missing."""
    item = _only_item(path)
    files = {band: file for band in (*wanted.bands, "SCL") if (file := _band_file(path, item, band))}
    missing = [band for band in wanted.bands if band not in files]
    if missing:
        raise missing_band_error(path, missing, sorted(files))
    if wanted.needs_classes and "SCL" not in files:
        raise missing_classes_error(path)
    properties = item["properties"]
    return Scene(
        name=str(item.get("id") or path.name),
        path=path,
        bands=tuple(
            Band(str(files[band]), calibration=_calibration(path, item, band, files[band], wanted))
            for band in wanted.bands
        ),
        classes=Band(str(files["SCL"])) if "SCL" in files else None,
        date=str(properties.get("datetime") or find_date(path.name)),
        cloud=_cloud(path, properties.get("eo:cloud_cover")),
        baseline=_baseline(item),
    )


def opened_files(path: Path, bands: Sequence[str]) -> list[Path]:
    """Return the files of a folder that hold these bands, the classification and the metadata that ``read`` opens.

    Raises UserError for several items, or several files of one band.
    """
    item = _only_item(path)
    rasters = [file for band in (*bands, "SCL") if (file := _band_file(path, item, band))]
    return [*_json_files(path), *metadata_files(path), *rasters]


def _cloud(path: Path, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, int | float) and 0 <= value <= 100:
        return float(value)
    raise UserError(
        f"{path}: the eo:cloud_cover of its STAC item is {value!r:.80}, not per cent; correct or remove it."
    )


def _json_files(path: Path) -> list[Path]:
    return sorted(file for file in path.iterdir() if file.suffix.lower() in (".json", ".geojson"))


def _read_item(file: Path) -> dict[str, Any] | None:
    check_kind(file)
    try:
        item = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not (isinstance(item, dict) and item.get("type") == "Feature" and isinstance(item.get("assets"), dict)):
        return None
    properties = item.get("properties")
    assets = {key: asset for key, asset in item["assets"].items() if isinstance(asset, dict)}
    return {**item, "assets": assets, "properties": properties if isinstance(properties, dict) else {}}


def _only_item(path: Path) -> dict[str, Any]:
    items = [item for file in _json_files(path) if (item := _read_item(file))]
    if len(items) > 1:
        names = ", ".join(str(item.get("id")) for item in items)
        raise UserError(f"{path} holds {len(items)} STAC items ({names}); give each scene a folder of its own.")
    return items[0]


def band_asset(item: dict[str, Any], band: str) -> dict[str, Any]:
    """Return the band's asset by ESA's or the common name, the finest of several; empty where there is none."""
    names = {band.lower(), COMMON_NAMES.get(band, band).lower()}
    for key in sorted(item["assets"]):
        if re.sub(r"_\d\dm$", "", key.lower()) in names:
            return item["assets"][key]
    return {}


def _band_file(path: Path, item: dict[str, Any], band: str) -> Path | None:
    """Return the band's file in the folder: by the item's relative link, by the link's file name, or by the band's name."""
    href = str(band_asset(item, band).get("href", ""))
    if href and "://" not in href and not PurePosixPath(href).is_absolute():
        linked = Path(os.path.normpath(path / href))
        if linked.is_relative_to(os.path.normpath(path)) and _is_file(linked):
            return linked
    beside_item = path / PurePosixPath(href).name
    return beside_item if href and _is_file(beside_item) else band_file(path, band)


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # such as a name that is too long for the file system
        return False


def _calibration(path: Path, item: dict[str, Any], band: str, file: Path, wanted: SceneRequest) -> Calibration:
    baseline = _baseline(item)
    why = f"its STAC item (processing baseline {baseline or 'unknown'}) does not say whether the offset was subtracted"
    stated = _stated_calibration(path, item, band, file)
    number = file_quantification(file, stated, wanted.quantification)
    return calibrate(None if number else stated, wanted.offset_rule, f"{path}: {band}", why, number)


def _stated_calibration(path: Path, item: dict[str, Any], band: str, file: Path) -> Calibration | None:
    """Return the band's calibration by item and metadata, the most reliable source first; None where none decides it.

    1. ``earthsearch:boa_offset_applied`` true: no offset, whatever ``raster:bands`` holds. This property is about the
       archive's own COGs, not about the original JPEG 2000 files that the item lists too (``red-jp2``).
    2. A baseline before 04.00: no offset.
    3. ``raster:bands`` (or ``raster:scale`` and ``raster:offset``), unless the offset is 0 although the baseline has one.
    4. The product's own MTD_MSIL2A.xml beside the item.
    """
    scale, offset = _scale_and_offset(band_asset(item, band))
    quantification = DEFAULT_QUANTIFICATION if scale is None else Calibration.of_scale(scale, 0).quantification
    early = baseline_calibration(_baseline(item))
    applied = item["properties"].get("earthsearch:boa_offset_applied") is True
    if early or (applied and not _is_esa_original(item, band, file)):
        return Calibration(quantification, 0.0)
    if scale is not None and offset:
        return Calibration.of_scale(scale, offset)
    product = folder_product(path)
    return product.calibration(band) if product else None


def _is_esa_original(item: dict[str, Any], band: str, file: Path) -> bool:
    """Whether the file is ESA's JPEG 2000, not the archive's own COG."""
    return file.suffix == ".jp2" and file.name != PurePosixPath(str(band_asset(item, band).get("href", ""))).name


def _baseline(item: dict[str, Any]) -> str | None:
    properties = item["properties"]
    baseline = properties.get("s2:processing_baseline") or properties.get("processing:version")
    return str(baseline) if baseline else None


def _scale_and_offset(asset: dict[str, Any]) -> tuple[float | None, float | None]:
    """Return scale and offset of STAC 1.0 (``raster:bands``) or STAC 1.1 (``bands``, or the asset itself)."""
    bands = asset.get("raster:bands") or asset.get("bands")
    band = bands[0] if isinstance(bands, list) and bands and isinstance(bands[0], dict) else {}
    values = [band.get(name, band.get(f"raster:{name}", asset.get(f"raster:{name}"))) for name in ("scale", "offset")]
    scale, offset = (
        float(value) if isinstance(value, int | float) and abs(value) < MAX_FLOAT else None for value in values
    )
    return scale or None, offset
