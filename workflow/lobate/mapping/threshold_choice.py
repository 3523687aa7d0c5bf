"""The threshold of the map on the way to the one with the best IoU, and whether its gain over 0.5 is larger than its error.

What is looked at stands for the ground of its stratum: counts of stratum h are multiplied by w_h, its mapped area over the
area looked at in it. So IoU(t) = sum_h w_h TP_h(t) / sum_h w_h (P_h + FP_h(t)), with P the landform's ground. The error of
IoU(t) - IoU(0.5) is that of a stratified jackknife: each piece of ground is left out in turn, and the others of its stratum
stand for it (Wolter 2007, Introduction to Variance Estimation, chapter 4).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lobate.io.intervals import MIN_BLOCKS, logit_interval
from lobate.io.mask_values import LANDFORM, lowest_level
from lobate.mapping.judging_ground import NEAR, REST, LookedAt

BACKGROUND = 1 - LANDFORM
HALF = 0.5
THRESHOLDS = (0.01, *(percent / 100 for percent in range(5, 100, 5)), 0.99)
LIMITS = (THRESHOLDS[0], THRESHOLDS[-1])
MIN_PIECES, MIN_WITH_LANDFORM = 3, 2
"""Pieces of ground from which an error can be told: in each stratum, and those with landform among all."""


@dataclass(frozen=True)
class Rates:
    """Ground in km2: ``hits`` and ``wrong`` detections at each threshold, (..., thresholds), and the ``landform``, (..., 1)."""

    hits: np.ndarray
    wrong: np.ndarray
    landform: np.ndarray

    @classmethod
    def of(cls, counts: np.ndarray) -> Rates:
        """Split counts (..., 2 thresholds + 1) into their three parts."""
        size = counts.shape[-1] // 2
        return cls(counts[..., :size], counts[..., size : 2 * size], counts[..., 2 * size :])

    @property
    def iou(self) -> np.ndarray:
        """IoU at each threshold; NaN where nothing is landform or detected."""
        with np.errstate(invalid="ignore"):
            return self.hits / (self.landform + self.wrong)

    @property
    def precision(self) -> np.ndarray:
        """Precision at each threshold; NaN where nothing is detected."""
        with np.errstate(invalid="ignore"):
            return self.hits / (self.hits + self.wrong)

    @property
    def recall(self) -> np.ndarray:
        """Recall at each threshold; NaN without landform."""
        with np.errstate(invalid="ignore"):
            return self.hits / self.landform


class Estimate:
    """Rates of the map at ``thresholds``, each stratum weighted by the ground it stands for, and their errors."""

    def __init__(self, looked_at: LookedAt, own: float | None = None) -> None:
        self.thresholds = tuple(sorted({*THRESHOLDS, own or HALF}))
        """Those tried, and the user's ``own``."""
        levels, self._stratum = looked_at.pieces.levels, looked_at.pieces.stratum
        at_least = levels[:, :, ::-1].cumsum(axis=2)[:, :, ::-1][:, :, list(map(lowest_level, self.thresholds))]
        landform = levels[:, LANDFORM].sum(axis=1)[:, None]
        self._counts = np.concatenate([at_least[:, LANDFORM], at_least[:, BACKGROUND], landform], axis=1)
        self._levels, self._area = levels, looked_at.pieces.area
        self.mapped = looked_at.mapped.sum(axis=1)
        """Mapped ground of each stratum in km2, (2,)."""
        self.pieces = np.bincount(self._stratum, minlength=2)
        """Number of pieces in each stratum, (2,)."""
        self.looked_at = np.bincount(self._stratum, self._area, 2)
        """Ground looked at in each stratum in km2, (2,)."""
        self.weights = np.divide(self.mapped, self.looked_at, out=np.zeros(2), where=self.looked_at > 0)
        """Ground that each unit of ground looked at stands for, by stratum, (2,)."""

    @cached_property
    def rates(self) -> Rates:
        """The rates on all pieces."""
        return Rates.of((self.weights[self._stratum][:, None] * self._counts).sum(axis=0))

    @property
    def levels(self) -> np.ndarray:
        """The weighted ground in km2 by label and level of probability, (2, 255)."""
        return np.einsum("p,plv->lv", self.weights[self._stratum], self._levels)

    @property
    def has_error(self) -> bool:
        """Whether each stratum that is looked at has pieces enough for an error, and enough of them show the landform."""
        enough = (self.pieces[self.looked_at > 0] >= MIN_PIECES).all()
        return bool(enough and np.count_nonzero(self._counts[:, -1]) >= MIN_WITH_LANDFORM)

    @cached_property
    def left_out(self) -> Rates:
        """The rates without each piece in turn, (pieces, thresholds); the others of its stratum stand for it."""
        totals, own = np.zeros((2, self._counts.shape[1])), self._stratum
        np.add.at(totals, own, self._counts)
        weight = (self.mapped[own] / (self.looked_at[own] - self._area))[:, None]
        return Rates.of(weight * (totals[own] - self._counts) + self.weights[1 - own][:, None] * totals[1 - own])

    def error(self, left_out: np.ndarray) -> np.ndarray:
        """Return the standard error of values that have ``left_out``, (pieces, ...), without each piece."""
        own = [left_out[self._stratum == stratum] for stratum in (NEAR, REST)]
        squares = [(len(part), ((part - part.mean(axis=0)) ** 2).sum(axis=0)) for part in own if len(part)]
        return np.sqrt(sum((count - 1) / count * square for count, square in squares))

    def gains(self) -> tuple[np.ndarray, np.ndarray]:
        """Return IoU(t) - IoU(0.5) and its error at each threshold, (thresholds,)."""
        iou, left_out, half = self.rates.iou, self.left_out.iou, self.thresholds.index(HALF)
        return iou - iou[half], self.error(left_out - left_out[:, [half]])

    def interval(self, place: int) -> dict[str, Any]:
        """Return the interval of the IoU at a threshold, or the number of pieces alone where there are too few of them."""
        least = int(self.pieces[self.looked_at > 0].min(initial=0))
        if least < MIN_BLOCKS or not self.has_error:
            return {"blocks": least}
        iou, left_out = self.rates.iou[place], self.left_out.iou[:, place]
        with np.errstate(divide="ignore"):
            logits = np.log(left_out) - np.log1p(-left_out)
        if not (0 < iou < 1 and np.isfinite(logits).all()):
            return {"blocks": least}
        low, high = logit_interval(iou, float(self.error(logits)), least - 1)
        return {"blocks": least, "low": round(low, 4), "high": round(high, 4)}


