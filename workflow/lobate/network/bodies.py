"""From a map of probabilities to bodies: outlines of what is probable enough, and how probable each is.

The whole raster is taken at once, so no body is cut by a seam. It is read by bands of rows, of which only the runs of
pixels and the values inside bodies are kept.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from math import ceil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.errors import Mistake
from lobate.grid import Grid
from lobate.network.outlines import Rings, trace
from lobate.network.runs import Runs, find_runs, join, label, touching
from lobate.rasters import open_raster, row_bands
from lobate.vectors import geodesic_area_m2

log = logging.getLogger(__name__)

NODATA = 255
SCALE = 254

COLUMNS = ("mean", "median", "minimum", "deviation", "pixels", "touches_edge", "touches_nodata")


def bodies(probability: Path, threshold: float, *, fill_holes_m2: float = 0) -> gpd.GeoDataFrame:
    """Return the outlines of all pixels with at least ``threshold`` probability, in the CRS of ``probability``.

    ``probability`` is a uint8 raster, p = value / 254, 255 = no data. Pixels that touch at a side or a corner are one body;
    holes are kept, but those smaller than ``fill_holes_m2`` square metres are filled, and what lies inside them joins the
    body around. Columns: ``mean``, ``median``, ``minimum`` and ``deviation`` of the probability (0..1) over the body's
    ``pixels`` at or above the threshold, ``touches_edge`` of the raster, ``touches_nodata``. Sorted by first pixel.
    """
    with open_raster(probability) as dataset:
        if dataset.dtypes != ("uint8",):
            raise Mistake(
                f"{probability}: a map of probabilities has one band of uint8, but this raster has {dataset.count} of "
                f"{dataset.dtypes[0]}. Give a file that `predict` wrote."
            )
        grid = Grid.of(dataset)
        runs, values, empty = _scan(dataset, ceil(threshold * SCALE - 1e-9))
    if not len(runs):
        log.info("No pixel of %s reaches a probability of %g.", probability.name, threshold)
        return _frame([], {name: [] for name in COLUMNS}, grid)
    body = label(runs)
    rings = trace(runs, body)
    if fill_holes_m2:
        rings, within = _fill(rings, grid, fill_holes_m2)
        body = within[body]
    facts = _describe(runs, body, values, empty)
    log.info("%d bodies reach a probability of %g in %s.", len(facts["pixels"]), threshold, probability.name)
    return _frame(_polygons(rings, grid), facts, grid)


def _scan(dataset: object, least: int) -> tuple[Runs, np.ndarray, Runs]:
    """Return the runs of bodies, their pixels' values (raster order, uint8), and the runs without data."""
    found, values, empty = [], [], []
    for start, stop in row_bands(dataset.height):
        band = dataset.read(1, window=((start, stop), (0, dataset.width)))
        blank = band == NODATA
        mask = (band >= least) & ~blank
        found.append(find_runs(mask, dataset.shape, start))
        empty.append(find_runs(blank, dataset.shape, start))
        values.append(band[mask])
    return join(found), np.concatenate(values), join(empty)


