"""Detections that are too small, too unsure, too narrow, too low, too steep or seen too rarely are taken out, each with all
its reasons; what is kept may be simplified then."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.errors import Mistake
from lobate.mapping.measures import width_to_length
from lobate.mapping.terrain import COLUMNS, terrain_under
from lobate.settings.mapping import Filter
from lobate.signature import Input, Output, Setting
from lobate.vectors import LONLAT, geodesic_area_m2, geodesic_measures, read_layer, write_layers

log = logging.getLogger(__name__)


def filter_detections(
    merged: Annotated[Path, Input()],
    detections: Annotated[Path, Output()],
    dem: Annotated[Path | None, Input()] = None,
    occurrences: Annotated[list[Path], Input()] = (),
    *,
    filter_settings: Annotated[Filter, Setting("mapping.filter")],
) -> None:
    """Write layers `kept` and `removed` (with `reason`) of ``detections``, in the CRS of ``merged`` (EPSG:4326).

    Areas are geodesic. Where a limit of elevation or slope is set, the DEM is measured (`elevation_min_m`,
    `slope_mean_deg`, `dem_share`); a detection on which it has nothing cannot be judged by it and is kept. With files of
    other dates, parallel to ``occurrences``, it is counted on how many each detection occurs (`occurrences`). What is
    kept is simplified where asked: `area_m2` and `perimeter_m` are those of the new outline then, `area_before_m2` of
    the old. Mistake when a limit of elevation or slope is set and there is no DEM.
    """
    frame = read_layer(merged, "detections")
    frame[COLUMNS] = _terrain(frame, dem, filter_settings)
    if filter_settings.occurrence_files or occurrences:
        frame["occurrences"] = _count(frame, occurrences, filter_settings)
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
    from lobate.mapping.occurrences import occurrences

    outlines = np.asarray(frame.geometry.to_crs(LONLAT).values, dtype=object)
    return occurrences(outlines, paths, limits.occurrence_files)


def _simplified(kept: gpd.GeoDataFrame, tolerance_m: float) -> gpd.GeoDataFrame:
    """Return the detections with fewer vertices, their measures anew and `area_before_m2`; tell what has changed."""
    from lobate.mapping.simplify import simplified

    outlines = np.asarray(kept.geometry.to_crs(LONLAT).values, dtype=object)
    simple, stuck = simplified(outlines, tolerance_m)
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
        return pd.DataFrame(np.nan, index=frame.index, columns=COLUMNS)
    if dem is None:
        raise Mistake(
            f"The setting mapping.filter.{asked[0]} needs elevations, but inventory.dem names no DEM. Give a DEM there, "
            f"or take {' and '.join(asked)} out of mapping.filter."
        )
    table = terrain_under(frame.geometry, dem)
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
