"""The synthetic scenes as Level-2A products: names, grids of the two tiles, metadata, and lossless JPEG 2000 bands.

Two neighbouring tiles share ``overlap`` pixels. A margin round both serves slopes, shadows and the DEM at their edges. The
place is real (between T44SPC and T44SQC, on the north-western Tibetan Plateau), the world on it is not. The metadata follow
ESA's product specification (PSD 14), reduced to offset, quantification, cloud cover and grid.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS

from lobate.errors import UserError
from lobate.example.surface import BANDS, CLOUD_HIGH, CLOUD_MEDIUM, NODATA
from lobate.io.grid import Grid
from lobate.settings.example import Example

PRODUCT_NAME = re.compile(r"(S2[ABC])_MSIL2A_(\d{8}T\d{6})_N(\d\d)(\d\d)_R(\d{3})_T(44\w{3})_(\d{8}T\d{6})\.SAFE")
WORLD_CRS = CRS.from_epsg(32644)
EAST_TILE_LEFT, TOP = 699960.0, 3768060.0
"""Left border of the eastern tile as ESA cuts it, and the world's northern border, in metres."""
BAND_COUNT = 13
QUANTIFICATION = 10000
NOTICE = "SYNTHETIC: made by lobate make-example; nothing in it was ever observed"


@dataclass(frozen=True)
class ProductName:
    """A scene's path and the fields of its name; ``sensed`` and ``generated`` are times as ESA writes them."""

    path: Path
    satellite: str
    sensed: str
    baseline: tuple[int, int]
    orbit: str
    tile: str
    generated: str

    @classmethod
    def parse(cls, path: Path) -> ProductName:
        """Parse a path; UserError when its last part is not the name of a Level-2A product of UTM zone 44."""
        match = PRODUCT_NAME.fullmatch(path.name)
        if not match:
            raise UserError(
                f"The example cannot make a scene called {path.name}. Name it in imagery.tiles as ESA names Level-2A products "
                "of UTM zone 44, for instance S2A_MSIL2A_20180711T051651_N0208_R062_T44SPC_20180711T081241.SAFE."
            )
        satellite, sensed, major, minor, orbit, tile, generated = match.groups()
        return cls(path, satellite, sensed, (int(major), int(minor)), orbit, tile, generated)

    @property
    def dn_offset(self) -> int:
        """Offset of the digital numbers from 10000 x reflectance: 1000 from baseline 04.00 on, else 0."""
        return 1000 if self.baseline >= (4, 0) else 0


@dataclass(frozen=True)
class WorldLayout:
    """Grid of the whole world with its ``margin`` in pixels, and grids of the tiles by name, west to east."""

    world: Grid
    margin: int
    tiles: dict[str, Grid]

    def tile_window(self, tile: str) -> tuple[slice, slice]:
        """Return the rows and columns of a tile in the world's arrays."""
        grid = self.tiles[tile]
        col, row = ~self.world.transform @ (grid.transform.c, grid.transform.f)
        return slice(round(row), round(row) + grid.height), slice(round(col), round(col) + grid.width)

    @property
    def seam(self) -> int:
        """The world's column where the western tile ends."""
        return self.tile_window(next(iter(self.tiles)))[1].stop


