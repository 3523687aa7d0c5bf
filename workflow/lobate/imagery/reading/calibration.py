"""Calibration of a band's digital numbers (DN): ``reflectance = (DN + offset) / quantification``.

The form is ESA's: Sentinel-2 products from processing baseline 04.00 on have BOA_ADD_OFFSET = -1000 and
BOA_QUANTIFICATION_VALUE = 10000. A catalogue's ``reflectance = scale * DN + offset`` is converted to this form, so the same
ground gives the same integers from every archive. The sensing date is never used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from lobate.errors import UserError

FIRST_BASELINE_WITH_OFFSET = 4.0
DEFAULT_QUANTIFICATION = 10000.0
USUAL_OFFSET = -0.1
"""Reflectance of the offset -1000."""

OffsetRule = Literal["metadata", "none", "1000"]


@dataclass(frozen=True)
class Calibration:
    """``quantification``: DN per unit of reflectance; ``offset``: added to a DN first (0 or -1000)."""

    quantification: float = DEFAULT_QUANTIFICATION
    offset: float = 0.0

    @classmethod
    def of_scale(cls, scale: float, offset: float) -> Calibration:
        """Return the calibration of ``reflectance = scale * DN + offset``, rounded to a millionth of a DN."""
        return cls(round(1 / scale, 6), round(offset / scale, 6))


def calibrate(
    stated: Calibration | None, rule: OffsetRule, source: str, why_unknown: str, quantification: float | None = None
) -> Calibration:
    """Return the product's ``stated`` calibration; without one, that of the settings ``imagery.offset`` and
    ``imagery.quantification``.

    ``quantification`` is that of numbers that are no usual DN; they have no offset unless the setting says so. Raises UserError when there is neither: a wrong guess would shift all reflectances by 0.1.
    """
    if stated is not None:
        return _check_finite(stated, source)
    if rule == "metadata" and quantification in (None, DEFAULT_QUANTIFICATION):
        raise UserError(
            f"{source}: {why_unknown}, so the offset of its digital numbers cannot be known (0 or -1000, that is 0.1 in "
            "reflectance). Put the product's metadata beside the bands, or set it yourself: imagery.offset: none where "
            'the numbers have no offset or it was already subtracted, imagery.offset: "1000" where 1000 was added.'
        )
    number = quantification or DEFAULT_QUANTIFICATION
    return Calibration(number, USUAL_OFFSET * number if rule == "1000" else 0.0)


def _check_finite(stated: Calibration, source: str) -> Calibration:
    if not (math.isfinite(stated.offset) and math.isfinite(stated.quantification) and stated.quantification > 0):
        raise UserError(
            f"{source}: by its metadata, reflectance is (DN + {stated.offset:g}) / {stated.quantification:g}, which gives no "
            "number. Fetch the scene again, or correct its metadata."
        )
    return stated


def baseline_calibration(baseline: str | None) -> Calibration | None:
    """Return the calibration of a processing baseline before 04.00, which had no offset; None for later ones."""
    try:
        number = float(baseline or "")
    except ValueError:
        return None
    return Calibration() if number < FIRST_BASELINE_WITH_OFFSET else None
