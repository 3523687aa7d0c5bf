"""One inventory in the formats that people ask for, all with the same records, and the same bytes for the same content.

GeoParquet; CSV with the outline as WKT; GeoJSON as RFC 7946 wants it; and a zipped Shapefile, whose names are cut to the ten
letters that it allows: the file `fields.tsv` in the zip says which is which.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import geopandas as gpd
import pandas as pd
import pyogrio

from lobate.inventory.attributes import INVENTORY

log = logging.getLogger(__name__)

SHORT_NAMES = {
    "upslope_connection": "upslope",
    "velocity_error": "vel_error",
    "perimeter_m": "perim_m",
    "length_note": "len_note",
    "elevation_min_m": "elev_min",
    "elevation_mean_m": "elev_mean",
    "elevation_max_m": "elev_max",
    "elevation_range_m": "elev_range",
    "aspect_deg": "aspect_deg",
    "aspect_concentration": "aspect_R",
    "solar_w_m2": "solar_Wm2",
    "outline_type": "out_type",
    "mapping_date": "map_date",
    "scenes_note": "scene_note",
    "outline_from": "out_from",
    "outline_why": "out_why",
}
"""Names that a Shapefile has no room for, and what they are called there."""

MAX_NAME_LENGTH = 10
MAX_TEXT_BYTES = 254
"""Bytes of a text that a Shapefile has room for."""


def write_parquet(inventory: gpd.GeoDataFrame, path: Path) -> None:
    """Write a GeoParquet."""
    inventory.to_parquet(path, index=False, compression="zstd", geometry_encoding="WKB")


def write_csv(inventory: gpd.GeoDataFrame, path: Path) -> None:
    """Write a CSV; the outline is WKT in the column ``outline_wkt``, to 1e-7 degrees."""
    table = pd.DataFrame(inventory.drop(columns="geometry"))
    table["outline_wkt"] = inventory.geometry.to_wkt(rounding_precision=7)
    table.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def write_geojson(inventory: gpd.GeoDataFrame, path: Path) -> None:
    """Write GeoJSON after RFC 7946: WGS84, outer rings counter-clockwise, to 1e-7 degrees."""
    options = {"RFC7946": "YES", "COORDINATE_PRECISION": "7", "WRITE_BBOX": "NO", "WRITE_NAME": "NO"}
    pyogrio.write_dataframe(inventory, path, driver="GeoJSON", layer_options=options)


def write_shapefile(inventory: gpd.GeoDataFrame, path: Path) -> None:
    """Write a zipped Shapefile, and in the zip the list of its fields; texts cut short are counted in the log."""
    with tempfile.TemporaryDirectory() as folder:
        _write_shapefile(inventory, Path(folder, "inventory.shp"))
        Path(folder, "fields.tsv").write_text(field_list(), encoding="utf-8")
        with ZipFile(path, "w") as target:
            for file in sorted(Path(folder).iterdir()):
                entry = ZipInfo(file.name, date_time=(1980, 1, 1, 0, 0, 0))
                entry.compress_type, entry.external_attr = ZIP_DEFLATED, 0o644 << 16
                target.writestr(entry, file.read_bytes())


def short_name(name: str) -> str:
    """Return what an attribute is called in a Shapefile."""
    return SHORT_NAMES.get(name, name)


def field_list() -> str:
    """Return the Shapefile's fields, tab-separated: what they are called there, everywhere else, and what they say."""
    rows = [(short_name(one.name), one.name, "text" if one.kind is str else "number", one.meaning) for one in INVENTORY]
    return "".join("\t".join(row) + "\n" for row in [("field", "attribute", "kind", "meaning"), *rows])


def _write_shapefile(inventory: gpd.GeoDataFrame, path: Path) -> None:
    cut = inventory.rename(columns=SHORT_NAMES)
    for one in INVENTORY:
        if one.kind is str:
            cut[short_name(one.name)] = [_cut(value) for value in inventory[one.name]]
    count = sum(
        (cut[short_name(one.name)] != inventory[one.name]).where(inventory[one.name].notna(), False).sum()
        for one in INVENTORY
    )
    if count:
        log.warning(
            "%d texts are cut to the %d bytes of a Shapefile; the other formats have them whole", count, MAX_TEXT_BYTES
        )
    pyogrio.write_dataframe(
        cut,
        path,
        driver="ESRI Shapefile",
        geometry_type="Polygon",
        encoding="UTF-8",
        layer_options={"DBF_DATE_LAST_UPDATE": "2000-01-01"},
    )


def _cut(text: str | None) -> str | None:
    return None if pd.isna(text) else str(text).encode()[:MAX_TEXT_BYTES].decode(errors="ignore")
