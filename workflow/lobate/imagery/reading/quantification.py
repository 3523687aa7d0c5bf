"""What number stands for a reflectance of 1 in an image of floating-point numbers.

Sentinel-2's integers are reflectance times 10,000. Floating point has no such custom: reflectance, per cent and reflectance
times 10,000 are all written so. The band's unit says it; else the values, where they can only be reflectance. All other
numbers are asked about (imagery.quantification).
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from rasterio.io import DatasetReader
from rasterio.windows import Window

from lobate.errors import UserError
from lobate.imagery.reading.calibration import Calibration
from lobate.io.drivers import SINGLE_FILE_DRIVERS
from lobate.io.raster import open_raster
from lobate.io.validity import Validity

log = logging.getLogger(__name__)

REFLECTANCE, PER_CENT = 1.0, 100.0
UNITS = {
    "reflectance": REFLECTANCE, "surface reflectance": REFLECTANCE, "1": REFLECTANCE, "unitless": REFLECTANCE,
    "dimensionless": REFLECTANCE, "%": PER_CENT, "percent": PER_CENT, "per cent": PER_CENT, "prozent": PER_CENT,
}  # fmt: skip
UNSAID = ("", "none", "-", "dn", "digital number", "counts", "n/a", "unknown", "metre", "meter", "m")
"""What some writers put where they know no unit; reflectance has none in metres."""
PLACES, SIDE = 8, 32
"""Windows of the sample along each axis, and their side in pixels."""
LEAST, MOST = 0.01, 5.0
"""The 99th percentile of an image's reflectance: darker is deep water, brighter is no surface."""
BRIGHT = 0.6
"""Half of all ground is darker, unless snow lies on it; a finished picture of numbers from 0 to 1 may be brighter."""
BRIGHTEST, DARKEST = 2.0, -0.3
"""The 1st and the 99th percentile of numbers that can only be reflectance; snow is brighter than 1 on slopes towards the sun."""


def file_quantification(path: str | Path, stated: Calibration | None, setting: float | None) -> float | None:
    """Return the number that is a reflectance of 1 in a file's first band, as `band_quantification` does."""
    with open_raster(path, require_place=False, drivers=SINGLE_FILE_DRIVERS) as dataset:
        return band_quantification(dataset, 1, stated, setting)


def band_quantification(
    dataset: DatasetReader, index: int, stated: Calibration | None, setting: float | None
) -> float | None:
    """Return the number that is a reflectance of 1 in a band without tags, None where ``stated`` or the default holds.

    ``stated`` is the calibration in metadata beside the file. It holds for integers, and for floating-point numbers where
    neither ``setting`` nor unit nor values say otherwise: these may have been converted. Raises UserError for
    floating-point numbers of which nothing tells it.
    """
    dtype = np.dtype(dataset.dtypes[index - 1])
    unit = (dataset.units[index - 1] or "").strip()
    if dtype.kind != "f":
        return None if stated else _of_integers(dataset, index, unit, setting)
    if setting is not None:
        return setting
    if unit.lower() in UNITS:
        return UNITS[unit.lower()]
    values = sample(dataset, index)
    if unit.lower() in UNSAID and (not len(values) or _are_reflectance(values)):
        log.info("%s: the numbers of band %d are reflectance, by their unit or values", dataset.name, index)
        return REFLECTANCE
    if stated:
        return None
    said = f'the unit "{unit}"' if unit.lower() not in UNSAID else "neither a unit nor a scale"
    raise UserError(
        f"{dataset.name}: band {index} holds {dtype} numbers, mostly {_most(values)}, with {said}, so what they mean cannot be known. Set "
        "imagery.quantification to the number that stands for a reflectance of 1 (1, 100 for per cent, 10000). "
        "Or write the scale into the file (gdal_edit.py -scale 0.0001 FILE)."
    )


