"""What changed between two inventories: two years, or two models.

Outlines of the two belong together when their IoU reaches match_iou, or when one of them lies mostly inside the other; what
is linked so, directly or through others, is one change. Each outline stands in exactly one. Areas are geodesic (WGS84).
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from lobate.errors import UserError
from lobate.inventory.overlap import overlaps
from lobate.inventory.sources import repair_outlines
from lobate.io.atomic import atomic_write
from lobate.io.vector import LONLAT, geodesic_area_m2, read_polygons, write_layers

log = logging.getLogger(__name__)

KINDS = ("appeared", "vanished", "grown", "shrunk", "unchanged", "split", "merged", "rearranged")
"""Of one and none, none and one, one and one (by area, three times), one and several, several and one, several and several."""

MOSTLY = 0.5

COLUMNS = (
    "kind",
    "before",
    "after",
    "area_before_km2",
    "area_after_km2",
    "change_km2",
    "gained_km2",
    "lost_km2",
    "iou",
)


def read_inventory(path: Path, layer: str | None = None, id_field: str | None = None) -> gpd.GeoDataFrame:
    """Read outlines in EPSG:4326 with ``source_id``; the layer ``inventory`` and the field ``id`` where there are such.

    Without ids, features are called by their number. Raises UserError without a CRS, and for ids that are empty or alike.
    """
    frame = read_polygons(path, layer or _inventory_layer(path))
    field = id_field or ("id" if "id" in frame else None)
    if field is not None and field not in frame:
        raise UserError(
            f"{path} has no field {field}; it has {', '.join(map(str, frame.columns.drop('geometry')))}. Name one of these."
        )
    ids = frame[field] if field else pd.Series([str(number) for number in range(len(frame))], index=frame.index)
    if ids.isna().any() or ids.duplicated().any():
        wrong = int(ids.isna().sum() + ids.dropna().duplicated().sum())
        raise UserError(
            f"{path}: {wrong} outlines have no {field}, or one that another has too. Make them unique, or name another field."
        )
    known = gpd.GeoDataFrame({"source_id": ids.astype(str)}, geometry=frame.geometry.values, crs=frame.crs).to_crs(
        LONLAT
    )
    good, removed = repair_outlines(known)
    if len(removed):
        log.warning("%s: %d features without area are left out of the comparison", path, len(removed))
    return good.sort_values("source_id", kind="stable").reset_index(drop=True)


def compare_inventories(
    before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, *, match_iou: float = 0.3, tolerance: float = 0.1
) -> gpd.GeoDataFrame:
    """Return one row for each change, by kind and ids, with areas in km2 and IoU; its outline is the later, or what vanished.

    ``before`` and ``after`` hold ids, separated by semicolons. One and one have grown or shrunk when their area changed by
    more than ``tolerance`` of the area before.
    """
    groups = list(_linked(before, after, match_iou))
    was, now = (
        np.array([_union(frame, group[side]) for group in groups], dtype=object)
        for side, frame in enumerate((before, after))
    )
    common = shapely.area(shapely.intersection(was, now))
    area_was, area_now, gained, lost = (
        geodesic_area_m2(gpd.GeoSeries(part, crs=LONLAT)) / 1e6
        for part in (was, now, shapely.difference(now, was), shapely.difference(was, now))
    )
    table = gpd.GeoDataFrame(
        {
            "kind": [
                _kind(len(old), len(new), old_area, new_area, tolerance)
                for (old, new), old_area, new_area in zip(groups, area_was, area_now, strict=True)
            ],
            "before": [";".join(before["source_id"].iloc[old]) or None for old, _ in groups],
            "after": [";".join(after["source_id"].iloc[new]) or None for _, new in groups],
            "area_before_km2": area_was.round(6),
            "area_after_km2": area_now.round(6),
            "change_km2": (area_now - area_was).round(6),
            "gained_km2": gained.round(6),
            "lost_km2": lost.round(6),
            "iou": (common / (shapely.area(was) + shapely.area(now) - common)).round(4),
        },
        geometry=np.where(shapely.is_empty(now), was, now),
        crs=LONLAT,
    )
    rank = table["kind"].map(KINDS.index)
    return table.assign(rank=rank).sort_values(["rank", "before", "after"]).drop(columns="rank").reset_index(drop=True)


def write_changes(changes: gpd.GeoDataFrame, out: Path) -> None:
    """Write a GeoPackage with a layer for each kind, empty ones too, and the same rows as a table beside it (.csv)."""
    if out.suffix.lower() != ".gpkg":
        raise UserError(f"The changes are written as a GeoPackage, but {out} does not end in .gpkg. Name it so.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(out, out.with_name(f"{out.name}.new.gpkg")) as new:
        write_layers(new, {kind: changes[changes["kind"] == kind].reset_index(drop=True) for kind in KINDS})
    changes.drop(columns="geometry").to_csv(
        out.with_suffix(".csv"), index=False, lineterminator="\n", encoding="utf-8", quoting=csv.QUOTE_MINIMAL
    )


def change_summary(changes: gpd.GeoDataFrame) -> str:
    """Return the changes summed up, a line for each kind."""
    sums = changes.groupby("kind")[["area_before_km2", "area_after_km2", "change_km2"]].sum()
    lines = [f"{'':12}{'number':>8}{'before km2':>12}{'after km2':>12}{'change km2':>12}"]
    for kind in KINDS:
        count = int((changes["kind"] == kind).sum())
        areas = sums.loc[kind] if count else [0.0] * 3
        lines.append(f"{kind:12}{count:8}" + "".join(f"{area:12.4f}" for area in areas))
    total = changes[["area_before_km2", "area_after_km2", "change_km2"]].sum()
    return "\n".join([*lines, f"{'all':12}{len(changes):8}" + "".join(f"{area:12.4f}" for area in total)]) + "\n"


def _inventory_layer(path: Path) -> str | None:
    try:
        names = pyogrio.list_layers(path)[:, 0]
    except (pyogrio.errors.DataSourceError, RuntimeError):
        return None  # read_polygons says what is wrong with the file
    return "inventory" if "inventory" in names else None


def _linked(
    before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, match_iou: float
) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the positions, before and after, of each group of outlines that belong together."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    pairs = overlaps(before.geometry, after.geometry)
    pairs = pairs[(pairs["iou"] >= match_iou) | (pairs["left_share"] > MOSTLY) | (pairs["right_share"] > MOSTLY)]
    count = len(before) + len(after)
    links = (np.ones(len(pairs)), (pairs["left"], pairs["right"] + len(before)))
    _, groups = connected_components(coo_matrix(links, shape=(count, count)), directed=False)
    for members in pd.Series(np.arange(count)).groupby(groups):
        places = members[1].to_numpy()
        yield [int(p) for p in places if p < len(before)], [int(p) - len(before) for p in places if p >= len(before)]


def _union(frame: gpd.GeoDataFrame, places: list[int]) -> shapely.Geometry:
    return frame.geometry.iloc[places[0]] if len(places) == 1 else shapely.union_all(frame.geometry.values[places])


def _kind(old: int, new: int, was: float, now: float, tolerance: float) -> str:
    if old == 1 and new == 1:
        share = (now - was) / was
        return "grown" if share > tolerance else "shrunk" if share < -tolerance else "unchanged"
    if not old or not new:
        return "vanished" if old else "appeared"
    return "split" if old == 1 else "merged" if new == 1 else "rearranged"
