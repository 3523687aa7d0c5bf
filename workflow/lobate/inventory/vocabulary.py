"""The controlled words of the inventory: the review's states and the RGIK guideline's vocabularies.

Spelling is forgiven (case, spaces, hyphens, underscores), meaning is not: a word that is not in the list is a UserError.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import pandas as pd

from lobate.errors import UserError

STATUS = ("pending", "accepted", "edited", "rejected")
"""What a person said about a detection; pending until somebody has looked."""

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
"""RGIK `Upsl.Con.`: what the landform is connected to upslope."""

ACTIVITY = ("active", "active_uncertain", "transitional", "relict_uncertain", "relict", "uncertain")
"""RGIK `Acti.Cl.`: how active it is."""

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

    ``where`` names the file and field for the UserError raised when a value is not among ``allowed``.
    """
    spellings = {_bare(word): word for word in allowed}
    result: list[str | None] = []
    for number, value in enumerate(values):
        if pd.isna(value) or not str(value).strip():
            result.append(None)
        elif (word := spellings.get(_bare(str(value)))) is not None:
            result.append(word)
        else:
            raise UserError(
                f"{where}: feature {number} has the value {str(value)!r}, which is not one of {', '.join(allowed)}. "
                "Use one of these words, or leave it empty."
            )
    return result


def _bare(word: str) -> str:
    return re.sub(r"[\s_-]+", "", word).lower()
