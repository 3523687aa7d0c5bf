"""The layers of a tile's footprints: the ground of each patch, and the removed sub-images with their reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from lobate.errors import UserError
from lobate.io.grid import Grid
from lobate.io.origin import DRAWN
from lobate.io.vector import LONLAT, read_layer
from lobate.patches.windows import Window

WINDOW_COLUMNS = {"window_row": "int32", "window_col": "int32", "height": "int32", "width": "int32"}
QUALITY_COLUMNS = {"valid": "float64", "entropy": "float64"}
PATCH_COLUMNS = {
    **{"patch": "str", "tile": "str", "row": "int32", "polygon": "str", "class": "str"},
    **WINDOW_COLUMNS,
    **QUALITY_COLUMNS,
    **{"positive": "float64", "ignored": "float64", "clipped": "bool", "digest": "str"},
}
ORIGIN_COLUMNS = {"origin": "str", "unmended": "float64"}
"""Only where an outline came from a model: the origin of the patch's own outline, and the share of its pixels under
outlines of a model that nobody mended. Training takes these pixels for landform; other sides ignore them."""
REMOVED_COLUMNS = {
    "tile": "str",
    "polygon": "str",
    "class": "str",
    "reason": "str",
    **WINDOW_COLUMNS,
    **QUALITY_COLUMNS,
}
SEGMENTS_PER_EDGE = 8
"""A change of CRS bends an edge; its segments are straight to a few centimetres."""


def footprint_layer(rows: list[dict[str, Any]], columns: dict[str, str], grid: Grid) -> gpd.GeoDataFrame:
    """Return a layer in the grid's CRS with these columns and types; the geometry is each row's ``window``.

    A row without a window (None: its outline lies off the image) has a ``geometry`` of its own.
    """
    complete = [_with_window(row, grid) for row in rows]
    table = {name: pd.Series([row[name] for row in complete], dtype=kind) for name, kind in columns.items()}
    return gpd.GeoDataFrame(table, geometry=[row["geometry"] for row in complete], crs=grid.crs)


def _with_window(row: dict[str, Any], grid: Grid) -> dict[str, Any]:
    window: Window | None = row["window"]
    if window is None:
        return dict.fromkeys(QUALITY_COLUMNS, 0.0) | dict.fromkeys(WINDOW_COLUMNS, 0) | row
    return row | dict(zip(WINDOW_COLUMNS, window, strict=True)) | {"geometry": grid.crop(*window).footprint}


def read_footprints(path: Path) -> gpd.GeoDataFrame:
    """Read the layer ``patches`` of one tile, in its own CRS, in the order of its patch file.

    Raises UserError when columns are missing.
    """
    footprints = read_layer(path, "patches")
    missing = [name for name in PATCH_COLUMNS if name not in footprints]
    if missing:
        raise UserError(
            f"The layer patches of {path} has no column {missing[0]}, so it is no table of footprints. "
            "Make it again with crop-patches."
        )
    origin = [name for name in ORIGIN_COLUMNS if name in footprints]
    return footprints[[*PATCH_COLUMNS, *origin, "geometry"]].sort_values("row", kind="stable", ignore_index=True)


def read_all_footprints(paths: list[Path]) -> gpd.GeoDataFrame:
    """Read the layer ``patches`` of all tiles into one table in EPSG:4326, sorted by tile and row.

    Where a footprint crosses the antimeridian, all longitudes run from 0 to 360. Raises UserError when there is no file, a
    patch occurs twice or columns are missing.
    """
    if not paths:
        raise UserError("No footprints are given. Name those of at least one tile, made by crop-patches.")
    tiles = [_to_lonlat(read_footprints(path)) for path in paths]
    table = pd.concat([tile for tile in tiles if len(tile)] or tiles[:1], ignore_index=True)
    table = table.fillna({"origin": DRAWN, "unmended": 0.0}).sort_values(
        ["tile", "row"], kind="stable", ignore_index=True
    )
    repeated = table["patch"][table["patch"].duplicated()]
    if len(repeated):
        raise UserError(
            f"The patch {repeated.iloc[0]} comes twice in the footprints. Give each tile's footprints once."
        )
    return _unwrap_longitudes(gpd.GeoDataFrame(table, geometry="geometry", crs=LONLAT))


def _unwrap_longitudes(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    bounds = table.bounds
    if not (bounds["maxx"] - bounds["minx"] > 180).any():
        return table
    return table.set_geometry(table.geometry.transform(lambda xy: np.c_[xy[:, 0] % 360, xy[:, 1]]))


def _to_lonlat(footprints: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    segment_lengths = (footprints.geometry.length / 4 / SEGMENTS_PER_EDGE).to_numpy()
    outlines = footprints.geometry.segmentize(segment_lengths) if len(footprints) else footprints.geometry
    return footprints.set_geometry(outlines.to_crs(LONLAT))
