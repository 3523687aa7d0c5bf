"""Merge several inventories into one: every landform once, with the attributes of all its sources.

The first source is taken as it is. An outline of a later source is the same landform as a record when

- their IoU reaches match_iou, or
- it lies mostly inside the record, as a part of a known landform, or
- the record lies mostly inside it, and all records that do so have together an IoU of match_iou with it.

It then adds its attributes to every record it matches and is no record of its own. An outline without a match is a new
record. So a detection that covers two known landforms leaves two records, and two detections inside one known landform
leave one. A detection that covers a small landform and much other ground does not match it.
"""

from __future__ import annotations

from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.inventory.attributes import INTERPRETATION, MEASUREMENTS, PROVENANCE, REVIEW
from lobate.inventory.overlap import overlaps
from lobate.io.origin import REVIEWED

MOSTLY = 0.5
"""An outline lies mostly inside another when more than this share of it does."""

OUTLINE_COLUMNS = [attribute.name for attribute in (*MEASUREMENTS, *PROVENANCE)]
FILLED_COLUMNS = [attribute.name for attribute in (*INTERPRETATION, *REVIEW)]
"""Attributes taken from the outline that stands, and attributes filled from all matches."""
STATUS_RANK = {"edited": 0, "accepted": 1}

OutlineChoice = Literal["other", "detection", "edited"]
"""Source of the outline of a landform that another inventory and the detections know: the setting inventory.outline."""

ONLY_SOURCE = "no other source knows it"
EARLIER_SOURCE = "stands before the later inventories'"
SEVERAL_MATCHES = "where one outline meets several, the other inventory's stands"
BY_SETTING = "by the setting inventory.outline: {}"


def as_records(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the described outlines of one source as records, with the columns that name sources and methods."""
    return frame.assign(
        outline_from=frame["source"],
        outline_why=ONLY_SOURCE,
        sources=frame["source"] + ":" + frame["source_id"],
        methods=frame["method"],
        match_iou=np.full(len(frame), np.nan),
    )


def add_source(
    records: gpd.GeoDataFrame, later: gpd.GeoDataFrame, match_iou: float, outline: OutlineChoice
) -> gpd.GeoDataFrame:
    """Return the records with the outlines of one more source; the detections come last.

    ``outline`` chooses the outline of a landform that the records and the detections share.
    """
    pairs = match_records(records, later, match_iou)
    joined = records.reset_index(drop=True)
    if len(pairs):
        matched = later.iloc[pairs["right"]].reset_index(drop=True).assign(left=pairs["left"], iou=pairs["iou"])
        _fill_attributes(joined, matched)
        _choose_outlines(joined, matched, pairs, outline)
    new = as_records(later.drop(index=later.index[pairs["right"].unique()]))
    parts = [part for part in (joined, new) if len(part)]
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=records.crs) if parts else joined


def match_records(records: gpd.GeoDataFrame, later: gpd.GeoDataFrame, match_iou: float) -> pd.DataFrame:
    """Return the pairs (see ``overlaps``) of a record and an outline that are one landform."""
    pairs = overlaps(records.geometry, later.geometry)
    swallowed = pairs["left_share"] > MOSTLY
    iou_together = {
        position: _iou(shapely.union_all(records.geometry.values[group["left"]]), later.geometry.iloc[position])
        for position, group in pairs[swallowed].groupby("right")
    }
    covered = swallowed & (pairs["right"].map(iou_together) >= match_iou)
    same = (pairs["iou"] >= match_iou) | (pairs["right_share"] > MOSTLY) | covered
    return pairs[same].reset_index(drop=True)


def _iou(left: shapely.Geometry, right: shapely.Geometry) -> float:
    return left.intersection(right).area / left.union(right).area


def drop_duplicates(frame: gpd.GeoDataFrame, match_iou: float) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return the detections without repeats of the same ground, and the repeated ones with ``reason``.

    Edited outlines rank before accepted ones, and these before the rest; among equals the higher confidence wins.
    """
    frame = frame.reset_index(drop=True)
    order = frame.assign(rank=frame["status"].map(STATUS_RANK).fillna(2)).sort_values(
        ["rank", "confidence", "source_id"], ascending=[True, False, True]
    )
    pairs = overlaps(frame.geometry, frame.geometry)
    same = pairs[(pairs["left"] != pairs["right"]) & (pairs["iou"] >= match_iou)].groupby("left")["right"].agg(list)
    kept: set[int] = set()
    for position in order.index:
        if kept.isdisjoint(same.get(position, [])):
            kept.add(position)
    stands = frame.index.isin(sorted(kept))
    repeated = frame[~stands].assign(reason="the same ground as another detection")
    return frame[stands].reset_index(drop=True), repeated


def method_name(methods: str, several: bool) -> str:
    """Return the method of a record: "both" for the detections and the only other inventory, else all methods by name."""
    names = list(dict.fromkeys(methods.split(";")))
    return "both" if len(names) == 2 and not several else " and ".join(names)


def _fill_attributes(records: gpd.GeoDataFrame, matched: gpd.GeoDataFrame) -> None:
    """Fill missing attributes of records from their matches (``left``: the record, ``iou``), largest area first.

    ``status`` from the review always wins.
    """
    groups = matched.sort_values(["left", "area_km2"], ascending=[True, False], kind="stable").groupby("left")
    rows = np.array(list(groups.groups))
    reviewed = groups["source"].agg(lambda names: (names == REVIEWED).any()).to_numpy()
    for column in FILLED_COLUMNS:
        values, current = groups[column].first().to_numpy(), records.loc[rows, column].to_numpy()
        filled = pd.notna(values) & (pd.isna(current) | (reviewed if column == "status" else False))
        records.loc[rows[filled], column] = values[filled]
    names = matched["source"] + ":" + matched["source_id"]
    for column, texts in (("sources", names), ("methods", matched["method"])):
        added = groups["left"].agg(lambda group, texts=texts: ";".join(texts[group.index])).to_numpy()
        records.loc[rows, column] = records.loc[rows, column].to_numpy() + ";" + added
    records.loc[rows, "match_iou"] = np.fmax(records.loc[rows, "match_iou"], groups["iou"].max())


def _choose_outlines(
    records: gpd.GeoDataFrame, matched: gpd.GeoDataFrame, pairs: pd.DataFrame, outline: OutlineChoice
) -> None:
    """Choose the outline of each matched record, with the reason; the later one stands only in matches of two."""
    detected = matched["source"] == REVIEWED
    alone = ~pairs["left"].duplicated(keep=False) & ~pairs["right"].duplicated(keep=False)
    wanted = detected & ((outline == "detection") | ((outline == "edited") & (matched["status"] == "edited")))
    flags = pd.DataFrame({"left": pairs["left"], "detected": detected, "uneven": wanted & ~alone}).groupby("left").any()
    by_setting = np.where(flags["detected"], BY_SETTING.format(outline), EARLIER_SOURCE)
    records.loc[flags.index, "outline_why"] = np.where(flags["uneven"], SEVERAL_MATCHES, by_setting)
    chosen = matched[wanted & alone]
    for column in [*OUTLINE_COLUMNS, "geometry"]:
        records.loc[chosen["left"], column] = chosen[column].to_numpy()
    records.loc[chosen["left"], "outline_from"] = chosen["source"].to_numpy()
