"""The verb `describe`: measure the same attributes on every outline, whichever inventory it comes from.

**Length and width** are taken in the plane of metres round the middle of the outline. The length is the extent of the
outline along the straight line from its upper to its lower end,

    L = max(v . u) - min(v . u) over the vertices v,   u = (h - l) / |h - l|,

where h and l are the centroids of the highest and the lowest tenth of its cells. The width is area / L, the mean width
across that line. Without a DEM, and where the ends are nearer to each other than a cell, L is the longer side of the
smallest rotated rectangle round the outline.

**Scenes and mapping date** come from the records of `compose-rgb`. A record (`imagery/<tile>_scene.tif`) holds the number
of the scene of each pixel, 0 for none; the facts beside it (`imagery/<tile>.json`) hold the scenes' names and dates. Shares
are shares of the mapped part of the outline, by exactextract.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rasterio.io import DatasetReader
from rasterio.warp import transform as warp_points

from lobate.engine.signature import Input, Output, Setting
from lobate.errors import UserError
from lobate.inventory.attributes import DESCRIBED, to_schema
from lobate.inventory.local_plane import Point, to_plane
from lobate.inventory.primary_marker import primary_marker
from lobate.inventory.solar import potential_radiation
from lobate.inventory.sources import read_source, repair_outlines
from lobate.inventory.terrain_attributes import TerrainAttributes, Value, summarize_cells
from lobate.inventory.zonal import cells_under
from lobate.io.antimeridian import joined
from lobate.io.dem import check_dem
from lobate.io.grid import LONLAT, Grid
from lobate.io.jsonfile import parse_json
from lobate.io.origin import REVIEWED
from lobate.io.raster import open_raster
from lobate.io.vector import geodesic_area_m2, geodesic_perimeter_m, read_polygons, write_layers
from lobate.settings.inventory import OtherInventory

log = logging.getLogger(__name__)

DECIMALS = {
    "dem_share": 4,
    "aspect_concentration": 4,
    "longitude": 6,
    "latitude": 6,
    "area_km2": 6,
    "area_low_km2": 6,
    "area_high_km2": 6,
    "slope_deg": 2,
}
"""Decimals of measures; the others, in metres and degrees, have one."""
TENTH = 0.1
MAX_CELLS = 2_000_000
"""Pixels of a record held at once."""
MIN_SCENE_SHARE = 0.0005
"""Scenes with a smaller share of an outline are not listed."""


def only_source(others: dict[str, OtherInventory], source: str) -> dict[str, OtherInventory]:
    """Return only the settings of the inventory that is described."""
    return {name: settings for name, settings in others.items() if name == source}


def describe(
    outlines: Annotated[Path, Input()],
    described: Annotated[Path, Output()],
    dem: Annotated[Path | None, Input()] = None,
    records: Annotated[list[Path] | None, Input()] = None,
    facts: Annotated[list[Path] | None, Input()] = None,
    *,
    source: str,
    others_settings: Annotated[dict[str, OtherInventory], Setting("inventory.others", view=only_source)],
    min_dem_share: Annotated[float, Setting("inventory.min_dem_share")] = 0.75,
    outline_type: Annotated[Literal["Extended", "Restricted"], Setting("inventory.outline_type")] = "Extended",
) -> None:
    """Measure the outlines of ``source``: "reviewed" for reviewed.gpkg, else a name in ``others_settings``.

    Writes, in EPSG:4326, the layers ``described`` (columns: ``attributes.DESCRIBED``), ``removed`` (outlines without area,
    with ``reason``) and ``rejected`` (passed on from the review; empty for others). Areas and lengths are geodesic.
    Elevation, slope and aspect come from the DEM cells under the outline, weighted by their covered part. Voids, and
    outlines past the DEM's edge, give nulls, with the reason in ``dem_note``. ``records`` and ``facts``, one of each per
    image, give the scenes of the detections (see ``outline_scenes``); other inventories may have a field for the date.
    """
    frame, removed = repair_outlines(read_source(outlines, source, others_settings))
    own_type = frame["outline_type"] if "outline_type" in frame else pd.Series(None, index=frame.index, dtype=object)
    frame["outline_type"] = own_type.fillna(outline_type)
    with ExitStack() as stack:
        raster = stack.enter_context(open_raster(dem)) if dem else None
        result = measure(_with_scenes(frame, source, records or [], facts or []), raster, min_dem_share)
    rejected = read_polygons(outlines, "rejected") if source == REVIEWED else removed.iloc[:0]
    write_layers(
        described,
        {
            "described": result,
            "removed": removed[["source_id", "reason", "geometry"]],
            "rejected": rejected.to_crs(LONLAT)[["geometry"]],
        },
    )
    _log_summary(result)


def measure(frame: gpd.GeoDataFrame, dem: DatasetReader | None, min_dem_share: float) -> gpd.GeoDataFrame:
    """Return the outlines (EPSG:4326, valid) with all attributes, in order of ``source_id``."""
    frame = frame.sort_values("source_id", kind="stable").reset_index(drop=True)
    if dem is not None:
        check_dem(dem)
    on_dem = frame.geometry.to_crs(dem.crs) if dem is not None else frame.geometry
    rows = [_measure_outline(*pair, dem, min_dem_share) for pair in zip(frame.geometry, on_dem, strict=True)]
    measures = pd.DataFrame(rows, index=frame.index)
    measures["area_km2"] = geodesic_area_m2(frame) / 1e6
    measures["perimeter_m"] = geodesic_perimeter_m(frame)
    if len(frame):
        measures["width_m"] = measures["area_km2"] * 1e6 / measures["length_m"]
    own = frame.drop(columns=[name for name in measures if name in frame])
    return _round(to_schema(pd.concat([own, measures], axis=1), DESCRIBED, frame.crs))


def _measure_outline(
    outline: shapely.Geometry, on_dem: shapely.Geometry, dem: DatasetReader | None, min_dem_share: float
) -> dict[str, Value]:
    """Return the attributes of one outline; ``on_dem`` is the same in the DEM's CRS."""
    terrain = summarize_cells(cells_under(dem, on_dem) if dem is not None else None, min_dem_share)
    outline = joined(np.array([outline]))[0]
    longitude, latitude = primary_marker(outline)
    solar = potential_radiation(terrain.cells, latitude) if "slope_deg" in terrain.values and terrain.cells else None
    marker = {"longitude": longitude, "latitude": latitude}
    return {**terrain.values, **_length(outline, terrain, dem), "solar_w_m2": solar, **marker}


