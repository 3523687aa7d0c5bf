"""The controlled words of the inventory: the states of the review and the vocabularies of the RGIK guideline.

Case, spaces, hyphens and underscores do not count; a word that is not in the list raises a UserError.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import pandas as pd

from lobate.errors import UserError

STATUS = ("pending", "accepted", "edited", "rejected")
"""States of a detection in the review; pending until somebody has decided."""

UPSLOPE = (
    "talus",
    "debris-mantled_slope",
    "landslide",
    "glacier_forefield",
    "glacier",
    "poly",
    "uncertain",
    "unknown",
    "other",
)
"""RGIK `Upsl.Con.`: the upslope connection of the landform."""

ACTIVITY = ("active", "active_uncertain", "transitional", "relict_uncertain", "relict", "uncertain")
"""RGIK `Acti.Cl.`: the activity of the landform."""

KINEMATICS = ("inf_cm", "cm", "cm_to_dm", "dm", "dm_to_m", "m", "sup_m", "undefined")
"""RGIK `Kin.Att.`: the order of magnitude of its velocity."""

OUTLINE_TYPE = ("Extended", "Restricted")
"""RGIK `Out.Type`: with or without the external parts of the front and the lateral margins."""

VOCABULARIES = {
    "status": STATUS,
    "upslope_connection": UPSLOPE,
    "activity": ACTIVITY,
    "kinematics": KINEMATICS,
    "outline_type": OUTLINE_TYPE,
}
"""Attribute -> its words."""


def canonical(values: Iterable[object], allowed: Sequence[str], where: str) -> list[str | None]:
    """Return each value in the vocabulary's own spelling, None for empty ones.

    ``where`` names the file and field for the UserError raised when a value is not among ``allowed``; the index of a series
    names the feature.
    """
    spellings = {_normalize(word): word for word in allowed}
    result: list[str | None] = []
    for number, value in values.items() if isinstance(values, pd.Series) else enumerate(values):
        if pd.isna(value) or not str(value).strip():
            result.append(None)
        elif (word := spellings.get(_normalize(str(value)))) is not None:
            result.append(word)
        else:
            raise UserError(
                f"{where}: feature {number} has the value {str(value)!r}, which is not one of {', '.join(allowed)}. "
                "Use one of these words, or leave it empty."
            )
    return result


def _normalize(word: str) -> str:
    return re.sub(r"[\s_-]+", "", word).lower()
