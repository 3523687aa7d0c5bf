"""The part of the clean polygons that one image shows: what the labels of its tile depend on."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

from lobate.io.grid import Grid
from lobate.io.vector import read_layer, write_layers
from lobate.labels.reproject import lonlat_boxes, to_crs


def write_view(source: Path, target: Path, grid: Grid, margin_m: float) -> None:
    """Write to ``target`` the layers kept and removed of ``source``: what touches the grid, or comes within a margin of it."""
    write_layers(target, {layer: _on_grid(source, layer, grid, margin_m) for layer in ("kept", "removed")})


def _on_grid(source: Path, layer: str, grid: Grid, margin_m: float) -> gpd.GeoDataFrame:
    frame = read_layer(source, layer)
    known = frame.geometry.notna().to_numpy()
    shapes = np.array(frame.geometry.values, dtype=object)
    near = np.zeros(len(frame), dtype=bool)
    near[np.unique(shapely.STRtree(shapes).query(lonlat_boxes(grid, margin_m))[1])] = True
    frame = frame[known & near]
    reach = shapely.buffer(grid.footprint, margin_m / grid.resolution_m * max(grid.resolution), join_style="mitre")
    touching = shapely.intersects(reach, to_crs(np.array(frame.geometry.values, dtype=object), grid))
    return frame[touching].reset_index(drop=True)
