"""Scenes in one GeoTIFF: bands by their descriptions or by their order, or a finished 8-bit image."""

from __future__ import annotations

import re
from pathlib import Path

from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader

from lobate.errors import UserError
from lobate.imagery.reading.calibration import calibrate
from lobate.imagery.reading.gdal_scale import band_calibration
from lobate.imagery.reading.scene import COMMON_NAMES, Band, Scene, SceneRequest, find_date
from lobate.io.drivers import SINGLE_FILE_DRIVERS
from lobate.io.grid import Grid
from lobate.io.raster import open_raster

BAND_ALIASES = {
    **{common: band for band, common in COMMON_NAMES.items()},
    **{band.lower(): band for band in (*COMMON_NAMES, "SCL")},
    **{re.sub("^b0", "b", band.lower()): band for band in COMMON_NAMES},
}
"""Description of a band (``red``, ``b04``, ``b4``) -> its name."""


def recognises(path: Path) -> bool:
    """Whether this is a file; the reader of zips comes first."""
    return path.is_file()


def read(path: Path, wanted: SceneRequest) -> Scene:
    """Return the scene; its cloud cover is unknown, and a band called SCL is its classification.

    The setting ``imagery.band_order`` goes before the file's descriptions. Raises UserError when a band is missing, or its
    calibration.
    """
    if path.suffix.lower() in (".json", ".geojson", ".xml"):
        raise UserError(f"{path} is a scene's metadata, not a scene; give the folder that holds it and the bands.")
    with open_raster(path, drivers=SINGLE_FILE_DRIVERS) as dataset:
        numbers = _bands_by_order(path, dataset, wanted) if wanted.band_order else _bands_by_description(dataset)
        indices = _band_indices(path, dataset, numbers, wanted)
        is_8bit = all(dataset.dtypes[index - 1] == "uint8" for index in indices)
        bands = tuple(_band(path, dataset, index, wanted, is_8bit=is_8bit) for index in indices)
        grid = Grid.from_raster(dataset)
    classes = Band(str(path), numbers["SCL"]) if "SCL" in numbers and not is_8bit else None
    return Scene(path.stem, path, bands, classes, date=find_date(path.name), grid=grid)


def _bands_by_order(path: Path, dataset: DatasetReader, wanted: SceneRequest) -> dict[str, int]:
    """Return band -> number by the setting ``imagery.band_order``."""
    usable = _non_alpha_bands(dataset)
    if len(usable) != len(wanted.band_order):
        raise UserError(
            f"{path} has {len(usable)} bands, but imagery.band_order names {len(wanted.band_order)} ({', '.join(wanted.band_order)}). "
            "Name each of the file's bands once, in their order."
        )
    return {BAND_ALIASES.get(name.lower(), name): index for name, index in zip(wanted.band_order, usable, strict=True)}


def _bands_by_description(dataset: DatasetReader) -> dict[str, int]:
    """Return band -> number for each band with a known description (``B04``, ``b4``, ``red``)."""
    texts = [(text or "").strip().lower() for text in dataset.descriptions]
    return {BAND_ALIASES[text]: index for index, text in reversed(list(enumerate(texts, 1))) if text in BAND_ALIASES}


def _non_alpha_bands(dataset: DatasetReader) -> list[int]:
    return [i for i, colour in enumerate(dataset.colorinterp, 1) if colour is not ColorInterp.alpha]


def _band_indices(path: Path, dataset: DatasetReader, numbers: dict[str, int], wanted: SceneRequest) -> list[int]:
    """Return the numbers of the wanted bands; a file without names must have exactly these bands, in this order."""
    if all(band in numbers for band in wanted.bands):
        return [numbers[band] for band in wanted.bands]
    usable = _non_alpha_bands(dataset)
    if numbers or len(usable) != len(wanted.bands):
        described = ", ".join(text or "no description" for text in dataset.descriptions)
        raise UserError(
            f"{path} should hold the bands {', '.join(wanted.bands)}, but it has {len(usable)} ({described}). Name its "
            "bands in imagery.band_order, describe them in the file (B04, B03, ...), or give a file with just the bands of "
            "imagery.bands, in that order."
        )
    return usable


def _band(path: Path, dataset: DatasetReader, index: int, wanted: SceneRequest, *, is_8bit: bool) -> Band:
    if is_8bit:
        return Band(str(path), index)
    why = f"band {index} has no scale and offset"
    calibration = calibrate(band_calibration(dataset, index), wanted.offset_rule, f"{path}: band {index}", why)
    return Band(str(path), index, calibration)