def _to_lonlat(points: list[Point], dem: DatasetReader) -> list[Point]:
    longitudes, latitudes = warp_points(dem.crs, LONLAT, *zip(*points, strict=True))
    return list(zip(longitudes, latitudes, strict=True))


def _round(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    for attribute in DESCRIBED:
        if attribute.kind is float and attribute.name not in ("confidence", "velocity", "velocity_error"):
            frame[attribute.name] = frame[attribute.name].round(DECIMALS.get(attribute.name, 1))
    return frame


def _log_summary(frame: gpd.GeoDataFrame) -> None:
    """Log how many outlines have elevations, and why the others have none."""
    bare = frame["elevation_mean_m"].isna()
    gaps = int((~bare & frame["dem_note"].notna()).sum())
    log.info("%d outlines described; %d without elevation, %d over gaps in the DEM", len(frame), bare.sum(), gaps)
    reasons = frame.loc[bare, "dem_note"].str.replace(r" \(.*\)| in [\d.]+% of it", "", regex=True)
    for reason, count in reasons.value_counts().items():
        log.info("without elevation, %d: %s", count, reason)


def _length(outline: shapely.Geometry, terrain: TerrainAttributes, dem: DatasetReader | None) -> dict[str, Value]:
    if terrain.cells is not None and dem is not None:
        cells = terrain.cells
        top, bottom = flow_ends(cells.x, cells.y, cells.elevation, cells.cover)
        if np.hypot(top[0] - bottom[0], top[1] - bottom[1]) > max(dem.res):
            length = length_along(outline, *_to_lonlat([top, bottom], dem))
            return {"length_m": length, "length_note": "flow"}
    return {"length_m": longer_side(outline), "length_note": "rectangle"}


def flow_ends(x: np.ndarray, y: np.ndarray, elevation: np.ndarray, cover: np.ndarray) -> tuple[Point, Point]:
    """Return the centroids of the highest and of the lowest tenth of the cells, weighted by their covered part."""
    order = np.argsort(elevation, kind="stable")
    below = np.cumsum(cover[order]) / cover.sum()
    low = elevation <= elevation[order][np.searchsorted(below, TENTH)]  # equals go together, or the ends lean to a side
    high = elevation >= elevation[order][np.searchsorted(below, 1 - TENTH)]
    top, bottom = (
        (float(np.average(x[part], weights=cover[part])), float(np.average(y[part], weights=cover[part])))
        for part in (high, low)
    )
    return top, bottom


def length_along(outline: shapely.Geometry, highest: Point, lowest: Point) -> float:
    """Return the extent in metres of an outline in degrees along the line from ``highest`` to ``lowest`` (degrees)."""
    vertices, (top, bottom) = _in_plane(outline, highest, lowest)
    direction = (top - bottom) / np.hypot(*(top - bottom))
    along = vertices @ direction
    return float(along.max() - along.min())


def longer_side(outline: shapely.Geometry) -> float:
    """Return the longer side in metres of the smallest rotated rectangle round an outline in degrees."""
    vertices, _ = _in_plane(outline)
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(shapely.MultiPoint(vertices)))
    return float(np.hypot(*np.diff(corners, axis=0).T).max())


