"""Polygonize a probability map: outlines of the bodies of pixels at or above a threshold, with statistics of each.

The whole raster is one piece, so no seam cuts a body. It is read by bands of rows; only the runs of pixels and the values
inside bodies stay in memory.
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
from lobate.io.polygons import make_valid
from lobate.io.raster import open_raster, row_blocks
from lobate.io.vector import geodesic_area_m2
from lobate.network.run_length import Runs, adjacent, concatenate, encode, label_components
from lobate.network.trace_rings import Rings, trace_rings

log = logging.getLogger(__name__)

COLUMNS = ("mean", "median", "minimum", "deviation", "pixels", "touches_edge", "touches_nodata")
SPREAD = "spread"
"""Column of maps by several models only."""

MAX_RUNS = 5_000_000
"""More runs than this are noise and would fill the memory: each takes about 600 bytes. A tile full of bodies has a tenth."""


class NoiseError(UserError):
    """A raster with too many stretches of pixels to be a map of bodies."""


def polygonize(probability: Path, threshold: float, *, fill_holes_m2: float = 0) -> gpd.GeoDataFrame:
    """Return the outlines of all pixels with at least ``threshold`` probability, in the CRS of ``probability``.

    ``probability`` is a uint8 raster, p = value / 254, 255 = no data. Its first band is compared with the threshold; a
    second one is the spread of several models. Pixels that touch at a side or a corner are one body. Holes smaller than
    ``fill_holes_m2`` square metres are filled, and bodies inside them join the body around; other holes stay.

    Columns: ``mean``, ``median``, ``minimum`` and ``deviation`` of the probability (0..1) over the body's ``pixels`` at or
    above the threshold, ``touches_edge`` of the raster, ``touches_nodata``, and the mean ``spread`` where there is one.
    Sorted by first pixel.
    """
    # GDAL decodes several blocks of a band of rows at once
    with rasterio.Env(GDAL_NUM_THREADS="ALL_CPUS"), open_raster(probability) as dataset:
        _check_raster(dataset, probability)
        grid = Grid.from_raster(dataset)
        scan = _scan_rows(dataset, lowest_level(threshold))
    if not len(scan.runs):
        log.info("No pixel of %s reaches a probability of %g.", probability.name, threshold)
        return _to_frame([], {name: np.empty(0) for name in scan.columns}, grid)
    part, body = label_components(scan.runs)
    if fill_holes_m2:
        rings, container = _fill_holes(trace_rings(scan.runs, body), grid, fill_holes_m2)
        body, outlines = np.unique(container[body], return_inverse=True)[1], make_valid(_to_polygons(rings, grid))
    else:
        outlines = _join_parts(_to_polygons(trace_rings(scan.runs, part), grid), part, body)
    statistics = _statistics_of_bodies(scan, body)
    log.info("%d bodies reach a probability of %g in %s.", len(outlines), threshold, probability.name)
    return _to_frame(outlines, statistics, grid)


def _check_raster(dataset: DatasetReader, path: Path) -> None:
    if dataset.count > 2 or set(dataset.dtypes) != {"uint8"}:
        raise UserError(
            f"{path}: a map of probabilities has one band of uint8 (two with the spread of several models), but this "
            f"raster has {dataset.count} of {dataset.dtypes[0]}. Give a file written by `predict`."
        )


@dataclass(frozen=True)
class _Scan:
    """The ``runs`` of bodies, their pixels' ``values`` (n,) uint8 and ``spread`` (n,) or None, and ``nodata`` runs."""

    runs: Runs
    values: np.ndarray
    spread: np.ndarray | None
    nodata: Runs

    @property
    def columns(self) -> tuple[str, ...]:
        return COLUMNS if self.spread is None else (*COLUMNS, SPREAD)


def _scan_rows(dataset: DatasetReader, lowest: int) -> _Scan:
    """Read the raster by bands of rows; return the runs of pixels of at least ``lowest``, with their values."""
    runs, values, spread, nodata = [], [], [], []
    for start, stop in row_blocks(dataset.height):
        window = ((start, stop), (0, dataset.width))
        band = dataset.read(1, window=window)
        mask = (band - np.uint8(lowest)) < PROBABILITY_NODATA - lowest  # lower values wrap round to high ones
        runs.append(encode(mask, dataset.shape, start))
        nodata.append(encode(band == PROBABILITY_NODATA, dataset.shape, start))
        values.append(band[mask])
        if sum(map(len, runs)) > MAX_RUNS:
            raise NoiseError(
                f"{dataset.name}: the pixels that reach the threshold form more than {MAX_RUNS:,} stretches: this is no map "
                "of bodies but noise. Look at it, raise mapping.vectorize.threshold, or train the model better."
            )
        if dataset.count == 2 and len(runs[-1]):
            spread.append(dataset.read(2, window=window)[mask])
    empty = np.zeros(0, np.uint8)
    spreads = np.concatenate([empty, *spread]) if dataset.count == 2 else None
    return _Scan(concatenate(runs), np.concatenate([empty, *values]), spreads, concatenate(nodata))