def make_layout(products: list[ProductName], example: Example) -> WorldLayout:
    """Return the layout of two tiles; their scenes name them from west to east.

    Raises UserError when there are not two tiles, or when their overlap does not fit.
    """
    names = list(dict.fromkeys(product.tile for product in products))
    if len(names) != 2:
        raise UserError(f"The example has two tiles, but its scenes name {len(names)} ({', '.join(names)}).")
    if example.overlap >= example.side:
        raise UserError(f"example.overlap ({example.overlap}) must be smaller than example.side ({example.side}).")
    side, step = example.side, example.side - example.overlap
    margin = 48 + 2 * (side // 100)
    left = EAST_TILE_LEFT - 10 * step
    west = Grid(side, side, Affine(10, 0, left, 0, -10, TOP), WORLD_CRS)
    world = west.crop(-margin, -margin, side + 2 * margin, side + step + 2 * margin)
    return WorldLayout(world, margin, {names[0]: west, names[1]: west.crop(0, step, side, side)})


def write_product(product: ProductName, grid: Grid, reflectance: np.ndarray, classes: np.ndarray) -> float:
    """Write one scene and return its cloud cover in per cent.

    ``reflectance`` (4, height, width), NaN outside the swath, and ``classes`` (SCL; height, width) lie on ``grid`` (10 m).
    The classes are written at 20 m. Digital numbers are 10000 x reflectance, plus 1000 from baseline 04.00 on; 0 is nodata.
    """
    classes_20m = classes[::2, ::2]
    cloud = 100 * float(np.isin(classes_20m, (CLOUD_MEDIUM, CLOUD_HIGH)).sum() / max((classes_20m != NODATA).sum(), 1))
    granule = f"GRANULE/L2A_T{product.tile}_A015942_{product.sensed}"
    stem = f"T{product.tile}_{product.sensed}"
    images = {name: f"{granule}/IMG_DATA/R10m/{stem}_{name}_10m" for name in BANDS}
    images["SCL"] = f"{granule}/IMG_DATA/R20m/{stem}_SCL_20m"
    for folder in ("R10m", "R20m"):
        (product.path / granule / "IMG_DATA" / folder).mkdir(parents=True)
    for name, band in zip(BANDS, digital_numbers(reflectance, product.dn_offset), strict=True):
        _write_jp2(product.path / f"{images[name]}.jp2", band, grid)
    _write_jp2(product.path / f"{images['SCL']}.jp2", classes_20m, _grid_20m(grid))
    metadata = product_metadata(product, granule, list(images.values()), cloud)
    (product.path / "MTD_MSIL2A.xml").write_text(metadata, encoding="utf-8")
    (product.path / granule / "MTD_TL.xml").write_text(tile_metadata(product, grid, cloud), encoding="utf-8")
    (product.path / "SYNTHETIC.txt").write_text(NOTICE + ".\n", encoding="utf-8")
    return cloud


def digital_numbers(reflectance: np.ndarray, offset: int) -> np.ndarray:
    """Return uint16 numbers: 0 where reflectance is NaN, else 10000 x reflectance + ``offset``, at least 1."""
    numbers = np.rint(reflectance * QUANTIFICATION) + offset
    return np.where(np.isnan(numbers), 0, np.clip(numbers, 1, 65535)).astype(np.uint16)


def _grid_20m(grid: Grid) -> Grid:
    return Grid((grid.height + 1) // 2, (grid.width + 1) // 2, grid.transform @ grid.transform.scale(2), grid.crs)


def _write_jp2(path: Path, band: np.ndarray, grid: Grid) -> None:
    options = {"driver": "JP2OpenJPEG", "quality": "100", "reversible": "YES", "resolutions": 4}
    with rasterio.open(path, "w", count=1, dtype=band.dtype, **grid.profile(), **options) as target:
        target.write(band, 1)


def product_metadata(product: ProductName, granule: str, images: list[str], cloud: float) -> str:
    """Return MTD_MSIL2A.xml. ``images`` are raster paths without extension; ``cloud`` is in per cent."""
    root = ElementTree.Element(
        "n1:Level-2A_User_Product", {"xmlns:n1": "https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-2A.xsd"}
    )
    general = _add_element(root, "n1:General_Info")
    info = _add_element(general, "Product_Info")
    _add_element(info, "PRODUCT_START_TIME", _iso_time(product.sensed))
    _add_element(info, "PRODUCT_STOP_TIME", _iso_time(product.sensed))
    _add_element(info, "PRODUCT_URI", product.path.name)
    _add_element(info, "PROCESSING_LEVEL", "Level-2A")
    _add_element(info, "PRODUCT_TYPE", "S2MSI2A")
    _add_element(info, "PROCESSING_BASELINE", _baseline_text(product))
    _add_element(info, "GENERATION_TIME", _iso_time(product.generated))
    take = _add_element(info, "Datatake", datatakeIdentifier=f"GS{product.satellite}_{product.sensed}_SYNTHETIC")
    _add_element(take, "SPACECRAFT_NAME", f"Sentinel-{product.satellite[1:]}")
    _add_element(take, "SENSING_ORBIT_NUMBER", str(int(product.orbit)))
    files = _add_element(
        _add_element(_add_element(info, "Product_Organisation"), "Granule_List"), "Granule", imageFormat="JPEG2000"
    )
    files.set("granuleIdentifier", granule.rpartition("/")[2])
    for image in images:
        _add_element(files, "IMAGE_FILE", image)
    _add_image_characteristics(_add_element(general, "Product_Image_Characteristics"), product)
    quality = _add_element(root, "n1:Quality_Indicators_Info")
    _add_element(quality, "Cloud_Coverage_Assessment", f"{cloud:.6f}")
    return _to_xml(root)


def tile_metadata(product: ProductName, grid: Grid, cloud: float) -> str:
    """Return MTD_TL.xml with the grids of the granule; ``cloud`` is in per cent."""
    root = ElementTree.Element(
        "n1:Level-2A_Tile_ID", {"xmlns:n1": "https://psd-14.sentinel2.eo.esa.int/PSD/S2_PDI_Level-2A_Tile_Metadata.xsd"}
    )
    general = _add_element(root, "n1:General_Info")
    _add_element(
        general, "TILE_ID", f"{product.satellite}_OPER_MSI_L2A_TL_SYNTHETIC_T{product.tile}_N{_baseline_text(product)}"
    )
    _add_element(general, "SENSING_TIME", _iso_time(product.sensed))
    coding = _add_element(_add_element(root, "n1:Geometric_Info"), "Tile_Geocoding")
    _add_element(coding, "HORIZONTAL_CS_NAME", "WGS84 / UTM zone 44N")
    _add_element(coding, "HORIZONTAL_CS_CODE", f"EPSG:{grid.crs.to_epsg()}")
    for metres in (10, 20):
        size = _add_element(coding, "Size", resolution=str(metres))
        _add_element(size, "NROWS", str(-(-grid.height * 10 // metres)))
        _add_element(size, "NCOLS", str(-(-grid.width * 10 // metres)))
    for metres in (10, 20):
        place = _add_element(coding, "Geoposition", resolution=str(metres))
        for name, value in zip(("ULX", "ULY", "XDIM", "YDIM"), (*_upper_left(grid), metres, -metres), strict=True):
            _add_element(place, name, str(value))
    indices = _add_element(_add_element(root, "n1:Quality_Indicators_Info"), "Image_Content_QI")
    _add_element(indices, "CLOUDY_PIXEL_PERCENTAGE", f"{cloud:.6f}")
    return _to_xml(root)


def _add_image_characteristics(parent: ElementTree.Element, product: ProductName) -> None:
    for text, value in (("NODATA", 0), ("SATURATED", 65535)):
        special = _add_element(parent, "Special_Values")
        _add_element(special, "SPECIAL_VALUE_TEXT", text)
        _add_element(special, "SPECIAL_VALUE_INDEX", str(value))
    values = _add_element(parent, "QUANTIFICATION_VALUES_LIST")
    _add_element(values, "BOA_QUANTIFICATION_VALUE", str(QUANTIFICATION), unit="none")
    if product.dn_offset:
        offsets = _add_element(parent, "BOA_ADD_OFFSET_VALUES_LIST")
        for band in range(BAND_COUNT):
            _add_element(offsets, "BOA_ADD_OFFSET", str(-product.dn_offset), band_id=str(band))


def _upper_left(grid: Grid) -> tuple[int, int]:
    return round(grid.transform.c), round(grid.transform.f)


def _baseline_text(product: ProductName) -> str:
    return "{:02d}.{:02d}".format(*product.baseline)


def _iso_time(text: str) -> str:
    date, clock = text.split("T")
    return f"{date[:4]}-{date[4:6]}-{date[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}.000Z"


def _add_element(
    parent: ElementTree.Element, tag: str, text: str | None = None, **attributes: str
) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, tag, attributes)
    child.text = text
    return child


def _to_xml(root: ElementTree.Element) -> str:
    ElementTree.indent(root, "  ")
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n<!-- {NOTICE} -->\n{body}\n'
