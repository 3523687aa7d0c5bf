"""The formats that lobate reads, as drivers of GDAL. All other drivers are taken out of the process, and GDAL has no network.

A driver is chosen by content, whatever a file's name says. Of some 150 drivers, many read other files or ask servers that
a file names. A list of drivers given at opening does not reach overviews and masks beside a raster, and pyogrio takes none.
rasterio and pyogrio bring a GDAL each, with a registry of drivers each.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection

SINGLE_FILE_DRIVERS = ("GTiff", "JP2OpenJPEG", "JP2KAK", "JP2ECW", "JP2MrSID", "JP2Lura")
"""Drivers of GeoTIFF and JPEG 2000, whose files never refer to other files. Scenes are opened with these only."""
RASTER_DRIVERS = (*SINGLE_FILE_DRIVERS, "AAIGrid", "DTED", "EHdr", "ENVI", "HFA", "SAGA", "SRTMHGT")
RASTER_FORMATS = "GeoTIFF, JPEG 2000, Esri ASCII grid, Esri BIL, ENVI, Erdas Imagine, SAGA grid, SRTM HGT and DTED"
TOOL_DRIVERS = ("COG", "MEM", "Memory", "PNG", "JPEG", "WEBP")
"""Drivers that rasterio needs to write, and for rasters in memory. No file of a user is opened with these."""
VECTOR_DRIVERS = (
    "CSV",
    "ESRI Shapefile",
    "FlatGeobuf",
    "GPKG",
    "GeoJSON",
    "GeoJSONSeq",
    "KML",
    "LIBKML",
    "MapInfo File",
    "OpenFileGDB",
    "Parquet",
)
DECLARING_DRIVERS = ("ESRI Shapefile", "FlatGeobuf", "GPKG", "MapInfo File", "OpenFileGDB")
"""Drivers of vector formats that declare types of fields, which fiona looks at (``look``)."""
VECTOR_FORMATS = "GeoPackage, Shapefile, GeoJSON, KML, FlatGeobuf, GeoParquet, MapInfo, Esri file geodatabase and CSV"
NO_NETWORK = {
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "none",  # files at an address
    "GDAL_HTTP_PROXY": "http://127.0.0.1:9",  # other requests end here, where nothing answers
}
SKIP = "GDAL_SKIP"
PLACEMARK_FIELDS = {
    f"LIBKML_{name.upper()}_FIELD": f"placemark_{name}"
    for name in (
        *("Name", "description", "id", "timestamp", "begin", "end", "altitudeMode", "tessellate", "extrude"),
        *("visibility", "drawOrder", "icon"),
    )
}
"""Options that name the fields of a KML's placemarks otherwise than its owner's: both may be called id or Name."""


def limit_rasterio() -> None:
    """Leave rasterio the drivers for reading and writing rasters only, and no network."""
    import rasterio
    from rasterio import _env

    def registered() -> Collection[str]:
        with rasterio.Env() as env:
            return env.drivers()

    def register_again(skipped: str) -> None:
        _env.set_gdal_config(SKIP, skipped)
        _env._have_registered_drivers = False
        with rasterio.Env():
            _env.del_gdal_config(SKIP)

    _limit("rasterio", (*RASTER_DRIVERS, *TOOL_DRIVERS), registered, register_again)


def limit_pyogrio() -> None:
    """Leave pyogrio the drivers for reading and writing outlines only, and no network."""
    import pyogrio
    from pyogrio import _ogr

    def register_again(skipped: str) -> None:
        pyogrio.set_gdal_config_options({SKIP: skipped})
        _ogr._register_drivers()
        pyogrio.set_gdal_config_options({SKIP: None})

    _limit("pyogrio", VECTOR_DRIVERS, pyogrio.list_drivers, register_again)
    pyogrio.set_gdal_config_options(PLACEMARK_FIELDS)


def _limit(
    library: str,
    allowed: Collection[str],
    registered: Callable[[], Collection[str]],
    register_again: Callable[[str], None],
) -> None:
    """Take out all but the allowed drivers. GDAL does so only when drivers are registered, so this is done again."""
    os.environ.update(NO_NETWORK)
    if others := sorted({*registered()} - {*allowed}):
        register_again("".join(f"{name}," for name in others))
    if others := sorted({*registered()} - {*allowed}):
        raise RuntimeError(f"{library} still has the drivers {', '.join(others)}, so its version does not suit lobate")
