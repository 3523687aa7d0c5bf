"""The two metadata files of a Level-2A product, with what a reader looks for: offset, quantification, cloud, grid.

Their structure is that of ESA's product specification (PSD 14); parts that nobody reads here are left out.
"""

from __future__ import annotations

from xml.etree import ElementTree

from lobate.example.layout import NOTICE, Product
from lobate.grid import Grid

BAND_COUNT = 13


def product_metadata(product: Product, granule: str, images: list[str], cloud: float) -> str:
    """Return MTD_MSIL2A.xml. ``images`` are its rasters, without their extension; ``cloud`` is in per cent."""
    root = ElementTree.Element(
        "n1:Level-2A_User_Product", {"xmlns:n1": "https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-2A.xsd"}
    )
    general = _add(root, "n1:General_Info")
    info = _add(general, "Product_Info")
    _add(info, "PRODUCT_START_TIME", _time(product.sensed))
    _add(info, "PRODUCT_STOP_TIME", _time(product.sensed))
    _add(info, "PRODUCT_URI", product.path.name)
    _add(info, "PROCESSING_LEVEL", "Level-2A")
    _add(info, "PRODUCT_TYPE", "S2MSI2A")
    _add(info, "PROCESSING_BASELINE", _baseline(product))
    _add(info, "GENERATION_TIME", _time(product.made))
    take = _add(info, "Datatake", datatakeIdentifier=f"GS{product.satellite}_{product.sensed}_SYNTHETIC")
    _add(take, "SPACECRAFT_NAME", f"Sentinel-{product.satellite[1:]}")
    _add(take, "SENSING_ORBIT_NUMBER", str(int(product.orbit)))
    files = _add(_add(_add(info, "Product_Organisation"), "Granule_List"), "Granule", imageFormat="JPEG2000")
    files.set("granuleIdentifier", granule.rpartition("/")[2])
    for image in images:
        _add(files, "IMAGE_FILE", image)
    _characteristics(_add(general, "Product_Image_Characteristics"), product)
    quality = _add(root, "n1:Quality_Indicators_Info")
    _add(quality, "Cloud_Coverage_Assessment", f"{cloud:.6f}")
    return _text(root)


def tile_metadata(product: Product, grid: Grid, cloud: float) -> str:
    """Return MTD_TL.xml: where the granule's grids lie."""
    root = ElementTree.Element(
        "n1:Level-2A_Tile_ID", {"xmlns:n1": "https://psd-14.sentinel2.eo.esa.int/PSD/S2_PDI_Level-2A_Tile_Metadata.xsd"}
    )
    general = _add(root, "n1:General_Info")
    _add(general, "TILE_ID", f"{product.satellite}_OPER_MSI_L2A_TL_SYNTHETIC_T{product.tile}_N{_baseline(product)}")
    _add(general, "SENSING_TIME", _time(product.sensed))
    coding = _add(_add(root, "n1:Geometric_Info"), "Tile_Geocoding")
    _add(coding, "HORIZONTAL_CS_NAME", "WGS84 / UTM zone 44N")
    _add(coding, "HORIZONTAL_CS_CODE", f"EPSG:{grid.crs.to_epsg()}")
    for metres in (10, 20):
        size = _add(coding, "Size", resolution=str(metres))
        _add(size, "NROWS", str(-(-grid.height * 10 // metres)))
        _add(size, "NCOLS", str(-(-grid.width * 10 // metres)))
    for metres in (10, 20):
        place = _add(coding, "Geoposition", resolution=str(metres))
        for name, value in zip(("ULX", "ULY", "XDIM", "YDIM"), (*_corner(grid), metres, -metres), strict=True):
            _add(place, name, str(value))
    indices = _add(_add(root, "n1:Quality_Indicators_Info"), "Image_Content_QI")
    _add(indices, "CLOUDY_PIXEL_PERCENTAGE", f"{cloud:.6f}")
    return _text(root)


def _characteristics(parent: ElementTree.Element, product: Product) -> None:
    for text, value in (("NODATA", 0), ("SATURATED", 65535)):
        special = _add(parent, "Special_Values")
        _add(special, "SPECIAL_VALUE_TEXT", text)
        _add(special, "SPECIAL_VALUE_INDEX", str(value))
    values = _add(parent, "QUANTIFICATION_VALUES_LIST")
    _add(values, "BOA_QUANTIFICATION_VALUE", "10000", unit="none")
    if product.added:
        offsets = _add(parent, "BOA_ADD_OFFSET_VALUES_LIST")
        for band in range(BAND_COUNT):
            _add(offsets, "BOA_ADD_OFFSET", str(-product.added), band_id=str(band))


def _corner(grid: Grid) -> tuple[int, int]:
    return round(grid.transform.c), round(grid.transform.f)


def _baseline(product: Product) -> str:
    return "{:02d}.{:02d}".format(*product.baseline)


def _time(compact: str) -> str:
    day, clock = compact.split("T")
    return f"{day[:4]}-{day[4:6]}-{day[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}.000Z"


def _add(parent: ElementTree.Element, tag: str, text: str | None = None, **attributes: str) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, tag, attributes)
    child.text = text
    return child


def _text(root: ElementTree.Element) -> str:
    ElementTree.indent(root, "  ")
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n<!-- {NOTICE} -->\n{body}\n'
