"""Whether a training learnt anything: its validation IoU against a map that calls all ground landform.

Where the landform covers much of the validation ground, that map has a high IoU by itself: 0.77 on the glaciers of Everest.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lobate.training.metrics import THRESHOLDS

MARGIN = 0.05
"""Least difference of the two IoUs. The validation IoU of a round has no interval of its own."""


def all_landform_iou(pixels: np.ndarray) -> float | None:
    """Return the IoU of a map that calls all ground landform; ``pixels`` (n, 2) count background and landform of patches."""
    background, landform = (int(count) for count in pixels.sum(0))
    return round(landform / (background + landform), 6) if landform else None


def learnt_nothing(best: dict[str, Any], pixels: np.ndarray) -> str | None:
    """Return why the best evaluation says that nothing was learnt; None where it says otherwise, or nothing.

    ``best`` holds the metrics of both sides, ``pixels`` those of ``all_landform_iou`` on the validation side.
    """
    iou, everything = best["validation"]["iou"]["landform"], all_landform_iou(pixels)
    if iou is None or everything is None:
        return None
    if iou <= everything + MARGIN:
        return (
            f"its validation IoU of {iou:.3f} is not more than {MARGIN:g} above the {everything:.3f} of a map that calls all "
            "ground landform"
        )
    threshold = best["validation"]["threshold"]
    if threshold in (THRESHOLDS[0], THRESHOLDS[-1]):
        return f"its best threshold lies at the limit of those tried, {threshold:g}: no probability tells the classes apart"
    return None
