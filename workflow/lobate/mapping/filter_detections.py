"""Detections that are too small, too unsure, too narrow, too low, too steep or seen too rarely are taken out, each with all
its reasons; what is kept may be simplified then.

Proportions of very many outlines at once.

Outlines with fewer vertices, that run into no neighbour.

Each is simplified by Douglas and Peucker (1973), doi:10.3138/FM57-6770-U75U-7727, with its rings kept apart; where two
outlines then overlap more than before, both stay as they were.

On how many other dates a detection was mapped too: snow, cloud shadow and water rarely lie in one place twice.

Lowest elevation and mean slope under outlines, from a DEM read in blocks; a void is no elevation, never 0 m.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rasterio.io import DatasetReader
from rasterio.windows import Window

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.io.dem import cell_size_m, check_dem, horn, read_elevation
from lobate.io.grid import WGS84, Grid
from lobate.io.raster import open_raster
from lobate.io.vector import LONLAT, geodesic_area_m2, geodesic_measures, read_layer, write_layers
from lobate.mapping.matching import overlaps_any
from lobate.mapping.reference import select_features, valid_polygons
from lobate.settings.base import PolygonFile
from lobate.settings.mapping import Filter


def width_to_length(frame: gpd.GeoDataFrame | gpd.GeoSeries) -> np.ndarray:
    """Return the shorter over the longer side of the smallest rectangle round each outline (n,), 0 to 1.

    Longitudes are shrunk by the cosine of each outline's middle latitude, which keeps its proportions.
    """
    outlines = np.asarray(frame.geometry.to_crs(LONLAT).values, dtype=object)
    bounds = shapely.bounds(outlines).reshape(-1, 4)
    lonlat, owner = shapely.get_coordinates(outlines, return_index=True)
    lonlat[:, 0] *= np.cos(np.radians((bounds[owner, 1] + bounds[owner, 3]) / 2))
    boxes = shapely.oriented_envelope(shapely.set_coordinates(outlines.copy(), lonlat))
    return np.array([_proportion(box) for box in boxes])


def _proportion(box: shapely.Geometry) -> float:
    if box.geom_type != "Polygon" or box.is_empty:
        return 0.0
    corners = shapely.get_coordinates(box)[:3]
    one, other = np.hypot(*np.diff(corners, axis=0).T)
    return float(min(one, other) / max(one, other))


METRES_PER_DEGREE = np.pi / 180 * WGS84.a
GAIN = 1e-6
"""Two outlines may overlap by this share of the smaller one more than before: rounding, not ground."""


def simplify_outlines(outlines: np.ndarray, tolerance_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Return valid outlines (n,) of EPSG:4326 that leave out vertices within ``tolerance_m`` of the new line.

    The second array (n,) tells which could not be simplified: nothing would be left, or they would run into a neighbour.
    A degree counts as one of the equator, of longitude shrunk by the cosine of each outline's middle latitude.
    """
    bounds = shapely.bounds(outlines).reshape(-1, 4)
    metres = (
        np.stack([np.cos(np.radians((bounds[:, 1] + bounds[:, 3]) / 2)), np.ones(len(bounds))], axis=1)
        * METRES_PER_DEGREE
    )
    flat = shapely.simplify(_stretched(outlines, metres), tolerance_m, preserve_topology=True)
    simple = _stretched(flat, 1 / metres)
    stuck = ~shapely.is_valid(simple) | (shapely.area(simple) == 0)
    same = shapely.get_num_coordinates(simple) == shapely.get_num_coordinates(outlines)
    simple = np.where(stuck | same, outlines, simple)
    while len(meeting := _meeting(outlines, simple)):
        stuck[meeting] = True
        simple[meeting] = outlines[meeting]
    return simple, stuck


