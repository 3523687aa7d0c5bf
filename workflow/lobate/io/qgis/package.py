"""Styles inside a GeoPackage, in QGIS's own table `layer_styles`: QGIS applies them when a layer is opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from xml.etree.ElementTree import Element

from lobate.io.qgis.markup import document, element

SCHEMA = """
CREATE TABLE "layer_styles" ( "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, "f_table_catalog" TEXT(256),
"f_table_schema" TEXT(256), "f_table_name" TEXT(256), "f_geometry_column" TEXT(256), "styleName" TEXT(30),
"styleQML" TEXT, "styleSLD" TEXT, "useAsDefault" BOOLEAN, "description" TEXT, "owner" TEXT(30), "ui" TEXT(30),
"update_time" DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))"""

FIXED_TIME = "2000-01-01T00:00:00.000Z"
"""Time stamp in all GeoPackages of lobate, so that the same content gives the same bytes."""


POINTS, POLYGONS = 0, 2
"""Codes of QGIS for kinds of geometry."""


def qml(elements: Sequence[Element], geometry: int = POLYGONS) -> str:
    """Return a style as the document that QGIS keeps in a GeoPackage, or reads beside a file."""
    return document(
        [*elements, element("layerGeometryType", str(geometry))],
        styleCategories="AllStyleCategories",
        labelsEnabled=int(any(child.tag == "labeling" for child in elements)),
    )


def add_styles(path: Path, styles: Mapping[str, Sequence[Element]]) -> None:
    """Add the styles of these layers (name -> elements) to a GeoPackage, as QGIS's default styles."""
    with closing(sqlite3.connect(path)) as package, package:
        write_styles(package, styles)


def write_styles(package: sqlite3.Connection, styles: Mapping[str, Sequence[Element]]) -> None:
    """Add the styles to an open GeoPackage that has none yet; the transaction is the caller's."""
    package.execute(SCHEMA)
    package.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id) "
        "VALUES ('layer_styles', 'attributes', 'layer_styles', '', ?, 0)",
        [FIXED_TIME],
    )
    kinds = dict(package.execute("SELECT table_name, geometry_type_name FROM gpkg_geometry_columns"))
    for name, elements in styles.items():
        text = qml(elements, POINTS if "POINT" in kinds.get(name, "") else POLYGONS)
        package.execute(
            'INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, "styleName", '
            '"styleQML", "useAsDefault", description, update_time) '
            "SELECT '', '', table_name, column_name, ?, ?, 1, ?, ? FROM gpkg_geometry_columns WHERE table_name = ?",
            [name, text, "by lobate", FIXED_TIME, name],
        )
