"""The verb `review-sheet`: detections as a layer that a person fills in, least certain first.

The person saves a copy under `resources/<region>/` and names it in `inventory.decisions`; results are never edited in
place. Earlier decisions stand in the sheet, so a new copy may replace an old one without loss, and the review goes on.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import geopandas as gpd
import pandas as pd

from lobate.engine.signature import Input, Output
from lobate.errors import UserError
from lobate.inventory.detections import REVIEW_FIELDS, read_pending, read_removed
from lobate.inventory.qgis.styles import style
from lobate.io.qgis.package import add_styles
from lobate.io.vector import LONLAT, read_polygons, write_layers

log = logging.getLogger(__name__)

DECISION_COLUMNS = ("detection", "status", *REVIEW_FIELDS)
"""Columns of a decision in the sheet."""

DETECTION_COLUMNS = ("confidence", "area_m2", "elevation_min_m", "slope_mean_deg", "touches_edge", "tiles")
"""Further columns of a detection in the sheet, as far as the filters wrote them."""

EARLIER_PREFIX = "earlier "
"""Prefix of the name of a decision without a detection: another detection may have its number by now."""

OTHERS_COLUMNS = ("source", "source_id", "upslope_connection", "activity", "kinematics", "velocity", "velocity_error")
"""Columns of another inventory in the sheet."""


def review_sheet(
    detections: Annotated[Path, Input()],
    review: Annotated[Path, Output()],
    others: Annotated[list[Path] | None, Input()] = None,
    reviewed: Annotated[Path | None, Input()] = None,
) -> None:
    """Write the detections as a sheet to review, in EPSG:4326, with the styles and forms that QGIS opens it with.

    Layer ``review``: pending detections, lowest mean probability first, then decided ones (``reviewed``: the file that
    apply-review wrote). Its columns are ``status``, the review fields ``upslope_connection``, ``activity``,
    ``kinematics``, ``outline_type``, ``reviewer`` and ``remark``, ``confidence`` (mean probability), measures, and ``seen``. ``seen`` is the outline as shown (WKT); it
    links an edited outline to its detection. Layers ``others``, the outlines of other inventories (``others``, as described), and
    ``removed``, the detections that the filters left out, with their reason, are for reference.
    """
    pending = read_pending(detections)
    sheet = _sort_sheet(pending if reviewed is None else carry_over_decisions(reviewed, pending))
    layers = {"review": sheet, "others": _read_others(others or []), "removed": read_removed(detections)}
    write_layers(review, layers)
    columns = {name: ["fid", *frame.columns.drop("geometry")] for name, frame in layers.items()}
    add_styles(review, {name: style(name, columns[name]) for name in layers})
    count = int((sheet["status"] == "pending").sum())
    log.info(
        "%d detections to review, least certain first, and %d decided before; beside them %d removed ones and %d outlines of "
        "other inventories",
        count,
        len(sheet) - count,
        len(layers["removed"]),
        len(layers["others"]),
    )


def _sort_sheet(sheet: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the sheet with its columns only, pending rows first, the least certain first of all."""
    if "seen" not in sheet:
        sheet = sheet.assign(seen=_wkt(sheet.geometry))
    sheet = sheet.assign(decided=sheet["status"] != "pending").sort_values(["decided", "confidence", "detection"])
    measures = [name for name in DETECTION_COLUMNS if name in sheet]
    sheet = sheet[[*DECISION_COLUMNS, *measures, "seen", "geometry"]].reset_index(drop=True)
    return sheet.round({"area_m2": 0, "elevation_min_m": 0, "slope_mean_deg": 1})


def _read_others(paths: list[Path]) -> gpd.GeoDataFrame:
    frames = [read_polygons(path, "described").to_crs(LONLAT) for path in paths]
    frames = [frame.reindex(columns=[*OTHERS_COLUMNS, "geometry"]) for frame in frames if len(frame)]
    if not frames:
        return gpd.GeoDataFrame({name: pd.Series(dtype=object) for name in OTHERS_COLUMNS}, geometry=[], crs=LONLAT)
    return gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), geometry="geometry", crs=LONLAT)


def carry_over_decisions(reviewed: Path, detections: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the sheet's rows with the decisions that apply-review wrote to ``reviewed``; also those without a detection.

    ``detections``: see ``read_pending``. ``seen`` is the detection's outline where a person edited it, None where a person
    drew one, else the row's own outline.
    """
    standing, rejected, unmatched = (_read_layer(reviewed, name) for name in ("reviewed", "rejected", "unmatched"))
    drawn = ~standing["detection"].isin(detections["detection"])
    seen = _seen_outlines(standing, detections)
    standing = standing.assign(seen=seen, detection=standing["detection"].mask(drawn, None))
    rejected = rejected.assign(seen=_wkt(rejected.geometry))
    parts = [standing, rejected, _unmatched_rows(unmatched)]
    parts = [part[[*DECISION_COLUMNS, "seen", "geometry"]] for part in parts if len(part)]
    if not parts:
        return detections
    rows = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), geometry="geometry", crs=LONLAT)
    texts = {name: rows[name].astype(object).where(rows[name].notna(), None) for name in (*DECISION_COLUMNS, "seen")}
    return rows.assign(**texts, **_measures(rows["detection"], detections))


def _measures(names: pd.Series, detections: gpd.GeoDataFrame) -> dict[str, pd.Series]:
    """Return the further columns of the detections with these names, null where there is none."""
    columns = [name for name in DETECTION_COLUMNS if name in detections]
    measures = detections.set_index("detection")[columns].reindex(names)
    flags = {name: "boolean" for name in columns if pd.api.types.is_bool_dtype(detections[name])}
    return dict(measures.astype(flags).set_index(names.index).items())


def _read_layer(reviewed: Path, name: str) -> gpd.GeoDataFrame:
    frame = read_polygons(reviewed, name).to_crs(LONLAT)
    wanted = {"status", *REVIEW_FIELDS, "decision" if name == "unmatched" else "detection"}
    if missing := sorted(wanted - set(frame.columns)):
        raise UserError(
            f"The layer {name} of {reviewed} lacks the field {', '.join(missing)}. Give the file that apply-review wrote."
        )
    return frame


def _seen_outlines(standing: gpd.GeoDataFrame, detections: gpd.GeoDataFrame) -> pd.Series:
    """Return the outline that each row was drawn from, as WKT."""
    outlines = pd.Series(_wkt(detections.geometry).to_numpy(), index=detections["detection"])
    of_detection = standing["detection"].map(outlines)
    return of_detection.where((standing["status"] == "edited") | of_detection.isna(), _wkt(standing.geometry))


def _unmatched_rows(unmatched: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the decisions without an outline among the detections, under their earlier names."""
    rows = unmatched[unmatched["kept"] == 0] if "kept" in unmatched else unmatched
    names = [_earlier_name(name) for name in rows["decision"]]
    return rows.assign(detection=pd.Series(names, index=rows.index, dtype=object), seen=_wkt(rows.geometry))


def _earlier_name(decision: object) -> str | None:
    return None if pd.isna(decision) else EARLIER_PREFIX + str(decision).removeprefix(EARLIER_PREFIX)


def _wkt(outlines: gpd.GeoSeries) -> pd.Series:
    return outlines.to_wkt(rounding_precision=7).astype(object)
