"""The verb `apply-review`: a person's decisions carried over to the detections of the latest model.

Decisions and detections are matched by their outlines, never by row or number, so decisions outlive retraining. Each
decision takes the one detection that fits best: its outline, or the one the person was shown, shares an IoU of at least
match_iou with it. Then:

- accepted and edited: the outline that the person saw or drew stands, whatever the model draws now;
- rejected: the detection goes to the layer `rejected`, and so does any other that lies mostly on rejected ground, unless
  it is a small part of it: who rejects a blob over a whole valley says nothing of the landforms in that valley;
- undecided detections that lie mostly inside a standing outline are parts of it and go to `removed`;
- decisions that fit no detection any more are listed in `unmatched`; outlines that a person accepted or drew stand all
  the same;
- where two people disagree nothing is decided: the place is listed in `conflicts`, its detection stays pending.
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
from lobate.inventory.decisions import check_place, read_decisions
from lobate.inventory.detections import DRAWN_PREFIX, REVIEW_FIELDS, read_pending
from lobate.inventory.overlap import one_to_one, overlaps, share_inside
from lobate.inventory.reviewers import Agreement, merge_reviewers
from lobate.io.decisions import STANDING
from lobate.io.jsonfile import write_json
from lobate.io.vector import geodesic_area_m2, geodesic_perimeter_m, write_layers

log = logging.getLogger(__name__)

MOSTLY = 0.5
"""Share of an undecided detection that must lie on decided ground to go with it."""
MIN_REJECTED_SHARE = 0.1
"""Share of a rejected outline that a detection must cover to be rejected with it."""


def apply_review(
    detections: Annotated[Path, Input()],
    reviewed: Annotated[Path, Output()],
    decisions: Annotated[list[Path] | None, Input()] = None,
    agreement: Annotated[Path | None, Output()] = None,
    *,
    match_iou: Annotated[float, Setting("inventory.match_iou")] = 0.3,
) -> None:
    """Write the detections as people left them, in EPSG:4326; without ``decisions`` all are pending.

    Layers: ``reviewed`` (pending, accepted and edited ones), ``rejected``, ``unmatched`` (decisions, with ``reason`` and
    whether the outline is ``kept``), ``removed`` (with ``reason``) and ``conflicts`` (``about`` what people disagree, and what
    they ``said``). ``agreement``: JSON with what each file decided, and for each two of them the share they agree on and Cohen's kappa.
    Raises UserError for a decisions file that cannot be meant; see ``read_decisions``.
    """
    found = read_pending(detections)
    together = merge_reviewers(_read_all(decisions or [], found), match_iou)
    result = apply_decisions(found, together.decided, match_iou)
    result.write(reviewed, together.conflicts)
    result.tell()
    _tell_agreement(together)
    if agreement:
        write_json(agreement, together.facts)


def _read_all(decisions: list[Path], found: gpd.GeoDataFrame) -> dict[str, gpd.GeoDataFrame]:
    """Return the decisions of each file by its name, in the given order; two files of one name get numbers."""
    files: dict[str, gpd.GeoDataFrame] = {}
    for path in decisions:
        decided = read_decisions(path)
        check_place(decided, found, path)
        again = sum(name.split(" (")[0] == path.name for name in files)
        files[f"{path.name} ({again + 1})" if again else path.name] = decided
    return files


def _tell_agreement(together: Agreement) -> None:
    for pair in together.facts["pairs"]:
        said = (
            "none" if pair["both"] == 0 else f"{pair['agree']} of {pair['both']} alike (Cohen's kappa {pair['kappa']})"
        )
        log.info("%s and %s both decided about %d landforms, %s", *pair["files"], pair["both"], said)
    counts = together.facts["conflicts"]
    if any(counts.values()):
        told = ", ".join(f"{count} about the {about}" for about, count in counts.items() if count)
        log.warning(
            "people disagree: %s; see the layer conflicts. What is disputed is pending until one of the files is changed",
            told,
        )


@dataclass(frozen=True)
class Review:
    """Detections and decisions, each in exactly one layer."""

    reviewed: gpd.GeoDataFrame
    rejected: gpd.GeoDataFrame
    unmatched: gpd.GeoDataFrame
    removed: gpd.GeoDataFrame

    def write(self, path: Path, conflicts: gpd.GeoDataFrame) -> None:
        """Write the four layers, with areas and perimeters of the outlines as they are now, and the conflicts."""
        layers = {name: _measured(getattr(self, name)) for name in ("reviewed", "rejected", "unmatched", "removed")}
        write_layers(path, {**layers, "conflicts": conflicts})

    def tell(self) -> None:
        """Say in the log what became of detections and decisions."""
        counts = self.reviewed["status"].value_counts()
        log.info(
            "%d pending, %d accepted, %d edited, %d rejected, %d inside another outline",
            *(counts.get(status, 0) for status in ("pending", "accepted", "edited")),
            len(self.rejected),
            len(self.removed),
        )
        if len(self.unmatched):
            log.warning("%d decisions fit no detection; they are listed in the layer unmatched", len(self.unmatched))


def apply_decisions(found: gpd.GeoDataFrame, decided: gpd.GeoDataFrame, match_iou: float) -> Review:
    """Bring detections (see ``read_pending``) and decisions (none of them pending) together."""
    pairs = _fitting(decided, found, match_iou)
    matched = _matched(found, decided, pairs)
    refused = matched["status"] == "rejected"
    lone = _unmatched(decided, set(pairs["left"]), matched[~refused], match_iou)
    standing = _join(matched[~refused], _drawn(lone, found))
    rest = found.drop(index=pairs["right"])
    inside = share_inside(rest.geometry, standing.geometry) >= MOSTLY
    on_rejected = _pieces_of(decided.geometry[decided["status"] == "rejected"], rest.geometry)
    also_rejected = rest[on_rejected & ~inside].assign(status="rejected", remark="lies on rejected ground")
    return Review(
        reviewed=_join(standing, rest[~inside & ~on_rejected]),
        rejected=_join(found.loc[matched.index[refused]].assign(**_said(matched[refused])), also_rejected),
        unmatched=lone,
        removed=rest[inside].assign(reason="lies inside an outline that a person accepted or drew"),
    )


def _fitting(decided: gpd.GeoDataFrame, found: gpd.GeoDataFrame, match_iou: float) -> pd.DataFrame:
    """Decisions (``left``) with their detections (``right``), one to one.

    An outline cut down by a person shares little with the detection it came from; where the file does not tell what was
    shown, it is enough that the edited outline lies mostly inside the detection.
    """
    drawn = overlaps(decided.geometry, found.geometry)
    told = decided["seen"].notna().to_numpy()
    cut_down = ((decided["status"] == "edited") & ~told).to_numpy()[drawn["left"]] & (drawn["left_share"] >= MOSTLY)
    shown = overlaps(gpd.GeoSeries(decided["seen"][told], crs=found.crs), found.geometry)
    shown["left"] = np.flatnonzero(told)[shown["left"]]
    fits = pd.concat([drawn[(drawn["iou"] >= match_iou) | cut_down], shown[shown["iou"] >= match_iou]])
    return one_to_one(fits.sort_values("iou", ascending=False, kind="stable").drop_duplicates(["left", "right"]))


def _pieces_of(rejected: gpd.GeoSeries, outlines: gpd.GeoSeries) -> np.ndarray:
    """Return which outlines lie mostly on rejected ones of which they are no small part, (n,) bool."""
    shares = overlaps(outlines, rejected)
    large = shares[shares["right_share"] >= MIN_REJECTED_SHARE]
    pieces = np.zeros(len(outlines), dtype=bool)
    for one, rows in large.groupby("left"):
        pieces[one] = share_inside(outlines.iloc[[one]], rejected.iloc[rows["right"]])[0] >= MOSTLY
    return pieces


def _matched(found: gpd.GeoDataFrame, decided: gpd.GeoDataFrame, pairs: pd.DataFrame) -> gpd.GeoDataFrame:
    """Detections (by their own index) with what was decided about them, and the decisions' outlines."""
    said = decided.iloc[pairs["left"]].set_index(pairs["right"].to_numpy())
    return found.loc[pairs["right"]].assign(**_said(said), geometry=said.geometry)


