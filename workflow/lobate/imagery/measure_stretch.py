"""measure-stretch: measure the range of reflectance of a whole region by percentiles, for all its images.

Percentiles of each scene alone would give the same ground other values in every scene, and training and inference would
differ. So they are taken once over the pixels of all images: for each pixel the number that its image takes, without
masked pixels. Ground in two tiles counts in both. Percentiles are exact: 16-bit numbers have only 65,536 values.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import numpy as np

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.imagery.composite import compose_rows
from lobate.imagery.pixels import ScenePixels
from lobate.imagery.reading.calibration import Calibration, OffsetRule
from lobate.imagery.reading.scene import SceneRequest
from lobate.imagery.scene_stack import TileScenes, open_tile_scenes
from lobate.imagery.stretch import Range, ranges_to_json
from lobate.io.jsonfile import write_json
from lobate.settings.imagery import Clouds, Percentiles

log = logging.getLogger(__name__)

ROWS_AT_ONCE = 64
DECIMALS = 9
"""Decimals of reflectance: closer values count as one."""
ANY_RANGE = Range(0.0, 1.0)
"""Only the valid pixels are needed, and these do not depend on the range."""


def measure_stretch(
    scenes: Annotated[list[Path], Input()],
    stretch: Annotated[Path, Output()],
    *,
    tiles: list[str],
    bands: Annotated[list[str], Setting("imagery.bands")],
    percentiles: Annotated[Percentiles, Setting("imagery.stretch.percentiles")],
    clouds: Annotated[Clouds, Setting("imagery.clouds")],
    offset: Annotated[OffsetRule, Setting("imagery.offset")],
    quantification: Annotated[float | None, Setting("imagery.quantification")] = None,
    band_order: Annotated[list[str] | None, Setting("imagery.band_order")] = None,
) -> None:
    """Measure the region's range of reflectance.

    ``tiles`` names the tile of each of ``scenes``. ``stretch`` is JSON: ``ranges`` (band -> lowest and highest reflectance),
    ``pixels`` (tile -> number of counted pixels) and ``percentiles``. The result is exact, and memory does not grow with the
    region. Raises the UserErrors of compose-rgb, and one when there is nothing to measure.
    """
    if len(tiles) != len(scenes):
        raise UserError(
            f"There are {len(scenes)} scenes, but {len(tiles)} names of tiles; give each scene its tile's name."
        )
    wanted = SceneRequest(
        tuple(bands), offset, bool(clouds.invalid_classes), quantification, band_order=tuple(band_order or ())
    )
    histogram, pixels = Histogram(), {}
    for name in sorted(set(tiles)):
        paths = [path for path, tile in zip(scenes, tiles, strict=True) if tile == name]
        with open_tile_scenes(paths, wanted, (ANY_RANGE,) * len(bands), clouds) as tile:
            pixels[name] = _count_tile(tile, bands, histogram)
        log.info("tile %s: %d pixels measured", name, pixels[name])
    ranges = _ranges(histogram, bands, percentiles)
    facts = {"ranges": ranges_to_json(ranges), "pixels": pixels, "percentiles": percentiles.model_dump(mode="json")}
    write_json(stretch, facts, allow_nan=False)


def _count_tile(tile: TileScenes, bands: list[str], histogram: Histogram) -> int:
    """Count the numbers that the tile's image will show; return the number of pixels."""
    if tile.is_8bit:
        log.info("%s is 8 bit already: it has no reflectance to measure", tile.sources[0].scene.path)
        return 0
    counted = 0
    for start, stop in tile.row_bands():
        numbers, scenes, _ = compose_rows(tile.sources, start, stop, _numbers)
        for number, source in enumerate(tile.sources, 1):
            used = scenes == number
            counted += int(np.count_nonzero(used))
            for name, calibration, band_numbers, dtype in zip(
                bands, source.calibrations, numbers, source.dtypes, strict=True
            ):
                histogram.add(name, calibration, band_numbers.view(dtype), used)
    return counted


def _numbers(source: ScenePixels, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the digital numbers of rows ``start``..``stop`` as bits, (bands, h, width) uint16, and their ranks."""
    numbers = source.numbers(start, stop)
    return np.stack([band.view(np.uint16) for band in numbers]), source.to_8bit(numbers, start, stop)[1]


def _ranges(histogram: Histogram, bands: list[str], percentiles: Percentiles) -> dict[str, Range]:
    groups = [bands] if percentiles.common else [[band] for band in bands]
    return {band: _range(histogram, group, percentiles) for group in groups for band in group}


def _range(histogram: Histogram, bands: list[str], percentiles: Percentiles) -> Range:
    values, counts = histogram.reflectances(bands)
    if not len(values):
        raise UserError(
            "The scenes of the region have no reflectance to measure: all pixels are 8 bit already, nodata or masked. Set "
            "imagery.stretch.method: fixed, or give other scenes."
        )
    range_ = Range(*(percentile(values, counts, per_cent) for per_cent in (percentiles.low, percentiles.high)))
    if range_.lowest == range_.highest:
        raise UserError(
            f"Between its percentiles {percentiles.low:g} and {percentiles.high:g}, {' and '.join(bands)} has one reflectance "
            f"only ({range_.lowest:g}), so nothing can be stretched. Move imagery.stretch.percentiles apart, or set "
            "imagery.stretch.method: fixed."
        )
    log.info("%s: reflectance %g to %g", ", ".join(bands), range_.lowest, range_.highest)
    return range_


class Histogram:
    """Counts of digital numbers (DN), one table for each band, calibration and data type."""

    def __init__(self) -> None:
        self._tables: dict[tuple[str, Calibration, str], np.ndarray] = {}

    def add(self, band: str, calibration: Calibration, numbers: np.ndarray, where: np.ndarray) -> None:
        """Count ``numbers``, (h, w) of two bytes each, where ``where``, (h, w), is true."""
        key = (band, calibration, str(numbers.dtype))
        table = self._tables.setdefault(key, np.zeros(65536, dtype=np.int64))
        for row in range(0, len(numbers), ROWS_AT_ONCE):  # bincount widens to eight bytes
            part = slice(row, row + ROWS_AT_ONCE)
            table += np.bincount(numbers[part].view(np.uint16)[where[part]], minlength=65536)

    def reflectances(self, bands: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the reflectances of these bands together, ascending, and the pixels of each; both (n,)."""
        wanted = set(bands)
        tables = [_to_reflectance(*key[1:], table) for key, table in self._tables.items() if key[0] in wanted]
        if not tables:
            return np.empty(0), np.empty(0, dtype=np.int64)
        values, counts = (np.concatenate(arrays) for arrays in zip(*tables, strict=True))
        unique, inverse = np.unique(values, return_inverse=True)
        return unique, np.bincount(inverse, weights=counts, minlength=len(unique)).astype(np.int64)


def percentile(values: np.ndarray, counts: np.ndarray, per_cent: float) -> float:
    """Return the smallest of the ascending ``values`` that at least ``per_cent`` of all pixels do not exceed.

    This is numpy's percentile with the method ``inverted_cdf``, computed from counts.
    """
    cumulative = np.cumsum(counts)
    return float(values[np.argmax(cumulative * 100.0 >= per_cent * float(cumulative[-1]))])


def _to_reflectance(calibration: Calibration, dtype: str, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.flatnonzero(table)
    dn = numbers.astype(np.uint16).view(dtype).astype(np.float64)
    return np.round((dn + calibration.offset) / calibration.quantification, DECIMALS), table[numbers]