def _statistics_of_bodies(scan: _Scan, body: np.ndarray) -> dict[str, np.ndarray]:
    """Return the columns, one value for each body; ``body`` (n,) is the body of each run."""
    runs = scan.runs
    owner = np.repeat(body, runs.lengths)
    values = _sort_by_body(owner, scan.values).astype(np.int64)
    pixels = np.bincount(body, weights=runs.lengths).astype(np.int64)
    first = np.cumsum(pixels) - pixels
    mean = np.add.reduceat(values, first) / pixels
    mean_square = np.add.reduceat(values**2, first) / pixels
    median = (values[first + (pixels - 1) // 2] + values[first + pixels // 2]) / 2
    statistics = {
        "mean": (mean / PROBABILITY_SCALE).round(4),
        "median": (median / PROBABILITY_SCALE).round(4),
        "minimum": (values[first] / PROBABILITY_SCALE).round(4),
        "deviation": (np.sqrt(np.maximum(mean_square - mean**2, 0)) / PROBABILITY_SCALE).round(4),
        "pixels": pixels,
        "touches_edge": np.bincount(body, weights=runs.at_edge) > 0,
        "touches_nodata": np.bincount(body, weights=_touches(runs, scan.nodata)) > 0,
    }
    if scan.spread is not None:
        statistics[SPREAD] = (np.bincount(owner, weights=scan.spread) / pixels / PROBABILITY_SCALE).round(4)
    return statistics


def _touches(runs: Runs, others: Runs) -> np.ndarray:
    """Return whether each run touches one of the others, at a side or a corner; bool (n,)."""
    touches = np.zeros(len(runs), bool)
    for row_offset in (-1, 0, 1) if len(others) else ():
        touches[adjacent(runs, others, row_offset)[0]] = True
    return touches


def _sort_by_body(body: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the pixels' values sorted by body, and by value within each body."""
    keys: np.ndarray = body.astype(np.uint32 if body.max() < 2**24 else np.uint64)
    keys *= 256
    keys += values
    keys.sort()
    return (keys & 255).astype(np.uint8)


def _fill_holes(rings: Rings, grid: Grid, limit_m2: float) -> tuple[Rings, np.ndarray]:
    """Return the rings without small holes and the bodies inside them, and the body that each body now belongs to."""
    count = rings.owner.max() + 1
    lines = rings.lines(rings.vertices)
    small = np.flatnonzero(rings.area < 0)
    small = small[_hole_areas_m2(rings, small, lines, grid) < limit_m2]
    holes, shells = shapely.polygons(lines[small]), np.flatnonzero(rings.area > 0)
    corners = shapely.points(rings.vertices[rings.first[shells]])
    hole, inside = shapely.STRtree(corners).query(holes, predicate="contains_properly")
    container = np.arange(count)
    container[rings.owner[shells[inside]]] = rings.owner[small[hole]]
    while not np.array_equal(container, container[container]):
        container = container[container]
    keep = np.ones(len(rings.owner), bool)
    keep[small] = False
    keep &= container[rings.owner] == rings.owner
    log.info(
        "Filled %d holes under %g m2; %d bodies inside them joined the one around.",
        *(len(small), limit_m2, np.count_nonzero(container != np.arange(count))),
    )
    return _select_rings(rings, keep), container


def _hole_areas_m2(rings: Rings, holes: np.ndarray, lines: np.ndarray, grid: Grid) -> np.ndarray:
    """Return the area of ``holes`` (indices of rings): geodesic where the raster is in degrees, else by pixel size."""
    if not grid.crs.is_geographic:
        return -rings.area[holes] * grid.resolution_m**2
    outlines = shapely.transform(shapely.polygons(lines[holes]), lambda xy: _map_coordinates(xy, grid))
    return geodesic_area_m2(gpd.GeoSeries(outlines, crs=grid.crs))


def _select_rings(rings: Rings, keep: np.ndarray) -> Rings:
    sizes = np.diff(np.append(rings.first, len(rings.vertices)))
    vertices = rings.vertices[np.repeat(keep, sizes)]
    sizes = sizes[keep]
    return replace(
        rings, vertices=vertices, first=np.cumsum(sizes) - sizes, owner=rings.owner[keep], area=rings.area[keep]
    )


def _to_polygons(rings: Rings, grid: Grid) -> np.ndarray:
    """Return one polygon for each owner of rings, in the raster's CRS, in the order of owners."""
    polygon = np.cumsum(np.diff(rings.owner, prepend=-1) != 0) - 1
    return shapely.polygons(rings.lines(_map_coordinates(rings.vertices, grid)), indices=polygon)


def _join_parts(parts: np.ndarray, part: np.ndarray, body: np.ndarray) -> np.ndarray:
    """Return one outline for each body from those of its ``parts`` (m,); ``part`` and ``body`` (n,) are those of each run."""
    body_of = np.zeros(len(parts), np.int64)
    body_of[part] = body
    order = np.argsort(body_of, kind="stable")
    outlines = parts[order[np.flatnonzero(np.diff(body_of[order], prepend=-1))]]
    multipart = np.flatnonzero(np.bincount(body_of) > 1)
    members = order[np.isin(body_of[order], multipart)]
    outlines[multipart] = shapely.multipolygons(parts[members], indices=np.searchsorted(multipart, body_of[members]))
    return outlines


def _map_coordinates(vertices: np.ndarray, grid: Grid) -> np.ndarray:
    """Return (n, 2) coordinates in the raster's CRS of (n, 2) columns and rows."""
    t = grid.transform
    column, row = vertices.astype(float).T
    return np.stack([t.a * column + t.b * row + t.c, t.d * column + t.e * row + t.f], axis=1)


def _to_frame(outlines: np.ndarray | list, statistics: dict[str, np.ndarray], grid: Grid) -> gpd.GeoDataFrame:
    dtypes = dict.fromkeys(statistics, "float64") | {
        "pixels": "int64",
        "touches_edge": "bool",
        "touches_nodata": "bool",
    }
    table = pd.DataFrame(statistics).astype(dtypes)
    return gpd.GeoDataFrame(table, geometry=gpd.GeoSeries(outlines, crs=grid.crs), crs=grid.crs)
