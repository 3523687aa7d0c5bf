"""Decisions of several people about one region: their agreement, and their conflicts.

Decisions of two files are about one landform when their outlines, or the outlines shown to both, reach match_iou. Where
all agree, their decisions become one. Where they do not, nothing is decided until somebody settles it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from lobate.inventory.decisions import says_something
from lobate.inventory.detections import AREA_RANGE, ATTRIBUTES, REVIEW_FIELDS
from lobate.inventory.overlap import one_to_one, overlaps
from lobate.io.decisions import CONFIRMED
from lobate.io.vector import LONLAT, geodesic_area_m2

MIN_OUTLINE_IOU = 0.8
"""Two people's outlines of one landform with an IoU below this are in conflict."""
COMPARED_FIELDS = ATTRIBUTES
"""Fields of a decision that are compared."""
COLUMNS = ["geometry", "decision", "status", *REVIEW_FIELDS, "seen"]
OF_PEOPLE = "the outlines of {} people"
DECISIVE = ("status", "outline")
"""Conflicts that leave the detection undecided."""


@dataclass(frozen=True)
class Agreement:
    """The result of a merge: ``decided`` (as ``read_decisions``), ``conflicts`` and ``facts``.

    ``conflicts`` are outlines with ``about``, the field in conflict, and ``said``, each person's decision; ``facts`` are
    plain values for JSON.
    """

    decided: gpd.GeoDataFrame
    conflicts: gpd.GeoDataFrame
    facts: dict[str, Any]


def merge_reviewers(files: dict[str, gpd.GeoDataFrame], match_iou: float) -> Agreement:
    """Merge the decisions (see ``read_decisions``) of files, by their names.

    Pending ones count for their attributes and remark only. A place in dispute is pending too, with what all say of it.
    """
    decisions = {name: frame[says_something(frame)].reset_index(drop=True) for name, frame in files.items()}
    groups = _group_by_landform(list(decisions.values()), match_iou)
    names = list(decisions)
    rows = [_conflict(group, names, about) for group in groups for about in _differences(group)]
    decided = [_merge(group, disputed=bool(set(_differences(group)) & set(DECISIVE))) for group in groups]
    conflicts = gpd.GeoDataFrame(rows, columns=["about", "decision", "said", "geometry"], crs=LONLAT)
    facts = {
        "files": [{"file": name, **_counts(frame)} for name, frame in decisions.items()],
        "pairs": [_pair_statistics(pair, decisions, match_iou) for pair in combinations(decisions, 2)],
        "conflicts": {about: int((conflicts["about"] == about).sum()) for about in (*DECISIVE, *COMPARED_FIELDS)},
    }
    merged = gpd.GeoDataFrame(decided, columns=[*COLUMNS, *AREA_RANGE], crs=LONLAT)
    return Agreement(merged[says_something(merged)].reset_index(drop=True), conflicts, facts)