def _of_integers(dataset: DatasetReader, index: int, unit: str, setting: float | None) -> float | None:
    """Return the number for integers, None for Sentinel-2's own: their unit is per cent, or reflectance times something."""
    if setting is not None or unit.lower() in UNSAID or "refl" in unit.lower():
        return setting
    if UNITS.get(unit.lower()) == PER_CENT:
        check_reflectance(dataset, index, Calibration(PER_CENT, 0.0), f"{dataset.name}, band {index},")
        return PER_CENT
    if unit.lower() in UNITS:
        return None
    raise UserError(
        f'{dataset.name}: band {index} says that its unit is "{unit}", which is no reflectance that lobate knows. Set '
        "imagery.quantification to the number that stands for a reflectance of 1 (10000, or 100 for per cent), if it is one. "
        "Radiance must be converted first."
    )


def check_reflectance(dataset: DatasetReader, index: int, calibration: Calibration, source: str) -> None:
    """Raise UserError where the values of a band, by its calibration, are far from the reflectance of any ground.

    Metadata beside a file may be about other numbers than the file's own, such as those of the product it was made from.
    """
    values = sample(dataset, index)
    if not len(values):
        return
    brightest = (np.percentile(values, 99) + calibration.offset) / calibration.quantification
    if not LEAST <= brightest <= MOST:
        raise UserError(
            f"{source} holds {dataset.dtypes[index - 1]} numbers, mostly {_most(values)}. By its metadata or the settings, reflectance is "
            f"(number + {calibration.offset:g}) / {calibration.quantification:g}, so 1 % of the band would be brighter than "
            f"{brightest:.3g}, which no ground is. Set imagery.quantification to the number that stands for a reflectance of "
            "1 (1, 100 for per cent, 10000), or correct the metadata or the file's scale (gdal_edit.py -scale 0.0001 FILE)."
        )


def sample(dataset: DatasetReader, index: int) -> np.ndarray:
    """Return numbers of a band from windows all over it, (n,) float64, without those that are no data.

    A whole band is read only where these windows hold no data, or where it is small.
    """
    validity = Validity(dataset, (index,))
    whole = Window(0, 0, dataset.width, dataset.height)
    if dataset.width * dataset.height <= (PLACES * SIDE) ** 2:
        return _valid(dataset, index, validity, whole)
    parts = [_valid(dataset, index, validity, window) for window in _windows(dataset)]
    return np.concatenate(parts) if any(map(len, parts)) else _thinned(dataset, index, validity)


def _windows(dataset: DatasetReader) -> list[Window]:
    rows, columns = (
        np.linspace(0, max(0, size - SIDE), PLACES).astype(int).tolist() for size in (dataset.height, dataset.width)
    )
    return [
        Window(column, row, min(SIDE, dataset.width), min(SIDE, dataset.height)) for row in rows for column in columns
    ]


def _valid(dataset: DatasetReader, index: int, validity: Validity, window: Window) -> np.ndarray:
    numbers = dataset.read(index, window=window)
    return numbers[validity.of(numbers[np.newaxis], window)].astype(np.float64)


def _thinned(dataset: DatasetReader, index: int, validity: Validity) -> np.ndarray:
    """Return numbers of a band with little data, a strip of rows at a time."""
    parts = []
    for row in range(0, dataset.height, PLACES * SIDE):
        window = Window(0, row, dataset.width, min(PLACES * SIDE, dataset.height - row))
        parts.append(_valid(dataset, index, validity, window)[::SIDE])
    return np.concatenate(parts)


def _are_reflectance(values: np.ndarray) -> bool:
    """Whether numbers can only be reflectance: fractions from 0 to about 1, and not those of a bright picture."""
    low, middle, high = np.percentile(values, [1, 50, 99])
    return low >= DARKEST and 0 < middle <= BRIGHT and LEAST <= high <= BRIGHTEST and bool((values % 1 != 0).any())


def _most(values: np.ndarray) -> str:
    """Return the range of most of the numbers, for messages."""
    return "{:g} to {:g}".format(*np.percentile(values, [1, 99])) if len(values) else "nothing but nodata"
