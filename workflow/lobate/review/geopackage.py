"""GeoPackages that are changed row by row, by SQLite itself: their tables, and outlines as they stand in them.

They have no spatial index: SQLite alone cannot keep one right, and a layer of decisions is small. QGIS and GDAL read and
change such a file as any other.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from rasterio.crs import CRS

from lobate.io.grid import LONLAT
from lobate.io.qgis.package import FIXED_TIME

APPLICATION_ID, USER_VERSION = 0x47504B47, 10300
"""What says that a SQLite file is a GeoPackage, of version 1.3."""

EPSG = 4326
GEOMETRY = "geom"
"""Column of the outlines."""

POINT, MULTIPOLYGON = "POINT", "MULTIPOLYGON"

FLAGS = 0b00000011
"""Of an outline's header: little endian, and an envelope of x and y."""
ENVELOPE_BYTES = (0, 32, 48, 48, 64)

CORE = """
CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY, organization TEXT NOT NULL,
organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
description TEXT DEFAULT '', last_change DATETIME NOT NULL, min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE,
srs_id INTEGER, CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL,
srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL, CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
CONSTRAINT uk_gc_table_name UNIQUE (table_name), CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id));
"""


@dataclass(frozen=True)
class Layer:
    """A layer of outlines (EPSG:4326) and the fields of its rows, all of them text but those in ``numbers``.

    ``label`` is the field that names a row to a person. ``shape`` is the type of its geometries in SQL.
    """

    name: str
    fields: tuple[str, ...]
    label: str
    numbers: tuple[str, ...] = ()
    shape: str = MULTIPOLYGON

    def kind(self, field: str) -> str:
        """Return the type of a field in SQL."""
        return "REAL" if field in self.numbers else "TEXT"


def create_core(connection: sqlite3.Connection) -> None:
    """Make an empty database a GeoPackage without layers. Call it in a transaction."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {USER_VERSION}")
    for statement in CORE.split(";\n"):
        if statement.strip():
            connection.execute(statement)
    wkt = CRS.from_user_input(LONLAT).to_wkt()
    systems = [
        ("Undefined cartesian SRS", -1, "NONE", -1, "undefined", "undefined cartesian coordinate reference system"),
        ("Undefined geographic SRS", 0, "NONE", 0, "undefined", "undefined geographic coordinate reference system"),
        ("WGS 84 geodetic", EPSG, "EPSG", EPSG, wkt, "longitude/latitude coordinates in decimal degrees"),
    ]
    connection.executemany("INSERT INTO gpkg_spatial_ref_sys VALUES (?, ?, ?, ?, ?, ?)", systems)


def create_layer(connection: sqlite3.Connection, layer: Layer) -> None:
    """Add a layer in EPSG:4326; the number of a row is never given to another one."""
    fields = "".join(f', "{field}" {layer.kind(field)}' for field in layer.fields)
    connection.execute(
        f'CREATE TABLE "{layer.name}" (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, {GEOMETRY} {layer.shape}{fields})'
    )
    _register(connection, layer.name, "features", EPSG)
    connection.execute(
        "INSERT INTO gpkg_geometry_columns VALUES (?, ?, ?, ?, 0, 0)", [layer.name, GEOMETRY, layer.shape, EPSG]
    )


def create_table(connection: sqlite3.Connection, name: str, fields: Sequence[str]) -> None:
    """Add a table without outlines that QGIS shows; ``fields`` are names and types in SQL."""
    connection.execute(f'CREATE TABLE "{name}" ({", ".join(fields)})')
    _register(connection, name, "attributes", 0)


def _register(connection: sqlite3.Connection, name: str, kind: str, srs: int) -> None:
    connection.execute(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change, srs_id) "
        "VALUES (?, ?, ?, '', ?, ?)",
        [name, kind, name, FIXED_TIME, srs],
    )


def forget_extent(connection: sqlite3.Connection, layer: str) -> None:
    """Let programs compute a layer's extent anew: one that is out of date would hide rows from them."""
    connection.execute(
        "UPDATE gpkg_contents SET min_x = NULL, min_y = NULL, max_x = NULL, max_y = NULL WHERE table_name = ?", [layer]
    )


def to_blob(outline: shapely.Geometry) -> bytes:
    """Return a point, or a polygon as a multipolygon, in EPSG:4326 as it stands in a GeoPackage, without Z."""
    whole = shapely.force_2d(outline)
    whole = shapely.MultiPolygon([whole]) if whole.geom_type == "Polygon" else whole
    west, south, east, north = whole.bounds
    header = struct.pack("<2sBBi4d", b"GP", 0, FLAGS, EPSG, west, east, south, north)
    return header + shapely.to_wkb(whole, byte_order=1, flavor="iso")


def from_blob(blob: bytes | None) -> shapely.Geometry | None:
    """Return the outline or point of a row without Z, a multipolygon of one part as a polygon; None for none.

    Raises ValueError for bytes that are no geometry of a GeoPackage.
    """
    if blob is None:
        return None
    if len(blob) < 8 or blob[:2] != b"GP" or (blob[3] >> 1 & 0b111) >= len(ENVELOPE_BYTES):
        raise ValueError("the bytes of the outline are no geometry of a GeoPackage")
    try:
        shape = shapely.from_wkb(blob[8 + ENVELOPE_BYTES[blob[3] >> 1 & 0b111] :])
    except shapely.errors.ShapelyError as error:
        raise ValueError(f"the bytes of the outline are no geometry: {error}") from error
    if shape is None or shape.is_empty:
        return None
    return single_part(shapely.force_2d(shape))


def meets(head: bytes | None, bounds: tuple[float, float, float, float]) -> bool:
    """Whether the envelope in the first 40 bytes of an outline meets these bounds; true where it has none."""
    if head is None:
        return False
    if len(head) < 40 or not head[3] >> 1 & 0b111:
        return True
    west, east, south, north = struct.unpack("<4d" if head[3] & 1 else ">4d", head[8:40])
    return west <= bounds[2] and east >= bounds[0] and south <= bounds[3] and north >= bounds[1]


def single_part(shape: shapely.Geometry) -> shapely.Geometry:
    """Return a multipolygon of one part as a polygon, anything else as it is."""
    if shape.geom_type == "MultiPolygon" and len(shape.geoms) == 1:
        return shape.geoms[0]
    return shape


def same_outline(first: shapely.Geometry | None, second: shapely.Geometry | None) -> bool:
    """Whether two outlines have the same vertices in the same order."""
    if first is None or second is None:
        return first is second
    return bool(np.all(shapely.equals_exact(single_part(first), single_part(second), 0.0)))
