"""The place of a raster on Earth: a raster without one is refused, with a way to give it one.

A CRS alone is no place: without a geotransform GDAL counts in pixels, and a scene lies at the corner of its zone.
"""

from __future__ import annotations

from math import floor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.io import DatasetReader
from rasterio.warp import transform as warp_points

from lobate.errors import UserError
from lobate.io.grid import LONLAT

if TYPE_CHECKING:
    import geopandas as gpd

PIXELS_ONLY = (Affine.identity(), Affine.scale(1, -1))
"""What stands for a geotransform where a file has none."""
LATITUDE_TOLERANCE = 1.0
"""Degrees that a global grid may reach past the poles: some count from the centres of cells."""
LONGITUDE_LIMIT = 540.0


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


def check_degrees(where: str, frame: gpd.GeoDataFrame) -> None:
    """Raise UserError for a feature of a geographic CRS that lies past the poles; ``where`` names the file."""
    if not frame.crs.is_geographic:
        return
    bounds = frame.geometry.bounds.to_numpy()
    past = (np.abs(bounds[:, 1::2]) > 90 + LATITUDE_TOLERANCE).any(axis=1)
    past |= (np.abs(bounds[:, ::2]) > LONGITUDE_LIMIT).any(axis=1)
    if past.any():
        first = int(past.argmax())
        left, bottom, right, top = bounds[first]
        raise UserError(
            f"The vector file {where} is in {frame.crs.name}, whose coordinates are degrees, but feature {frame.index[first]} "
            f"reaches from {left:g}, {bottom:g} to {right:g}, {top:g} ({int(past.sum())} such features). Latitude and longitude "
            "may be exchanged, or the coordinates are of another system: assign the right one in QGIS (Layer > Set CRS), and "
            "save it again."
        )


def _in_degrees(dataset: DatasetReader) -> bool:
    left, bottom, right, top = dataset.bounds
    limit = 90 + LATITUDE_TOLERANCE
    return max(-bottom, top, bottom, -top) <= limit and max(abs(left), abs(right)) <= LONGITUDE_LIMIT
