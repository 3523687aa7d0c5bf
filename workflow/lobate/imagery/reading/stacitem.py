"""Scenes as open archives hand them out: a folder with a STAC item (JSON) and its bands, COG or JPEG 2000.

File names lie (JPEG 2000 called ``.tif``), shapes in the item may lie too: only the rasters themselves say what grid they
are on. The item is asked for the offset, cloud cover and date, and for which file is which band.
"""

from __future__ import annotations

import json
import os.path
import re
from pathlib import Path, PurePosixPath
from typing import Any

from lobate.errors import UserError
from lobate.imagery.reading.bandfolder import band_file, folder_product
from lobate.imagery.reading.calibration import DEFAULT_QUANTIFICATION, Calibration, baseline_calibration, calibrate
from lobate.imagery.reading.scene import (
    COMMON_NAMES,
    Band,
    Scene,
    SceneRequest,
    find_date,
    missing_band_error,
    missing_classes_error,
)

MAX_FLOAT = 1e300
"""Whole numbers in JSON may be too large for a float."""


def recognises(path: Path) -> bool:
    """Whether this is a folder with a STAC item in it."""
    return path.is_dir() and any(_read_item(file) for file in _json_files(path))


def read(path: Path, wanted: SceneRequest) -> Scene:
    """Return the scene; UserError when the item is ambiguous, or a band or the classification is missing."""
    item = _only_item(path)
    files = {band: file for band in (*wanted.bands, "SCL") if (file := _band_file(path, item, band))}
    lacking = [band for band in wanted.bands if band not in files]
    if lacking:
        raise missing_band_error(path, lacking, sorted(files))
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


def _cloud(path: Path, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, int | float) and 0 <= value <= 100:
        return float(value)
    raise UserError(
        f"{path}: the eo:cloud_cover of its STAC item is {value!r:.80}, not per cent; correct or take it out."
    )


def _json_files(path: Path) -> list[Path]:
    return sorted(file for file in path.iterdir() if file.suffix.lower() in (".json", ".geojson"))


def _read_item(file: Path) -> dict[str, Any] | None:
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
    """Return the band's asset, by ESA's name or the catalogue's, the finest of several; empty where there is none."""
    wanted = {band.lower(), COMMON_NAMES.get(band, band).lower()}
    for key in sorted(item["assets"]):
        if re.sub(r"_\d\dm$", "", key.lower()) in wanted:
            return item["assets"][key]
    return {}


def _band_file(path: Path, item: dict[str, Any], band: str) -> Path | None:
    """Return the band's file in the folder: where the item says, else of the name that it has in the archive."""
    href = str(band_asset(item, band).get("href", ""))
    if href and "://" not in href and not PurePosixPath(href).is_absolute():
        inside = Path(os.path.normpath(path / href))
        if inside.is_relative_to(os.path.normpath(path)) and _is_file(inside):
            return inside
    beside = path / PurePosixPath(href).name
    return beside if href and _is_file(beside) else band_file(path, band)


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # a name that no file system takes
        return False


def _calibration(path: Path, item: dict[str, Any], band: str, file: Path, wanted: SceneRequest) -> Calibration:
    baseline = _baseline(item)
    why = f"its STAC item (processing baseline {baseline or 'unknown'}) does not say whether the offset was taken off"
    return calibrate(_stated_calibration(path, item, band, file), wanted.offset_rule, f"{path}: {band}", why)


def _stated_calibration(path: Path, item: dict[str, Any], band: str, file: Path) -> Calibration | None:
    """Return what the folder says of the band's numbers, the surest word first.

    1. ``earthsearch:boa_offset_applied`` true: the numbers carry no offset, whatever ``raster:bands`` says. It speaks of
       the archive's own COGs, not of the originals in JPEG 2000 that the item lists too (``red-jp2``).
    2. A baseline before 04.00 never had one.
    3. ``raster:bands`` (or ``raster:scale`` and ``raster:offset``), unless they deny the offset that the baseline has.
    4. The product's own MTD_MSIL2A.xml beside the item.
    """
    scale, offset = _scale_and_offset(band_asset(item, band))
    quantification = DEFAULT_QUANTIFICATION if scale is None else Calibration.of_scale(scale, 0).quantification
    early = baseline_calibration(_baseline(item))
    taken_off = item["properties"].get("earthsearch:boa_offset_applied") is True and not _is_esa_original(
        item, band, file
    )
    if taken_off or early:
        return Calibration(quantification, 0.0)
    if scale is not None and offset:
        return Calibration.of_scale(scale, offset)
    product = folder_product(path)
    return product.calibration(band) if product else None


def _is_esa_original(item: dict[str, Any], band: str, file: Path) -> bool:
    """Whether the file is ESA's own JPEG 2000 and not the one that the archive made of it."""
    return file.suffix == ".jp2" and file.name != PurePosixPath(str(band_asset(item, band).get("href", ""))).name


def _baseline(item: dict[str, Any]) -> str | None:
    properties = item["properties"]
    found = properties.get("s2:processing_baseline") or properties.get("processing:version")
    return str(found) if found else None


def _scale_and_offset(asset: dict[str, Any]) -> tuple[float | None, float | None]:
    """Return scale and offset as STAC 1.0 (``raster:bands``) or 1.1 (``bands``, or the asset itself) writes them."""
    listed = asset.get("raster:bands") or asset.get("bands")
    first = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], dict) else {}
    found = [first.get(name, first.get(f"raster:{name}", asset.get(f"raster:{name}"))) for name in ("scale", "offset")]
    scale, offset = (float(one) if isinstance(one, int | float) and abs(one) < MAX_FLOAT else None for one in found)
    return scale or None, offset
