"""Writing a scene as ESA lays out a Level-2A product: metadata, and lossless JPEG 2000 bands in a granule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio

from lobate.example.layout import NOTICE, Product
from lobate.example.metadata import product_metadata, tile_metadata
from lobate.example.sky import CLOUD_HIGH, CLOUD_MEDIUM, NODATA
from lobate.example.surface import BANDS
from lobate.grid import Grid

QUANTIFICATION = 10000


def write_product(product: Product, grid: Grid, reflectance: np.ndarray, classes: np.ndarray) -> float:
    """Write one scene and return its cloud cover in per cent.

    ``reflectance`` (4, height, width), NaN where nothing was seen, lies on ``grid`` (10 m), as do ``classes`` (SCL), which
    are written at 20 m. Digital numbers are 10000 x reflectance, plus 1000 from baseline 04.00 on; 0 is nodata.
    """
    coarse = classes[::2, ::2]
    cloud = 100 * float(np.isin(coarse, (CLOUD_MEDIUM, CLOUD_HIGH)).sum() / max((coarse != NODATA).sum(), 1))
    granule = f"GRANULE/L2A_T{product.tile}_A015942_{product.sensed}"
    stem = f"T{product.tile}_{product.sensed}"
    images = {name: f"{granule}/IMG_DATA/R10m/{stem}_{name}_10m" for name in BANDS}
    images["SCL"] = f"{granule}/IMG_DATA/R20m/{stem}_SCL_20m"
    for folder in ("R10m", "R20m"):
        (product.path / granule / "IMG_DATA" / folder).mkdir(parents=True)
    for name, band in zip(BANDS, digital_numbers(reflectance, product.added), strict=True):
        _write_jp2(product.path / f"{images[name]}.jp2", band, grid)
    _write_jp2(product.path / f"{images['SCL']}.jp2", coarse, _coarser(grid))
    metadata = product_metadata(product, granule, list(images.values()), cloud)
    (product.path / "MTD_MSIL2A.xml").write_text(metadata, encoding="utf-8")
    (product.path / granule / "MTD_TL.xml").write_text(tile_metadata(product, grid, cloud), encoding="utf-8")
    (product.path / "SYNTHETIC.txt").write_text(NOTICE + ".\n", encoding="utf-8")
    return cloud


def digital_numbers(reflectance: np.ndarray, added: int) -> np.ndarray:
    """Return uint16 numbers: 0 where nothing was seen, else 10000 x reflectance + ``added``, at least 1."""
    numbers = np.rint(reflectance * QUANTIFICATION) + added
    return np.where(np.isnan(numbers), 0, np.clip(numbers, 1, 65535)).astype(np.uint16)


def _coarser(grid: Grid) -> Grid:
    return Grid((grid.height + 1) // 2, (grid.width + 1) // 2, grid.transform @ grid.transform.scale(2), grid.crs)


def _write_jp2(path: Path, band: np.ndarray, grid: Grid) -> None:
    options = {"driver": "JP2OpenJPEG", "quality": "100", "reversible": "YES", "resolutions": 4}
    with rasterio.open(path, "w", count=1, dtype=band.dtype, **grid.profile(), **options) as target:
        target.write(band, 1)
