"""Removes detections by limits of area, probability, proportions, terrain and occurrence on other dates.

Each removed detection keeps all its reasons. Terrain is the lowest elevation and the mean slope under an outline, from a
DEM read in blocks; voids have no elevation. Occurrence is the number of other dates on which a detection was mapped too:
snow, cloud shadow and water rarely lie in one place twice.

Kept outlines may be simplified by the method of Douglas and Peucker (1973), doi:10.3138/FM57-6770-U75U-7727. Where two
outlines would overlap more than before, both stay as they were.
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
from lobate.io.antimeridian import to_lonlat
from lobate.io.dem import cell_size_m, check_dem, horn_gradient, read_elevation
from lobate.io.grid import WGS84, Grid
from lobate.io.raster import open_raster
from lobate.io.vector import LONLAT, geodesic_area_m2, geodesic_measures, read_layer, write_layers
from lobate.mapping.matching import overlaps_any
from lobate.mapping.reference import select_features, valid_polygons
from lobate.settings.base import PolygonFile
from lobate.settings.mapping import Filter

log = logging.getLogger(__name__)

OCCURRENCES_SETTING = "mapping.filter.occurrence_files"

TERRAIN_COLUMNS = ["elevation_min_m", "slope_mean_deg", "dem_share"]

GROUP_PIXELS = 1024
"""Outlines in the same square of this many DEM pixels a side are measured together."""

METRES_PER_DEGREE = np.pi / 180 * WGS84.a
"""Of longitude at the equator."""

MAX_OVERLAP_GAIN = 1e-6
"""Largest growth of an overlap by simplification, as a share of the smaller outline; less is rounding."""


def filter_detections(
    merged: Annotated[Path, Input()],
    detections: Annotated[Path, Output()],
    dem: Annotated[Path | None, Input()] = None,
    occurrences: Annotated[list[Path] | None, Input()] = None,
    *,
    filter_settings: Annotated[Filter, Setting("mapping.filter")],
) -> None:
    """Write layers `kept` and `removed` (with `reason`) of ``detections``, in the CRS of ``merged`` (EPSG:4326).

    Areas are geodesic. The columns `elevation_min_m`, `slope_mean_deg` and `dem_share` are empty unless a limit of
    elevation or slope is set; these limits do not apply to detections without data in the DEM. ``occurrences`` are the files of other dates, in the order of the setting;
    they add the column `occurrences`, the number of dates on which a detection occurs. Simplified outlines get new
    `area_m2` and `perimeter_m`, and `area_before_m2` holds the former area. Raises UserError when a limit of elevation or
    slope is set without a DEM.
    """
    frame = read_layer(merged, "detections")
    frame[TERRAIN_COLUMNS] = _measure_where_limited(frame, dem, filter_settings)
    if filter_settings.occurrence_files or occurrences:
        outlines = np.asarray(frame.geometry.to_crs(LONLAT).values, dtype=object)
        frame["occurrences"] = count_occurrences(outlines, occurrences or [], filter_settings.occurrence_files)
    reasons = _reasons_by_kind(frame, filter_settings)
    reason = pd.Series(["; ".join(filter(None, texts)) for texts in zip(*reasons.values(), strict=True)], dtype=object)
    is_removed = (reason != "").to_numpy(dtype=bool)
    kept, removed = frame[~is_removed], frame[is_removed].copy()
    removed.insert(1, "reason", reason[is_removed].to_numpy(dtype=object))
    _log_reasons(reasons, len(frame), int(is_removed.sum()))
    if filter_settings.simplify_m:
        kept = _simplify_kept(kept, filter_settings.simplify_m)
    write_layers(detections, {"kept": kept, "removed": removed})


def _reasons_by_kind(frame: gpd.GeoDataFrame, limits: Filter) -> dict[str, list[str]]:
    """Return, for each kind of reason, its text for each detection, '' where it does not apply."""
    area_km2 = pd.Series(geodesic_area_m2(frame) / 1e6, index=frame.index)
    occurrences = frame.get("occurrences", pd.Series(np.nan, index=frame.index))
    return {
        "small": _reason_texts(area_km2, "area", "<", limits.min_area_km2, " km2"),
        "unsure": _reason_texts(frame["mean"], "mean probability", "<", limits.min_probability, ""),
        "narrow": _reason_texts(
            _width_to_length_if_limited(frame, limits), "width to length", "<", limits.min_width_to_length, ""
        ),
        "low": _reason_texts(frame["elevation_min_m"], "lowest point", "<", limits.min_elevation_m, " m"),
        "steep": _reason_texts(frame["slope_mean_deg"], "mean slope", ">", limits.max_slope_deg, " degrees"),
        "rare": _reason_texts(occurrences, "occurrences on other dates", "<", limits.min_occurrences, ""),
    }


def _width_to_length_if_limited(frame: gpd.GeoDataFrame, limits: Filter) -> pd.Series:
    unlimited = limits.min_width_to_length is None
    return pd.Series(np.nan if unlimited else width_to_length(frame), index=frame.index, dtype=float)


def _reason_texts(values: pd.Series, name: str, sign: str, limit: float | None, unit: str) -> list[str]:
    if limit is None:
        return [""] * len(values)
    applies = values < limit if sign == "<" else values > limit  # never for NaN
    return [
        f"{name} {value:.6g}{unit} {sign} {limit:g}{unit}" if removed else ""
        for removed, value in zip(applies, values, strict=True)
    ]


def _log_reasons(reasons: dict[str, list[str]], count: int, removed: int) -> None:
    log.info("%d detections: %d kept, %d removed.", count, count - removed, removed)
    for kind, texts in reasons.items():
        if number := sum(map(bool, texts)):
            log.info("%d are too %s.", number, kind)


def width_to_length(frame: gpd.GeoDataFrame | gpd.GeoSeries) -> np.ndarray:
    """Return the shorter over the longer side of the smallest rectangle round each outline (n,), 0 to 1.

    Longitudes are scaled by the cosine of each outline's middle latitude, which keeps its proportions.
    """
    outlines = np.asarray(frame.geometry.to_crs(LONLAT).values, dtype=object)
    bounds = shapely.bounds(outlines).reshape(-1, 4)
    lonlat, owner = shapely.get_coordinates(outlines, return_index=True)
    lonlat[:, 0] *= np.cos(np.radians((bounds[owner, 1] + bounds[owner, 3]) / 2))
    boxes = shapely.oriented_envelope(shapely.set_coordinates(outlines.copy(), lonlat))
    return np.array([_side_ratio(box) for box in boxes])


def _side_ratio(box: shapely.Geometry) -> float:
    if box.geom_type != "Polygon" or box.is_empty:
        return 0.0
    corners = shapely.get_coordinates(box)[:3]
    sides = np.hypot(*np.diff(corners, axis=0).T)
    return float(sides.min() / sides.max())


def count_occurrences(outlines: np.ndarray, paths: Sequence[Path], files: Sequence[PolygonFile]) -> np.ndarray:
    """Return the number of other dates on which each outline (n,), EPSG:4326, occurs.

    ``paths`` hold the outlines of the dates, ``files`` their settings (layer and conditions). A detection occurs on a date
    if it shares a tenth of the smaller area with an outline of that date. Raises UserError when the numbers of paths and
    files differ, or a file cannot be read.
    """
    if len(paths) != len(files):
        raise UserError(
            f"The setting {OCCURRENCES_SETTING} names {len(files)} files, but {len(paths)} were given. Give the same files, in the "
            "same order, with --occurrences."
        )
    counts = np.zeros(len(outlines), dtype=int)
    for path, file in zip(paths, files, strict=True):
        dated = valid_polygons(to_lonlat(select_features(path, file, OCCURRENCES_SETTING)).geometry)
        occurs = overlaps_any(outlines, dated)
        counts += occurs
        log.info(
            "%d of %d detections occur among the %d outlines of %s.", *(occurs.sum(), len(occurs), len(dated), path)
        )
    return counts


def _measure_where_limited(frame: gpd.GeoDataFrame, dem: Path | None, limits: Filter) -> pd.DataFrame:
    limited = [name for name in ("min_elevation_m", "max_slope_deg") if getattr(limits, name) is not None]
    if not limited:
        return pd.DataFrame(np.nan, index=frame.index, columns=TERRAIN_COLUMNS)
    if dem is None:
        raise UserError(
            f"The setting mapping.filter.{limited[0]} needs elevations, but inventory.dem names no DEM. Give a DEM there, "
            f"or take {' and '.join(limited)} out of mapping.filter."
        )
    table = measure_terrain(frame.geometry, dem)
    none, part = (table["dem_share"] == 0).sum(), table["dem_share"].between(0, 0.5, inclusive="neither").sum()
    log.info("%d detections have no elevation in the DEM; no limit of elevation or slope applies to them.", none)
    log.info("%d further detections have an elevation on less than half of their area.", part)
    return table


def measure_terrain(outlines: gpd.GeoSeries, dem: Path) -> pd.DataFrame:
    """Return `elevation_min_m`, `slope_mean_deg` and `dem_share` (share of the area with an elevation) of each outline.

    Pixels are weighted by their covered share (exactextract). Where the DEM has no data, the first two are NaN and the
    share is 0. Raises UserError when the DEM is unreadable, has no CRS, is not north-up, or covers none of the outlines.
    """
    with open_raster(dem) as dataset:
        grid = Grid.from_raster(dataset)
        check_dem(dataset)
        local = outlines.to_crs(grid.crs)
        table = pd.DataFrame(np.nan, index=outlines.index, columns=TERRAIN_COLUMNS)
        groups = list(_group_by_place(local, grid))
        if len(local) and not groups:
            raise UserError(
                f"The DEM {dem} shows the ground of none of the {len(local)} detections, so no limit of elevation or slope can "
                "judge them. Give the DEM of this region, or check its coordinate reference system."
            )
        for rows, window in groups:
            table.iloc[rows] = _measure_group(local.iloc[rows], dataset, grid, window)
    area = shapely.area(np.asarray(local.values, dtype=object)) / (grid.resolution[0] * grid.resolution[1])
    table["dem_share"] = (table["dem_share"].fillna(0) / np.where(area > 0, area, 1)).clip(0, 1).round(4)
    return table.round({"elevation_min_m": 2, "slope_mean_deg": 3})


def _group_by_place(local: gpd.GeoSeries, grid: Grid) -> Iterator[tuple[np.ndarray, Window]]:
    """Yield the row numbers of outlines that lie together on the grid, and the window round them with a margin of one pixel."""
    bounds = shapely.bounds(np.asarray(local.values, dtype=object)).reshape(-1, 4)
    cols, top = ~grid.transform @ (bounds[:, [0, 2]].T, bounds[:, [3, 1]].T)
    boxes = np.stack([np.floor(top[0]) - 1, np.ceil(top[1]) + 1, np.floor(cols[0]) - 1, np.ceil(cols[1]) + 1], axis=1)
    boxes = np.clip(np.nan_to_num(boxes, nan=-1), 0, [grid.height, grid.height, grid.width, grid.width]).astype(int)
    on_dem = np.flatnonzero((boxes[:, 1] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 2]))
    cells = boxes[on_dem][:, [0, 2]] // GROUP_PIXELS
    _, group = np.unique(cells, axis=0, return_inverse=True)
    for number in range(group.max(initial=-1) + 1):
        rows = on_dem[group == number]
        (top_row, left), (bottom, right) = boxes[rows][:, [0, 2]].min(axis=0), boxes[rows][:, [1, 3]].max(axis=0)
        yield rows, Window(left, top_row, right - left, bottom - top_row)


def _measure_group(local: gpd.GeoSeries, dataset: DatasetReader, grid: Grid, window: Window) -> np.ndarray:
    """Return lowest elevation, mean slope and number of covered pixels of outlines in ``window``; (n, 3), NaN where void."""
    from exactextract import exact_extract
    from exactextract.raster import NumPyRasterSource

    part = grid.crop(int(window.row_off), int(window.col_off), int(window.height), int(window.width))
    padded = read_elevation(dataset, int(window.row_off) - 1, int(window.col_off) - 1, part.height + 2, part.width + 2)
    left, bottom, right, top = part.bounds
    width_m, height_m, _ = cell_size_m(part)
    height = padded[1:-1, 1:-1]
    slope = np.degrees(np.arctan(np.hypot(*horn_gradient(padded, width_m, height_m))))
    layers = {"elevation": height, "slope": np.where(np.isnan(height), np.nan, slope)}
    sources = [
        NumPyRasterSource(values, left, bottom, right, top, nodata=np.nan, name=name, srs_wkt=grid.crs.to_wkt())
        for name, values in layers.items()
    ]
    frame = gpd.GeoDataFrame(geometry=local.reset_index(drop=True), crs=local.crs)
    table = exact_extract(sources, frame, ["min", "mean", "count"], output="pandas")
    return table[["elevation_min", "slope_mean", "elevation_count"]].to_numpy(dtype=float)


def _simplify_kept(kept: gpd.GeoDataFrame, tolerance_m: float) -> gpd.GeoDataFrame:
    """Return the detections with simplified outlines, new measures and `area_before_m2`; log the change."""
    outlines = np.asarray(kept.geometry.to_crs(LONLAT).values, dtype=object)
    simple, unchanged = simplify_outlines(outlines, tolerance_m)
    before = geodesic_area_m2(kept)
    lines = gpd.GeoSeries(simple, index=kept.index, crs=LONLAT).to_crs(kept.crs)
    kept = kept.set_geometry(lines)
    area, perimeter = geodesic_measures(kept)
    kept = kept.assign(area_m2=area.round(3), perimeter_m=perimeter.round(3), area_before_m2=before.round(3))
    vertices_before, vertices = (int(shapely.get_num_coordinates(lines).sum()) for lines in (outlines, simple))
    log.info("Simplified to %g m: %d vertices instead of %d.", tolerance_m, vertices, vertices_before)
    if len(kept):
        change = 100 * (area / before - 1)
        largest = int(np.abs(change).argmax())
        log.info(
            "Their area changes by %+.3f %% in all, most for %s: %+.3f %%.",
            *(100 * (area.sum() / before.sum() - 1), kept["detection"].iloc[largest], change[largest]),
        )
    log.info("%d outlines stay as they were, because they would vanish or overlap a neighbour.", unchanged.sum())
    return kept[[*kept.columns.drop("geometry"), "geometry"]]


def simplify_outlines(outlines: np.ndarray, tolerance_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Return valid outlines (n,), EPSG:4326, without the vertices within ``tolerance_m`` of the new line.

    The second array (n,) marks outlines that stay as they were: they would vanish or overlap a neighbour. Degrees count as
    at the equator; longitudes are scaled by the cosine of each outline's middle latitude.
    """
    bounds = shapely.bounds(outlines).reshape(-1, 4)
    metres = (
        np.stack([np.cos(np.radians((bounds[:, 1] + bounds[:, 3]) / 2)), np.ones(len(bounds))], axis=1)
        * METRES_PER_DEGREE
    )
    flat = shapely.simplify(_scale(outlines, metres), tolerance_m, preserve_topology=True)
    simple = _scale(flat, 1 / metres)
    unchanged = ~shapely.is_valid(simple) | (shapely.area(simple) == 0)
    same = shapely.get_num_coordinates(simple) == shapely.get_num_coordinates(outlines)
    simple = np.where(unchanged | same, outlines, simple)
    while len(overlapping := _newly_overlapping(outlines, simple)):
        unchanged[overlapping] = True
        simple[overlapping] = outlines[overlapping]
    return simple, unchanged


def _scale(outlines: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Return outlines (n,) with their coordinates multiplied by ``factors`` (n, 2)."""
    coordinates, owner = shapely.get_coordinates(outlines, return_index=True)
    return shapely.set_coordinates(outlines.copy(), coordinates * factors[owner])


def _newly_overlapping(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return the indices of changed outlines that overlap another outline more than before."""
    left, right = shapely.STRtree(after).query(after, predicate="intersects")
    changed = ~np.equal(before, after)
    once = (left < right) & (changed[left] | changed[right])
    left, right = left[once], right[once]
    gain = _shared_area(after, left, right) - _shared_area(before, left, right)
    smaller = np.minimum(shapely.area(before[left]), shapely.area(before[right]))
    worse = gain > MAX_OVERLAP_GAIN * smaller
    overlapping = np.union1d(left[worse], right[worse])
    return overlapping[changed[overlapping]]


def _shared_area(outlines: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return shapely.area(shapely.intersection(outlines[left], outlines[right]))