def _stretched(outlines: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Return outlines (n,) with their coordinates multiplied by ``factors`` (n, 2)."""
    places, owner = shapely.get_coordinates(outlines, return_index=True)
    return shapely.set_coordinates(outlines.copy(), places * factors[owner])


def _meeting(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Return the indices of changed outlines that overlap another one more than they did before."""
    left, right = shapely.STRtree(now).query(now, predicate="intersects")
    changed = ~np.equal(before, now)
    once = (left < right) & (changed[left] | changed[right])
    left, right = left[once], right[once]
    gained = _common(now, left, right) - _common(before, left, right)
    smaller = np.minimum(shapely.area(before[left]), shapely.area(before[right]))
    worse = gained > GAIN * smaller
    both = np.union1d(left[worse], right[worse])
    return both[changed[both]]


def _common(outlines: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return shapely.area(shapely.intersection(outlines[left], outlines[right]))


log = logging.getLogger(__name__)
SETTING = "mapping.filter.occurrence_files"


def count_occurrences(outlines: np.ndarray, paths: Sequence[Path], files: Sequence[PolygonFile]) -> np.ndarray:
    """Return in how many of the ``paths`` (outlines of other dates, read as ``files`` say) each outline (n,) occurs.

    ``outlines`` are in EPSG:4326. One occurs where it shares a tenth of the smaller of both with an outline of that date.
    Raises UserError when there are not as many paths as files, or a file cannot be read.
    """
    if len(paths) != len(files):
        raise UserError(
            f"The setting {SETTING} names {len(files)} files, but {len(paths)} were given. Give the same ones, in the same "
            "order, with --occurrences."
        )
    counts = np.zeros(len(outlines), dtype=int)
    for path, file in zip(paths, files, strict=True):
        others = valid_polygons(select_features(path, file, SETTING).to_crs(LONLAT).geometry)
        found = overlaps_any(outlines, others)
        counts += found
        log.info(
            "%d of %d detections occur among the %d outlines of %s.", *(found.sum(), len(found), len(others), path)
        )
    return counts


CELL = 1024  # outlines that start in the same CELL x CELL pixels of the DEM are measured together
TERRAIN_COLUMNS = ["elevation_min_m", "slope_mean_deg", "dem_share"]


def measure_terrain(outlines: gpd.GeoSeries, dem: Path) -> pd.DataFrame:
    """Return `elevation_min_m`, `slope_mean_deg` and `dem_share` (of the area that has an elevation) of each outline.

    Pixels count by the share of them that an outline covers (exactextract). Where the DEM has nothing, the first two are
    NaN and the share is 0. UserError when the DEM is unreadable, has no CRS, is not north-up, or shows other ground.
    """
    with open_raster(dem) as dataset:
        grid = Grid.of(dataset)
        check_dem(dataset)
        local = outlines.to_crs(grid.crs)
        table = pd.DataFrame(np.nan, index=outlines.index, columns=TERRAIN_COLUMNS)
        groups = list(_groups(local, grid))
        if len(local) and not groups:
            raise UserError(
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


def filter_detections(
    merged: Annotated[Path, Input()],
    detections: Annotated[Path, Output()],
    dem: Annotated[Path | None, Input()] = None,
    occurrences: Annotated[list[Path] | None, Input()] = None,
    *,
    filter_settings: Annotated[Filter, Setting("mapping.filter")],
) -> None:
    """Write layers `kept` and `removed` (with `reason`) of ``detections``, in the CRS of ``merged`` (EPSG:4326).

    Areas are geodesic. Where a limit of elevation or slope is set, the DEM is measured (`elevation_min_m`,
    `slope_mean_deg`, `dem_share`); a detection on which it has nothing cannot be judged by it and is kept. With files of
    other dates, parallel to ``occurrences``, it is counted on how many each detection occurs (`occurrences`). What is
    kept is simplified where asked: `area_m2` and `perimeter_m` are those of the new outline then, `area_before_m2` of
    the old. UserError when a limit of elevation or slope is set and there is no DEM.
    """
    frame = read_layer(merged, "detections")
    frame[TERRAIN_COLUMNS] = _terrain(frame, dem, filter_settings)
    if filter_settings.occurrence_files or occurrences:
        frame["occurrences"] = _count(frame, occurrences or [], filter_settings)
    reasons = _reasons(frame, filter_settings)
    reason = pd.Series(["; ".join(filter(None, some)) for some in zip(*reasons.values(), strict=True)], dtype=object)
    out = (reason != "").to_numpy(dtype=bool)
    kept, removed = frame[~out], frame[out].copy()
    removed.insert(1, "reason", reason[out].to_numpy(dtype=object))
    _tell(reasons, len(frame), int(out.sum()))
    if filter_settings.simplify_m:
        kept = _simplified(kept, filter_settings.simplify_m)
    write_layers(detections, {"kept": kept, "removed": removed})


def _count(frame: gpd.GeoDataFrame, paths: Sequence[Path], limits: Filter) -> np.ndarray:
    pass

    outlines = np.asarray(frame.geometry.to_crs(LONLAT).values, dtype=object)
    return count_occurrences(outlines, paths, limits.occurrence_files)


def _simplified(kept: gpd.GeoDataFrame, tolerance_m: float) -> gpd.GeoDataFrame:
    """Return the detections with fewer vertices, their measures anew and `area_before_m2`; tell what has changed."""
    pass

    outlines = np.asarray(kept.geometry.to_crs(LONLAT).values, dtype=object)
    simple, stuck = simplify_outlines(outlines, tolerance_m)
    before = geodesic_area_m2(kept)
    lines = gpd.GeoSeries(simple, index=kept.index, crs=LONLAT).to_crs(kept.crs)
    kept = kept.set_geometry(lines)
    area, perimeter = geodesic_measures(kept)
    kept = kept.assign(area_m2=area.round(3), perimeter_m=perimeter.round(3), area_before_m2=before.round(3))
    vertices = [int(shapely.get_num_coordinates(some).sum()) for some in (outlines, simple)]
    log.info("Simplified to %g m: %d vertices instead of %d.", tolerance_m, vertices[1], vertices[0])
    if len(kept):
        change = 100 * (area / before - 1)
        worst = int(np.abs(change).argmax())
        log.info(
            "Their area changes by %+.3f %% in all, most for %s: %+.3f %%.",
            *(100 * (area.sum() / before.sum() - 1), kept["detection"].iloc[worst], change[worst]),
        )
    log.info("%d stay as they were, since they would vanish or run into a neighbour.", stuck.sum())
    return kept[[*kept.columns.drop("geometry"), "geometry"]]


def _terrain(frame: gpd.GeoDataFrame, dem: Path | None, limits: Filter) -> pd.DataFrame:
    asked = [name for name in ("min_elevation_m", "max_slope_deg") if getattr(limits, name) is not None]
    if not asked:
        return pd.DataFrame(np.nan, index=frame.index, columns=TERRAIN_COLUMNS)
    if dem is None:
        raise UserError(
            f"The setting mapping.filter.{asked[0]} needs elevations, but inventory.dem names no DEM. Give a DEM there, "
            f"or take {' and '.join(asked)} out of mapping.filter."
        )
    table = measure_terrain(frame.geometry, dem)
    bare, partly = (table["dem_share"] == 0).sum(), table["dem_share"].between(0, 0.5, inclusive="neither").sum()
    log.info("%d detections have no elevation in the DEM at all and are not judged by it.", bare)
    log.info("%d more have one on less than half of their area.", partly)
    return table


def _reasons(frame: gpd.GeoDataFrame, limits: Filter) -> dict[str, list[str]]:
    """Return, for each kind of reason, its words for each detection, or '' where it does not apply."""
    area_km2 = pd.Series(geodesic_area_m2(frame) / 1e6, index=frame.index)
    times = frame.get("occurrences", pd.Series(np.nan, index=frame.index))
    return {
        "small": _words(area_km2, "area", "<", limits.min_area_km2, " km2"),
        "unsure": _words(frame["mean"], "mean probability", "<", limits.min_probability, ""),
        "narrow": _words(_proportions(frame, limits), "width to length", "<", limits.min_width_to_length, ""),
        "low": _words(frame["elevation_min_m"], "lowest point", "<", limits.min_elevation_m, " m"),
        "steep": _words(frame["slope_mean_deg"], "mean slope", ">", limits.max_slope_deg, " degrees"),
        "rare": _words(times, "occurrences on other dates", "<", limits.min_occurrences, ""),
    }


def _proportions(frame: gpd.GeoDataFrame, limits: Filter) -> pd.Series:
    unasked = limits.min_width_to_length is None
    return pd.Series(np.nan if unasked else width_to_length(frame), index=frame.index, dtype=float)


def _words(values: pd.Series, what: str, side: str, limit: float | None, unit: str) -> list[str]:
    if limit is None:
        return [""] * len(values)
    out = values < limit if side == "<" else values > limit  # never where the value is NaN
    return [f"{what} {v:.6g}{unit} {side} {limit:g}{unit}" if gone else "" for gone, v in zip(out, values, strict=True)]


def _tell(reasons: dict[str, list[str]], count: int, removed: int) -> None:
    log.info("%d detections: %d kept, %d removed.", count, count - removed, removed)
    for kind, words in reasons.items():
        if some := sum(map(bool, words)):
            log.info("%d are too %s.", some, kind)
