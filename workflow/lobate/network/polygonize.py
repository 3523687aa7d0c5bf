"""From a map of probabilities to bodies: outlines of what is probable enough, and how probable each is.

The whole raster is taken at once, so no body is cut by a seam. It is read by bands of rows, of which only the runs of
pixels and the values inside bodies are kept.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import shapely
from rasterio.io import DatasetReader

from lobate.errors import UserError
from lobate.io.grid import Grid
from lobate.io.mask_values import PROBABILITY_NODATA, PROBABILITY_SCALE, lowest_level
from lobate.io.raster import open_raster, row_bands
from lobate.io.vector import geodesic_area_m2
from lobate.network.run_length import Runs, adjacent, concatenate, encode, label_components
from lobate.network.trace_rings import Rings, trace_rings

log = logging.getLogger(__name__)


COLUMNS = ("mean", "median", "minimum", "deviation", "pixels", "touches_edge", "touches_nodata")
SPREAD = "spread"
"""Only where several models made the map."""

MAX_RUNS = 5_000_000
"""More stretches of pixels than this, some ten times what a tile full of bodies has, are noise, and would fill the memory:
about 600 bytes are needed for each."""


def polygonize(probability: Path, threshold: float, *, fill_holes_m2: float = 0) -> gpd.GeoDataFrame:
    """Return the outlines of all pixels with at least ``threshold`` probability, in the CRS of ``probability``.

    ``probability`` is a uint8 raster, p = value / 254, 255 = no data; its first band decides, a second one is the spread of
    several models. Pixels that touch at a side or a corner are one body; holes are kept, but those smaller than
    ``fill_holes_m2`` square metres are filled, and what lies inside them joins the body around. Columns: ``mean``,
    ``median``, ``minimum`` and ``deviation`` of the probability (0..1) over the body's ``pixels`` at or above the threshold,
    ``touches_edge`` of the raster, ``touches_nodata``, and the mean ``spread`` where there is one. Sorted by first pixel.
    """
    # several blocks of a band of rows are decoded at once
    with rasterio.Env(GDAL_NUM_THREADS="ALL_CPUS"), open_raster(probability) as dataset:
        _check(dataset, probability)
        grid = Grid.of(dataset)
        scan = _scan(dataset, lowest_level(threshold))
    if not len(scan.runs):
        log.info("No pixel of %s reaches a probability of %g.", probability.name, threshold)
        return _frame([], {name: np.empty(0) for name in scan.columns}, grid)
    part, body = label_components(scan.runs)
    if fill_holes_m2:
        rings, within = _fill(trace_rings(scan.runs, body), grid, fill_holes_m2)
        body, outlines = np.unique(within[body], return_inverse=True)[1], _repaired(_polygons(rings, grid))
    else:
        outlines = _together(_polygons(trace_rings(scan.runs, part), grid), part, body)
    facts = _describe(scan, body)
    log.info("%d bodies reach a probability of %g in %s.", len(outlines), threshold, probability.name)
    return _frame(outlines, facts, grid)


def _check(dataset: DatasetReader, path: Path) -> None:
    if dataset.count > 2 or set(dataset.dtypes) != {"uint8"}:
        raise UserError(
            f"{path}: a map of probabilities has one band of uint8 (two with the spread of several models), but this "
            f"raster has {dataset.count} of {dataset.dtypes[0]}. Give a file that `predict` wrote."
        )


@dataclass(frozen=True)
class _Scan:
    """The ``runs`` of bodies, their pixels' ``values`` (n,) uint8 and ``spread`` (n,) or None, the runs without data."""

    runs: Runs
    values: np.ndarray
    spread: np.ndarray | None
    empty: Runs

    @property
    def columns(self) -> tuple[str, ...]:
        return COLUMNS if self.spread is None else (*COLUMNS, SPREAD)


def _scan(dataset: DatasetReader, least: int) -> _Scan:
    """Read the raster by bands of rows and keep the runs of pixels from ``least`` on, with their values."""
    runs, values, spread, empty = [], [], [], []
    for start, stop in row_bands(dataset.height):
        window = ((start, stop), (0, dataset.width))
        band = dataset.read(1, window=window)
        mask = (band - np.uint8(least)) < PROBABILITY_NODATA - least  # what is less wraps round, and is more
        runs.append(encode(mask, dataset.shape, start))
        empty.append(encode(band == PROBABILITY_NODATA, dataset.shape, start))
        values.append(band[mask])
        if sum(map(len, runs)) > MAX_RUNS:
            raise UserError(
                f"{dataset.name}: the pixels that reach the threshold form more than {MAX_RUNS:,} stretches: this is no map "
                "of bodies but noise. Look at it, raise mapping.vectorize.threshold, or train the model better."
            )
        if dataset.count == 2 and len(runs[-1]):
            spread.append(dataset.read(2, window=window)[mask])
    none = np.zeros(0, np.uint8)
    spreads = np.concatenate([none, *spread]) if dataset.count == 2 else None
    return _Scan(concatenate(runs), np.concatenate([none, *values]), spreads, concatenate(empty))


