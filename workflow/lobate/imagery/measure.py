"""measure-stretch: the range of reflectance of a whole region, by percentiles, for images that all share it.

Percentiles of each scene for itself would give the same ground another look in every scene, and training and inference
would part. So they are taken once, over what the images of all tiles will show: of each pixel the number that its image
takes, masked pixels left out. Ground that two tiles share counts in both.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import numpy as np

from lobate.errors import Mistake
from lobate.imagery.histogram import Histogram, percentile
from lobate.imagery.ranges import Range, as_json, text_of
from lobate.imagery.reading.calibration import OffsetRule
from lobate.imagery.reading.scene import Wanted
from lobate.imagery.tile import Tile, open_tile
from lobate.settings.imagery import Clouds, Percentiles
from lobate.signature import Input, Output, Setting

log = logging.getLogger(__name__)

ANY = Range(0.0, 1.0)
"""Only which pixels are seen is asked, and that does not depend on the range."""


def measure_stretch(
    scenes: Annotated[list[Path], Input()],
    stretch: Annotated[Path, Output()],
    *,
    tiles: list[str],
    bands: Annotated[list[str], Setting("imagery.bands")],
    percentiles: Annotated[Percentiles, Setting("imagery.stretch.percentiles")],
    clouds: Annotated[Clouds, Setting("imagery.clouds")],
    offset: Annotated[OffsetRule, Setting("imagery.offset")],
    band_order: Annotated[list[str] | None, Setting("imagery.band_order")] = None,
) -> None:
    """Measure the region's range of reflectance.

    ``tiles`` names the tile of each of ``scenes``. ``stretch`` becomes JSON: ``ranges`` (band -> lowest and highest
    reflectance), ``pixels`` (tile -> how many were counted) and ``percentiles``. Exact, in memory that does not grow with
    the region. Mistake as compose-rgb has them, and when there is nothing to measure.
    """
    if len(tiles) != len(scenes):
        raise Mistake(
            f"There are {len(scenes)} scenes, but {len(tiles)} names of tiles; give each scene its tile's name."
        )
    wanted = Wanted(tuple(bands), offset, classes=bool(clouds.invalid_classes), order=tuple(band_order or ()))
    histogram, pixels = Histogram(), {}
    for name in sorted(set(tiles)):
        paths = [path for path, tile in zip(scenes, tiles, strict=True) if tile == name]
        with open_tile(paths, wanted, (ANY,) * len(bands), clouds) as tile:
            pixels[name] = _count(tile, bands, histogram)
        log.info("tile %s: %d pixels measured", name, pixels[name])
    ranges = _ranges(histogram, bands, percentiles)
    facts = {"ranges": as_json(ranges), "pixels": pixels, "percentiles": percentiles.model_dump(mode="json")}
    stretch.write_text(text_of(facts), encoding="utf-8")


def _count(tile: Tile, bands: list[str], histogram: Histogram) -> int:
    """Count what the tile's image will show; return of how many pixels."""
    if tile.ready:
        log.info("%s is 8 bit already: it has no reflectance to measure", tile.sources[0].scene.path)
        return 0
    counted = 0
    for start, stop in tile.row_bands():
        unseen = np.ones((stop - start, tile.grid.width), dtype=bool)
        for source in tile.sources:
            numbers = source.numbers(start, stop)
            seen = source.shown(numbers, start, stop)[1] & unseen
            for name, band, part in zip(bands, source.scene.bands, numbers, strict=True):
                histogram.add(name, band.calibration, part, seen)
            unseen &= ~seen
            counted += np.count_nonzero(seen)
            if not unseen.any():
                break
    return int(counted)


def _ranges(histogram: Histogram, bands: list[str], percentiles: Percentiles) -> dict[str, Range]:
    groups = [bands] if percentiles.common else [[band] for band in bands]
    return {band: _range(histogram, group, percentiles) for group in groups for band in group}


def _range(histogram: Histogram, bands: list[str], percentiles: Percentiles) -> Range:
    values, counts = histogram.reflectances(bands)
    if not len(values):
        raise Mistake(
            "No scene of the region shows a reflectance that could be measured: all are 8 bit already, nodata or masked. "
            "Set imagery.stretch.method: fixed, or give scenes that show something."
        )
    found = Range(*(percentile(values, counts, per_cent) for per_cent in (percentiles.low, percentiles.high)))
    if found.lowest == found.highest:
        raise Mistake(
            f"Between its percentiles {percentiles.low:g} and {percentiles.high:g} {' and '.join(bands)} has one reflectance "
            f"only ({found.lowest:g}), so nothing can be stretched. Move imagery.stretch.percentiles apart, or set "
            "imagery.stretch.method: fixed."
        )
    log.info("%s: reflectance %g to %g", ", ".join(bands), found.lowest, found.highest)
    return found
