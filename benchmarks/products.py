"""Level-2A products with the hundred files of real ones, all but a few of them empty, for plans that look into them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

SIDE = 32
BANDS = {
    "R10m": "AOT B02 B03 B04 B08 TCI WVP",
    "R20m": "AOT B01 B02 B03 B04 B05 B06 B07 B11 B12 B8A SCL TCI WVP",
    "R60m": "AOT B01 B02 B03 B04 B05 B06 B07 B09 B11 B12 B8A SCL TCI WVP",
}
OPENED = ("B02_10m", "B03_10m", "B04_10m", "SCL_20m")
METADATA = """<?xml version="1.0"?>
<n1:Level-2A_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-2A.xsd">
<PROCESSING_BASELINE>05.00</PROCESSING_BASELINE><BOA_QUANTIFICATION_VALUE>10000</BOA_QUANTIFICATION_VALUE>
<BOA_ADD_OFFSET band_id="1">-1000</BOA_ADD_OFFSET><BOA_ADD_OFFSET band_id="2">-1000</BOA_ADD_OFFSET>
<BOA_ADD_OFFSET band_id="3">-1000</BOA_ADD_OFFSET><BOA_ADD_OFFSET band_id="8">-1000</BOA_ADD_OFFSET>
<Cloud_Coverage_Assessment>1.0</Cloud_Coverage_Assessment></n1:Level-2A_User_Product>
"""


def write_products(tile: Path, x: float, y: float, count: int = 3) -> list[Path]:
    """Write ``count`` products of one place into the folder ``tile``; return their paths."""
    band = tile / "band.tif"
    write_band(band, x, y)
    products = [tile / f"S2A_MSIL2A_2018071{day}T051651_N0500_R062_{tile.name}.SAFE" for day in range(count)]
    for product in products:
        _write_product(product, tile.name, band)
    return products


def write_band(path: Path, x: float, y: float) -> None:
    """Write a tiny band with its western and northern border at ``x`` and ``y``, in metres."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = {"width": SIDE, "height": SIDE, "count": 1, "dtype": "uint16", "nodata": 0}
    with rasterio.open(path, "w", driver="GTiff", crs=32644, transform=from_origin(x, y, 10, 10), **shape) as image:
        image.write(np.full((1, SIDE, SIDE), 2000, "uint16"))


def _write_product(product: Path, tile: str, band: Path) -> None:
    granule = product / "GRANULE" / f"L2A_{tile}_A015942"
    rasters = [
        granule / "IMG_DATA" / folder / f"{tile}_{name}_{folder[1:]}.tif"
        for folder, names in BANDS.items()
        for name in names.split()
    ]
    folders = [
        "AUX_DATA",
        "DATASTRIP/DS/QI_DATA",
        "HTML",
        "rep_info",
        *(f"{granule}/{name}" for name in ("AUX_DATA", "QI_DATA")),
    ]
    others = [product / folder / f"file_{number}.xml" for folder in folders for number in range(10)]
    others += [product / name for name in ("manifest.safe", "INSPIRE.xml", "preview.jpg", f"{granule}/MTD_TL.xml")]
    for folder in sorted({file.parent for file in (*rasters, *others)}):
        folder.mkdir(parents=True, exist_ok=True)
    for file in (*rasters, *others):
        file.touch()
    for name in OPENED:
        shutil.copyfile(band, granule / f"IMG_DATA/R{name[-3:]}/{tile}_{name}.tif")
    (product / "MTD_MSIL2A.xml").write_text(METADATA, encoding="utf-8")