@dataclass(frozen=True)
class Choice:
    """The ``threshold``, why it is that one (``reason``), its ``gain`` over 0.5, and the ``best`` one on the ground looked at.

    Where 0.5 stands, the gain is that of the best one. ``best``, ``gain`` and ``error``, the gain's, are None where unknown.
    """

    threshold: float
    reason: str
    best: float | None = None
    gain: float | None = None
    error: float | None = None


def choose(estimate: Estimate) -> Choice:
    """Return the threshold about half way from 0.5 to the one with the best IoU, if its gain is larger than its error; else 0.5.

    The best of many thresholds on a few pieces of ground lies too far out for other ground (`docs/method.md` has figures), so
    half of the way is gone, on the logit scale. Where that gains too little, as on a map of few probabilities, the next one
    on the way to the best takes its place.
    """
    if reason := _cannot_tell(estimate):
        return Choice(HALF, reason)
    gains, errors = estimate.gains()
    tried = estimate.thresholds
    place = max(range(len(tried)), key=lambda place: (gains[place], -abs(tried[place] - HALF)))
    best, gain, error = tried[place], float(gains[place]), float(errors[place])
    if best == HALF:
        return Choice(HALF, "no other threshold has a better IoU on the ground looked at", best, 0.0, 0.0)
    if best in LIMITS:
        return Choice(HALF, f"the best threshold, {best:g}, lies at the limit of those tried", best, gain, error)
    for level in _from_half_way(tried, best):
        gain, error = (float(values[tried.index(level)]) for values in (gains, errors))
        if gain > error:
            way = "" if level == best else f" (on the way to the best one, {best:g})"
            reason = f"the IoU at {level:g}{way} is {gain:.3f} above that at 0.5, with an error of {error:.3f}"
            return Choice(level, reason, best, gain, error)
    found = f"the IoU at the best threshold, {best:g}, is {gain:.3f} above that at 0.5"
    return Choice(HALF, f"{found}, which is no more than its error of {error:.3f}", best, gain, error)


def _from_half_way(tried: tuple[float, ...], best: float) -> list[float]:
    """Return the thresholds from the one next to half way, on the logit scale, out to the best one."""
    odds = math.sqrt(best / (1 - best))
    start = min((level for level in tried if level != HALF), key=lambda level: abs(level - odds / (1 + odds)))
    low, high = min(start, best), max(start, best)
    return sorted((level for level in tried if low <= level <= high), key=lambda level: abs(level - HALF))


def _cannot_tell(estimate: Estimate) -> str | None:
    """Return why the ground looked at cannot say which threshold is best; None where it can."""
    if not estimate.rates.landform[0] > 0:
        return "validation ground outside all training patches shows no landform"
    if estimate.mapped[REST] > 0 and not estimate.looked_at[REST] > 0:
        return (
            "no ground far from known outlines is completely mapped (labels.complete), so nothing says how often the map "
            "is wrong there"
        )
    if not estimate.looked_at[NEAR] > 0:
        return "no ground near known outlines is left outside the training patches"
    if not estimate.has_error:
        return (
            f"the ground looked at has too few pieces for an error: {MIN_PIECES} are needed near outlines and as many elsewhere, "
            f"{MIN_WITH_LANDFORM} of them with landform"
        )
    return None
