"""Lowest elevation and mean slope under outlines, from a DEM read in blocks; a void is no elevation, never 0 m."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rasterio.io import DatasetReader
from rasterio.windows import Window

from lobate.errors import Mistake
from lobate.grid import WGS84, Grid
from lobate.rasters import open_raster

CELL = 1024  # outlines that start in the same CELL x CELL pixels of the DEM are measured together
DEEPEST_M = -500.0  # no land lies lower: -9999 and -32768 are voids whether or not the file says so
COLUMNS = ["elevation_min_m", "slope_mean_deg", "dem_share"]


def terrain_under(outlines: gpd.GeoSeries, dem: Path) -> pd.DataFrame:
    """Return `elevation_min_m`, `slope_mean_deg` and `dem_share` (of the area that has an elevation) of each outline.

    Pixels count by the share of them that an outline covers (exactextract). Where the DEM has nothing, the first two are
    NaN and the share is 0. Mistake when the DEM is unreadable, has no CRS, or is not north-up.
    """
    with open_raster(dem) as dataset:
        grid = Grid.of(dataset)
        t = grid.transform
        if t.b or t.d or t.e > 0:
            raise Mistake(f"The DEM {dem} is rotated or upside down. Warp it to a north-up grid with gdalwarp.")
        local = outlines.to_crs(grid.crs)
        table = pd.DataFrame(np.nan, index=outlines.index, columns=COLUMNS)
        for rows, window in _groups(local, grid):
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

    height = _elevation(dataset, window)
    part = grid.crop(int(window.row_off), int(window.col_off), *height.shape)
    left, bottom, right, top = part.bounds
    layers = {"elevation": height, "slope": slope_deg(height, *pixel_sides_m(part))}
    sources = [
        NumPyRasterSource(values, left, bottom, right, top, nodata=np.nan, name=name, srs_wkt=grid.crs.to_wkt())
        for name, values in layers.items()
    ]
    frame = gpd.GeoDataFrame(geometry=local.reset_index(drop=True), crs=local.crs)
    found = exact_extract(sources, frame, ["min", "mean", "count"], output="pandas")
    return found[["elevation_min", "slope_mean", "elevation_count"]].to_numpy(dtype=float)


def _elevation(dataset: DatasetReader, window: Window) -> np.ndarray:
    values = dataset.read(1, window=window, masked=True).astype("float64").filled(np.nan)
    values[~(values > DEEPEST_M)] = np.nan
    return values


def slope_deg(height: np.ndarray, width_m: np.ndarray, height_m: np.ndarray) -> np.ndarray:
    """Return the slope in degrees of elevations (h, w) by Horn (1981), NaN beside voids and at the array's rim.

    ``width_m`` and ``height_m`` (h,) are the sides of a pixel in each row, in metres:
    dz/dx = ((c + 2f + i) - (a + 2d + g)) / 8 dx, dz/dy likewise, slope = atan(hypot(dz/dx, dz/dy)).
    """
    slope = np.full(height.shape, np.nan)
    if min(height.shape) < 3:
        return slope
    down = height[:-2] + 2 * height[1:-1] + height[2:]
    across = height[:, :-2] + 2 * height[:, 1:-1] + height[:, 2:]
    dx = (down[:, 2:] - down[:, :-2]) / (8 * width_m[1:-1, np.newaxis])
    dy = (across[2:] - across[:-2]) / (8 * height_m[1:-1, np.newaxis])
    inner = np.degrees(np.arctan(np.hypot(dx, dy)))
    slope[1:-1, 1:-1] = np.where(np.isnan(height[1:-1, 1:-1]), np.nan, inner)
    return slope


@dataclass(frozen=True)
class _Radii:
    """Radii of curvature of the WGS84 ellipsoid along the meridian and across it, at latitudes in radians."""

    meridian: np.ndarray
    across: np.ndarray

    @classmethod
    def at(cls, latitude: np.ndarray) -> _Radii:
        bulge = 1 - WGS84.es * np.sin(latitude) ** 2
        return cls(WGS84.a * (1 - WGS84.es) / bulge**1.5, WGS84.a / np.sqrt(bulge))


def pixel_sides_m(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Return width and height of a pixel of each row (h,) in metres; by the ellipsoid's radii when ``grid`` is in degrees."""
    width, height = grid.resolution
    if not grid.crs.is_geographic:
        unit = grid.crs.linear_units_factor[1]
        return np.full(grid.height, width * unit), np.full(grid.height, height * unit)
    _, latitude = grid.transform @ (0, np.arange(grid.height) + 0.5)
    radii = _Radii.at(np.radians(latitude))
    return radii.across * np.cos(np.radians(latitude)) * np.radians(width), radii.meridian * np.radians(height)
