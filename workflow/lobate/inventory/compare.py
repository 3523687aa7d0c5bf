"""Changes between two inventories, of two years or of two models.

Outlines of the two belong together when their IoU reaches match_iou, or when one of them lies mostly inside the other. All
outlines linked so, directly or through others, are one change; each outline stands in exactly one. Areas are geodesic (WGS84).

An inventory of lobate says which ground was mapped, in its layer `ground`. A landform in one file alone has appeared or
vanished only if it lies on the ground of the other file, half or more of it. Else the other file cannot know it.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from lobate.errors import UserError
from lobate.inventory.mapped_ground import ON_GROUND, mapped_share
from lobate.inventory.overlap import linked_groups, overlaps
from lobate.inventory.sources import repair_outlines
from lobate.io.antimeridian import to_lonlat
from lobate.io.atomic import atomic_write
from lobate.io.features import read_drawn
from lobate.io.spreadsheet import escape_cells
from lobate.io.text_encoding import codec_of
from lobate.io.values import as_text, column, field_names
from lobate.io.vector import LONLAT, geodesic_area_m2, layer_types, write_layers

log = logging.getLogger(__name__)

CHANGES = ("appeared", "vanished", "grown", "shrunk", "unchanged", "split", "merged", "rearranged")
"""Outlines after and before: one and none, none and one, one and one (three kinds, by area), several and one, one and several,
several and several."""
UNMAPPED = ("unmapped_before", "unmapped_after")
"""In one file alone, on ground that the earlier, or the later, file did not map: no change is known."""
KINDS = (*CHANGES, *UNMAPPED)

OWN_LAYERS = ("inventory", "reviewed", "described", "kept", "detections", "review", "hits", "GO")
"""Layers of outlines in the files of lobate, beside others: inventory, reviewed and described detections, detections, labels."""
OWN_IDS = ("id", "detection", "polygon", "source_id", "PrimaryID")
"""Their fields of identifiers."""

MOSTLY = 0.5
"""An outline lies mostly inside another when more than this share of it does."""


NAME_ENCODING = "Name the encoding with --before-encoding or --after-encoding, for instance GBK or CP1251"


def read_inventory(
    path: Path, layer: str | None = None, id_field: str | None = None, encoding: str | None = None
) -> gpd.GeoDataFrame:
    """Read outlines in EPSG:4326 with ``source_id``; of a file of lobate, its layer of outlines and their ids.

    Of cleaned labels, the positive ones count. Without ids, the features' own numbers stand for them. Raises UserError for a file without a CRS, for empty or repeated
    ids, and for text in an encoding that nothing names.
    """
    if encoding and codec_of(encoding) is None:
        raise UserError(f"{encoding} is no encoding. {NAME_ENCODING}.")
    frame = read_drawn(path, layer or _inventory_layer(path), encoding=encoding, remedy=NAME_ENCODING)
    if {"polygon", "class"} <= {*frame.columns}:  # cleaned labels
        frame = frame[frame["class"] == "positive"]
    ids = _ids(frame, path, id_field)
    known = ids[ids != ""]
    if len(known) < len(ids) or known.duplicated().any():
        wrong = len(ids) - len(known) + int(known.duplicated().sum())
        raise UserError(
            f"{path}: {wrong} outlines have no {id_field or 'id'}, or share it with another outline. Make them unique, or name "
            "another field."
        )
    outlines = gpd.GeoDataFrame({"source_id": ids.to_numpy()}, geometry=frame.geometry.values, crs=frame.crs)
    valid, removed = repair_outlines(to_lonlat(outlines))
    if len(removed):
        log.warning("%s: %d features without area are left out of the comparison", path, len(removed))
    return valid.sort_values("source_id", kind="stable").reset_index(drop=True)


def _ids(frame: gpd.GeoDataFrame, path: Path, id_field: str | None) -> pd.Series:
    """Return the texts of the id field; the features' numbers where nobody named a field and it is empty.

    By default it is ``id``, or that of lobate's own files.
    """
    values = next(
        (found for name in ([id_field] if id_field else OWN_IDS) if (found := column(frame, name)) is not None), None
    )
    if id_field and values is None:
        raise UserError(f"{path} has no field {id_field}; it has {', '.join(field_names(frame))}. Name one of these.")
    ids = pd.Series("", index=frame.index, dtype=object) if values is None else values.map(as_text).astype(object)
    if not id_field and (ids == "").all():
        return frame.index.to_series().map(str).astype(object)
    return ids


def compare_inventories(
    before: gpd.GeoDataFrame,
    after: gpd.GeoDataFrame,
    *,
    match_iou: float = 0.3,
    tolerance: float = 0.1,
    grounds: tuple[gpd.GeoSeries | None, gpd.GeoSeries | None] = (None, None),
) -> gpd.GeoDataFrame:
    """Return one row for each change, ordered by kind and ids, with areas in km2 and IoU.

    The columns ``before`` and ``after`` hold ids, separated by semicolons. The geometry is the later outline, or the
    vanished one. A single outline has grown or shrunk when its area changed by more than ``tolerance`` of the area before.

    ``grounds``: the mapped ground of both inventories (``read_ground``), None where it is not known. ``mapped_before`` and
    ``mapped_after`` are the shares of the outlines, before and after together, on it. Rows of kind ``UNMAPPED`` have no change of area.
    """
    groups = list(_linked_groups(before, after, match_iou))
    old, new = (
        np.array([_union(frame, group[side]) for group in groups], dtype=object)
        for side, frame in enumerate((before, after))
    )
    common = shapely.area(shapely.intersection(old, new))
    area_before, area_after, gained, lost = (
        geodesic_area_m2(gpd.GeoSeries(outlines, crs=LONLAT)) / 1e6
        for outlines in (old, new, shapely.difference(new, old), shapely.difference(old, new))
    )
    table = gpd.GeoDataFrame(
        {
            "kind": [
                _kind(len(left), len(right), *areas, tolerance)
                for (left, right), areas in zip(groups, zip(area_before, area_after, strict=True), strict=True)
            ],
            "before": [";".join(before["source_id"].iloc[positions]) or None for positions, _ in groups],
            "after": [";".join(after["source_id"].iloc[positions]) or None for _, positions in groups],
            "area_before_km2": area_before.round(6),
            "area_after_km2": area_after.round(6),
            "change_km2": (area_after - area_before).round(6),
            "gained_km2": gained.round(6),
            "lost_km2": lost.round(6),
            "iou": (common / (shapely.area(old) + shapely.area(new) - common)).round(4),
        },
        geometry=np.where(shapely.is_empty(new), old, new),
        crs=LONLAT,
    )
    table = _with_mapped_shares(table, gpd.GeoSeries(shapely.union(old, new), crs=LONLAT), grounds)
    rank = table["kind"].map(KINDS.index)
    return table.assign(rank=rank).sort_values(["rank", "before", "after"]).drop(columns="rank").reset_index(drop=True)


def _with_mapped_shares(
    table: gpd.GeoDataFrame, outlines: gpd.GeoSeries, grounds: tuple[gpd.GeoSeries | None, gpd.GeoSeries | None]
) -> gpd.GeoDataFrame:
    """Return the changes with the shares of their ``outlines`` on both grounds, and kinds that heed them."""
    sides = zip(("mapped_before", "mapped_after"), ("appeared", "vanished"), UNMAPPED, grounds, strict=True)
    for name, alone, unmapped, ground in sides:
        table[name] = np.nan if ground is None else mapped_share(outlines, ground)
        unknown = (table["kind"] == alone) & (table[name] < ON_GROUND)
        table.loc[unknown, "kind"] = unmapped
        table.loc[unknown, ["change_km2", "gained_km2", "lost_km2"]] = np.nan
    return table


def write_changes(changes: gpd.GeoDataFrame, out: Path) -> None:
    """Write a GeoPackage with a layer for each kind, also empty ones, and the same rows as a CSV table beside it."""
    if out.suffix.lower() != ".gpkg":
        raise UserError(
            f"The changes are written as a GeoPackage, but {out} does not end in .gpkg. Give a name that does."
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(out, out.with_name(f"{out.name}.new.gpkg")) as new:
        write_layers(new, {kind: changes[changes["kind"] == kind].reset_index(drop=True) for kind in KINDS})
    escape_cells(pd.DataFrame(changes.drop(columns="geometry"))).to_csv(
        out.with_suffix(".csv"), index=False, lineterminator="\n", encoding="utf-8", quoting=csv.QUOTE_MINIMAL
    )


def change_summary(changes: gpd.GeoDataFrame) -> str:
    """Return a table of counts and areas as text, a line for each kind; those without a known change stand below the sum."""
    known = changes[changes["kind"].isin(CHANGES)]
    head = f"{'':16}{'number':>8}{'before km2':>12}{'after km2':>12}{'change km2':>12}"
    rows = [_summary_line(kind, changes[changes["kind"] == kind]) for kind in CHANGES]
    outside = [_summary_line(kind, changes[changes["kind"] == kind]) for kind in UNMAPPED]
    return "\n".join([head, *rows, _summary_line("all", known), *outside]) + "\n"


def ground_notes(names: Sequence[str], grounds: Sequence[gpd.GeoSeries | None]) -> list[str]:
    """Return a sentence for each of the two files that does not say which ground was mapped."""
    return [
        f"{names[side]} does not say which ground was mapped (it has no layer ground): landforms that only {names[1 - side]} has may lie "
        f"where {names[side]} never looked."
        for side in (0, 1)
        if grounds[side] is None
    ]


def _summary_line(name: str, rows: gpd.GeoDataFrame) -> str:
    sums = rows[["area_before_km2", "area_after_km2", "change_km2"]].sum()
    return f"{name:16}{len(rows):8}" + "".join(f"{area:12.4f}" for area in sums)


def _inventory_layer(path: Path) -> str | None:
    """Return the layer of outlines in a file of lobate; None for other files, which have one layer or need --before-layer."""
    try:
        names = layer_types(path)
    except (pyogrio.errors.DataSourceError, RuntimeError):
        return None  # read_polygons raises a clear error for this file
    return next((layer for layer in OWN_LAYERS if layer in names), None)


def _linked_groups(
    before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, match_iou: float
) -> Iterator[tuple[list[int], list[int]]]:
    """Return the positions, before and after, of each group of outlines that belong together."""
    pairs = overlaps(before.geometry, after.geometry)
    pairs = pairs[(pairs["iou"] >= match_iou) | (pairs["left_share"] > MOSTLY) | (pairs["right_share"] > MOSTLY)]
    return linked_groups(pairs, len(before), len(after))


def _union(frame: gpd.GeoDataFrame, positions: list[int]) -> shapely.Geometry:
    if len(positions) == 1:
        return frame.geometry.iloc[positions[0]]
    return shapely.union_all(frame.geometry.values[positions])


def _kind(count_before: int, count_after: int, area_before: float, area_after: float, tolerance: float) -> str:
    if count_before == 1 and count_after == 1:
        growth = (area_after - area_before) / area_before
        return "grown" if growth > tolerance else "shrunk" if growth < -tolerance else "unchanged"
    if not count_before or not count_after:
        return "vanished" if count_before else "appeared"
    return "split" if count_before == 1 else "merged" if count_after == 1 else "rearranged"
