"""From digital numbers to 8 bit by one table lookup per pixel.

Two bytes have 65,536 values, so the whole of calibration, stretch, rounding and nodata is worked out once per band and a
pixel costs one lookup. Exact by construction: in DN, the range's ends are whole numbers for every product in circulation,
and the same ground with and without an offset meets the same integers.
"""

from __future__ import annotations

import numpy as np

from lobate.errors import Mistake
from lobate.imagery.ranges import Range
from lobate.imagery.reading.calibration import Calibration

LEVELS = 254
"""Steps between 1 and 255; 0 is nodata."""

ROWS_IN_CACHE = 16


def lookup_table(shown: Range, calibration: Calibration, dtype: str, nodata: float | None) -> np.ndarray:
    """Return the table (65536,) uint8 from the bits of a DN of ``dtype`` (uint16 or int16) to the image's value.

    ``value = 1 + floor(254 (r - lowest) / (highest - lowest) + 1/2)``, clipped to 1..255, where ``r`` is the reflectance:
    halves are rounded up. DN 0 and ``nodata`` become 0. With lowest 0 and no offset these are the values of
    ``gdal_translate -scale 0 3000 1 255 -ot Byte``.
    """
    numbers = np.arange(65536, dtype=np.uint16).view(dtype).astype(np.float64)
    lowest, highest = (
        round(end * calibration.quantification - calibration.offset, 6) for end in (shown.lowest, shown.highest)
    )
    values = 1 + np.floor((numbers - lowest) * LEVELS / (highest - lowest) + 0.5)
    table = np.clip(values, 1, 255).astype(np.uint8)
    table[numbers == 0] = 0
    if nodata is not None:
        table[numbers == nodata] = 0
    return table


def look_up(table: np.ndarray, numbers: np.ndarray, values: np.ndarray) -> None:
    """Fill ``values`` (h, w) uint8 with the table's entries for ``numbers`` (h, w) of two bytes.

    Some rows at a time: numpy widens the indices to eight bytes, which should stay in the processor's cache.
    """
    for row in range(0, len(numbers), ROWS_IN_CACHE):
        part = slice(row, row + ROWS_IN_CACHE)
        np.take(table, numbers[part].view(np.uint16), out=values[part], mode="clip")


def check_dtype(dtype: str, where: str) -> None:
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
    raise Mistake(f"{where} holds {dtype} numbers. {hint}")
