"""The inventory as a table to sort and filter; its rows number the outlines of the map."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from lobate.io.intervals import range_digits

MAX_LANDFORMS = 5000
"""Landforms in the page at most; of more, the largest."""


UNITS = {
    "km2": "km²", "m": "m", "deg": "°", "w_m2": "W/m²", "velocity": "cm a year", "velocity_error": "cm a year",
    "longitude": "°", "latitude": "°", "confidence": "0 to 1",
}  # fmt: skip
"""Name of a column, or the end of its name -> the unit in its heading."""

DIGITS = {
    "deg": 1, "m": 0, "w_m2": 0, "confidence": 2, "match_iou": 2, "aspect_concentration": 2, "dem_share": 2, "mapped_share": 2,
}  # fmt: skip
"""Name of a column, or the end of its name -> the decimals of its numbers on the page; the files hold more."""

AREAS = ("area_km2", "area_low_km2", "area_high_km2")


def top_n(inventory: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the landforms that the page shows, in the inventory's order."""
    if len(inventory) <= MAX_LANDFORMS:
        return inventory.reset_index(drop=True)
    rows = inventory["area_km2"].nlargest(MAX_LANDFORMS, keep="first").index
    return inventory.loc[sorted(rows)].reset_index(drop=True)


def inventory_facts(landforms: gpd.GeoDataFrame, total: int) -> dict[str, Any]:
    """Return the table of the page's ``landforms``: one row for each, and the columns that are not empty."""
    attributes = pd.DataFrame(landforms.drop(columns="geometry"))
    attributes = _rounded(attributes)
    columns = [name for name in attributes if name == "id" or not _is_empty(attributes[name])]
    return {
        "total": total,
        "shown": len(landforms),
        "columns": [(name, _is_numeric(attributes[name]), _of_name(UNITS, name) or "") for name in columns],
        "rows": list(zip(*(attributes[name].tolist() for name in columns), strict=True)),
        "empty": [name for name in attributes if name not in columns],
    }


def _of_name(table: dict[str, Any], name: str) -> Any:
    """Return a table's value for a column: by its name, else by the longest end of its name; None where there is none."""
    ends = [end for end in table if name == end or name.endswith(f"_{end}")]
    return table[max(ends, key=len)] if ends else None


def _rounded(attributes: pd.DataFrame) -> pd.DataFrame:
    """Return the attributes with the decimals that they allow: areas by their range."""
    rounded = attributes.copy()
    for name in attributes:
        digits = _of_name(DIGITS, name)
        if digits is not None and _is_numeric(attributes[name]):
            rounded[name] = attributes[name].round(digits)
    if set(AREAS) <= set(attributes):
        decimals = map(range_digits, attributes["area_low_km2"], attributes["area_high_km2"])
        for row, digits in zip(attributes.index, decimals, strict=True):
            rounded.loc[row, list(AREAS)] = attributes.loc[row, list(AREAS)].astype(float).round(digits)
    return rounded


def _is_empty(column: pd.Series) -> bool:
    return bool((column.isna() | (column.astype(str) == "")).all())


def _is_numeric(column: pd.Series) -> bool:
    return is_numeric_dtype(column) and not is_bool_dtype(column)