def _in_plane(outline: shapely.Geometry, *points: Point) -> tuple[np.ndarray, np.ndarray]:
    """Return the vertices of an outline and further points in the plane round the outline's centroid."""
    middle = outline.centroid
    vertices = shapely.get_coordinates(outline)
    plane = to_plane(np.vstack([vertices, np.reshape(points, (-1, 2))]), (middle.x, middle.y))
    return plane[: len(vertices)], plane[len(vertices) :]


@dataclass(frozen=True)
class SourceScene:
    """A scene by its name, and its ISO date, None where unknown."""

    name: str
    date: str | None


def _with_scenes(frame: gpd.GeoDataFrame, source: str, records: list[Path], facts: list[Path]) -> gpd.GeoDataFrame:
    if source != REVIEWED:
        undated = frame["mapping_date"].isna() if "mapping_date" in frame else pd.Series(True, index=frame.index)
        note = f"the outline is from {source}, which gives no date"
        return frame.assign(scenes_note=[note if missing else None for missing in undated])
    columns = ["mapping_date", "scenes", "scenes_note"]
    scenes = pd.DataFrame(outline_scenes(frame.geometry, records, facts), columns=columns)
    return frame.assign(**{name: scenes[name].to_numpy() for name in columns})


def outline_scenes(
    outlines: gpd.GeoSeries, records: Sequence[Path], facts: Sequence[Path]
) -> list[dict[str, str | None]]:
    """Return ``mapping_date``, ``scenes`` and ``scenes_note`` of each outline (EPSG:4326), in their order.

    ``scenes`` lists names and shares, largest first; ``mapping_date`` is the date of the first. Raises UserError where
    records and facts are not pairs, or do not fit each other.
    """
    if len(records) != len(facts):
        raise UserError(
            f"{len(records)} records of scenes came with {len(facts)} files of facts; give one for each image."
        )
    if not records:
        return [_scene_columns({}, "no record of scenes")] * len(outlines)
    pixels: list[defaultdict[SourceScene, float]] = [defaultdict(float) for _ in outlines]
    for record, fact in zip(records, facts, strict=True):
        scenes = _read_scenes(fact)
        for position, number, count in _count_pixels(record, outlines):
            if number not in scenes:
                raise UserError(
                    f"{record} holds the scene number {number}, which {fact} does not name. Compose the image again."
                )
            pixels[position][scenes[number]] += count
    return [_scene_columns(counts, "no image covers it") for counts in pixels]


def _read_scenes(facts: Path) -> dict[int, SourceScene]:
    what, advice = "an image's facts written by `compose-rgb`", "Give the file that compose-rgb wrote beside the image."
    return parse_json(facts, _scenes_by_number, what, advice)


def _scenes_by_number(facts: dict[str, Any]) -> dict[int, SourceScene]:
    return {
        int(scene["number"]): SourceScene(str(scene["name"]), (scene["date"] or "")[:10] or None)
        for scene in facts["scenes"]
    }


def _count_pixels(record: Path, outlines: gpd.GeoSeries) -> Iterator[tuple[int, int, float]]:
    """Yield (position of the outline, number of the scene, covered pixels) for outlines that touch the record."""
    from exactextract import exact_extract
    from exactextract.raster import RasterioRasterSource

    with open_raster(record) as raster:
        projected = outlines.to_crs(raster.crs)
        near = np.flatnonzero(projected.intersects(Grid.from_raster(raster).footprint))
        features = [
            {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(projected.iloc[position])}
            for position in near
        ]
        if not features:
            return
        counted = exact_extract(
            RasterioRasterSource(raster), features, ["unique", "frac", "count"], max_cells_in_memory=MAX_CELLS
        )
        for position, feature in zip(near.tolist(), counted, strict=True):
            statistics = feature["properties"]
            for number, share in zip(statistics["unique"], statistics["frac"], strict=True):
                yield position, int(number), float(share) * float(statistics["count"])


def _scene_columns(pixels: Mapping[SourceScene, float], why_none: str) -> dict[str, str | None]:
    total = sum(pixels.values())
    if not total:
        return {"mapping_date": None, "scenes": None, "scenes_note": why_none}
    ranked = sorted(pixels, key=lambda scene: (-round(pixels[scene] / total, 3), _later_first(scene), scene.name))
    shares = [
        f"{scene.name}:{pixels[scene] / total:.3f}" for scene in ranked if pixels[scene] / total >= MIN_SCENE_SHARE
    ]
    date = ranked[0].date
    return {
        "mapping_date": date,
        "scenes": ";".join(shares),
        "scenes_note": None if date else "the scene's date is not known",
    }


def _later_first(scene: SourceScene) -> int:
    return -int("".join(filter(str.isdigit, scene.date or "")) or 0)
