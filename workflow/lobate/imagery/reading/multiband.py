"""Scenes in one GeoTIFF: several bands by their descriptions or in the image's order, or an 8-bit image that is ready."""

from __future__ import annotations

import re
from pathlib import Path

from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader

from lobate.errors import UserError
from lobate.imagery.reading.calibration import calibrate
from lobate.imagery.reading.gdal_scale import band_calibration
from lobate.imagery.reading.scene import COMMON_NAMES, Band, Scene, SceneRequest, find_date
from lobate.io.grid import Grid
from lobate.io.raster import SELF_CONTAINED, open_raster

BAND_ALIASES = {
    **{common: band for band, common in COMMON_NAMES.items()},
    **{band.lower(): band for band in (*COMMON_NAMES, "SCL")},
    **{re.sub("^b0", "b", band.lower()): band for band in COMMON_NAMES},
}
"""What a band may be called (``red``, ``b04``, ``b4``) and its name here."""


def recognises(path: Path) -> bool:
    """Whether this is a file; zips are asked before."""
    return path.is_file()


def read(path: Path, wanted: SceneRequest) -> Scene:
    """Return the scene; UserError when its bands cannot be told apart or its numbers not be read.

    The settings' order of bands goes before the file's descriptions. No file of this kind says how cloudy it is; a band
    called SCL is its classification.
    """
    if path.suffix.lower() in (".json", ".geojson", ".xml"):
        raise UserError(f"{path} is a scene's metadata, not a scene; give the folder that holds it and the bands.")
    with open_raster(path, drivers=SELF_CONTAINED) as dataset:
        found = _bands_by_order(path, dataset, wanted) if wanted.band_order else _bands_by_description(dataset)
        indices = _band_indices(path, dataset, found, wanted)
        ready = all(dataset.dtypes[index - 1] == "uint8" for index in indices)
        bands = tuple(_band(path, dataset, index, wanted, ready=ready) for index in indices)
        grid = Grid.of(dataset)
    classes = Band(str(path), found["SCL"]) if "SCL" in found and not ready else None
    return Scene(path.stem, path, bands, classes, date=find_date(path.name), grid=grid)


def _bands_by_order(path: Path, dataset: DatasetReader, wanted: SceneRequest) -> dict[str, int]:
    """Return band -> number as the setting ``imagery.band_order`` has them."""
    usable = _non_alpha_bands(dataset)
    if len(usable) != len(wanted.band_order):
        raise UserError(
            f"{path} has {len(usable)} bands, but imagery.band_order names {len(wanted.band_order)} ({', '.join(wanted.band_order)}). "
            "Name each of the file's bands once, in their order."
        )
    return {BAND_ALIASES.get(name.lower(), name): index for name, index in zip(wanted.band_order, usable, strict=True)}


def _bands_by_description(dataset: DatasetReader) -> dict[str, int]:
    """Return band -> number, for the bands whose description names one (``B04``, ``b4``, ``red``)."""
    texts = [(text or "").strip().lower() for text in dataset.descriptions]
    return {BAND_ALIASES[text]: index for index, text in reversed(list(enumerate(texts, 1))) if text in BAND_ALIASES}


def _non_alpha_bands(dataset: DatasetReader) -> list[int]:
    return [i for i, colour in enumerate(dataset.colorinterp, 1) if colour is not ColorInterp.alpha]


def _band_indices(path: Path, dataset: DatasetReader, found: dict[str, int], wanted: SceneRequest) -> list[int]:
    if all(band in found for band in wanted.bands):
        return [found[band] for band in wanted.bands]
    usable = _non_alpha_bands(dataset)
    if found or len(usable) != len(wanted.bands):
        described = ", ".join(text or "no description" for text in dataset.descriptions)
        raise UserError(
            f"{path} should hold the bands {', '.join(wanted.bands)}, but it has {len(usable)} ({described}). Name its "
            "bands in imagery.band_order, describe them in the file (B04, B03, ...), or give a file with just the bands of "
            "imagery.bands, in that order."
        )
    return usable


def _band(path: Path, dataset: DatasetReader, index: int, wanted: SceneRequest, *, ready: bool) -> Band:
    if ready:
        return Band(str(path), index)
    why = f"band {index} carries no scale and offset"
    calibration = calibrate(band_calibration(dataset, index), wanted.offset_rule, f"{path}: band {index}", why)
    return Band(str(path), index, calibration)
