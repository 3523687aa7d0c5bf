"""Several people's decisions about one region: how far they agree, and what they disagree on.

Decisions of two files are about one landform when their outlines, or the outlines that both were shown, share enough.
Where all agree, their decisions become one; where they do not, nothing is decided until somebody settles it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from lobate.inventory.detections import REVIEW_FIELDS
from lobate.inventory.overlap import one_to_one, overlaps
from lobate.io.decisions import CONFIRMED
from lobate.io.vector import LONLAT

MIN_OUTLINE_IOU = 0.8
"""Two people's outlines of one landform that share less than this IoU are not one outline."""
COMPARED_FIELDS = ("upslope_connection", "activity")
"""Fields in which people may contradict each other."""
COLUMNS = ["geometry", "decision", "status", *REVIEW_FIELDS, "seen"]
DECISIVE = ("status", "outline")
"""What people must agree on for a decision to count."""


@dataclass(frozen=True)
class Agreement:
    """What all files say together: ``decided`` (as ``read_decisions``), ``conflicts`` (outlines with ``about`` and
    ``said``), and ``facts``, plain values."""

    decided: gpd.GeoDataFrame
    conflicts: gpd.GeoDataFrame
    facts: dict[str, Any]


def merge_reviewers(files: dict[str, gpd.GeoDataFrame], match_iou: float) -> Agreement:
    """Bring together the decisions (see ``read_decisions``) of files by their names; pending ones do not count."""
    said = {name: one[one["status"] != "pending"].reset_index(drop=True) for name, one in files.items()}
    groups = _grouped(list(said.values()), match_iou)
    names = list(said)
    conflicts = [_conflict(group, names, about) for group in groups for about in _differences(group)]
    decided = [_merged(group) for group in groups if not set(_differences(group)) & set(DECISIVE)]
    frame = gpd.GeoDataFrame(conflicts, columns=["about", "decision", "said", "geometry"], crs=LONLAT)
    facts = {
        "files": [{"file": name, **_counts(one)} for name, one in said.items()],
        "pairs": [_pair(one, other, said, match_iou) for one, other in combinations(said, 2)],
        "conflicts": {about: int((frame["about"] == about).sum()) for about in (*DECISIVE, *COMPARED_FIELDS)},
    }
    return Agreement(gpd.GeoDataFrame(decided, columns=COLUMNS, crs=LONLAT), frame, facts)


def cohen_kappa(one: np.ndarray, other: np.ndarray) -> float | None:
    """Return Cohen's kappa (1960) of two people's yes and no, both (n,) bool; None where chance alone explains all.

    kappa = (p_o - p_e) / (1 - p_e), with p_o the share they agree on and p_e that expected from how often each says yes.
    """
    if not len(one):
        return None
    expected = one.mean() * other.mean() + (~one).mean() * (~other).mean()
    return None if expected == 1 else round(float(((one == other).mean() - expected) / (1 - expected)), 4)


def match_decisions(one: gpd.GeoDataFrame, other: gpd.GeoDataFrame, match_iou: float) -> pd.DataFrame:
    """Return which decisions (``left``, ``right``: positions) are about one landform, one to one."""
    found = [overlaps(one.geometry, other.geometry)]
    told = [np.flatnonzero(frame["seen"].notna()) for frame in (one, other)]
    seen = [gpd.GeoSeries(frame["seen"].iloc[at], crs=LONLAT) for frame, at in zip((one, other), told, strict=True)]
    shown = overlaps(*seen)
    found.append(shown.assign(left=told[0][shown["left"]], right=told[1][shown["right"]]))
    pairs = pd.concat(found).sort_values("iou", ascending=False, kind="stable").drop_duplicates(["left", "right"])
    return one_to_one(pairs[pairs["iou"] >= match_iou].reset_index(drop=True))


FileDecision = tuple[int, Any]
"""Number of the file and the decision's row."""


def _grouped(files: Sequence[gpd.GeoDataFrame], match_iou: float) -> list[list[FileDecision]]:
    """Return the decisions about each landform, in the order in which the files first name it."""
    groups: list[list[FileDecision]] = []
    for number, frame in enumerate(files):
        firsts = gpd.GeoDataFrame([group[0][1] for group in groups], columns=COLUMNS, crs=LONLAT)
        pairs = match_decisions(firsts, frame, match_iou) if groups else pd.DataFrame({"left": [], "right": []})
        known = dict(zip(pairs["right"], pairs["left"], strict=True))
        for position, row in enumerate(frame.itertuples(index=False)):
            if position in known:
                groups[known[position]].append((number, row))
            else:
                groups.append([(number, row)])
    return groups


def _differences(group: list[FileDecision]) -> list[str]:
    """Return what people disagree on about one landform."""
    rows = [row for _, row in group]
    stands = [row.status in CONFIRMED for row in rows]
    if any(stands) and not all(stands):
        return ["status"]
    outlines = [row.geometry for row in rows]
    apart = all(stands) and any(_iou(one, other) < MIN_OUTLINE_IOU for one, other in combinations(outlines, 2))
    words = [field for field in COMPARED_FIELDS if len({getattr(row, field) for row in rows} - {None}) > 1]
    return [*["outline"] * apart, *words]


def _iou(one: Any, other: Any) -> float:
    common = one.intersection(other).area
    return common / (one.area + other.area - common)


def _merged(group: list[FileDecision]) -> dict[str, Any]:
    """Return one decision for all: an edited outline before an accepted one, then the first file's."""
    rows = [row for _, row in group]
    chosen = next((row for row in rows if row.status == "edited"), rows[0])._asdict()
    fields = {field: {word for row in rows if not pd.isna(word := getattr(row, field))} for field in COMPARED_FIELDS}
    same = {field: next(iter(words)) if len(words) == 1 else None for field, words in fields.items()}
    return {**chosen, **same, **{field: _listed(rows, field) for field in ("reviewer", "remark")}}


def _listed(rows: list[Any], field: str) -> str | None:
    return "; ".join(dict.fromkeys(str(text) for row in rows if not pd.isna(text := getattr(row, field)))) or None


def _conflict(group: list[FileDecision], names: list[str], about: str) -> dict[str, Any]:
    field = "status" if about == "outline" else about
    said = [f"{getattr(row, field)} by {row.reviewer or names[number]} ({names[number]})" for number, row in group]
    first = group[0][1]
    return {"about": about, "decision": first.decision, "said": "; ".join(said), "geometry": first.geometry}


def _counts(said: gpd.GeoDataFrame) -> dict[str, int]:
    return {status: int((said["status"] == status).sum()) for status in (*CONFIRMED, "rejected")}


def _pair(one: str, other: str, said: dict[str, gpd.GeoDataFrame], match_iou: float) -> dict[str, Any]:
    pairs = match_decisions(said[one], said[other], match_iou)
    yes = [
        said[name]["status"].isin(CONFIRMED).to_numpy()[pairs[side].to_numpy(dtype=int)]
        for name, side in ((one, "left"), (other, "right"))
    ]
    agree = int((yes[0] == yes[1]).sum())
    share = round(agree / len(pairs), 4) if len(pairs) else None
    return {"files": [one, other], "both": len(pairs), "agree": agree, "share": share, "kappa": cohen_kappa(*yes)}
