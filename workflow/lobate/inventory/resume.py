"""The review as it stands, back in the sheet: a person goes on where they stopped, and a new copy loses nothing."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd

from lobate.errors import Mistake
from lobate.inventory.detections import PERSONAL
from lobate.vectors import LONLAT, read_polygons

SAID = ("detection", "status", *PERSONAL)
"""Columns of the sheet that a decision has."""

FACTS = ("confidence", "area_m2", "elevation_min_m", "slope_mean_deg", "touches_edge", "tiles")
"""Columns of the sheet that only a detection has, as far as the filters wrote them."""

EARLIER = "earlier "
"""Begins the name of a decision that fits no detection: its number may be another detection's by now."""


def decided_so_far(reviewed: Path, found: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the sheet's rows with what apply-review (``reviewed``) made of the decisions; ``found``: see ``read_pending``.

    ``seen`` is the outline that the row stands for: the detection's where a person edited it, none where a person drew it,
    else the row's own. Decisions that fit no detection are among the rows as well.
    """
    standing, rejected, unmatched = (_layer(reviewed, name) for name in ("reviewed", "rejected", "unmatched"))
    drawn = ~standing["detection"].isin(found["detection"])
    standing = standing.assign(seen=_shown(standing, found), detection=standing["detection"].mask(drawn, None))
    rejected = rejected.assign(seen=_wkt(rejected.geometry))
    lone = _lone(unmatched)
    parts = [part[[*SAID, "seen", "geometry"]] for part in (standing, rejected, lone) if len(part)]
    if not parts:
        return found
    rows = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), geometry="geometry", crs=LONLAT)
    said = {name: rows[name].astype(object).where(rows[name].notna(), None) for name in (*SAID, "seen")}
    return rows.assign(**said, **_facts(rows["detection"], found))


def _facts(names: pd.Series, found: gpd.GeoDataFrame) -> dict[str, pd.Series]:
    """What is known of the detections with these names, empty where there is none."""
    known = found.set_index("detection")[[name for name in FACTS if name in found]].reindex(names)
    flags = {name: "boolean" for name in known if pd.api.types.is_bool_dtype(found[name])}
    return dict(known.astype(flags).set_index(names.index).items())


def _layer(reviewed: Path, name: str) -> gpd.GeoDataFrame:
    frame = read_polygons(reviewed, name).to_crs(LONLAT)
    wanted = {"status", *PERSONAL, "decision" if name == "unmatched" else "detection"}
    if missing := sorted(wanted - set(frame.columns)):
        raise Mistake(
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
    names = [None if pd.isna(one) else EARLIER + str(one).removeprefix(EARLIER) for one in lone["decision"]]
    return lone.assign(detection=pd.Series(names, index=lone.index, dtype=object), seen=_wkt(lone.geometry))


def _wkt(outlines: gpd.GeoSeries) -> pd.Series:
    return outlines.to_wkt(rounding_precision=7).astype(object)
