"""The landforms that `figure-outlines` shows as examples; a rule picks them, so that they are not only the best.

Training and validation: the outline drawn by hand with the IoU nearest to the median of its side. New: the detection with
the highest probability that meets no outline by hand and no other inventory; accepted ones come before pending ones.
Mended: the detection that the reviewer edited most. Without edits it is the rejected detection with the highest probability,
and without a review the outline drawn by hand with the lowest IoU.
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

    ``focus`` is the outline in the middle; None where there is no such example, and ``facts`` then gives the reason.
    """

    title: str
    facts: str
    focus: shapely.Geometry | None
    outlines: dict[str, gpd.GeoSeries]


@dataclass(frozen=True)
class ResultLayers:
    """The layers from which examples are picked, all in EPSG:4326."""

    split: gpd.GeoDataFrame
    polygons: gpd.GeoDataFrame
    detections: gpd.GeoDataFrame
    reviewed: gpd.GeoDataFrame
    rejected: gpd.GeoDataFrame
    inventory: gpd.GeoDataFrame

    @classmethod
    def read(cls, split: Path, polygons: Path, detections: Path, reviewed: Path, inventory: Path) -> ResultLayers:
        """Read the layers from the results of earlier rooms."""
        return cls(
            read_polygons(split, "split"),
            read_polygons(polygons, "kept"),
            read_polygons(detections, "kept"),
            read_polygons(reviewed, "reviewed"),
            read_polygons(reviewed, "rejected"),
            read_polygons(inventory, "inventory"),
        )


def pick_examples(results: ResultLayers, names: Mapping[Example, str]) -> list[ExampleOutline]:
    """Return the four examples; ``names`` sets some of them by identifier."""
    return [
        _typical_example(results, "training", names.get("training")),
        _typical_example(results, "validation", names.get("validation")),
        _new_example(results, names.get("new")),
        _edited_example(results, names.get("mended")),
    ]


def iou_with(outlines: gpd.GeoSeries, mapped: gpd.GeoSeries) -> np.ndarray:
    """Return each outline's IoU with the union of the mapped polygons that intersect it; shape (n,)."""
    shapes, detections = np.asarray(outlines.values), np.asarray(mapped.values)
    iou = np.zeros(len(shapes))
    outline, detection = shapely.STRtree(detections).query(shapes, predicate="intersects")
    for row in np.unique(outline):
        union = shapely.union_all(detections[detection[outline == row]])
        iou[row] = shapely.intersection(shapes[row], union).area / shapely.union(shapes[row], union).area
    return iou


def _typical_example(results: ResultLayers, side: str, name: str | None) -> ExampleOutline:
    """Return the outline with the IoU nearest to the median, of those with patches on one side of the split only."""
    sides = results.split[results.split["class"] == "positive"].groupby("polygon")["side"].agg(set)
    one_sided = [polygon for polygon, polygon_sides in sides.items() if polygon_sides == {side}]
    candidates = results.polygons[
        (results.polygons["class"] == "positive") & results.polygons["polygon"].isin(one_sided)
    ]
    if name is not None:
        candidates = _select_named(results.polygons, "polygon", name, f"figures.examples.{side}")
    if candidates.empty:
        return _no_example(side, f"no landform lies on the {side} side alone")
    iou = pd.Series(iou_with(candidates.geometry, results.detections.geometry), index=candidates.index)
    distance = (iou - iou.median()).abs()
    best = candidates.assign(distance=distance.round(9)).sort_values(["distance", "polygon"]).index[0]
    facts = f"{candidates.at[best, 'polygon']}: IoU {iou[best]:.2f}" + (
        f", median {iou.median():.2f}" if name is None else ""
    )
    return ExampleOutline(_title(side), facts, candidates.geometry[best], _context_outlines(results))


def _new_example(results: ResultLayers, name: str | None) -> ExampleOutline:
    sources = results.inventory["sources"].fillna("")
    single_source = sources[(results.inventory["method"] == "deep learning")].str.removeprefix("reviewed:")
    candidates = results.reviewed[results.reviewed["detection"].isin(single_source) & ~_meets_drawn(results)]
    if name is not None:
        candidates = _select_named(results.reviewed, "detection", name, "figures.examples.new")
    if candidates.empty:
        return _no_example("new", "every detection was known before")
    ranked = candidates.assign(pending=candidates["status"] == "pending")
    best = ranked.sort_values(["pending", "confidence", "detection"], ascending=[True, False, True]).iloc[0]
    facts = f"{best['detection']}: {best['status']}" + _probability_text(best["confidence"])
    return ExampleOutline("new", facts, best.geometry, _context_outlines(results))


