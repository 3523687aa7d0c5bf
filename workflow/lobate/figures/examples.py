"""Which landforms are shown as examples, picked by rule so that nobody is shown only the best.

Training and validation: the hand-drawn outline whose IoU with what was mapped there is nearest to the median of its side.
New: the surest detection that neither the outlines drawn by hand nor another inventory knows, one a person accepted before
a pending one. Mended: the detection whose outline a person changed most; where none was changed, the surest that a person
rejected. As long as nobody has done either, the outline drawn by hand that agrees least with what was mapped there stands in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.errors import UserError
from lobate.io.vector import read_polygons
from lobate.settings.figures import Example


@dataclass(frozen=True)
class ExampleOutline:
    """One panel: a title, a line of facts, and outlines by role (``drawn``, ``mapped``, ``mended``), in EPSG:4326.

    ``focus`` is the outline in the middle; None where there is no such example, and ``facts`` then says why.
    """

    title: str
    facts: str
    focus: shapely.Geometry | None
    outlines: dict[str, gpd.GeoSeries]


@dataclass(frozen=True)
class Results:
    """What examples are picked from; all in EPSG:4326."""

    split: gpd.GeoDataFrame
    polygons: gpd.GeoDataFrame
    detections: gpd.GeoDataFrame
    reviewed: gpd.GeoDataFrame
    rejected: gpd.GeoDataFrame
    inventory: gpd.GeoDataFrame

    @classmethod
    def read(cls, split: Path, polygons: Path, detections: Path, reviewed: Path, inventory: Path) -> Results:
        """Read the layers that the rooms before wrote."""
        return cls(
            read_polygons(split, "split"),
            read_polygons(polygons, "kept"),
            read_polygons(detections, "kept"),
            read_polygons(reviewed, "reviewed"),
            read_polygons(reviewed, "rejected"),
            read_polygons(inventory, "inventory"),
        )


def pick(results: Results, chosen: Mapping[Example, str]) -> list[ExampleOutline]:
    """Return the four examples; ``chosen`` names some of them by identifier instead."""
    return [
        _labelled(results, "training", chosen.get("training")),
        _labelled(results, "validation", chosen.get("validation")),
        _new(results, chosen.get("new")),
        _mended(results, chosen.get("mended")),
    ]


def iou_with(outlines: gpd.GeoSeries, mapped: gpd.GeoSeries) -> np.ndarray:
    """Return each outline's IoU with the union of what was mapped on any of its ground; shape (n,)."""
    ours, theirs = np.asarray(outlines.values), np.asarray(mapped.values)
    result = np.zeros(len(ours))
    hits, found = shapely.STRtree(theirs).query(ours, predicate="intersects")
    for one in np.unique(hits):
        together = shapely.union_all(theirs[found[hits == one]])
        result[one] = shapely.intersection(ours[one], together).area / shapely.union(ours[one], together).area
    return result


def _labelled(results: Results, side: str, chosen: str | None) -> ExampleOutline:
    """An outline all of whose own patches are on one side of the split."""
    sides = results.split[results.split["class"] == "positive"].groupby("polygon")["side"].agg(set)
    alone = [polygon for polygon, found in sides.items() if found == {side}]
    candidates = results.polygons[(results.polygons["class"] == "positive") & results.polygons["polygon"].isin(alone)]
    if chosen is not None:
        candidates = _named(results.polygons, "polygon", chosen, f"figures.examples.{side}")
    if candidates.empty:
        return _none(side, f"no landform lies on the {side} side alone")
    iou = pd.Series(iou_with(candidates.geometry, results.detections.geometry), index=candidates.index)
    away = (iou - iou.median()).abs()
    best = candidates.assign(away=away.round(9)).sort_values(["away", "polygon"]).index[0]
    facts = f"{candidates.at[best, 'polygon']}: IoU {iou[best]:.2f}" + (
        f", median {iou.median():.2f}" if chosen is None else ""
    )
    return ExampleOutline(_title(side), facts, candidates.geometry[best], _around(results))


