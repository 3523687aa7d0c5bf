"""The verb `describe`: the same attributes for every outline, whichever inventory it comes from."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rasterio.crs import CRS
from rasterio.io import DatasetReader
from rasterio.warp import transform as warp_points

from lobate.inventory.attributes import DESCRIBED, conform
from lobate.inventory.cells import cells_under
from lobate.inventory.relief import Relief, Value, highest_inside, relief
from lobate.inventory.scenes import mapped_from
from lobate.inventory.shape import ends, length_along, longer_side
from lobate.inventory.solar import potential_radiation
from lobate.inventory.sources import REVIEWED, mend, read_source
from lobate.rasters import open_raster
from lobate.settings.inventory import OtherInventory
from lobate.signature import Input, Output, Setting
from lobate.terrain import check_dem
from lobate.vectors import geodesic_area_m2, geodesic_perimeter_m, read_polygons, write_layers

log = logging.getLogger(__name__)

DECIMALS = {"dem_share": 4, "aspect_concentration": 4, "longitude": 6, "latitude": 6, "area_km2": 6, "slope_deg": 2}
"""Decimals of measures; the others, in metres and degrees, have one."""

LONLAT = CRS.from_epsg(4326)


def only_source(others: dict[str, OtherInventory], source: str) -> dict[str, OtherInventory]:
    """Narrow the other inventories to the one described."""
    return {name: one for name, one in others.items() if name == source}


def describe(
    outlines: Annotated[Path, Input()],
    described: Annotated[Path, Output()],
    dem: Annotated[Path | None, Input()] = None,
    records: Annotated[list[Path] | None, Input()] = None,
    facts: Annotated[list[Path] | None, Input()] = None,
    *,
    source: str,
    others_settings: Annotated[dict[str, OtherInventory], Setting("inventory.others", lens=only_source)],
    min_dem_share: Annotated[float, Setting("inventory.min_dem_share")] = 0.75,
    outline_type: Annotated[Literal["Extended", "Restricted"], Setting("inventory.outline_type")] = "Extended",
) -> None:
    """Measure the outlines of ``source``: "reviewed" for reviewed.gpkg, else a name in ``others_settings``.

    Writes, in EPSG:4326, the layers ``described`` (columns: ``attributes.DESCRIBED``), ``removed`` (outlines without area,
    with ``reason``) and ``rejected`` (passed on from the review; empty for others). Areas and lengths are geodesic;
    elevation, slope and aspect come from the DEM cells under the outline, partly covered ones by their part. Voids and
    outlines past the DEM's edge give nulls, with the reason in ``dem_note``. ``records`` and ``facts``, one of each an image,
    tell what the detections were mapped from (see ``scenes``); other inventories say it themselves, in a field.
    """
    frame, removed = mend(read_source(outlines, source, others_settings))
    own = frame["outline_type"] if "outline_type" in frame else pd.Series(None, index=frame.index, dtype=object)
    frame["outline_type"] = own.fillna(outline_type)
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
    _tell(result)


def _with_scenes(frame: gpd.GeoDataFrame, source: str, records: list[Path], facts: list[Path]) -> gpd.GeoDataFrame:
    if source != REVIEWED:
        undated = frame["mapping_date"].isna() if "mapping_date" in frame else pd.Series(True, index=frame.index)
        return frame.assign(
            scenes_note=[f"the outline is from {source}, which gives no date" if none else None for none in undated]
        )
    told = pd.DataFrame(mapped_from(frame.geometry, records, facts), columns=["mapping_date", "scenes", "scenes_note"])
    return frame.assign(**{name: told[name].to_numpy() for name in told})


def measure(frame: gpd.GeoDataFrame, dem: DatasetReader | None, min_dem_share: float) -> gpd.GeoDataFrame:
    """Return the outlines (EPSG:4326, valid) with all attributes, in order of ``source_id``."""
    frame = frame.sort_values("source_id", kind="stable").reset_index(drop=True)
    if dem is not None:
        check_dem(dem)
    on_dem = frame.geometry.to_crs(dem.crs) if dem is not None else frame.geometry
    rows = [_ground(one, there, dem, min_dem_share) for one, there in zip(frame.geometry, on_dem, strict=True)]
    ground = pd.DataFrame(rows, index=frame.index)
    ground["area_km2"] = geodesic_area_m2(frame) / 1e6
    ground["perimeter_m"] = geodesic_perimeter_m(frame)
    if len(frame):
        ground["width_m"] = ground["area_km2"] * 1e6 / ground["length_m"]
    known = frame.drop(columns=[name for name in ground if name in frame])
    return _rounded(conform(pd.concat([known, ground], axis=1), DESCRIBED, frame.crs))


def _ground(
    outline: shapely.Geometry, there: shapely.Geometry, dem: DatasetReader | None, min_dem_share: float
) -> dict[str, Value]:
    """Attributes of one outline; ``there`` is the same in the DEM's CRS."""
    summary = relief(cells_under(dem, there) if dem is not None else None, min_dem_share)
    longitude, latitude = _marker(outline, there, summary, dem)
    sun = potential_radiation(summary.cells, latitude) if "slope_deg" in summary.values and summary.cells else None
    place = {"longitude": longitude, "latitude": latitude}
    return {**summary.values, **_length(outline, summary, dem), "solar_w_m2": sun, **place}


def _length(outline: shapely.Geometry, summary: Relief, dem: DatasetReader | None) -> dict[str, Value]:
    if summary.cells is not None and dem is not None:
        cells = summary.cells
        top, bottom = ends(cells.x, cells.y, cells.elevation, cells.cover)
        if np.hypot(top[0] - bottom[0], top[1] - bottom[1]) > max(dem.res):
            length = length_along(outline, *_lonlat([top, bottom], dem))
            return {"length_m": length, "length_note": "flow"}
    return {"length_m": longer_side(outline), "length_note": "rectangle"}


def _marker(
    outline: shapely.Geometry, there: shapely.Geometry, summary: Relief, dem: DatasetReader | None
) -> tuple[float, float]:
    """The primary marker in degrees: the outline's highest point where it is known, else any point inside."""
    if summary.cells is not None and dem is not None:
        highest = highest_inside(summary.cells, there)
        if highest is not None:
            return _lonlat([highest], dem)[0]
    point = outline.representative_point()
    return point.x, point.y


def _lonlat(points: list[tuple[float, float]], dem: DatasetReader) -> list[tuple[float, float]]:
    longitudes, latitudes = warp_points(dem.crs, LONLAT, *zip(*points, strict=True))
    return list(zip(longitudes, latitudes, strict=True))


def _rounded(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    for one in DESCRIBED:
        if one.kind is float and one.name not in ("confidence", "velocity", "velocity_error"):
            frame[one.name] = frame[one.name].round(DECIMALS.get(one.name, 1))
    return frame


def _tell(frame: gpd.GeoDataFrame) -> None:
    """Say how many outlines have elevations, and why the others have none."""
    bare = frame["elevation_mean_m"].isna()
    gaps = int((~bare & frame["dem_note"].notna()).sum())
    log.info("%d outlines described; %d without elevation, %d over gaps in the DEM", len(frame), bare.sum(), gaps)
    reasons = frame.loc[bare, "dem_note"].str.replace(r" \(.*\)| in [\d.]+% of it", "", regex=True)
    for reason, count in reasons.value_counts().items():
        log.info("without elevation, %d: %s", count, reason)
