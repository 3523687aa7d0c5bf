"""Detections that are too small, too unsure, too narrow, too low or too steep are taken out, each with its reasons."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import geopandas as gpd
import numpy as np
import pandas as pd

from lobate.errors import Mistake
from lobate.mapping.measures import width_to_length
from lobate.mapping.terrain import COLUMNS, terrain_under
from lobate.settings.mapping import Filter
from lobate.signature import Input, Output, Setting
from lobate.vectors import geodesic_area_m2, read_layer, write_layers

log = logging.getLogger(__name__)


def filter_detections(
    merged: Annotated[Path, Input()],
    detections: Annotated[Path, Output()],
    dem: Annotated[Path | None, Input()] = None,
    *,
    filter_settings: Annotated[Filter, Setting("mapping.filter")],
) -> None:
    """Write layers `kept` and `removed` (with `reason`) of ``detections``, in the CRS of ``merged`` (EPSG:4326).

    Areas are geodesic. Where a limit of elevation or slope is set, the DEM is measured (`elevation_min_m`,
    `slope_mean_deg`, `dem_share`); a detection on which it has nothing cannot be judged by it and is kept. Mistake when
    such a limit is set and there is no DEM.
    """
    frame = read_layer(merged, "detections")
    frame[COLUMNS] = _terrain(frame, dem, filter_settings)
    reasons = _reasons(frame, filter_settings)
    reason = pd.Series(["; ".join(filter(None, some)) for some in zip(*reasons.values(), strict=True)], dtype=object)
    out = (reason != "").to_numpy(dtype=bool)
    removed = frame[out].copy()
    removed.insert(1, "reason", reason[out].to_numpy(dtype=object))
    _tell(reasons, len(frame), int(out.sum()))
    write_layers(detections, {"kept": frame[~out], "removed": removed})


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
    return {
        "small": _words(area_km2, "area", "<", limits.min_area_km2, " km2"),
        "unsure": _words(frame["mean"], "mean probability", "<", limits.min_probability, ""),
        "narrow": _words(_proportions(frame, limits), "width to length", "<", limits.min_width_to_length, ""),
        "low": _words(frame["elevation_min_m"], "lowest point", "<", limits.min_elevation_m, " m"),
        "steep": _words(frame["slope_mean_deg"], "mean slope", ">", limits.max_slope_deg, " degrees"),
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
