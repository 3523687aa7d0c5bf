"""The view of the clean polygons for one image: the label raster of its tile depends on no others."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

from lobate.io.grid import Grid
from lobate.io.vector import read_layer, write_layers
from lobate.labels.reproject import lonlat_boxes, to_crs


def write_view(source: Path, target: Path, grid: Grid, margin_m: float) -> None:
    """Write to ``target`` the polygons of ``source``, layers kept and removed, within ``margin_m`` metres of the grid."""
    write_layers(target, {layer: _near_grid(source, layer, grid, margin_m) for layer in ("kept", "removed")})


def _near_grid(source: Path, layer: str, grid: Grid, margin_m: float) -> gpd.GeoDataFrame:
    frame = read_layer(source, layer)
    present = frame.geometry.notna().to_numpy()
    shapes = np.array(frame.geometry.values, dtype=object)
    near = np.zeros(len(frame), dtype=bool)
    near[np.unique(shapely.STRtree(shapes).query(lonlat_boxes(grid, margin_m))[1])] = True
    frame = frame[present & near]
    reach = shapely.buffer(grid.footprint, margin_m / grid.resolution_m * max(grid.resolution), join_style="mitre")
    touching = shapely.intersects(reach, to_crs(np.array(frame.geometry.values, dtype=object), grid))
    return frame[touching].reset_index(drop=True)