def _new(results: Results, chosen: str | None) -> ExampleOutline:
    sources = results.inventory["sources"].fillna("")
    alone = sources[(results.inventory["method"] == "deep learning")].str.removeprefix("reviewed:")
    candidates = results.reviewed[results.reviewed["detection"].isin(alone) & ~_drawn_before(results)]
    if chosen is not None:
        candidates = _named(results.reviewed, "detection", chosen, "figures.examples.new")
    if candidates.empty:
        return _none("new", "every detection was known before")
    seen = candidates.assign(unseen=candidates["status"] == "pending")
    best = seen.sort_values(["unseen", "confidence", "detection"], ascending=[True, False, True]).iloc[0]
    facts = f"{best['detection']}: {best['status']}" + _sureness(best["confidence"])
    return ExampleOutline("new", facts, best.geometry, _around(results))


def _drawn_before(results: Results) -> np.ndarray:
    """Whether each reviewed detection meets a landform that was drawn by hand; shape (n,)."""
    drawn = results.polygons.geometry[results.polygons["class"] == "positive"]
    met = np.zeros(len(results.reviewed), dtype=bool)
    met[shapely.STRtree(drawn.values).query(results.reviewed.geometry.values, predicate="intersects")[0]] = True
    return met


def _mended(results: Results, chosen: str | None) -> ExampleOutline:
    edited = results.reviewed[results.reviewed["status"] == "edited"]
    before = results.detections.set_index("detection").geometry
    edited = edited[edited["detection"].isin(before.index)]
    if chosen is not None:
        edited = _named(edited, "detection", chosen, "figures.examples.mended")
    if edited.empty:
        return _wrong(results)
    was = before.loc[edited["detection"]].set_axis(edited.index)
    shared = shapely.area(shapely.intersection(edited.geometry.values, was.values))
    iou = pd.Series(shared / shapely.area(shapely.union(edited.geometry.values, was.values)), index=edited.index)
    best = edited.assign(iou=iou.round(9)).sort_values(["iou", "detection"]).index[0]
    facts = f"{edited.at[best, 'detection']}: IoU before and after {iou[best]:.2f}"
    outlines = {"mapped": gpd.GeoSeries([was[best]], crs=was.crs), "mended": edited.geometry.loc[[best]]}
    return ExampleOutline("needed mending", facts, edited.geometry[best].union(was[best]), outlines)


def _wrong(results: Results) -> ExampleOutline:
    if results.rejected.empty:
        return _doubtful(results)
    surest = results.rejected.sort_values(["confidence", "detection"], ascending=[False, True]).iloc[0]
    facts = f"{surest['detection']}: rejected" + _sureness(surest["confidence"])
    around = _around(results)
    around["mapped"] = gpd.GeoSeries([*around["mapped"], surest.geometry], crs=around["mapped"].crs)
    return ExampleOutline("wrong", facts, surest.geometry, around)


def _doubtful(results: Results) -> ExampleOutline:
    drawn = results.polygons[results.polygons["class"] == "positive"]
    iou = pd.Series(iou_with(drawn.geometry, results.detections.geometry), index=drawn.index)
    met = drawn.assign(iou=iou.round(9))[iou > 0]
    if met.empty:
        return _none("wrong or mended", "nobody has mended or rejected a detection yet")
    worst = met.sort_values(["iou", "polygon"]).iloc[0]
    facts = f"{worst['polygon']}: IoU {worst['iou']:.2f}, the lowest; not reviewed yet"
    return ExampleOutline("may need mending", facts, worst.geometry, _around(results))


def _around(results: Results) -> dict[str, gpd.GeoSeries]:
    drawn = results.polygons.geometry[results.polygons["class"] == "positive"]
    return {"drawn": drawn, "mapped": results.detections.geometry}


def _named(frame: gpd.GeoDataFrame, field: str, name: str, setting: str) -> gpd.GeoDataFrame:
    found = frame[frame[field] == name]
    if found.empty:
        some = ", ".join(sorted(frame[field].astype(str))[:5]) or "none"
        raise UserError(
            f"Setting {setting} names {name}, which is not among the results (they have {some}). Name another."
        )
    return found


def _none(title: str, why: str) -> ExampleOutline:
    return ExampleOutline(_title(title), why, None, {})


def _title(side: str) -> str:
    return f"{side} example" if side in ("training", "validation") else side


def _sureness(value: float) -> str:
    return "" if pd.isna(value) else f", mean probability {value:.2f}"
