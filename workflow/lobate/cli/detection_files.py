"""The detections of `lobate map` as files that a person may edit: the suffix chooses the format, and each file has a style.

A GeoPackage holds the layers kept and removed, and their styles. The other formats have one layer a file: the kept detections
go to the named file, the removed ones beside it, and a style for QGIS beside each.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree.ElementTree import Element

import geopandas as gpd
import pyogrio

from lobate.inventory.formats import write_geojson, write_parquet
from lobate.inventory.qgis.styles import LABELLED_FROM, REMOVED_STYLE
from lobate.io.qgis.package import add_styles, qml
from lobate.io.qgis.symbols import OutlineStyle, labeling, single_symbol_renderer
from lobate.io.vector import read_layer, write_layers

LAYERS = ("kept", "removed")
STYLES: dict[str, list[Element]] = {
    "kept": [
        single_symbol_renderer(OutlineStyle("", "detection", "255,110,20,255", 0.6)),
        labeling('format_number("mean", 2)', "255,255,255,255", LABELLED_FROM),
    ],
    "removed": [single_symbol_renderer(REMOVED_STYLE)],
}
SHORT_NAMES = {
    "touches_edge": "edge",
    "touches_nodata": "nodata",
    "perimeter_m": "perim_m",
    "elevation_min_m": "elev_min",
    "slope_mean_deg": "slope_mean",
    "occurrences": "dates",
    "area_before_m2": "area_old",
}
"""Attribute -> its name in a Shapefile, which has at most ten letters, where the two differ."""
MAX_TEXT_BYTES = 254


def _write_shapefile(frame: gpd.GeoDataFrame, path: Path) -> None:
    table = frame.rename(columns=SHORT_NAMES)
    for name in table.select_dtypes(include=["object", "string"]).columns.difference(["geometry"]):
        table[name] = table[name].map(_shortened, na_action="ignore")
    flags = table.select_dtypes(include="bool").columns
    pyogrio.write_dataframe(
        table.astype(dict.fromkeys(flags, "int16")),
        path,
        driver="ESRI Shapefile",
        geometry_type="Polygon",
        encoding="UTF-8",
        layer_options={"DBF_DATE_LAST_UPDATE": "2000-01-01"},
    )


def _shortened(text: str) -> str:
    return str(text).encode()[:MAX_TEXT_BYTES].decode(errors="ignore")


WRITERS: dict[str, Callable[[gpd.GeoDataFrame, Path], None]] = {
    ".geojson": write_geojson,
    ".parquet": write_parquet,
    ".shp": _write_shapefile,
}
SUFFIXES = (".gpkg", *WRITERS)
"""Suffixes of the formats."""


def files_of(out: Path) -> dict[str, Path]:
    """Return the file of each layer."""
    if out.suffix.lower() == ".gpkg":
        return dict.fromkeys(LAYERS, out)
    return {"kept": out, "removed": out.with_name(f"{out.stem}_removed{out.suffix}")}


def write_detections(detections: Path, out: Path) -> None:
    """Write the layers kept and removed of ``detections`` (EPSG:4326) to ``out``, in the format of its suffix.

    Everything is written into a folder beside ``out`` first, and moved when it is whole.
    """
    layers = {name: read_layer(detections, name) for name in LAYERS}
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=".lobate_map_") as folder:
        new = Path(folder, out.name)
        if out.suffix.lower() == ".gpkg":
            write_layers(new, layers)
            add_styles(new, STYLES)
        else:
            for name, path in files_of(new).items():
                WRITERS[out.suffix.lower()](layers[name], path)
                path.with_suffix(".qml").write_text(qml(STYLES[name]), encoding="utf-8")
        # the named file comes last, so that it is never there without its other parts
        for part in sorted(Path(folder).iterdir(), key=lambda path: (path.name == out.name, path.name)):
            part.replace(out.parent / part.name)
