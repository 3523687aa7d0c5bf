"""Digital numbers (DN) of 16 bits from images of other types: floating point and 32-bit integers.

The stretch is a table of 65,536 entries, and the measured range counts as many. So reflectances are rounded to
one ten-thousandth, as in Sentinel-2's own products: reflectance that was computed from such a product gives the same image.
"""

from __future__ import annotations

import numpy as np
from rasterio.io import DatasetReader

from lobate.errors import UserError
from lobate.imagery.reading.calibration import Calibration
from lobate.imagery.reading.quantification import check_reflectance
from lobate.io.mask_values import IMAGE_NODATA
from lobate.io.validity import Validity

CALIBRATION = Calibration(10000.0, -1000.0)
"""Of the numbers that are made here: reflectance from -0.1 to 6.4, so that no dark pixel becomes 0, which is nodata."""
TYPES = ("uint16", "int16")
LARGEST = 65535
ROWS_AT_ONCE = 64


class DigitalNumbers:
    """From the numbers of a band to DN with the calibration ``CALIBRATION``, 0 where they are no data."""

    def __init__(self, dataset: DatasetReader, index: int, calibration: Calibration, source: str) -> None:
        check_type(dataset.dtypes[index - 1], source)
        check_reflectance(dataset, index, calibration, source)
        self._validity, self._index = Validity(dataset, (index,)), index
        self._factor = CALIBRATION.quantification / calibration.quantification
        self._shift = calibration.offset * self._factor - CALIBRATION.offset

    def of(self, numbers: np.ndarray) -> np.ndarray:
        """Return the DN, (h, w) uint16, of ``numbers``, (h, w) of the band's type; halves round up."""
        made = np.empty(numbers.shape, np.uint16)
        for row in range(0, len(numbers), ROWS_AT_ONCE):
            part = slice(row, row + ROWS_AT_ONCE)
            valid = self._validity.is_number(numbers[part], self._index)
            values = np.where(valid, numbers[part], 0).astype(np.float64)
            made[part] = np.clip(np.floor(values * self._factor + self._shift + 0.5), 1, LARGEST)
            made[part][~valid] = IMAGE_NODATA
        return made


def check_type(dtype: str, source: str) -> None:
    """Raise UserError for numbers that no reflectance is written in: complex ones, and 8 bit beside other types."""
    number = np.dtype(dtype)
    if number.kind == "c" or number.itemsize == 1:
        raise UserError(
            f"{source} holds {dtype} numbers. Sentinel-2 bands are 16-bit integers, and reflectance may be floating point; a "
            "finished image must be 8 bit in all its bands."
        )
