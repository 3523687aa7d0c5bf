"""Writers of one inventory in several formats, all with the same records, and the same bytes for the same content.

GeoParquet; CSV with the outline as WKT; GeoJSON after RFC 7946; and a zipped Shapefile with names of at most ten letters:
the file `fields.tsv` in the zip lists them beside the attributes' names.
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
from lobate.io.spreadsheet import escape_cells

log = logging.getLogger(__name__)

SHORT_NAMES = {
    "upslope_connection": "upslope",
    "velocity_error": "vel_error",
    "area_low_km2": "area_low",
    "area_high_km2": "area_high",
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
    "mapped_share": "map_share",
}
"""Attribute -> its name in a Shapefile, where the two differ."""

MAX_NAME_LENGTH = 10
"""Letters of a Shapefile's field name."""
MAX_TEXT_BYTES = 254
"""Bytes of a text in a Shapefile."""


def write_parquet(inventory: gpd.GeoDataFrame, path: Path) -> None:
    """Write a GeoParquet."""
    inventory.to_parquet(path, index=False, compression="zstd", geometry_encoding="WKB")


def write_csv(inventory: gpd.GeoDataFrame, path: Path) -> None:
    """Write a CSV; the outline is WKT in the column ``outline_wkt``, to 1e-7 degrees. No text is a spreadsheet's formula."""
    table = escape_cells(pd.DataFrame(inventory.drop(columns="geometry")))
    table["outline_wkt"] = inventory.geometry.to_wkt(rounding_precision=7)
    table.to_csv(path, index=False, lineterminator="\n", encoding="utf-8", compression=None)


def write_geojson(inventory: gpd.GeoDataFrame, path: Path) -> None:
    """Write GeoJSON after RFC 7946: WGS84, outer rings counter-clockwise, to 1e-7 degrees."""
    options = {"RFC7946": "YES", "COORDINATE_PRECISION": "7", "WRITE_BBOX": "NO", "WRITE_NAME": "NO"}
    pyogrio.write_dataframe(inventory, path, driver="GeoJSON", layer_options=options)


def write_shapefile(inventory: gpd.GeoDataFrame, path: Path) -> None:
    """Write a zipped Shapefile, with the list of its fields in the zip; the log counts texts cut short."""
    with tempfile.TemporaryDirectory() as folder:
        _write_shapefile(inventory, Path(folder, "inventory.shp"))
        Path(folder, "fields.tsv").write_text(field_list(), encoding="utf-8")
        with ZipFile(path, "w") as target:
            for file in sorted(Path(folder).iterdir()):
                entry = ZipInfo(file.name, date_time=(1980, 1, 1, 0, 0, 0))
                entry.compress_type, entry.external_attr = ZIP_DEFLATED, 0o644 << 16
                target.writestr(entry, file.read_bytes())


def short_name(name: str) -> str:
    """Return the name of an attribute in a Shapefile."""
    return SHORT_NAMES.get(name, name)


def field_list() -> str:
    """Return the Shapefile's fields, tab-separated: field, attribute, kind and meaning."""
    rows = [
        (short_name(attribute.name), attribute.name, "text" if attribute.kind is str else "number", attribute.meaning)
        for attribute in INVENTORY
    ]
    return "".join("\t".join(row) + "\n" for row in [("field", "attribute", "kind", "meaning"), *rows])


def _write_shapefile(inventory: gpd.GeoDataFrame, path: Path) -> None:
    table = inventory.rename(columns=SHORT_NAMES)
    cut = 0
    for attribute in INVENTORY:
        if attribute.kind is str:
            whole = inventory[attribute.name]
            texts = pd.Series([_truncate(text) for text in whole], index=whole.index, dtype=object)
            cut += int((texts != whole)[whole.notna()].sum())
            table[short_name(attribute.name)] = texts
    if cut:
        log.warning(
            "%d texts are cut to the %d bytes of a Shapefile; the other formats have them whole", cut, MAX_TEXT_BYTES
        )
    pyogrio.write_dataframe(
        table,
        path,
        driver="ESRI Shapefile",
        geometry_type="Polygon",
        encoding="UTF-8",
        layer_options={"DBF_DATE_LAST_UPDATE": "2000-01-01"},
    )


def _truncate(text: str | None) -> str | None:
    return None if pd.isna(text) else str(text).encode()[:MAX_TEXT_BYTES].decode(errors="ignore")