def cohen_kappa(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return Cohen's kappa (1960) of two people's yes and no, both (n,) bool; None where chance alone explains all.

    kappa = (p_o - p_e) / (1 - p_e), with p_o the share of equal answers and p_e the share expected by chance.
    """
    if not len(first):
        return None
    expected = first.mean() * second.mean() + (~first).mean() * (~second).mean()
    return None if expected == 1 else round(float(((first == second).mean() - expected) / (1 - expected)), 4)


def match_decisions(left: gpd.GeoDataFrame, right: gpd.GeoDataFrame, match_iou: float) -> pd.DataFrame:
    """Return which decisions (``left``, ``right``: positions) are about one landform, one to one."""
    has_seen = [np.flatnonzero(frame["seen"].notna()) for frame in (left, right)]
    shown = [
        gpd.GeoSeries(frame["seen"].iloc[rows], crs=LONLAT) for frame, rows in zip((left, right), has_seen, strict=True)
    ]
    by_shown = overlaps(*shown)
    by_shown = by_shown.assign(left=has_seen[0][by_shown["left"]], right=has_seen[1][by_shown["right"]])
    pairs = pd.concat([overlaps(left.geometry, right.geometry), by_shown])
    pairs = pairs.sort_values("iou", ascending=False, kind="stable").drop_duplicates(["left", "right"])
    return one_to_one(pairs[pairs["iou"] >= match_iou].reset_index(drop=True))


FileDecision = tuple[int, Any]
"""Number of the file and the decision's row."""


def _group_by_landform(files: Sequence[gpd.GeoDataFrame], match_iou: float) -> list[list[FileDecision]]:
    """Return the decisions about each landform, in the order of their first decision."""
    groups: list[list[FileDecision]] = []
    for number, frame in enumerate(files):
        firsts = gpd.GeoDataFrame([group[0][1] for group in groups], columns=COLUMNS, crs=LONLAT)
        pairs = match_decisions(firsts, frame, match_iou) if groups else pd.DataFrame({"left": [], "right": []})
        group_of = dict(zip(pairs["right"], pairs["left"], strict=True))
        for position, row in enumerate(frame.itertuples(index=False)):
            if position in group_of:
                groups[group_of[position]].append((number, row))
            else:
                groups.append([(number, row)])
    return groups


def _differences(group: list[FileDecision]) -> list[str]:
    return differences([row for _, row in group])


def differences(rows: Sequence[Any]) -> list[str]:
    """Return the fields in conflict among decisions about one landform: objects with ``status``, ``geometry`` and the fields."""
    decided = [row for row in rows if row.status != "pending"]
    stands = [row.status in CONFIRMED for row in decided]
    status = ["status"] * (any(stands) and not all(stands))
    outlines = [row.geometry for row in decided]
    apart = all(stands) and any(iou(*pair) < MIN_OUTLINE_IOU for pair in combinations(outlines, 2))
    fields = [field for field in COMPARED_FIELDS if len(_words(rows, field)) > 1]
    return [*status, *["outline"] * apart, *fields]


def iou(left: Any, right: Any) -> float:
    """Return the intersection of two outlines over their union."""
    common = left.intersection(right).area
    return common / (left.area + right.area - common)


def _merge(group: list[FileDecision], disputed: bool) -> dict[str, Any]:
    """Return one decision for all: an edited outline before an accepted one, then the first file's; a dispute is pending.

    Where several people drew the outline, the range of its area is that of theirs.
    """
    rows = [row for _, row in group]
    decided = [row for row in rows if row.status != "pending"]
    base = next((row for row in decided if row.status == "edited"), (decided or rows)[0])._asdict()
    if disputed:
        base["status"] = "pending"
    words = {field: _words(rows, field) for field in COMPARED_FIELDS}
    agreed = {field: next(iter(values)) if len(values) == 1 else None for field, values in words.items()}
    return {
        **base,
        **agreed,
        **{field: _join_texts(rows, field) for field in ("reviewer", "remark")},
        **_area_range([] if disputed else rows),
    }


def _area_range(rows: list[Any]) -> dict[str, Any]:
    drawn = [row.geometry for row in rows if row.status == "edited"]
    if len(drawn) < 2:
        return dict(zip(AREA_RANGE, (np.nan, np.nan, None), strict=True))
    areas = geodesic_area_m2(gpd.GeoSeries(drawn, crs=LONLAT)) / 1e6
    return dict(zip(AREA_RANGE, (float(areas.min()), float(areas.max()), OF_PEOPLE.format(len(drawn))), strict=True))


def _join_texts(rows: list[Any], field: str) -> str | None:
    return "; ".join(dict.fromkeys(str(text) for row in rows if not pd.isna(text := getattr(row, field)))) or None


def _conflict(group: list[FileDecision], names: list[str], about: str) -> dict[str, Any]:
    field = "status" if about == "outline" else about
    said = [(number, row) for number, row in group if _says(row, field)]
    texts = [f"{getattr(row, field)} by {row.reviewer or names[number]} ({names[number]})" for number, row in said]
    first = group[0][1]
    return {"about": about, "decision": first.decision, "said": "; ".join(texts), "geometry": first.geometry}


def _words(rows: Sequence[Any], field: str) -> set[str]:
    return {word for row in rows if not pd.isna(word := getattr(row, field))}


def _says(row: Any, field: str) -> bool:
    word = getattr(row, field)
    return not pd.isna(word) and (field, word) != ("status", "pending")


def _counts(decisions: gpd.GeoDataFrame) -> dict[str, int]:
    return {status: int((decisions["status"] == status).sum()) for status in (*CONFIRMED, "rejected")}


def _pair_statistics(
    names: tuple[str, str], decisions: dict[str, gpd.GeoDataFrame], match_iou: float
) -> dict[str, Any]:
    first, second = (frame[frame["status"] != "pending"] for frame in (decisions[name] for name in names))
    pairs = match_decisions(first, second, match_iou)
    yes = [
        frame["status"].isin(CONFIRMED).to_numpy()[pairs[side].to_numpy(dtype=int)]
        for frame, side in ((first, "left"), (second, "right"))
    ]
    agree = int((yes[0] == yes[1]).sum())
    share = round(agree / len(pairs), 4) if len(pairs) else None
    return {"files": [*names], "both": len(pairs), "agree": agree, "share": share, "kappa": cohen_kappa(*yes)}
