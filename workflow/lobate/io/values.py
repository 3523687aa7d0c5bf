"""Values of attributes as people write them, so that filters and identifiers compare alike in every file.

A number is the same as its text, whole numbers with and without a point: 7, 7.0 and "7" are one id.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

import numpy as np
import pandas as pd

WHOLE_NUMBER = re.compile(r"([+-]?\d+)\.0*")
MIDNIGHT = re.compile(r"(\d{4}-\d{2}-\d{2})[ T]00:00:00(\.0+)?(Z|\+00:00)?")
YES, NO = ("1", "true"), ("0", "false")
"""Texts of a flag, in small letters: formats without a type for flags hold numbers or words."""
ATTRIBUTE_GEOMETRY = "geometry (attribute)"
"""Column of an attribute that is called `geometry`, beside the outline's."""


def as_text(value: object) -> str:
    """Return a value as people write it: 7 for 7.0, "" for a missing one, items of a list separated by commas."""
    if not isinstance(value, str):
        if isinstance(value, list | tuple | np.ndarray):
            return ", ".join(as_text(item) for item in value)
        if pd.isna(value):
            return ""
        if isinstance(value, float | np.floating) and float(value).is_integer():
            return str(int(value))
    text = str(value).strip()
    return date[1] if ":" in text and (date := MIDNIGHT.fullmatch(text)) else text


def comparable(value: object) -> str:
    """Return the text by which a value compares: as people write it, without the point of a whole number.

    Letters with accents have one form, flags are 1 and 0.
    """
    if isinstance(value, bool | np.bool_):
        return YES[0] if value else NO[0]
    text = as_text(value)
    if "." in text and (whole := WHOLE_NUMBER.fullmatch(text)):
        return whole[1]
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def column(frame: pd.DataFrame, name: str) -> pd.Series | None:
    """Return a field of a file that people brought (``read_features``), None where there is none of this name.

    The name of the key of a database, `fid` or `OBJECTID` for instance, gives the numbers of the features.
    """
    name = ATTRIBUTE_GEOMETRY if name == "geometry" else name
    if name in frame:
        return frame[name]
    return frame.index.to_series() if name == frame.index.name else None


def field_names(frame: pd.DataFrame) -> list[str]:
    """Return the names of the fields, without the outline."""
    return [shown_name(str(name)) for name in frame.columns if name != "geometry"]


def shown_name(column_name: str) -> str:
    """Return the name of a field as its owner knows it, from the name of its column."""
    return "geometry" if column_name == ATTRIBUTE_GEOMETRY else column_name


def matches(values: pd.Series, wanted: str | int | float | bool) -> np.ndarray:
    """Return which values (n,) are the ``wanted`` one, as ``comparable`` texts, (n,) of bool."""
    texts = values.map(comparable).astype(object)
    if isinstance(wanted, bool):
        return texts.str.lower().isin(YES if wanted else NO).to_numpy(dtype=bool)
    return (texts == comparable(wanted)).to_numpy(dtype=bool)


def selected(frame: pd.DataFrame, where: Mapping[str, str | int | float | bool]) -> np.ndarray:
    """Return which rows have all values of a filter, (n,) of bool; every field of it is in the frame."""
    chosen = np.ones(len(frame), dtype=bool)
    for name, wanted in where.items():
        values = column(frame, name)
        chosen &= values is not None and matches(values, wanted)
    return chosen
