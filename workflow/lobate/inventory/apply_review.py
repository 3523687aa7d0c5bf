"""The verb `apply-review`: carry a person's decisions over to the detections of the latest model.

Decisions and detections are matched by their outlines, never by row or number, so decisions outlive retraining. Each
decision takes the one detection that fits best. It fits when its outline, or the outline shown to the person, shares an
IoU of at least match_iou with the detection. Then:

- accepted and edited: the outline that the person saw or drew stands, whatever the model draws now;
- rejected: the detection goes to the layer `rejected`. So does any other detection that lies mostly on rejected ground,
  unless it is a small part of that ground: to reject a blob over a whole valley decides nothing about the landforms in it;
- undecided detections that lie mostly inside a standing outline are parts of it and go to `removed`;
- attributes and remarks about a detection that is not decided are its own, and it stays pending;
- decisions that fit no detection any more go to `unmatched`, as do words about an undecided one that does not stand;
  outlines that a person accepted or drew stand all the same;
- where two people disagree nothing is decided: the place goes to `conflicts`, and its detection stays pending.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import geopandas as gpd
import numpy as np
import pandas as pd

from lobate.engine.signature import Input, Output, Setting
from lobate.inventory.decisions import check_place, decisions_view, read_decisions
from lobate.inventory.detections import AREA_RANGE, ATTRIBUTES, DRAWN_PREFIX, REVIEW_FIELDS, read_pending
from lobate.inventory.overlap import one_to_one, overlaps
from lobate.inventory.qgis.result_styles import reviewed_styles
from lobate.inventory.reviewers import Agreement, merge_reviewers
from lobate.io.decisions import CONFIRMED
from lobate.io.jsonfile import write_json
from lobate.io.polygons import share_inside
from lobate.io.qgis.package import add_styles
from lobate.io.vector import geodesic_area_m2, geodesic_perimeter_m, write_layers

log = logging.getLogger(__name__)

MOSTLY = 0.5
"""Share of an undecided detection on decided ground from which on the detection follows that decision."""
MIN_REJECTED_SHARE = 0.1
"""Share of a rejected outline that a detection must at least cover to be rejected with it."""


def apply_review(
    detections: Annotated[Path, Input()],
    reviewed: Annotated[Path, Output()],
    decisions: Annotated[list[Path] | None, Input(view=decisions_view)] = None,
    agreement: Annotated[Path | None, Output()] = None,
    *,
    match_iou: Annotated[float, Setting("inventory.match_iou")] = 0.3,
) -> None:
    """Write the reviewed detections in EPSG:4326; without ``decisions`` all are pending.

    Layers: ``reviewed`` (pending, accepted and edited ones), ``rejected``, ``unmatched`` (decisions, with ``reason`` and
    whether the outline is ``kept``), ``removed`` (with ``reason``) and ``conflicts`` (``about``: the field in dispute,
    ``said``: each person's decision). ``agreement``: JSON with the counts of each file and, for each pair of files, the
    share of equal decisions and Cohen's kappa. Raises UserError for an invalid decisions file; see ``read_decisions``.
    """
    pending = read_pending(detections)
    merged = merge_reviewers(_read_all(decisions or [], pending), match_iou)
    result = apply_decisions(pending, merged.decided, match_iou)
    result.write(reviewed, merged.conflicts)
    result.log_counts()
    _log_agreement(merged)
    if agreement:
        write_json(agreement, merged.facts)


def _read_all(paths: list[Path], detections: gpd.GeoDataFrame) -> dict[str, gpd.GeoDataFrame]:
    """Return the decisions of each file by its name, in the order of ``paths``; two files of one name get numbers."""
    decisions: dict[str, gpd.GeoDataFrame] = {}
    for path in paths:
        frame = read_decisions(path)
        check_place(frame, detections, path)
        namesakes = sum(name.split(" (")[0] == path.name for name in decisions)
        decisions[f"{path.name} ({namesakes + 1})" if namesakes else path.name] = frame
    return decisions


def _log_agreement(merged: Agreement) -> None:
    for pair in merged.facts["pairs"]:
        equal = (
            "none" if pair["both"] == 0 else f"{pair['agree']} of {pair['both']} alike (Cohen's kappa {pair['kappa']})"
        )
        log.info("%s and %s both decided about %d landforms, %s", *pair["files"], pair["both"], equal)
    counts = merged.facts["conflicts"]
    if any(counts.values()):
        conflicts = ", ".join(f"{count} about the {about}" for about, count in counts.items() if count)
        log.warning(
            "people disagree: %s; see the layer conflicts. Disputed detections stay pending, and disputed words empty, until the files agree",
            conflicts,
        )


INSIDE = "lies inside an outline that a person accepted or drew"
ON_REJECTED = "lies on rejected ground"
WORDS_INSIDE = f"said about an undecided detection that {INSIDE}"
WORDS_ALONE = "said about an undecided detection; none fits this outline, or another decision about the ground does"
"""Reasons of the layers `removed` and `unmatched`, and the remark of what is rejected with its ground."""


@dataclass(frozen=True)
class Review:
    """Detections and decisions, each in exactly one layer."""

    reviewed: gpd.GeoDataFrame
    rejected: gpd.GeoDataFrame
    unmatched: gpd.GeoDataFrame
    removed: gpd.GeoDataFrame

    def write(self, path: Path, conflicts: gpd.GeoDataFrame) -> None:
        """Write the four layers, with areas and perimeters of the final outlines, and the conflicts."""
        layers = {
            name: _with_measures(getattr(self, name)) for name in ("reviewed", "rejected", "unmatched", "removed")
        }
        write_layers(path, {**layers, "conflicts": conflicts})
        add_styles(path, reviewed_styles())

    def log_counts(self) -> None:
        """Log the number of detections in each state, and the unmatched decisions."""
        counts = self.reviewed["status"].value_counts()
        log.info(
            "%d pending, %d accepted, %d edited, %d rejected, %d inside another outline",
            *(counts.get(status, 0) for status in ("pending", "accepted", "edited")),
            len(self.rejected),
            len(self.removed),
        )
        told = self.reviewed[self.reviewed["status"] == "pending"][[*ATTRIBUTES, "remark"]].notna().any(axis=1).sum()
        if told:
            log.info("%d pending detections have attributes or a remark", told)
        if len(self.unmatched):
            log.warning("%d decisions fit no detection; they are listed in the layer unmatched", len(self.unmatched))


def apply_decisions(detections: gpd.GeoDataFrame, decisions: gpd.GeoDataFrame, match_iou: float) -> Review:
    """Apply decisions to detections (see ``read_pending``); pending ones give their attributes and remark only."""
    pending = decisions["status"] == "pending"
    words, decisions = decisions[pending], decisions[~pending].reset_index(drop=True)
    pairs = _match(decisions, detections, match_iou)
    matched = _matched(detections, decisions, pairs)
    refused = matched["status"] == "rejected"
    unmatched = _unmatched(decisions, set(pairs["left"]), matched[~refused], match_iou)
    standing = _concat(matched[~refused], _drawn_outlines(unmatched, detections))
    undecided, words_of = _with_words(detections.drop(index=pairs["right"]), words, match_iou)
    inside = share_inside(undecided.geometry.to_numpy(), standing.geometry.to_numpy()) >= MOSTLY
    on_rejected = _pieces_of(decisions.geometry[decisions["status"] == "rejected"], undecided.geometry)
    also_rejected = undecided[on_rejected & ~inside].assign(status="rejected")
    also_rejected["remark"] = [_joined(ON_REJECTED, remark) for remark in also_rejected["remark"]]
    rejected = detections.loc[matched.index[refused]].assign(**_decision_fields(matched[refused]))
    return Review(
        reviewed=_concat(standing, undecided[~inside & ~on_rejected]),
        rejected=_concat(rejected, also_rejected),
        unmatched=_concat_unmatched(unmatched, _words_left(words, words_of, undecided.index[inside])),
        removed=undecided[inside].assign(reason=INSIDE),
    )


def _with_words(
    undecided: gpd.GeoDataFrame, words: gpd.GeoDataFrame, match_iou: float
) -> tuple[gpd.GeoDataFrame, dict[int, int]]:
    """Return undecided detections with what a person said of them, and for each row of ``words`` its detection's index."""
    pairs = _match(words, undecided, match_iou)
    undecided = undecided.copy()
    rows = undecided.index[pairs["right"]]
    for field in REVIEW_FIELDS:
        undecided.loc[rows, field] = words[field].iloc[pairs["left"]].to_numpy()
    return undecided, dict(zip(pairs["left"].tolist(), rows.tolist(), strict=True))


def _words_left(words: gpd.GeoDataFrame, words_of: dict[int, int], inside: pd.Index) -> gpd.GeoDataFrame:
    """Return the words about undecided detections that do not stand, with ``reason``; their outline is never ``kept``."""
    reasons = {
        row: WORDS_INSIDE if row in words_of else WORDS_ALONE
        for row in range(len(words))
        if row not in words_of or words_of[row] in inside
    }
    return words.iloc[list(reasons)].drop(columns="seen").assign(kept=0, reason=list(reasons.values()))


def _concat_unmatched(first: gpd.GeoDataFrame, second: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    parts = [part for part in (first, second) if len(part)]
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=first.crs) if parts else first


def _joined(*texts: str | None) -> str:
    return "; ".join(str(text) for text in texts if not pd.isna(text))


def _match(decisions: gpd.GeoDataFrame, detections: gpd.GeoDataFrame, match_iou: float) -> pd.DataFrame:
    """Pair decisions (``left``) with their detections (``right``), one to one.

    An outline cut down by a person shares little with its detection. Where the file does not hold the outline that was
    shown, it is enough that the edited outline lies mostly inside the detection.
    """
    drawn = overlaps(decisions.geometry, detections.geometry)
    has_seen = decisions["seen"].notna().to_numpy()
    edited_unseen = ((decisions["status"] == "edited") & ~has_seen).to_numpy()
    cut_down = edited_unseen[drawn["left"]] & (drawn["left_share"] >= MOSTLY)
    seen = overlaps(gpd.GeoSeries(decisions["seen"][has_seen], crs=detections.crs), detections.geometry)
    seen["left"] = np.flatnonzero(has_seen)[seen["left"]]
    fits = pd.concat([drawn[(drawn["iou"] >= match_iou) | cut_down], seen[seen["iou"] >= match_iou]])
    return one_to_one(fits.sort_values("iou", ascending=False, kind="stable").drop_duplicates(["left", "right"]))


def _pieces_of(rejected: gpd.GeoSeries, outlines: gpd.GeoSeries) -> np.ndarray:
    """Return which outlines lie mostly on rejected ones and are no small part of them, (n,) bool."""
    shares = overlaps(outlines, rejected)
    large = shares[shares["right_share"] >= MIN_REJECTED_SHARE]
    pieces = np.zeros(len(outlines), dtype=bool)
    for position, rows in large.groupby("left"):
        pieces[position] = (
            share_inside(outlines.to_numpy()[[position]], rejected.to_numpy()[rows["right"]])[0] >= MOSTLY
        )
    return pieces


def _matched(detections: gpd.GeoDataFrame, decisions: gpd.GeoDataFrame, pairs: pd.DataFrame) -> gpd.GeoDataFrame:
    """Return the paired detections, by their own index, with the fields and outlines of their decisions."""
    decided = decisions.iloc[pairs["left"]].set_index(pairs["right"].to_numpy())
    return detections.loc[pairs["right"]].assign(**_decision_fields(decided), geometry=decided.geometry)


def _decision_fields(decisions: gpd.GeoDataFrame) -> dict[str, pd.Series]:
    return {field: decisions[field] for field in ("status", *REVIEW_FIELDS, *AREA_RANGE)}


def _unmatched(
    decisions: gpd.GeoDataFrame, paired: set[int], standing: gpd.GeoDataFrame, match_iou: float
) -> gpd.GeoDataFrame:
    """Return the decisions without a detection, with ``reason`` and whether their outline is ``kept``."""
    unpaired = decisions.drop(index=sorted(paired))
    pairs = overlaps(unpaired.geometry, standing.geometry)
    repeated = unpaired.index.isin(unpaired.index[pairs.loc[pairs["iou"] >= match_iou, "left"]])
    drawn = unpaired["status"].isin(CONFIRMED)
    reason = pd.Series("no detection fits this outline", index=unpaired.index)
    reason[drawn] = "no detection fits this outline; it is kept because a person accepted or drew it"
    reason[repeated] = "another decision about the same ground fits the detection better"
    return unpaired.drop(columns="seen").assign(kept=(drawn & ~repeated).astype(int), reason=reason)


def _drawn_outlines(unmatched: gpd.GeoDataFrame, detections: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the outlines that stand without a detection, with the detections' columns and ids of their own."""
    kept = unmatched[unmatched["kept"] == 1]
    frame = kept.reindex(columns=detections.columns)
    frame["detection"] = [f"{DRAWN_PREFIX}{number:05d}" for number in range(1, len(kept) + 1)]
    return frame


def _concat(first: gpd.GeoDataFrame, second: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return both, ordered by detection; an empty part does not change the column types."""
    parts = [part for part in (first, second) if len(part)]
    if not parts:
        return first
    return gpd.GeoDataFrame(pd.concat(parts).sort_values("detection").reset_index(drop=True), crs=first.crs)


def _with_measures(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return frame.assign(
        area_m2=geodesic_area_m2(frame).round(1).astype(float),
        perimeter_m=geodesic_perimeter_m(frame).round(1).astype(float),
    )