def _meets_drawn(results: ResultLayers) -> np.ndarray:
    """Return whether each reviewed detection meets a landform drawn by hand; shape (n,)."""
    drawn = results.polygons.geometry[results.polygons["class"] == "positive"]
    meets = np.zeros(len(results.reviewed), dtype=bool)
    meets[shapely.STRtree(drawn.values).query(results.reviewed.geometry.values, predicate="intersects")[0]] = True
    return meets


def _edited_example(results: ResultLayers, name: str | None) -> ExampleOutline:
    edited = results.reviewed[results.reviewed["status"] == "edited"]
    before = results.detections.set_index("detection").geometry
    edited = edited[edited["detection"].isin(before.index)]
    if name is not None:
        edited = _select_named(edited, "detection", name, "figures.examples.mended")
    if edited.empty:
        return _rejected_example(results)
    original = before.loc[edited["detection"]].set_axis(edited.index)
    shared = shapely.area(shapely.intersection(edited.geometry.values, original.values))
    iou = pd.Series(shared / shapely.area(shapely.union(edited.geometry.values, original.values)), index=edited.index)
    best = edited.assign(iou=iou.round(9)).sort_values(["iou", "detection"]).index[0]
    facts = f"{edited.at[best, 'detection']}: IoU before and after {iou[best]:.2f}"
    outlines = {"mapped": gpd.GeoSeries([original[best]], crs=original.crs), "mended": edited.geometry.loc[[best]]}
    return ExampleOutline("needed mending", facts, edited.geometry[best].union(original[best]), outlines)


def _rejected_example(results: ResultLayers) -> ExampleOutline:
    if results.rejected.empty:
        return _worst_example(results)
    surest = results.rejected.sort_values(["confidence", "detection"], ascending=[False, True]).iloc[0]
    facts = f"{surest['detection']}: rejected" + _probability_text(surest["confidence"])
    outlines = _context_outlines(results)
    outlines["mapped"] = gpd.GeoSeries([*outlines["mapped"], surest.geometry], crs=outlines["mapped"].crs)
    return ExampleOutline("wrong", facts, surest.geometry, outlines)


def _worst_example(results: ResultLayers) -> ExampleOutline:
    drawn = results.polygons[results.polygons["class"] == "positive"]
    iou = pd.Series(iou_with(drawn.geometry, results.detections.geometry), index=drawn.index)
    mapped = drawn.assign(iou=iou.round(9))[iou > 0]
    if mapped.empty:
        return _no_example("wrong or mended", "no detection is edited or rejected yet")
    worst = mapped.sort_values(["iou", "polygon"]).iloc[0]
    facts = f"{worst['polygon']}: IoU {worst['iou']:.2f}, the lowest; not reviewed yet"
    return ExampleOutline("may need mending", facts, worst.geometry, _context_outlines(results))


def _context_outlines(results: ResultLayers) -> dict[str, gpd.GeoSeries]:
    drawn = results.polygons.geometry[results.polygons["class"] == "positive"]
    return {"drawn": drawn, "mapped": results.detections.geometry}


def _select_named(frame: gpd.GeoDataFrame, field: str, name: str, setting: str) -> gpd.GeoDataFrame:
    selected = frame[frame[field] == name]
    if selected.empty:
        names = ", ".join(sorted(frame[field].astype(str))[:5]) or "none"
        raise UserError(
            f"Setting {setting} names {name}, which is not among the results (they have {names}). Name another."
        )
    return selected


def _no_example(title: str, reason: str) -> ExampleOutline:
    return ExampleOutline(_title(title), reason, None, {})


def _title(side: str) -> str:
    return f"{side} example" if side in ("training", "validation") else side


def _probability_text(value: float) -> str:
    return "" if pd.isna(value) else f", mean probability {value:.2f}"
