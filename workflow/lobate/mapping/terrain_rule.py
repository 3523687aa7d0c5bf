"""A map that learnt nothing but terrain: landform is where slope and elevation are common on the training landforms.

A cell of the DEM is landform if its slope and its elevation both lie in the central 90 % (5th to 95th percentile) of the cells
under the landforms of the training patches. No image is read, and no outline of other ground. A model that is no better has
learnt where landforms may lie, and not what they look like.

Slopes are those of the DEM's own cells (Horn 1981). Percentiles come from counts by 1 m and by 0.1 degrees, so memory is bounded.
A pixel takes the cell under its centre; without an elevation it is no landform.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio.features
import shapely
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.warp import reproject, transform_bounds

from lobate.io.dem import PLAUSIBLE_RANGE_M, cell_size_m, check_dem, horn_gradient, read_elevation
from lobate.io.grid import Grid
from lobate.io.raster import open_raster
from lobate.io.vector import read_layer
from lobate.mapping.reference import valid_polygons
from lobate.mapping.valid_area import from_lonlat

TAILS = (0.05, 0.95)
"""Shares of the training landforms' cells below the two thresholds of a rule."""
STEP_M, STEP_DEG = 1.0, 0.1
MAX_CELLS = 4_000_000
"""Cells of a DEM in one read."""

NO_DEM = "no DEM, no rule (inventory.dem)"
NO_CELLS = "no rule: the DEM shows no landform of the training patches"
MEANING = "landform where slope and elevation lie in the central 90 % of the training landforms' cells of the DEM"


@dataclass(frozen=True)
class TerrainRule:
    """Least and largest ``slope_deg`` and ``elevation_m`` of landform, and the number of ``cells`` that they come from."""

    dem: Path
    slope_deg: tuple[float, float]
    elevation_m: tuple[float, float]
    cells: int

    def facts(self) -> dict[str, Any]:
        """Return the rule as JSON."""
        limits = {"slope_deg": [*self.slope_deg], "elevation_m": [*self.elevation_m]}
        return {"what": MEANING, **limits, "cells": self.cells}

    def landform(self, dem: DatasetReader, grid: Grid) -> np.ndarray:
        """Return 1 where the rule calls a pixel of ``grid`` landform, else 0; uint8 of its shape."""
        found = np.zeros(grid.shape, dtype=np.uint8)
        for rows, columns in _pieces(dem, grid):
            piece = grid.crop(rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start)
            if window := _cells_under(dem, piece):
                source = self._on_cells(dem, window)
                target = np.zeros(piece.shape, dtype=np.uint8)
                ends = {"src_transform": window.transform, "src_crs": window.crs, "dst_transform": piece.transform}
                reproject(source, target, dst_crs=piece.crs, resampling=Resampling.nearest, **ends)
                found[rows, columns] = target
        return found

    def _on_cells(self, dem: DatasetReader, window: Grid) -> np.ndarray:
        elevation, slope = read_terrain(dem, window)
        with np.errstate(invalid="ignore"):
            inside = [
                (low <= values) & (values <= high)
                for values, (low, high) in ((slope, self.slope_deg), (elevation, self.elevation_m))
            ]
        return (inside[0] & inside[1]).astype(np.uint8)


def fit_rule(dem: Path, split: Path, polygons: Path) -> TerrainRule | None:
    """Return the rule of the landforms (layer kept of ``polygons``) in the training patches of ``split``.

    None where the DEM shows none of them. Raises UserError for a DEM that is rotated.
    """
    heights = np.zeros(round((PLAUSIBLE_RANGE_M[1] - PLAUSIBLE_RANGE_M[0]) / STEP_M) + 1, dtype=np.int64)
    slopes = np.zeros(round(90 / STEP_DEG) + 1, dtype=np.int64)
    with open_raster(dem) as dataset:
        check_dem(dataset)
        for outline in from_lonlat(_training_landforms(split, polygons), dataset.crs):
            for elevation, slope in _cells_of(dataset, outline):
                steps = np.floor((elevation - PLAUSIBLE_RANGE_M[0]) / STEP_M).astype(int)
                heights += np.bincount(steps, minlength=len(heights))
                slopes += np.bincount(np.floor(slope / STEP_DEG).astype(int), minlength=len(slopes))
    if not slopes.sum():
        return None
    limits = _central(slopes, 0.0, STEP_DEG), _central(heights, PLAUSIBLE_RANGE_M[0], STEP_M)
    return TerrainRule(dem, *limits, int(slopes.sum()))


