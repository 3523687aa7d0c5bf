"""Scenes in one GeoTIFF: bands by their descriptions, colours or order, or a finished 8-bit image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rasterio.io import DatasetReader

from lobate.errors import UserError
from lobate.imagery.reading.calibration import calibrate
from lobate.imagery.reading.gdal_scale import band_calibration, check_finished
from lobate.imagery.reading.quantification import band_quantification
from lobate.imagery.reading.scene import Band, Scene, SceneRequest, find_date
from lobate.io.band_names import ALPHA, CLASSES, band_named
from lobate.io.drivers import SINGLE_FILE_DRIVERS
from lobate.io.grid import Grid
from lobate.io.image_bands import ImageBands
from lobate.io.raster import open_raster
from lobate.io.validity import alpha_bands


@dataclass(frozen=True)
class FileBands:
    """Numbers of the wanted bands, of the classification if any, and of the alpha bands."""

    wanted: list[int]
    classes: int | None
    alpha: tuple[int, ...]


def recognises(path: Path) -> bool:
    """Whether this is a file; the reader of zips comes first."""
    return path.is_file()


def read(path: Path, wanted: SceneRequest) -> Scene:
    """Return the scene; its cloud cover is unknown, and a band called SCL is its classification.

    The setting ``imagery.band_order`` goes before what the file says. Raises UserError when a band is missing, or its
    calibration, and where the file says something of its bands that is not understood.
    """
    if path.suffix.lower() in (".json", ".geojson", ".xml"):
        raise UserError(f"{path} is a scene's metadata, not a scene; give the folder that holds it and the bands.")
    with open_raster(path, drivers=SINGLE_FILE_DRIVERS) as dataset:
        found = _bands_by_order(path, dataset, wanted) if wanted.band_order else _bands_by_file(path, dataset, wanted)
        is_8bit = all(dataset.dtypes[index - 1] == "uint8" for index in found.wanted)
        bands = tuple(_band(path, dataset, index, wanted, is_8bit=is_8bit) for index in found.wanted)
        grid = Grid.from_raster(dataset)
    classes = Band(str(path), found.classes) if found.classes and not is_8bit else None
    return Scene(path.stem, path, bands, classes, date=find_date(path.name), grid=grid, alpha=found.alpha)


def _bands_by_order(path: Path, dataset: DatasetReader, wanted: SceneRequest) -> FileBands:
    """Return the bands by the setting ``imagery.band_order``, which may leave out alpha bands."""
    order = [band_named(name) or name for name in wanted.band_order]
    alpha = alpha_bands(dataset)
    places = [index for index in dataset.indexes if index not in alpha]
    if len(order) == dataset.count:
        places, alpha = list(dataset.indexes), tuple(index for index, name in enumerate(order, 1) if name == ALPHA)
    if len(places) != len(order):
        raise UserError(
            f"{path} has {len(places)} bands, but imagery.band_order names {len(order)} ({', '.join(wanted.band_order)}). "
            "Name each of the file's bands once, in their order."
        )
    if repeated := sorted({name for name in order if order.count(name) > 1}):
        raise UserError(
            f"imagery.band_order names {', '.join(repeated)} more than once ({', '.join(wanted.band_order)}). Give each band of {path} "
            "a name of its own."
        )
    numbers = dict(zip(order, places, strict=True))
    if any(band not in numbers for band in wanted.bands):
        raise _missing_error(path, wanted, len(places), f"by imagery.band_order: {', '.join(wanted.band_order)}")
    return FileBands([numbers[band] for band in wanted.bands], numbers.get(CLASSES), alpha)


def _bands_by_file(path: Path, dataset: DatasetReader, wanted: SceneRequest) -> FileBands:
    """Return the bands by what the file says; one that says nothing must have exactly the wanted bands, in this order."""
    bands = ImageBands.read(dataset, path)
    alpha = tuple(index for index in dataset.indexes if index not in bands.usable)
    if (found := bands.find(wanted.bands)) is not None:
        return FileBands(found, bands.numbers.get(CLASSES), alpha)
    if (any(bands.names) and not bands.by_default) or len(bands.usable) != len(wanted.bands):
        twice = f"; {' and '.join(bands.repeated)} more than once" if bands.repeated else ""
        raise _missing_error(path, wanted, len(bands.usable), bands.said + twice)
    if bands.unread:
        raise UserError(
            f"{path} describes its bands as {bands.said}, and lobate cannot tell which of them are "
            f"{', '.join(wanted.bands)}. Name the file's bands in their order in imagery.band_order, "
            "or describe them in the file (B04, B03, ...)."
        )
    return FileBands(list(bands.usable), None, alpha)


def _missing_error(path: Path, wanted: SceneRequest, count: int, said: str) -> UserError:
    return UserError(
        f"{path} should hold the bands {', '.join(wanted.bands)}, but it has {count} ({said}). Name its "
        "bands in imagery.band_order, describe them in the file (B04, B03, ...), or give a file with just the bands of "
        "imagery.bands, in that order."
    )


def _band(path: Path, dataset: DatasetReader, index: int, wanted: SceneRequest, *, is_8bit: bool) -> Band:
    if is_8bit:
        check_finished(dataset, index, path)
        return Band(str(path), index)
    why = "the band has no scale and offset"
    stated = band_calibration(dataset, index)
    quantification = None if stated else band_quantification(dataset, index, None, wanted.quantification)
    calibration = calibrate(stated, wanted.offset_rule, f"{path}: band {index}", why, quantification)
    return Band(str(path), index, calibration)
