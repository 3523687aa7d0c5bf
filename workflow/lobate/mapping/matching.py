"""Detections against reference outlines, one to one, by intersection over union."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from lobate.mapping.overlay import common_areas

IOU_THRESHOLDS = tuple(number / 10 for number in range(1, 10))
MIN_OVERLAP = 0.1
"""Two outlines show the same landform, for the account of known and new, from this share of the smaller on."""


@dataclass(frozen=True)
class Matches:
    """Pairs (k,) matched one to one, best first: indices of detections and references, and their IoU.

    ``best_detection`` (n,) and ``best_reference`` (m,) are the highest IoU of each with anything, matched or not.
    """

    detection: np.ndarray
    reference: np.ndarray
    iou: np.ndarray
    best_detection: np.ndarray
    best_reference: np.ndarray

    def above(self, threshold: float) -> Matches:
        """Return the matching at a higher threshold: greedy by falling IoU, so the beginning of this one."""
        keep = self.iou > threshold
        return Matches(
            self.detection[keep], self.reference[keep], self.iou[keep], self.best_detection, self.best_reference
        )


def match_outlines(detections: np.ndarray, references: np.ndarray) -> Matches:
    """Match outlines (n,) and (m,) greedily by falling IoU; each at most once."""
    one, other, common = common_areas(detections, references)
    iou = common / (shapely.area(detections[one]) + shapely.area(references[other]) - common)
    order = np.lexsort((other, one, -iou))
    taken: tuple[set[int], set[int]] = (set(), set())
    matched: list[int] = []
    for pair in order:
        if one[pair] not in taken[0] and other[pair] not in taken[1]:
            taken[0].add(one[pair])
            taken[1].add(other[pair])
            matched.append(pair)
    picked = np.array(matched, dtype=int)
    best = np.zeros(len(detections)), np.zeros(len(references))
    np.maximum.at(best[0], one, iou)
    np.maximum.at(best[1], other, iou)
    return Matches(one[picked], other[picked], iou[picked], *best)


def overlaps_any(detections: np.ndarray, outlines: np.ndarray) -> np.ndarray:
    """Return whether each detection (n,) shares `OVERLAP` of the smaller of both with some outline; bool (n,)."""
    one, other, common = common_areas(detections, outlines)
    share = common / np.minimum(shapely.area(detections[one]), shapely.area(outlines[other]))
    found = np.zeros(len(detections), dtype=bool)
    found[one[share >= MIN_OVERLAP]] = True
    return found


def touches_any(outlines: np.ndarray, footprints: np.ndarray) -> np.ndarray:
    """Return whether each outline (n,) meets any of the footprints; bool (n,)."""
    found = np.zeros(len(outlines), dtype=bool)
    found[shapely.STRtree(footprints).query(outlines, predicate="intersects")[0]] = True
    return found


def polygon_scores(matches: Matches, detections: np.ndarray, references: np.ndarray, match_iou: float) -> dict:
    """Return precision, recall and F1 over the outlines that the masks (n,) and (m,) select, at and over thresholds.

    A detection is right, and a reference found, when they are matched at all, also with one that is not selected.
    """
    by_threshold = {f"{t:g}": _at(matches.above(t), detections, references) for t in IOU_THRESHOLDS}
    f1 = [score for row in by_threshold.values() if (score := row["f1"]) is not None]
    return {
        "match_iou": match_iou,
        **_at(matches.above(match_iou), detections, references),
        "thresholds": by_threshold,
        "mean_f1": None if len(f1) < len(by_threshold) else round(float(np.mean(f1)), 6),
    }


def _at(matches: Matches, detections: np.ndarray, references: np.ndarray) -> dict[str, float | int | None]:
    right, found = int(detections[matches.detection].sum()), int(references[matches.reference].sum())
    counts = {"detections": int(detections.sum()), "right": right, "references": int(references.sum()), "found": found}
    return {**counts, **precision_recall_f1(ratio(right, counts["detections"]), ratio(found, counts["references"]))}


def ratio(part: float, whole: float) -> float | None:
    """Return ``part / whole`` to six digits, or None where there is nothing to divide by."""
    return round(part / whole, 6) if whole else None


def precision_recall_f1(precision: float | None, recall: float | None) -> dict[str, float | None]:
    """Return precision, recall and their harmonic mean, F1 = 2 P R / (P + R); None where it is not defined.

    With nothing detected there is no precision, and F1 is 0 as long as there was something to find.
    """
    if recall is None:
        f1 = None
    else:
        f1 = round(2 * (precision or 0) * recall / ((precision or 0) + recall), 6) if precision and recall else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}
