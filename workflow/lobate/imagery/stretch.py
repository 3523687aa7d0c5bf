"""Stretch of reflectance to 8 bit: the range of each band, and a lookup table from digital numbers to the image's values.

The range is the same for all images: from the settings, or measured once on the whole region. A table of 65,536 entries
for each band holds calibration, stretch, rounding and nodata, so a pixel costs one lookup. The result is exact: the ends of
the range are whole DN for all Sentinel-2 products, and the same ground with and without an offset gives the same values.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lobate.errors import UserError
from lobate.imagery.reading.calibration import Calibration
from lobate.io.jsonfile import parse_json, write_json
from lobate.io.mask_values import IMAGE_NODATA
from lobate.settings.imagery import Stretch

LEVELS = 254
"""Steps between 1 and 255; 0 is nodata."""
ROWS_IN_CACHE = 16
"""Rows that one lookup reads at a time."""


@dataclass(frozen=True)
class Range:
    """Surface reflectance that becomes 1 (``lowest``) and 255 (``highest``)."""

    lowest: float
    highest: float


def stretch_key(stretch: Stretch) -> Stretch:
    """Return the settings that an image depends on; the measured range already holds the effect of the percentiles."""
    if stretch.method == "fixed":
        return Stretch(lowest=stretch.lowest, highest=stretch.highest)
    return Stretch(method=stretch.method)


def resolve_ranges(stretch: Stretch, measured: Path | None, bands: list[str]) -> tuple[Range, ...]:
    """Return the range of each band. Raises UserError when the settings require a measured range and there is none."""
    if stretch.method == "fixed":
        return (Range(stretch.lowest, stretch.highest),) * len(bands)
    if measured is None:
        raise UserError(
            "imagery.stretch.method is percentiles, but no measured range was given. Run lobate measure-stretch and give "
            "its result as --measured, or set imagery.stretch.method: fixed."
        )
    measured_ranges = read_ranges(measured)
    missing = [band for band in bands if band not in measured_ranges]
    if missing:
        raise UserError(
            f"{measured} has no range for {', '.join(missing)}; it was measured for other bands. Run measure-stretch again."
        )
    return tuple(measured_ranges[band] for band in bands)


def read_ranges(measured: Path) -> dict[str, Range]:
    """Return the range of each band in a result of measure-stretch."""
    what = "a file of ranges written by `measure-stretch`"
    ranges = parse_json(measured, _ranges_from_json, what, "Run lobate measure-stretch again.")
    for band, range_ in ranges.items():
        if not (math.isfinite(range_.lowest) and math.isfinite(range_.highest) and range_.lowest < range_.highest):
            raise UserError(
                f"{measured}: the range of {band} is empty ({range_.lowest:g} to {range_.highest:g}); measure it again."
            )
    return ranges


def ranges_view(source: Path, target: Path) -> None:
    """Write the ranges alone: images do not depend on the number of measured pixels."""
    write_json(target, {"ranges": ranges_to_json(read_ranges(source))}, allow_nan=False)


def ranges_to_json(ranges: dict[str, Range]) -> dict[str, dict[str, float]]:
    """Return ranges by band as values for JSON."""
    return {band: asdict(range_) for band, range_ in ranges.items()}


def lookup_table(stretch_range: Range, calibration: Calibration, dtype: str, nodata: float | None) -> np.ndarray:
    """Return the table, (65536,) uint8, from the bits of a DN of ``dtype`` (uint16 or int16) to the image's value.

    ``value = 1 + floor(254 (r - lowest) / (highest - lowest) + 1/2)``, clipped to 1..255, with reflectance ``r``; halves
    round up. DN 0 and ``nodata`` become 0. With lowest 0 and no offset these are the values of
    ``gdal_translate -scale 0 3000 1 255 -ot Byte``.
    """
    numbers = np.arange(65536, dtype=np.uint16).view(dtype).astype(np.float64)
    lowest, highest = (
        round(end * calibration.quantification - calibration.offset, 6)
        for end in (stretch_range.lowest, stretch_range.highest)
    )
    values = 1 + np.floor((numbers - lowest) * LEVELS / (highest - lowest) + 0.5)
    table = np.clip(values, 1, 255).astype(np.uint8)
    table[numbers == 0] = IMAGE_NODATA
    if nodata is not None:
        table[numbers == nodata] = IMAGE_NODATA
    return table


def apply_lut(table: np.ndarray, numbers: np.ndarray, values: np.ndarray) -> None:
    """Fill ``values``, (h, w) uint8, with the table's entries for ``numbers``, (h, w) of two bytes.

    It takes some rows at a time, because numpy widens indices to eight bytes, and these should stay in the CPU cache.
    """
    for row in range(0, len(numbers), ROWS_IN_CACHE):
        part = slice(row, row + ROWS_IN_CACHE)
        np.take(table, numbers[part].view(np.uint16), out=values[part], mode="clip")


def _ranges_from_json(facts: dict[str, Any]) -> dict[str, Range]:
    return {str(band): Range(float(ends["lowest"]), float(ends["highest"])) for band, ends in facts["ranges"].items()}
