"""Several inventories as one: every landform once, with all that its sources know of it.

The first source is taken as it is. An outline of a later source is the same landform as a record when

- their IoU reaches match_iou, or
- it lies mostly inside the record: a part of what is known, or
- the record lies mostly inside it, and all records that do so have together an IoU of match_iou with it.

It then adds its knowledge to every record it matches and is no record of its own; what matches nothing is a new record. So
a detection that covers two known landforms leaves two, two detections inside one known landform leave one, and one that
swallows a small landform with much other ground does not pass for it.
"""

from __future__ import annotations

from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.inventory.attributes import MEASUREMENTS, INTERPRETATION, REVIEW, PROVENANCE
from lobate.inventory.overlap import overlaps
from lobate.inventory.sources import REVIEWED

MOSTLY = 0.5
"""An outline lies mostly inside another when more than this share of it does."""

OUTLINE_COLUMNS = [one.name for one in (*MEASUREMENTS, *PROVENANCE)]
FILLED_COLUMNS = [one.name for one in (*INTERPRETATION, *REVIEW)]
STATUS_RANK = {"edited": 0, "accepted": 1}

OutlineChoice = Literal["other", "detection", "edited"]
"""Whose outline stands where another inventory and the detections know a landform: see the setting inventory.outline."""

ONLY_SOURCE = "no other source knows it"
EARLIER_SOURCE = "stands before the later inventories'"
SEVERAL_MATCHES = "where one outline meets several, the other inventory's stands"
BY_SETTING = "by the setting inventory.outline: {}"


def as_records(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return described outlines of one source as records, with ``outline_from`` and its kin."""
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
    """Add the outlines of one more source to the records.

    ``outline`` says whose stands where the detections, which come last, and the records know a landform.
    """
    pairs = match_records(records, later, match_iou)
    joined = records.reset_index(drop=True)
    if len(pairs):
        found = later.iloc[pairs["right"]].reset_index(drop=True).assign(left=pairs["left"], iou=pairs["iou"])
        _learn(joined, found)
        _decide(joined, found, pairs, outline)
    new = as_records(later.drop(index=later.index[pairs["right"].unique()]))
    parts = [part for part in (joined, new) if len(part)]
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=records.crs) if parts else joined


def match_records(records: gpd.GeoDataFrame, later: gpd.GeoDataFrame, match_iou: float) -> pd.DataFrame:
    """Pairs (see ``overlaps``) of a record and an outline that are one landform."""
    pairs = overlaps(records.geometry, later.geometry)
    swallowed = pairs["left_share"] > MOSTLY
    whole = {
        one: _iou(shapely.union_all(records.geometry.values[group["left"]]), later.geometry.iloc[one])
        for one, group in pairs[swallowed].groupby("right")
    }
    covered = swallowed & (pairs["right"].map(whole) >= match_iou)
    same = (pairs["iou"] >= match_iou) | (pairs["right_share"] > MOSTLY) | covered
    return pairs[same].reset_index(drop=True)


def _iou(one: shapely.Geometry, other: shapely.Geometry) -> float:
    return one.intersection(other).area / one.union(other).area


def drop_duplicates(frame: gpd.GeoDataFrame, match_iou: float) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return detections of which no two are the same ground, and the repeated ones with ``reason``.

    What a person edited stands before what was accepted, and that before the rest; then the surer one.
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
    """Name the method of a record: both, where the detections and the only other inventory know it, else all by name."""
    names = list(dict.fromkeys(methods.split(";")))
    return "both" if len(names) == 2 and not several else " and ".join(names)


def _learn(records: gpd.GeoDataFrame, found: gpd.GeoDataFrame) -> None:
    """Put into records what their matches (``left``: the record; ``iou``) know and they do not; the review's word goes over.

    Of several matches the greatest speaks first.
    """
    groups = found.sort_values(["left", "area_km2"], ascending=[True, False], kind="stable").groupby("left")
    rows = np.array(list(groups.groups))
    reviewed = groups["source"].agg(lambda names: (names == REVIEWED).any()).to_numpy()
    for column in FILLED_COLUMNS:
        told, known = groups[column].first().to_numpy(), records.loc[rows, column].to_numpy()
        takes = pd.notna(told) & (pd.isna(known) | (reviewed if column == "status" else False))
        records.loc[rows[takes], column] = told[takes]
    names = found["source"] + ":" + found["source_id"]
    for column, more in (("sources", names), ("methods", found["method"])):
        added = groups["left"].agg(lambda one, more=more: ";".join(more[one.index])).to_numpy()
        records.loc[rows, column] = records.loc[rows, column].to_numpy() + ";" + added
    records.loc[rows, "match_iou"] = np.fmax(records.loc[rows, "match_iou"], groups["iou"].max())


def _decide(records: gpd.GeoDataFrame, found: gpd.GeoDataFrame, pairs: pd.DataFrame, outline: OutlineChoice) -> None:
    """Let one outline of each match stand, and say why; the later one only where just the two of them match."""
    detected = found["source"] == REVIEWED
    alone = ~pairs["left"].duplicated(keep=False) & ~pairs["right"].duplicated(keep=False)
    wanted = detected & ((outline == "detection") | ((outline == "edited") & (found["status"] == "edited")))
    flags = pd.DataFrame({"left": pairs["left"], "detected": detected, "uneven": wanted & ~alone}).groupby("left").any()
    why = np.where(
        flags["uneven"], SEVERAL_MATCHES, np.where(flags["detected"], BY_SETTING.format(outline), EARLIER_SOURCE)
    )
    records.loc[flags.index, "outline_why"] = why
    theirs = found[wanted & alone]
    for column in [*OUTLINE_COLUMNS, "geometry"]:
        records.loc[theirs["left"], column] = theirs[column].to_numpy()
    records.loc[theirs["left"], "outline_from"] = theirs["source"].to_numpy()
