"""Calibration of the map: the observed share of the landform against the predicted probability, by area of ground."""

from __future__ import annotations

from typing import Any

import numpy as np

from lobate.io.mask_values import LANDFORM, PROBABILITY_LEVELS, PROBABILITY_SCALE

BINS = 10


def calibration(levels: np.ndarray) -> dict[str, Any]:
    """Return the reliability of ground in km2 by label and level of probability, (2, 255).

    ``bins``: mean predicted probability, observed share, and km2 of ten equally wide bins, those with ground; ``error``: the
    expected calibration error, None without ground; ``curve``: pairs of probability and share that never fall, by isotonic
    regression over the bins; ``landform_share``: the landform's share of this ground, for which the calibration holds.
    """
    bins = _bins(levels)
    area = sum(km2 for *_, km2 in bins)
    error = sum(abs(predicted - observed) * km2 for predicted, observed, km2 in bins) / area if area else None
    return {
        "bins": [[round(predicted, 6), round(observed, 6), round(km2, 6)] for predicted, observed, km2 in bins],
        "error": None if error is None else round(error, 6),
        "curve": _rising(bins),
        "landform_share": round(float(levels[LANDFORM].sum() / area), 6) if area else None,
    }


def _bins(levels: np.ndarray) -> list[tuple[float, float, float]]:
    probability = np.arange(PROBABILITY_LEVELS) / PROBABILITY_SCALE
    number = np.minimum((probability * BINS).astype(int), BINS - 1)
    total = levels.sum(axis=0)
    area, landform, predicted = (
        np.bincount(number, weights, minlength=BINS) for weights in (total, levels[LANDFORM], total * probability)
    )
    filled = area > 0
    values = predicted[filled] / area[filled], landform[filled] / area[filled], area[filled]
    return list(zip(*(value.tolist() for value in values), strict=True))


def _rising(bins: list[tuple[float, float, float]]) -> list[list[float]]:
    from scipy.optimize import isotonic_regression

    if not bins:
        return []
    predicted, observed, km2 = (np.array(values) for values in zip(*bins, strict=True))
    shares = isotonic_regression(observed, weights=km2).x
    return [[round(float(p), 6), round(float(share), 6)] for p, share in zip(predicted, shares, strict=True)]
