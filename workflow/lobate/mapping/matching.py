"""Matches detections with reference outlines, one to one, by intersection over union (IoU).

A match needs an IoU strictly above the threshold. Above one half, an outline has one match at most, whatever the order: among
outlines that do not overlap each other, only one can cover more than half of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from lobate.mapping.overlay import common_areas

IOU_THRESHOLDS = tuple(number / 10 for number in range(1, 10))
"""Scores are given at each of these."""

MIN_OVERLAP = 0.1
"""Least overlap of two outlines of the same landform, as a share of the smaller one."""


@dataclass(frozen=True)
class Matches:
    """Pairs (k,) matched one to one, by falling IoU: indices of detections and references, and their IoU.

    ``best_detection`` (n,) and ``best_reference`` (m,) are the highest IoU of each with any outline, matched or not.
    """

    detection: np.ndarray
    reference: np.ndarray
    iou: np.ndarray
    best_detection: np.ndarray
    best_reference: np.ndarray

    def above(self, threshold: float) -> Matches:
        """Return the pairs with an IoU over ``threshold``; as matching is greedy, they are the matching at that threshold."""
        keep = self.iou > threshold
        return Matches(
            self.detection[keep], self.reference[keep], self.iou[keep], self.best_detection, self.best_reference
        )


def match_outlines(detections: np.ndarray, references: np.ndarray) -> Matches:
    """Match outlines (n,) and (m,) greedily by falling IoU; each at most once."""
    detection, reference, common = common_areas(detections, references)
    iou = common / (shapely.area(detections[detection]) + shapely.area(references[reference]) - common)
    order = np.lexsort((reference, detection, -iou))
    used_detections: set[int] = set()
    used_references: set[int] = set()
    pairs: list[int] = []
    for pair in order:
        if detection[pair] not in used_detections and reference[pair] not in used_references:
            used_detections.add(detection[pair])
            used_references.add(reference[pair])
            pairs.append(pair)
    matched = np.array(pairs, dtype=int)
    best_detection, best_reference = np.zeros(len(detections)), np.zeros(len(references))
    np.maximum.at(best_detection, detection, iou)
    np.maximum.at(best_reference, reference, iou)
    return Matches(detection[matched], reference[matched], iou[matched], best_detection, best_reference)


def overlaps_any(detections: np.ndarray, outlines: np.ndarray) -> np.ndarray:
    """Return whether each detection (n,) shares `MIN_OVERLAP` of the smaller area with any outline; bool (n,)."""
    detection, outline, common = common_areas(detections, outlines)
    share = common / np.minimum(shapely.area(detections[detection]), shapely.area(outlines[outline]))
    overlaps = np.zeros(len(detections), dtype=bool)
    overlaps[detection[share >= MIN_OVERLAP]] = True
    return overlaps


def touches_any(outlines: np.ndarray, footprints: np.ndarray) -> np.ndarray:
    """Return whether each outline (n,) intersects any of the footprints; bool (n,)."""
    touches = np.zeros(len(outlines), dtype=bool)
    touches[shapely.STRtree(footprints).query(outlines, predicate="intersects")[0]] = True
    return touches


def matched_at(threshold: float, matches: Matches, count: int) -> np.ndarray:
    """Return which of ``count`` detections match a reference outline with an IoU over ``threshold``, (n,) of bool."""
    matched = np.zeros(count, dtype=bool)
    matched[matches.above(threshold).detection] = True
    return matched


def object_scores(status: np.ndarray, found: np.ndarray) -> dict[str, float | int | None]:
    """Return counts, precision, recall and F1 of detections with a ``status`` (n,) and references ``found`` (m,) of bool.

    ``precision`` counts the unknown as wrong, ``precision_if_unknown_right`` counts them as right: the true value lies
    between them. ``recall`` is of the reference outlines, the known ones. F1 counts the unknown as wrong.
    """
    right, wrong, unknown, left_out = (
        int((status == word).sum()) for word in ("right", "wrong", "unknown", "left out")
    )
    detections = right + wrong + unknown
    counts = {"detections": detections, "right": right, "wrong": wrong, "unknown": unknown, "left_out": left_out}
    counts |= {"references": len(found), "found": int(found.sum())}
    rates = precision_recall_f1(ratio(right, detections), ratio(counts["found"], len(found)))
    return {**counts, **rates, "precision_if_unknown_right": ratio(right + unknown, detections)}


def ratio(part: float, whole: float) -> float | None:
    """Return ``part / whole`` to six digits, or None where ``whole`` is 0."""
    return round(part / whole, 6) if whole else None


def precision_recall_f1(precision: float | None, recall: float | None) -> dict[str, float | None]:
    """Return precision, recall and their harmonic mean, F1 = 2 P R / (P + R); None where it is not defined.

    Without detections there is no precision, and F1 is 0 unless there is no reference either.
    """
    if recall is None:
        f1 = None
    else:
        f1 = round(2 * (precision or 0) * recall / ((precision or 0) + recall), 6) if precision and recall else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}
