"""Estimators for a stratified random sample of pixels whose strata need not be the map's classes.

Source: S. V. Stehman (2014), Estimating area and map accuracy for stratified random sampling when the strata are different from
the map classes, doi:10.1080/01431161.2014.930207: a share of the region is a mean over it, user's and producer's accuracy are
ratios of two totals. With the map's classes as strata they are those of P. Olofsson et al. (2014), Good practices for
estimating area and assessing accuracy of land change, doi:10.1016/j.rse.2014.02.015.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class PointEstimate:
    """An estimate with its standard error; NaN where the sample has no pixel to estimate it by."""

    value: float
    error: float


@dataclass(frozen=True)
class StratifiedSample:
    """A sample: each pixel's stratum (n,), a number from 0 on, and the number of pixels of each stratum (h,)."""

    stratum: np.ndarray
    sizes: np.ndarray

    def mean(self, values: npt.ArrayLike) -> PointEstimate:
        """Return the mean of a variable over the region, from its values (n,) at the sampled pixels."""
        means, variances, _ = self._moments(values, values)
        total = float(self.sizes.sum())
        return PointEstimate(
            float((self.sizes * means).sum() / total), sqrt((self._weights() * variances).sum()) / total
        )

    def ratio(self, numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> PointEstimate:
        """Return the ratio of two variables' totals, from their values (n,) at the sampled pixels."""
        means_y, variances_y, covariances = self._moments(numerator, denominator)
        means_x, variances_x, _ = self._moments(denominator, denominator)
        total_y, total_x = float((self.sizes * means_y).sum()), float((self.sizes * means_x).sum())
        if not total_x:
            return PointEstimate(nan, nan)
        ratio = total_y / total_x
        residual = variances_y + ratio**2 * variances_x - 2 * ratio * covariances
        return PointEstimate(ratio, sqrt(max(0.0, float((self._weights() * residual).sum()))) / total_x)

    def _weights(self) -> np.ndarray:
        """Return N^2 (1 - n / N) / n of each stratum (h,)."""
        drawn = np.bincount(self.stratum, minlength=len(self.sizes))
        return self.sizes**2 * (1 - drawn / self.sizes) / drawn

    def _moments(self, first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return mean and variance of ``first`` and its covariance with ``second`` in each stratum, all (h,)."""
        x, y = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
        drawn = np.bincount(self.stratum, minlength=len(self.sizes))
        mean_x, mean_y = (np.bincount(self.stratum, values, len(self.sizes)) / drawn for values in (x, y))
        from_x, from_y = x - mean_x[self.stratum], y - mean_y[self.stratum]
        freedom = np.maximum(drawn - 1, 1)
        variance = np.bincount(self.stratum, from_x**2, len(self.sizes)) / freedom
        return mean_x, variance, np.bincount(self.stratum, from_x * from_y, len(self.sizes)) / freedom


def overall_accuracy(sample: StratifiedSample, mapped: np.ndarray, reference: np.ndarray) -> PointEstimate:
    """Return the share of pixels with the right class; ``mapped`` and ``reference`` are the classes of the pixels (n,)."""
    return sample.mean(mapped == reference)


def users_accuracy(sample: StratifiedSample, mapped: np.ndarray, reference: np.ndarray, of: object) -> PointEstimate:
    """Return the share of the pixels mapped as class ``of`` that are of this class."""
    return sample.ratio((mapped == of) & (reference == of), mapped == of)


def producers_accuracy(
    sample: StratifiedSample, mapped: np.ndarray, reference: np.ndarray, of: object
) -> PointEstimate:
    """Return the share of the pixels of class ``of`` that are mapped as this class."""
    return sample.ratio((mapped == of) & (reference == of), reference == of)


def area_share(sample: StratifiedSample, reference: np.ndarray, of: object) -> PointEstimate:
    """Return the share of the region that is of class ``of``."""
    return sample.mean(reference == of)
