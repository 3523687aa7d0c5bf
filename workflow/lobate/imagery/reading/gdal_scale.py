"""Calibration in a raster file's own tags: GDAL's scale and offset."""

from __future__ import annotations

from pathlib import Path

from rasterio.io import DatasetReader

from lobate.imagery.reading.calibration import Calibration
from lobate.io.drivers import SINGLE_FILE_DRIVERS
from lobate.io.raster import open_raster


def band_calibration(dataset: DatasetReader, index: int) -> Calibration | None:
    """Return the calibration in a band's scale and offset, None where they are not set (scale 1, offset 0)."""
    scale, offset = dataset.scales[index - 1], dataset.offsets[index - 1]
    return None if scale in (0, 1) else Calibration.of_scale(scale, offset)


def file_calibration(path: str | Path | None) -> Calibration | None:
    """Return the calibration in the tags of a file's first band, None where there is none."""
    if path is None:
        return None
    with open_raster(path, require_crs=False, drivers=SINGLE_FILE_DRIVERS) as dataset:
        return band_calibration(dataset, 1)
