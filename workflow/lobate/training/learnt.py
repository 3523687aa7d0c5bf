"""Whether a training learnt anything: its validation IoU against a map that learnt nothing, and its loss in evaluation.

Where the landform covers much of the validation ground, a map that calls all ground landform has a high IoU by itself: 0.77
on the glaciers of Everest.

The loss of the steps promises what evaluation should find on the same patches. Both are compared with the loss of one
constant probability, the landform's share, which learns nothing from any image. Evaluation is done on easier images than
training, without augmentation and without dropout, so a loss far above that of the steps means that the network evaluated
is not the one that learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Any

import numpy as np

from lobate.io.intervals import with_interval
from lobate.training.metrics import THRESHOLDS

MARGIN = 0.05
"""Least difference of the two IoUs, where the validation IoU has no interval."""

KEPT = 0.5
"""Least share of what the steps learnt, in loss below that of the constant, that evaluation must find."""


def all_landform_iou(pixels: np.ndarray) -> float | None:
    """Return the IoU of a map that calls all ground landform; ``pixels`` (n, 2) count background and landform of patches."""
    background, landform = (int(count) for count in pixels.sum(0))
    return round(landform / (background + landform), 6) if landform else None


def compare_losses(
    best: dict[str, Any], pixels: np.ndarray, class_weights: Sequence[float] | None
) -> dict[str, float | None]:
    """Return three mean losses of the training side, weighted by class as in training.

    ``steps``: of the steps before the best evaluation; ``evaluation``: of whole patches in it; ``constant``: of the constant
    that fits ``pixels`` (n, 2), the training side's, best.
    """
    steps = best["step_loss"]
    return {
        "steps": None if steps is None else round(steps, 6),
        "evaluation": best["training"]["weighted_loss"],
        "constant": constant_loss(pixels, class_weights),
    }


def constant_loss(pixels: np.ndarray, class_weights: Sequence[float] | None = None) -> float:
    """Return the lowest mean cross-entropy of one constant probability: the entropy of the weighted class shares."""
    weighted = pixels.sum(0) * np.array(class_weights or (1.0, 1.0))
    shares = weighted / weighted.sum()
    return round(-sum(share * log(share) for share in shares if share), 6)


def learnt_nothing(
    best: dict[str, Any], pixels: np.ndarray, losses: dict[str, float | None], interval: dict[str, Any]
) -> str | None:
    """Return why the best evaluation says that nothing was learnt; None where it says otherwise, or nothing.

    ``best`` holds the metrics of both sides, ``pixels`` those of ``all_landform_iou`` on the validation side, ``losses`` the
    result of ``compare_losses``, and ``interval`` the validation IoU's, if it has one.
    """
    iou, everything = best["validation"]["iou"]["landform"], all_landform_iou(pixels)
    if reason := _lost_in_evaluation(losses):
        return reason
    if iou is None or everything is None:
        return None
    if interval.get("low", iou - MARGIN) <= everything:
        return (
            f"its validation IoU of {with_interval(iou, interval)} is not surely above the {everything:.3f} of a map that "
            f"calls all ground landform{'' if 'low' in interval else f', by more than {MARGIN:g}'}"
        )
    threshold = best["validation"]["threshold"]
    if threshold in (THRESHOLDS[0], THRESHOLDS[-1]):
        return f"its best threshold lies at the limit of those tried, {threshold:g}: no probability tells the classes apart"
    return None


def _lost_in_evaluation(losses: dict[str, float | None]) -> str | None:
    """Return that evaluation does not find on training patches what the steps learnt there; None where it does."""
    steps, evaluation, constant = losses["steps"], losses["evaluation"], losses["constant"]
    if steps is None or evaluation is None or not constant:  # a side of one class teaches no difference
        return None
    if evaluation > constant:
        return f"its loss in evaluation is {evaluation:.3f} on training patches, and {constant:.3f} with one probability everywhere"
    if evaluation > constant - KEPT * max(0.0, constant - steps):
        return (
            f"its loss on training patches is {steps:.3f} in the steps but {evaluation:.3f} in evaluation, not far from the "
            f"{constant:.3f} of one probability everywhere: what is evaluated is not what learnt"
        )
    return None