def _said(decided: gpd.GeoDataFrame) -> dict[str, pd.Series]:
    return {field: decided[field] for field in ("status", *REVIEW_FIELDS)}


def _unmatched(
    decided: gpd.GeoDataFrame, taken: set[int], standing: gpd.GeoDataFrame, match_iou: float
) -> gpd.GeoDataFrame:
    """Decisions without a detection, with ``reason`` and whether their outline is ``kept``."""
    lone = decided.drop(index=sorted(taken))
    again = overlaps(lone.geometry, standing.geometry)
    repeated = lone.index.isin(lone.index[again.loc[again["iou"] >= match_iou, "left"]])
    drawn = lone["status"].isin(STANDING)
    reason = pd.Series("no detection fits this outline", index=lone.index)
    reason[drawn] = "no detection fits this outline; it is kept because a person accepted or drew it"
    reason[repeated] = "another decision about the same ground fits the detection better"
    return lone.drop(columns="seen").assign(kept=(drawn & ~repeated).astype(int), reason=reason)


def _drawn(lone: gpd.GeoDataFrame, found: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Outlines that stand without a detection, with the detections' columns and ids of their own."""
    kept = lone[lone["kept"] == 1]
    frame = kept.reindex(columns=found.columns)
    frame["detection"] = [f"{DRAWN_PREFIX}{number:05d}" for number in range(1, len(kept) + 1)]
    return frame


def _join(first: gpd.GeoDataFrame, second: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Both, ordered by detection; an empty part does not change the column types."""
    parts = [part for part in (first, second) if len(part)]
    if not parts:
        return first
    return gpd.GeoDataFrame(pd.concat(parts).sort_values("detection").reset_index(drop=True), crs=first.crs)


def _measured(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return frame.assign(
        area_m2=geodesic_area_m2(frame).round(1).astype(float),
        perimeter_m=geodesic_perimeter_m(frame).round(1).astype(float),
    )