def read_terrain(dem: DatasetReader, window: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Return elevation (m) and slope (degrees) of a window of the DEM's grid, NaN in voids and beside them; its shape each."""
    column, row = (round(value) for value in ~dem.transform @ (window.transform.c, window.transform.f))
    padded = read_elevation(dem, row - 1, column - 1, window.height + 2, window.width + 2)
    width_m, height_m, _ = cell_size_m(window)
    return padded[1:-1, 1:-1], np.degrees(np.arctan(np.hypot(*horn_gradient(padded, width_m, height_m))))


def _training_landforms(split: Path, polygons: Path) -> np.ndarray:
    """Return the parts of the positive outlines inside training patches, EPSG:4326, (n,)."""
    rows, kept = read_layer(split, "split"), read_layer(polygons, "kept")
    patches = valid_polygons(rows[rows["side"] == "training"].to_crs(4326).geometry)
    outlines = valid_polygons(kept[kept["class"] == "positive"].to_crs(4326).geometry)
    tree = shapely.STRtree(patches)
    near = [shapely.union_all(patches[tree.query(outline, predicate="intersects")]) for outline in outlines]
    return np.array([outline & ground for outline, ground in zip(outlines, near, strict=True)], dtype=object)


def _cells_of(dem: DatasetReader, outline: shapely.Geometry) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield elevations and slopes of the cells with their centre in an outline (in the DEM's CRS), a band of rows at a time."""
    window = None if outline.is_empty else _window_round(dem, outline.bounds)
    if window is None:
        return
    rows = max(1, MAX_CELLS // window.width)
    for start in range(0, window.height, rows):
        band = window.crop(start, 0, min(rows, window.height - start), window.width)
        inside = rasterio.features.rasterize([outline], out_shape=band.shape, transform=band.transform, dtype="uint8")
        elevation, slope = read_terrain(dem, band)
        known = (inside == 1) & ~np.isnan(elevation) & ~np.isnan(slope)
        yield elevation[known], slope[known]


def _central(counts: np.ndarray, first: float, step: float) -> tuple[float, float]:
    """Return the lower edge of the step with the lower percentile, and the upper edge of that with the upper one."""
    below = np.cumsum(counts) / counts.sum()
    low, high = (int(np.searchsorted(below, tail)) for tail in TAILS)
    return round(first + low * step, 4), round(first + (high + 1) * step, 4)


def _pieces(dem: DatasetReader, grid: Grid) -> Iterator[tuple[slice, slice]]:
    """Yield parts of a grid, as slices of rows and columns, that show no more cells than one read may have."""
    parts = [(0, grid.height, 0, grid.width)]
    while parts:
        top, bottom, left, right = parts.pop()
        window = _cells_under(dem, grid.crop(top, left, bottom - top, right - left))
        if window is None or window.height * window.width <= MAX_CELLS or max(bottom - top, right - left) == 1:
            yield slice(top, bottom), slice(left, right)
        elif bottom - top >= right - left:
            middle = (top + bottom) // 2
            parts += [(top, middle, left, right), (middle, bottom, left, right)]
        else:
            middle = (left + right) // 2
            parts += [(top, bottom, left, middle), (top, bottom, middle, right)]


def _cells_under(dem: DatasetReader, grid: Grid) -> Grid | None:
    return _window_round(dem, transform_bounds(grid.crs, dem.crs, *grid.bounds))


def _window_round(dem: DatasetReader, bounds: tuple[float, float, float, float]) -> Grid | None:
    """Return the part of the DEM's grid round ``bounds`` with a cell more on each side; None off the DEM."""
    west, south, east, north = bounds
    whole = Grid.from_raster(dem)
    left, top = ~whole.transform @ (west, north)
    right, bottom = ~whole.transform @ (east, south)
    first_row, first_column = max(int(np.floor(top)) - 1, 0), max(int(np.floor(left)) - 1, 0)
    last_row, last_column = (
        min(int(np.ceil(end)) + 1, size) for end, size in zip((bottom, right), whole.shape, strict=True)
    )
    if last_row <= first_row or last_column <= first_column:
        return None
    return whole.crop(first_row, first_column, last_row - first_row, last_column - first_column)
