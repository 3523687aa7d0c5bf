"""How often each reflectance occurs, exactly: 16-bit numbers have only 65,536 values, whatever the number of pixels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lobate.imagery.reading.calibration import Calibration

ROWS_AT_ONCE = 64
SAME = 9
"""Decimals of reflectance that tell two values apart."""


class Histogram:
    """Counts of digital numbers, one table for each band and each meaning that its numbers have."""

    def __init__(self) -> None:
        self._tables: dict[tuple[str, Calibration, str], np.ndarray] = {}

    def add(self, band: str, calibration: Calibration, numbers: np.ndarray, where: np.ndarray) -> None:
        """Count ``numbers`` (h, w) of two bytes each where ``where`` (h, w) is true."""
        key = (band, calibration, str(numbers.dtype))
        table = self._tables.setdefault(key, np.zeros(65536, dtype=np.int64))
        for row in range(0, len(numbers), ROWS_AT_ONCE):  # bincount widens to eight bytes
            part = slice(row, row + ROWS_AT_ONCE)
            table += np.bincount(numbers[part].view(np.uint16)[where[part]], minlength=65536)

    def reflectances(self, bands: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the reflectances of these bands together, rising, and how many pixels have each; both (n,)."""
        wanted = set(bands)
        found = [_in_reflectance(*key[1:], table) for key, table in self._tables.items() if key[0] in wanted]
        if not found:
            return np.empty(0), np.empty(0, dtype=np.int64)
        values, counts = (np.concatenate(part) for part in zip(*found, strict=True))
        unique, where = np.unique(values, return_inverse=True)
        return unique, np.bincount(where, weights=counts, minlength=len(unique)).astype(np.int64)


def percentile(values: np.ndarray, counts: np.ndarray, per_cent: float) -> float:
    """Return the smallest of the rising ``values`` that at least ``per_cent`` of all pixels do not exceed.

    This is numpy's percentile by the method ``inverted_cdf``, taken from counts.
    """
    cumulative = np.cumsum(counts)
    return float(values[np.argmax(cumulative * 100.0 >= per_cent * float(cumulative[-1]))])


def _in_reflectance(calibration: Calibration, dtype: str, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.flatnonzero(table)
    meant = numbers.astype(np.uint16).view(dtype).astype(np.float64)
    return np.round((meant + calibration.offset) / calibration.quantification, SAME), table[numbers]