def _describe(runs: Runs, body: np.ndarray, values: np.ndarray, empty: Runs) -> dict[str, np.ndarray]:
    """Return the columns, one value for each body that has runs, in the order of the bodies' numbers."""
    _, body = np.unique(body, return_inverse=True)
    sorted_values = _sorted_by_body(np.repeat(body, runs.lengths), values).astype(np.int64)
    pixels = np.bincount(body, weights=runs.lengths).astype(np.int64)
    first = np.cumsum(pixels) - pixels
    mean = np.add.reduceat(sorted_values, first) / pixels
    square = np.add.reduceat(sorted_values**2, first) / pixels
    median = (sorted_values[first + (pixels - 1) // 2] + sorted_values[first + pixels // 2]) / 2
    beside = np.zeros(len(runs), bool)
    for down in (-1, 0, 1):
        beside[touching(runs, empty, down)[0]] = True
    return {
        "mean": (mean / SCALE).round(4),
        "median": (median / SCALE).round(4),
        "minimum": (sorted_values[first] / SCALE).round(4),
        "deviation": (np.sqrt(np.maximum(square - mean**2, 0)) / SCALE).round(4),
        "pixels": pixels,
        "touches_edge": np.bincount(body, weights=runs.at_edge) > 0,
        "touches_nodata": np.bincount(body, weights=beside) > 0,
    }


def _sorted_by_body(body: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the pixels' values in the order of their body, those of one body in ascending order."""
    keys = body.astype(np.uint32 if body.max() < 2**24 else np.uint64)
    keys *= 256
    keys += values
    keys.sort()
    return (keys & 255).astype(np.uint8)


def _fill(rings: Rings, grid: Grid, limit_m2: float) -> tuple[Rings, np.ndarray]:
    """Return the rings without the small holes and what lay inside them, and the body that each body is now part of."""
    count = rings.body.max() + 1
    lines = rings.lines(rings.vertices)
    small = np.flatnonzero(rings.area < 0)
    small = small[_areas_m2(rings, small, lines, grid) < limit_m2]
    holes, shells = shapely.polygons(lines[small]), np.flatnonzero(rings.area > 0)
    corners = shapely.points(rings.vertices[rings.first[shells]])
    hole, inside = shapely.STRtree(corners).query(holes, predicate="contains_properly")
    within = np.arange(count)
    within[rings.body[shells[inside]]] = rings.body[small[hole]]
    while not np.array_equal(within, within[within]):
        within = within[within]
    kept = np.ones(len(rings.body), bool)
    kept[small] = False
    kept &= within[rings.body] == rings.body
    log.info(
        "Filled %d holes under %g m2; %d bodies inside them joined the one around.",
        *(len(small), limit_m2, np.count_nonzero(within != np.arange(count))),
    )
    return _select(rings, kept), within


def _areas_m2(rings: Rings, chosen: np.ndarray, lines: np.ndarray, grid: Grid) -> np.ndarray:
    """Return the area on the ground of holes: geodesic where the raster is in degrees, else from the pixel's size."""
    if not grid.crs.is_geographic:
        return -rings.area[chosen] * grid.resolution_m**2
    outlines = shapely.transform(shapely.polygons(lines[chosen]), lambda xy: _ground(xy, grid))
    return geodesic_area_m2(gpd.GeoSeries(outlines, crs=grid.crs))


def _select(rings: Rings, kept: np.ndarray) -> Rings:
    sizes = np.diff(np.append(rings.first, len(rings.vertices)))
    vertices = rings.vertices[np.repeat(kept, sizes)]
    sizes = sizes[kept]
    return replace(
        rings, vertices=vertices, first=np.cumsum(sizes) - sizes, body=rings.body[kept], area=rings.area[kept]
    )


def _polygons(rings: Rings, grid: Grid) -> np.ndarray:
    """Return one valid geometry for each body; one whose parts touch at a corner only has several parts."""
    _, which = np.unique(rings.body, return_inverse=True)
    found = shapely.polygons(rings.lines(_ground(rings.vertices, grid)), indices=which)
    broken = ~shapely.is_valid(found)
    found[broken] = shapely.make_valid(found[broken], method="structure", keep_collapsed=False)
    return found


def _ground(places: np.ndarray, grid: Grid) -> np.ndarray:
    """Return (n, 2) coordinates in the raster's CRS of (n, 2) columns and rows."""
    t = grid.transform
    column, row = places.astype(float).T
    return np.stack([t.a * column + t.b * row + t.c, t.d * column + t.e * row + t.f], axis=1)


def _frame(polygons: np.ndarray | list, facts: dict[str, np.ndarray], grid: Grid) -> gpd.GeoDataFrame:
    kinds = dict.fromkeys(COLUMNS, "float64") | {"pixels": "int64", "touches_edge": "bool", "touches_nodata": "bool"}
    table = pd.DataFrame({name: facts[name] for name in COLUMNS}).astype(kinds)
    return gpd.GeoDataFrame(table, geometry=gpd.GeoSeries(polygons, crs=grid.crs), crs=grid.crs)
