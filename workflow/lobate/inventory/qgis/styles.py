"""The styles of the review sheet's layers, and how they are put into its GeoPackage.

A GeoPackage's table `layer_styles` is QGIS's own: a layer dragged into QGIS takes the style that stands there for it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from xml.etree.ElementTree import Element

from lobate.inventory.qgis.form import form, read_only
from lobate.inventory.qgis.markup import document, element
from lobate.inventory.qgis.symbols import Look, alike, categories, labels

UNSURE, SURE = 0.7, 0.9
"""Confidences between which a detection is fairly sure."""

CLASS = f"""CASE WHEN "status" = 'pending' THEN CASE
WHEN "confidence" < {UNSURE} THEN 'unsure' WHEN "confidence" < {SURE} THEN 'fair' ELSE 'sure' END
ELSE "status" END"""
"""Status and confidence in one."""

REVIEW = (
    Look("unsure", f"pending, confidence below {UNSURE}", "255,242,0,255", 0.9),
    Look("fair", f"pending, confidence {UNSURE} to {SURE}", "255,176,0,255", 0.7),
    Look("sure", f"pending, confidence from {SURE} on", "255,110,20,255", 0.5),
    Look("accepted", "accepted", "0,230,150,255", 0.6),
    Look("edited", "edited", "86,190,255,255", 0.7),
    Look("rejected", "rejected", "255,90,220,255", 0.5, "dash"),
    Look("", "no status yet", "255,255,255,255", 0.5, "dot"),
)
OTHERS = Look("", "other inventory", "120,255,255,255", 0.4, "dash dot")
REMOVED = Look("", "removed by the filters", "210,210,210,255", 0.3, "dot")

LABELLED_FROM = 100_000
"""Labels are shown from this scale on."""

SCHEMA = """
CREATE TABLE "layer_styles" ( "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, "f_table_catalog" TEXT(256),
"f_table_schema" TEXT(256), "f_table_name" TEXT(256), "f_geometry_column" TEXT(256), "styleName" TEXT(30),
"styleQML" TEXT, "styleSLD" TEXT, "useAsDefault" BOOLEAN, "description" TEXT, "owner" TEXT(30), "ui" TEXT(30),
"update_time" DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')))"""

NEVER = "2000-01-01T00:00:00.000Z"
"""The time in all GeoPackages of lobate, so that the same content is the same bytes."""


def style(layer: str, columns: Sequence[str]) -> list[Element]:
    """Return the elements of the style of one of the sheet's layers, which has these columns."""
    if layer == "review":
        return [
            categories(CLASS, REVIEW),
            labels('format_number("confidence", 2)', "255,255,255,255", LABELLED_FROM),
            *form(columns),
            element(
                "mapTip", '<b>[% "status" %]</b>, confidence [% format_number("confidence", 2) %]<br>[% "remark" %]'
            ),
        ]
    if layer == "others":
        return [
            alike(OTHERS),
            labels('"source_id"', "120,255,255,255", LABELLED_FROM),
            *read_only(columns),
            element("mapTip", '[% "source" %] [% "source_id" %]'),
        ]
    return [alike(REMOVED), *read_only(columns), element("mapTip", '[% "reason" %]')]


def qml(elements: Sequence[Element]) -> str:
    """Return a style as the document that QGIS keeps in a GeoPackage."""
    return document(
        [*elements, element("layerGeometryType", "2")],
        styleCategories="AllStyleCategories",
        labelsEnabled=int(any(one.tag == "labeling" for one in elements)),
    )


def add_styles(path: Path, layers: Mapping[str, Sequence[str]]) -> None:
    """Put the styles of these layers (name -> columns) into a GeoPackage, as the ones that QGIS takes by default."""
    with closing(sqlite3.connect(path)) as package, package:
        package.execute(SCHEMA)
        package.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id) "
            "VALUES ('layer_styles', 'attributes', 'layer_styles', '', ?, 0)",
            [NEVER],
        )
        for name, columns in layers.items():
            package.execute(
                'INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, "styleName", '
                '"styleQML", "useAsDefault", description, update_time) '
                "SELECT '', '', table_name, column_name, ?, ?, 1, ?, ? FROM gpkg_geometry_columns WHERE table_name = ?",
                [name, qml(style(name, columns)), "by lobate", NEVER, name],
            )
