"""Calibration in a raster file's own tags: GDAL's scale and offset, where ``value = scale * DN + offset``."""

from __future__ import annotations

from pathlib import Path

from rasterio.io import DatasetReader

from lobate.errors import UserError
from lobate.imagery.reading.calibration import DEFAULT_QUANTIFICATION, Calibration
from lobate.io.drivers import SINGLE_FILE_DRIVERS
from lobate.io.raster import open_raster, scale_and_offset

LARGEST_SCALE = 0.002
"""Scale of reflectance: 0.0001 in Sentinel-2, 0.0000275 in Landsat; larger ones give per cent, or other units."""


def band_calibration(dataset: DatasetReader, index: int) -> Calibration | None:
    """Return the calibration in a band's scale and offset, None where they are not set (scale 1, offset 0).

    With scale 1 the value is reflectance times 10,000, as in Sentinel-2's own products: offset -1000 is theirs. Raises
    UserError for tags that give no reflectance.
    """
    scale, offset = scale_and_offset(dataset, index)
    if (scale, offset) == (1, 0):
        return None
    if scale == 1 and abs(offset) >= 1:
        return Calibration(DEFAULT_QUANTIFICATION, offset)
    if 0 < scale <= LARGEST_SCALE:
        return Calibration.of_scale(scale, offset)
    raise UserError(
        f"{dataset.name}: by its scale {scale:g} and offset {offset:g}, band {index} ({dataset.dtypes[index - 1]}) holds neither "
        "reflectance (scale 0.0001) nor reflectance times 10000 (scale 1). Write the right ones into the file "
        "(gdal_edit.py -scale 0.0001 -offset 0 FILE), or take them out (gdal_edit.py -unsetscale -unsetoffset FILE) and set imagery.offset."
    )


def check_finished(dataset: DatasetReader, index: int, path: Path) -> None:
    """Raise UserError for a scale and offset in an 8-bit band: a finished image is taken as it is."""
    scale, offset = scale_and_offset(dataset, index)
    if (scale, offset) != (1, 0):
        raise UserError(
            f"{path}: band {index} is 8 bit with scale {scale:g} and offset {offset:g}, but 8-bit images are taken as they "
            "are. If this is a finished image, take the tags out (gdal_edit.py -unsetscale -unsetoffset FILE); if it holds "
            "reflectance, give the 16-bit file."
        )


def file_calibration(path: str | Path | None) -> Calibration | None:
    """Return the calibration in the tags of a file's first band, None where there is none."""
    if path is None:
        return None
    with open_raster(path, require_place=False, drivers=SINGLE_FILE_DRIVERS) as dataset:
        return band_calibration(dataset, 1)
