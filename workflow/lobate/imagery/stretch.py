"""From digital numbers to 8 bit by one table lookup per pixel.

Two bytes have 65,536 values, so the whole of calibration, stretch, rounding and nodata is worked out once per band and a
pixel costs one lookup. Exact by construction: in DN, the range's ends are whole numbers for every product in circulation,
and the same ground with and without an offset meets the same integers.

The range of reflectance that the images show: the same for all by setting, or measured once on the whole region.
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


@dataclass(frozen=True)
class Range:
    """Surface reflectance that becomes 1, and the one that becomes 255."""

    lowest: float
    highest: float


def stretch_key(stretch: Stretch) -> Stretch:
    """Return what of the settings an image depends on: which percentiles were measured is in the measured range."""
    if stretch.method == "fixed":
        return Stretch(lowest=stretch.lowest, highest=stretch.highest)
    return Stretch(method=stretch.method)


def resolve_ranges(stretch: Stretch, measured: Path | None, bands: list[str]) -> tuple[Range, ...]:
    """Return the range of each band; UserError when it was to be measured and was not."""
    if stretch.method == "fixed":
        return (Range(stretch.lowest, stretch.highest),) * len(bands)
    if measured is None:
        raise UserError(
            "imagery.stretch.method is percentiles, but no measured range was given. Run lobate measure-stretch and give "
            "what it writes as --measured, or set imagery.stretch.method: fixed."
        )
    found = read_ranges(measured)
    missing = [band for band in bands if band not in found]
    if missing:
        raise UserError(
            f"{measured} has no range for {', '.join(missing)}; it was measured for other bands. Run measure-stretch again."
        )
    return tuple(found[band] for band in bands)


def read_ranges(measured: Path) -> dict[str, Range]:
    """Return the ranges by band in what measure-stretch wrote."""
    what = "a file of ranges written by `measure-stretch`"
    found = parse_json(measured, _ranges_from_json, what, "Run lobate measure-stretch again.")
    for band, one in found.items():
        if not (math.isfinite(one.lowest) and math.isfinite(one.highest) and one.lowest < one.highest):
            raise UserError(
                f"{measured}: the range of {band} is empty ({one.lowest:g} to {one.highest:g}); measure it again."
            )
    return found


def ranges_view(source: Path, target: Path) -> None:
    """Write the ranges alone: how many pixels they were measured on shapes no image."""
    write_json(target, {"ranges": ranges_to_json(read_ranges(source))}, allow_nan=False)


def ranges_to_json(ranges: dict[str, Range]) -> dict[str, dict[str, float]]:
    """Return ranges by band as plain values."""
    return {band: asdict(one) for band, one in ranges.items()}


def _ranges_from_json(facts: dict[str, Any]) -> dict[str, Range]:
    return {str(band): Range(float(ends["lowest"]), float(ends["highest"])) for band, ends in facts["ranges"].items()}


LEVELS = 254
"""Steps between 1 and 255; 0 is nodata."""

ROWS_IN_CACHE = 16


def lookup_table(stretch_range: Range, calibration: Calibration, dtype: str, nodata: float | None) -> np.ndarray:
    """Return the table (65536,) uint8 from the bits of a DN of ``dtype`` (uint16 or int16) to the image's value.

    ``value = 1 + floor(254 (r - lowest) / (highest - lowest) + 1/2)``, clipped to 1..255, where ``r`` is the reflectance:
    halves are rounded up. DN 0 and ``nodata`` become 0. With lowest 0 and no offset these are the values of
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
    """Fill ``values`` (h, w) uint8 with the table's entries for ``numbers`` (h, w) of two bytes.

    Some rows at a time: numpy widens the indices to eight bytes, which should stay in the processor's cache.
    """
    for row in range(0, len(numbers), ROWS_IN_CACHE):
        part = slice(row, row + ROWS_IN_CACHE)
        np.take(table, numbers[part].view(np.uint16), out=values[part], mode="clip")


def check_dtype(dtype: str, source: str) -> None:
    """Refuse numbers that are not 16-bit integers, in words."""
    if dtype in ("uint16", "int16"):
        return
    hint = (
        "Reflectance as floating point has no fixed meaning (0..1 or 0..10000, nodata 0 or NaN): write it as uint16, "
        "reflectance times 10000, with GDAL's scale 0.0001 set on each band (gdal_translate -ot UInt16 -scale 0 1 0 10000 "
        "-a_scale 0.0001)."
        if dtype.startswith("float")
        else "Sentinel-2 bands are 16-bit integers; an image that is ready must be 8 bit in all its bands."
    )
    raise UserError(f"{source} holds {dtype} numbers. {hint}")
