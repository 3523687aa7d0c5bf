"""Steadiness of the primary marker on the example's map: identifiers that change when outlines do.

The outlines are those of `results/demo`, or of the region's folder in LOBATE_BENCH_RESULTS, polygonized from its maps of
probabilities. Identifiers name a position to about 10 m, so a shift of all outlines by a pixel changes those of every rule
that follows the outline; a published inventory keeps them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely

from benchmarks.figures import Figure, measures

MIN_AREA_KM2 = 0.03
PIXEL_M = 10
Rule = Callable[[shapely.Geometry], tuple[float, float]]


@measures
def marker_stability(folder: Path) -> dict[str, Figure]:
    """The share of identifiers that change, by the rule of the marker and by what the outlines do."""
    results = Path(os.environ.get("LOBATE_BENCH_RESULTS", "results/demo"))
    maps = sorted(results.glob("mapping/*_probability.tif"))
    if not maps:
        raise FileNotFoundError(f"{results} has no map of probabilities; run `make demo` first")
    low, high, middle = (_outlines(maps, threshold) for threshold in (0.35, 0.45, 0.5))
    changes = {
        "threshold": ("threshold 0.35 to 0.45", low, high),
        "grown": ("outlines grown by a pixel", middle, middle.buffer(PIXEL_M)),
        "shrunk": ("outlines shrunk by a pixel", middle, middle.buffer(-PIXEL_M)),
        "moved": ("outlines moved east by a pixel", middle, middle.translate(PIXEL_M)),
    }
    return {name: figure for key, change in changes.items() for name, figure in _figures(key, *change).items()}


def _outlines(maps: list[Path], threshold: float) -> gpd.GeoSeries:
    """Return the outlines of all tiles in metres, those under the paper's limit of area left out."""
    from lobate.network.polygonize import polygonize

    parts = [polygonize(path, threshold).geometry for path in maps]
    whole = gpd.GeoSeries(pd.concat([part.to_crs(parts[0].crs) for part in parts], ignore_index=True))
    return whole[whole.area >= MIN_AREA_KM2 * 1e6].reset_index(drop=True)


def _figures(key: str, what: str, before: gpd.GeoSeries, after: gpd.GeoSeries) -> dict[str, Figure]:
    from lobate.inventory.overlap import one_to_one, overlaps
    from lobate.inventory.primary_marker import primary_marker

    before, after = before.to_crs(4326), after.to_crs(4326)
    pairs = one_to_one(overlaps(before, after))
    pairs = pairs[pairs["iou"] >= 0.3]
    matched = before.iloc[pairs["left"]].reset_index(drop=True), after.iloc[pairs["right"]].reset_index(drop=True)
    figures = {}
    for name, rule in (("marker", primary_marker), ("pole", _deepest_point)):
        changed, farthest = _compare(rule, *matched)
        told = f"identifiers that change, {what}, {len(pairs)} landforms, {name}; the farthest moves {farthest:.0f} m"
        figures[f"ids_{key}_{name}"] = Figure(changed, "share", told, "the pole of inaccessibility")
    figures[f"ids_{key}_published"] = Figure(
        _published(*matched), "share", f"identifiers that change, {what}, with inventory.previous", "0"
    )
    return figures


def _compare(rule: Rule, before: gpd.GeoSeries, after: gpd.GeoSeries) -> tuple[float, float]:
    """Return the share of identifiers that change, and the largest move of a marker in metres."""
    from lobate.inventory.identify import identifier
    from lobate.io.grid import WGS84

    places = [(rule(old), rule(new)) for old, new in zip(before, after, strict=True)]
    changed = sum(identifier(*old) != identifier(*new) for old, new in places) / len(places)
    return changed, max(WGS84.inv(*old, *new)[2] for old, new in places)


def _published(before: gpd.GeoSeries, after: gpd.GeoSeries) -> float:
    from lobate.inventory.published_ids import with_new_ids, with_published_ids

    first = with_new_ids(_records(before), "RGU").records
    second = with_published_ids(_records(after), first, 0.3, "RGU").records
    return float((first["id"].to_numpy() != second["id"].to_numpy()).mean())


def _records(outlines: gpd.GeoSeries) -> gpd.GeoDataFrame:
    from lobate.inventory.primary_marker import primary_marker

    markers = pd.DataFrame([primary_marker(outline) for outline in outlines], columns=["longitude", "latitude"])
    return gpd.GeoDataFrame(markers, geometry=outlines.reset_index(drop=True), crs=4326)


def _deepest_point(outline: shapely.Geometry) -> tuple[float, float]:
    """Return the pole of inaccessibility of an outline in degrees, in metres of its own plane."""
    from lobate.inventory.local_plane import from_plane, to_plane

    middle = outline.centroid
    plane = shapely.transform(outline, lambda lonlat: to_plane(lonlat, (middle.x, middle.y)))
    x, y = shapely.get_coordinates(shapely.maximum_inscribed_circle(plane, tolerance=0.5))[0]
    return from_plane((float(x), float(y)), (middle.x, middle.y))
