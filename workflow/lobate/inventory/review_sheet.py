"""The verb `review-sheet`: detections as a layer that a person fills in, least certain first.

The person saves it under `resources/<region>/` and names it in `inventory.decisions`; nothing here is edited in place.
What was decided before stands in the sheet, so a new copy of it may take the place of the old one.

The review as it stands, back in the sheet: a person goes on where they stopped, and a new copy loses nothing.
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

DECISION_COLUMNS = ("detection", "status", *REVIEW_FIELDS)
"""Columns of the sheet that a decision has."""

DETECTION_COLUMNS = ("confidence", "area_m2", "elevation_min_m", "slope_mean_deg", "touches_edge", "tiles")
"""Columns of the sheet that only a detection has, as far as the filters wrote them."""

EARLIER_PREFIX = "earlier "
"""Begins the name of a decision that fits no detection: its number may be another detection's by now."""


def carry_over_decisions(reviewed: Path, found: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the sheet's rows with what apply-review (``reviewed``) made of the decisions; ``found``: see ``read_pending``.

    ``seen`` is the outline that the row stands for: the detection's where a person edited it, none where a person drew it,
    else the row's own. Decisions that fit no detection are among the rows as well.
    """
    standing, rejected, unmatched = (_layer(reviewed, name) for name in ("reviewed", "rejected", "unmatched"))
    drawn = ~standing["detection"].isin(found["detection"])
    standing = standing.assign(seen=_shown(standing, found), detection=standing["detection"].mask(drawn, None))
    rejected = rejected.assign(seen=_wkt(rejected.geometry))
    lone = _lone(unmatched)
    parts = [part[[*DECISION_COLUMNS, "seen", "geometry"]] for part in (standing, rejected, lone) if len(part)]
    if not parts:
        return found
    rows = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), geometry="geometry", crs=LONLAT)
    said = {name: rows[name].astype(object).where(rows[name].notna(), None) for name in (*DECISION_COLUMNS, "seen")}
    return rows.assign(**said, **_facts(rows["detection"], found))


def _facts(names: pd.Series, found: gpd.GeoDataFrame) -> dict[str, pd.Series]:
    """What is known of the detections with these names, empty where there is none."""
    known = found.set_index("detection")[[name for name in DETECTION_COLUMNS if name in found]].reindex(names)
    flags = {name: "boolean" for name in known if pd.api.types.is_bool_dtype(found[name])}
    return dict(known.astype(flags).set_index(names.index).items())


def _layer(reviewed: Path, name: str) -> gpd.GeoDataFrame:
    frame = read_polygons(reviewed, name).to_crs(LONLAT)
    wanted = {"status", *REVIEW_FIELDS, "decision" if name == "unmatched" else "detection"}
    if missing := sorted(wanted - set(frame.columns)):
        raise UserError(
            f"The layer {name} of {reviewed} lacks the field {', '.join(missing)}. Give the file that apply-review wrote."
        )
    return frame


def _shown(standing: gpd.GeoDataFrame, found: gpd.GeoDataFrame) -> pd.Series:
    """What each row was drawn from, as WKT."""
    outlines = pd.Series(_wkt(found.geometry).to_numpy(), index=found["detection"])
    of_detection = standing["detection"].map(outlines)
    return of_detection.where((standing["status"] == "edited") | of_detection.isna(), _wkt(standing.geometry))


def _lone(unmatched: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Decisions of which nothing stands among the detections."""
    lone = unmatched[unmatched["kept"] == 0] if "kept" in unmatched else unmatched
    names = [
        None if pd.isna(one) else EARLIER_PREFIX + str(one).removeprefix(EARLIER_PREFIX) for one in lone["decision"]
    ]
    return lone.assign(detection=pd.Series(names, index=lone.index, dtype=object), seen=_wkt(lone.geometry))


def _wkt(outlines: gpd.GeoSeries) -> pd.Series:
    return outlines.to_wkt(rounding_precision=7).astype(object)


log = logging.getLogger(__name__)

OTHERS_COLUMNS = ("source", "source_id", "upslope_connection", "activity", "kinematics", "velocity", "velocity_error")
"""What the sheet shows of another inventory."""


def review_sheet(
    detections: Annotated[Path, Input()],
    review: Annotated[Path, Output()],
    others: Annotated[list[Path] | None, Input()] = None,
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
    sheet = found if reviewed is None else carry_over_decisions(reviewed, found)
    sheet = _in_order(sheet)
    layers = {"review": sheet, "others": _others(others or []), "removed": read_removed(detections)}
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
    sheet = sheet[
        [*DECISION_COLUMNS, *(name for name in DETECTION_COLUMNS if name in sheet), "seen", "geometry"]
    ].reset_index(drop=True)
    return sheet.round({"area_m2": 0, "elevation_min_m": 0, "slope_mean_deg": 1})


def _others(paths: list[Path]) -> gpd.GeoDataFrame:
    frames = [read_polygons(path, "described").to_crs(LONLAT) for path in paths]
    frames = [frame.reindex(columns=[*OTHERS_COLUMNS, "geometry"]) for frame in frames if len(frame)]
    if not frames:
        return gpd.GeoDataFrame({name: pd.Series(dtype=object) for name in OTHERS_COLUMNS}, geometry=[], crs=LONLAT)
    return gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), geometry="geometry", crs=LONLAT)
