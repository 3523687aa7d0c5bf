"""Lowest elevation and mean slope under outlines, from a DEM read in blocks; a void is no elevation, never 0 m."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rasterio.io import DatasetReader
from rasterio.windows import Window

from lobate.errors import Mistake
from lobate.grid import Grid
from lobate.rasters import open_raster
from lobate.terrain import cell_size_m, check_dem, horn, read_elevation

CELL = 1024  # outlines that start in the same CELL x CELL pixels of the DEM are measured together
COLUMNS = ["elevation_min_m", "slope_mean_deg", "dem_share"]


def terrain_under(outlines: gpd.GeoSeries, dem: Path) -> pd.DataFrame:
    """Return `elevation_min_m`, `slope_mean_deg` and `dem_share` (of the area that has an elevation) of each outline.

    Pixels count by the share of them that an outline covers (exactextract). Where the DEM has nothing, the first two are
    NaN and the share is 0. Mistake when the DEM is unreadable, has no CRS, is not north-up, or shows other ground.
    """
    with open_raster(dem) as dataset:
        grid = Grid.of(dataset)
        check_dem(dataset)
        local = outlines.to_crs(grid.crs)
        table = pd.DataFrame(np.nan, index=outlines.index, columns=COLUMNS)
        groups = list(_groups(local, grid))
        if len(local) and not groups:
            raise Mistake(
                f"The DEM {dem} shows the ground of none of the {len(local)} detections, so no limit of elevation or slope can "
                "judge them. Give the DEM of this region, or check its coordinate reference system."
            )
        for rows, window in groups:
            table.iloc[rows] = _measure(local.iloc[rows], dataset, grid, window)
    area = shapely.area(np.asarray(local.values, dtype=object)) / (grid.resolution[0] * grid.resolution[1])
    table["dem_share"] = (table["dem_share"].fillna(0) / np.where(area > 0, area, 1)).clip(0, 1).round(4)
    return table.round({"elevation_min_m": 2, "slope_mean_deg": 3})


def _groups(local: gpd.GeoSeries, grid: Grid) -> Iterator[tuple[np.ndarray, Window]]:
    """Yield positions of outlines that lie together on the grid, and the window round them with one pixel to spare."""
    bounds = shapely.bounds(np.asarray(local.values, dtype=object)).reshape(-1, 4)
    cols, top = ~grid.transform @ (bounds[:, [0, 2]].T, bounds[:, [3, 1]].T)
    boxes = np.stack([np.floor(top[0]) - 1, np.ceil(top[1]) + 1, np.floor(cols[0]) - 1, np.ceil(cols[1]) + 1], axis=1)
    boxes = np.clip(np.nan_to_num(boxes, nan=-1), 0, [grid.height, grid.height, grid.width, grid.width]).astype(int)
    on_dem = np.flatnonzero((boxes[:, 1] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 2]))
    cells = boxes[on_dem][:, [0, 2]] // CELL
    _, group = np.unique(cells, axis=0, return_inverse=True)
    for number in range(group.max(initial=-1) + 1):
        rows = on_dem[group == number]
        (top_row, left), (bottom, right) = boxes[rows][:, [0, 2]].min(axis=0), boxes[rows][:, [1, 3]].max(axis=0)
        yield rows, Window(left, top_row, right - left, bottom - top_row)


def _measure(local: gpd.GeoSeries, dataset: DatasetReader, grid: Grid, window: Window) -> np.ndarray:
    """Return lowest elevation, mean slope and covered pixels of outlines within ``window``; (n, 3), NaN where void."""
    from exactextract import exact_extract
    from exactextract.raster import NumPyRasterSource

    part = grid.crop(int(window.row_off), int(window.col_off), int(window.height), int(window.width))
    wide = read_elevation(dataset, int(window.row_off) - 1, int(window.col_off) - 1, part.height + 2, part.width + 2)
    left, bottom, right, top = part.bounds
    width_m, height_m, _ = cell_size_m(part)
    height = wide[1:-1, 1:-1]
    slope = np.degrees(np.arctan(np.hypot(*horn(wide, width_m, height_m))))
    layers = {"elevation": height, "slope": np.where(np.isnan(height), np.nan, slope)}
    sources = [
        NumPyRasterSource(values, left, bottom, right, top, nodata=np.nan, name=name, srs_wkt=grid.crs.to_wkt())
        for name, values in layers.items()
    ]
    frame = gpd.GeoDataFrame(geometry=local.reset_index(drop=True), crs=local.crs)
    found = exact_extract(sources, frame, ["min", "mean", "count"], output="pandas")
    return found[["elevation_min", "slope_mean", "elevation_count"]].to_numpy(dtype=float)
