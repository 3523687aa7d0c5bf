"""The verb `review-sheet`: detections as a layer that a person fills in, least certain first.

The person saves it under `resources/<region>/` and names it in `inventory.decisions`; nothing here is edited in place.
What was decided before stands in the sheet, so a new copy of it may take the place of the old one.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import geopandas as gpd
import pandas as pd

from lobate.inventory.detections import read_pending, read_removed
from lobate.inventory.qgis.styles import style
from lobate.inventory.resume import FACTS, SAID, decided_so_far
from lobate.qgis.package import add_styles
from lobate.signature import Input, Output
from lobate.vectors import LONLAT, read_polygons, write_layers

log = logging.getLogger(__name__)

KNOWN = ("source", "source_id", "upslope_connection", "activity", "kinematics", "velocity", "velocity_error")
"""What the sheet shows of another inventory."""


def review_sheet(
    detections: Annotated[Path, Input()],
    review: Annotated[Path, Output()],
    others: Annotated[list[Path], Input()] = (),
    reviewed: Annotated[Path | None, Input()] = None,
) -> None:
    """Write the detections as a sheet to review, in EPSG:4326, with the styles and forms that QGIS opens it with.

    Layer ``review``: pending detections, lowest mean probability first, then what was decided before (``reviewed``, as
    apply-review wrote it); with ``status``, the personal fields ``upslope_connection``, ``activity``, ``reviewer`` and
    ``remark``, ``confidence`` (mean probability), measures, and ``seen``, the outline as it was shown (WKT): an edited
    outline then still says which detection it came from. Layer ``others``: outlines of other inventories (``others``, as
    described), and ``removed``: what the filters left out, with its reason; both to look at.
    """
    found = read_pending(detections)
    sheet = found if reviewed is None else decided_so_far(reviewed, found)
    sheet = _in_order(sheet)
    layers = {"review": sheet, "others": _others(others), "removed": read_removed(detections)}
    write_layers(review, layers)
    add_styles(review, {name: style(name, ["fid", *one.columns.drop("geometry")]) for name, one in layers.items()})
    pending = int((sheet["status"] == "pending").sum())
    log.info(
        "%d detections to review, least certain first, and %d decided before; beside them %d removed ones and %d outlines of "
        "other inventories",
        pending,
        len(sheet) - pending,
        len(layers["removed"]),
        len(layers["others"]),
    )


def _in_order(sheet: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Pending first, the least certain first of all; with the sheet's columns only."""
    if "seen" not in sheet:
        sheet = sheet.assign(seen=sheet.geometry.to_wkt(rounding_precision=7).astype(object))
    sheet = sheet.assign(decided=sheet["status"] != "pending").sort_values(["decided", "confidence", "detection"])
    sheet = sheet[[*SAID, *(name for name in FACTS if name in sheet), "seen", "geometry"]].reset_index(drop=True)
    return sheet.round({"area_m2": 0, "elevation_min_m": 0, "slope_mean_deg": 1})


def _others(paths: list[Path]) -> gpd.GeoDataFrame:
    frames = [read_polygons(path, "described").to_crs(LONLAT) for path in paths]
    frames = [frame.reindex(columns=[*KNOWN, "geometry"]) for frame in frames if len(frame)]
    if not frames:
        return gpd.GeoDataFrame({name: pd.Series(dtype=object) for name in KNOWN}, geometry=[], crs=LONLAT)
    return gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), geometry="geometry", crs=LONLAT)