def _describe(scan: _Scan, body: np.ndarray) -> dict[str, np.ndarray]:
    """Return the columns, one value for each body, by the ``body`` (n,) of each run."""
    runs = scan.runs
    owner = np.repeat(body, runs.lengths)
    values = _sorted_by_body(owner, scan.values).astype(np.int64)
    pixels = np.bincount(body, weights=runs.lengths).astype(np.int64)
    first = np.cumsum(pixels) - pixels
    mean = np.add.reduceat(values, first) / pixels
    square = np.add.reduceat(values**2, first) / pixels
    median = (values[first + (pixels - 1) // 2] + values[first + pixels // 2]) / 2
    facts = {
        "mean": (mean / PROBABILITY_SCALE).round(4),
        "median": (median / PROBABILITY_SCALE).round(4),
        "minimum": (values[first] / PROBABILITY_SCALE).round(4),
        "deviation": (np.sqrt(np.maximum(square - mean**2, 0)) / PROBABILITY_SCALE).round(4),
        "pixels": pixels,
        "touches_edge": np.bincount(body, weights=runs.at_edge) > 0,
        "touches_nodata": np.bincount(body, weights=_beside(runs, scan.empty)) > 0,
    }
    if scan.spread is not None:
        facts[SPREAD] = (np.bincount(owner, weights=scan.spread) / pixels / PROBABILITY_SCALE).round(4)
    return facts


def _beside(runs: Runs, others: Runs) -> np.ndarray:
    """Return whether each run touches one of the others, at a side or a corner; bool (n,)."""
    beside = np.zeros(len(runs), bool)
    for down in (-1, 0, 1) if len(others) else ():
        beside[adjacent(runs, others, down)[0]] = True
    return beside


def _sorted_by_body(body: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the pixels' values in the order of their body, those of one body in ascending order."""
    keys: np.ndarray = body.astype(np.uint32 if body.max() < 2**24 else np.uint64)
    keys *= 256
    keys += values
    keys.sort()
    return (keys & 255).astype(np.uint8)


def _fill(rings: Rings, grid: Grid, limit_m2: float) -> tuple[Rings, np.ndarray]:
    """Return the rings without the small holes and what lay inside them, and the body that each body is now part of."""
    count = rings.owner.max() + 1
    lines = rings.lines(rings.vertices)
    small = np.flatnonzero(rings.area < 0)
    small = small[_areas_m2(rings, small, lines, grid) < limit_m2]
    holes, shells = shapely.polygons(lines[small]), np.flatnonzero(rings.area > 0)
    corners = shapely.points(rings.vertices[rings.first[shells]])
    hole, inside = shapely.STRtree(corners).query(holes, predicate="contains_properly")
    within = np.arange(count)
    within[rings.owner[shells[inside]]] = rings.owner[small[hole]]
    while not np.array_equal(within, within[within]):
        within = within[within]
    kept = np.ones(len(rings.owner), bool)
    kept[small] = False
    kept &= within[rings.owner] == rings.owner
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
        rings, vertices=vertices, first=np.cumsum(sizes) - sizes, owner=rings.owner[kept], area=rings.area[kept]
    )


def _polygons(rings: Rings, grid: Grid) -> np.ndarray:
    """Return one polygon for each owner of rings, in the raster's CRS, in the order of their numbers."""
    which = np.cumsum(np.diff(rings.owner, prepend=-1) != 0) - 1
    return shapely.polygons(rings.lines(_ground(rings.vertices, grid)), indices=which)


def _together(parts: np.ndarray, part: np.ndarray, body: np.ndarray) -> np.ndarray:
    """Return one outline for each body from those of its parts (m,), by the ``part`` and ``body`` (n,) of each run."""
    body_of = np.zeros(len(parts), np.int64)
    body_of[part] = body
    order = np.argsort(body_of, kind="stable")
    outlines = parts[order[np.flatnonzero(np.diff(body_of[order], prepend=-1))]]
    several = np.flatnonzero(np.bincount(body_of) > 1)
    members = order[np.isin(body_of[order], several)]
    outlines[several] = shapely.multipolygons(parts[members], indices=np.searchsorted(several, body_of[members]))
    return outlines


def _repaired(outlines: np.ndarray) -> np.ndarray:
    """Return valid geometries; one whose parts touch at a corner only has several parts."""
    broken = ~shapely.is_valid(outlines)
    outlines[broken] = shapely.make_valid(outlines[broken], method="structure", keep_collapsed=False)
    return outlines


def _ground(places: np.ndarray, grid: Grid) -> np.ndarray:
    """Return (n, 2) coordinates in the raster's CRS of (n, 2) columns and rows."""
    t = grid.transform
    column, row = places.astype(float).T
    return np.stack([t.a * column + t.b * row + t.c, t.d * column + t.e * row + t.f], axis=1)


def _frame(outlines: np.ndarray | list, facts: dict[str, np.ndarray], grid: Grid) -> gpd.GeoDataFrame:
    kinds = dict.fromkeys(facts, "float64") | {"pixels": "int64", "touches_edge": "bool", "touches_nodata": "bool"}
    table = pd.DataFrame(facts).astype(kinds)
    return gpd.GeoDataFrame(table, geometry=gpd.GeoSeries(outlines, crs=grid.crs), crs=grid.crs)
