"""The place of a raster or of outlines on Earth: what has none is refused, with a way to give it one.

A CRS alone is no place: without a geotransform GDAL counts in pixels, and a scene lies at the corner of its zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyproj
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.io import DatasetReader
from rasterio.warp import transform as warp_points

from lobate.errors import UserError
from lobate.io.grid import LONLAT

if TYPE_CHECKING:
    import pandas as pd

PIXELS_ONLY = (Affine.identity(), Affine.scale(1, -1))
"""What stands for a geotransform where a file has none."""
LATITUDE_TOLERANCE = 1.0
"""Degrees that a global grid may reach past the poles: some count from the centres of cells."""
LONGITUDE_LIMIT = 540.0
OTHER = "The coordinates are of another system: assign the right one"


class Boxes(NamedTuple):
    """The boxes round features in their own CRS: left, bottom, right and top, (4, n), NaN without a geometry."""

    numbers: Sequence[object] | np.ndarray | pd.Index
    """How messages name the features, (n,)."""
    boxes: np.ndarray


def check_place(dataset: DatasetReader, path: str | Path) -> None:
    """Raise UserError unless the raster has a geotransform in a geographic or projected CRS."""
    transform = dataset.transform
    if transform in PIXELS_ONLY or not np.isfinite(transform).all() or transform.determinant == 0:
        raise UserError(f"The raster {path} {_lack(dataset)}")
    crs = dataset.crs
    if crs is None:
        raise UserError(
            f"The raster {path} has no coordinate reference system, so its place on Earth is unknown. Assign the right one "
            "(gdal_edit.py -a_srs EPSG:<code> FILE, or in QGIS), and run again."
        )
    if not (crs.is_geographic or crs.is_projected):
        raise UserError(
            f"The raster {path} is in {_name(crs)}, a local or engineering coordinate reference system, which has no "
            "place on Earth. If its coordinates are those of a known system, assign this (gdal_edit.py -a_srs EPSG:<code> "
            "FILE); else place it by control points with QGIS's georeferencer."
        )
    if crs.is_geographic and not _in_degrees(dataset):
        left, bottom, right, top = dataset.bounds
        raise UserError(
            f"The raster {path} is in {_name(crs)}, whose coordinates are degrees, but it reaches from {left:g}, {bottom:g} "
            f"to {right:g}, {top:g}. Its coordinates are of another system: assign this (gdal_edit.py -a_srs EPSG:<code> FILE)."
        )


def _lack(dataset: DatasetReader) -> str:
    """Return what a raster without a geotransform has, and how to place it."""
    points, crs = dataset.gcps
    name = Path(dataset.name).name
    placed = f"{Path(name).stem}_placed.tif"
    if points:
        source = "" if crs else "-s_srs EPSG:<code of the points> "
        return (
            "is placed by ground control points only, so its pixels have no coordinates of their own. Warp it by these "
            f"points, and use the result: gdalwarp {source}-t_srs {_target(points, crs)} -dstalpha {name} {placed}"
        )
    if dataset.rpcs:
        return (
            "is placed by a sensor model (RPC) only, so its pixels have no coordinates of their own. Warp it with a DEM, and "
            f"use the result: gdalwarp -rpc -to RPC_DEM=<dem.tif> -t_srs EPSG:<code> -dstalpha {name} {placed}"
        )
    lacks, wants = ("", "") if dataset.crs else ("no coordinate reference system and ", "-a_srs EPSG:<code> ")
    has = "a coordinate reference system, but " if dataset.crs else ""
    return (
        f"has {has}{lacks}no geotransform, so its place on Earth is unknown. If it was made from a file with ground control points, "
        "warp that file (gdalwarp -t_srs EPSG:<code>). If the coordinates of its corners are known, write them into a copy: "
        f"gdal_translate {wants}-a_ullr <left> <top> <right> <bottom> {name} {placed}"
    )


def _target(points: list, crs: CRS | None) -> str:
    """Return the CRS to warp to: that of the points where it is projected and has a code, else the UTM zone of their middle."""
    if crs is None:
        return "EPSG:<code>"
    if crs.is_projected and (code := crs.to_epsg()):
        return f"EPSG:{code}"
    try:
        lons, lats = warp_points(crs, LONLAT, [point.x for point in points], [point.y for point in points])
    except CRSError:
        return "EPSG:<code>"
    zone = floor((float(np.mean(lons)) + 180) / 6) % 60 + 1
    return f"EPSG:{(32600 if np.mean(lats) >= 0 else 32700) + zone}"


def _name(crs: CRS) -> str:
    return f'"{crs.to_wkt().split(chr(34), 2)[1]}"'


def check_features(where: str, features: Boxes, crs: object) -> None:
    """Raise UserError for a feature in a CRS without a place on Earth, or outside its CRS; ``where`` names the file."""
    system, boxes = pyproj.CRS.from_user_input(crs), features.boxes
    placed = np.isfinite(boxes).all(axis=0)
    if not (system.is_geographic or system.is_projected):
        raise UserError(
            f"The vector file {where} is in {system.name}, a local, engineering or geocentric coordinate reference system, in "
            "which outlines have no place on Earth. If its coordinates are those of a known system, assign this in QGIS (Layer > "
            "Set CRS), and save it again."
        )
    if system.is_geographic:
        past = (np.abs(boxes[1::2]) > 90 + LATITUDE_TOLERANCE) | (np.abs(boxes[::2]) > LONGITUDE_LIMIT)
        _refuse(
            f"{where} is in {system.name}, whose coordinates are degrees",
            features,
            placed & past.any(axis=0),
            f"Latitude and longitude may be exchanged, or t{OTHER[1:]}",
        )
        return
    where = f"{where} is in {system.name}, whose unit is the {system.axis_info[0].unit_name}"
    if _are_degrees(boxes[:, placed]):
        _refuse(where, features, placed, "These are degrees: assign the system in which they are, often EPSG:4326,")
    lonlat = pyproj.Transformer.from_crs(system, LONLAT, always_xy=True).transform(boxes[::2], boxes[1::2])
    _refuse(where, features, placed & ~np.isfinite(lonlat).all(axis=(0, 1)), OTHER)


def _are_degrees(boxes: np.ndarray) -> bool:
    """Whether boxes (4, n) in metres or feet are degrees by their size: by the origin, and smaller than any outline."""
    sizes = boxes[2:] - boxes[:2]
    near = (np.abs(boxes[::2]) <= 360).all() and (np.abs(boxes[1::2]) <= 90).all()
    return bool(near and (sizes > 0).any() and (sizes < 1).all())


def _refuse(says: str, features: Boxes, wrong: np.ndarray, remedy: str) -> None:
    if wrong.any():
        first = int(wrong.argmax())
        left, bottom, right, top = features.boxes[:, first]
        raise UserError(
            f"The vector file {says}, but feature {features.numbers[first]} reaches from {left:g}, {bottom:g} to {right:g}, {top:g} "
            f"({int(wrong.sum())} such features). {remedy} in QGIS (Layer > Set CRS), and save it again."
        )


def _in_degrees(dataset: DatasetReader) -> bool:
    left, bottom, right, top = dataset.bounds
    limit = 90 + LATITUDE_TOLERANCE
    return max(-bottom, top, bottom, -top) <= limit and max(abs(left), abs(right)) <= LONGITUDE_LIMIT
