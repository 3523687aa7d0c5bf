"""The inventory as a table to sort and filter; its rows number the outlines of the map."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

MAX_LANDFORMS = 5000
"""Landforms in the page at most; of more, the largest."""


def top_n(inventory: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the landforms that the page shows, in the inventory's order."""
    if len(inventory) <= MAX_LANDFORMS:
        return inventory.reset_index(drop=True)
    rows = inventory["area_km2"].nlargest(MAX_LANDFORMS, keep="first").index
    return inventory.loc[sorted(rows)].reset_index(drop=True)


def inventory_facts(landforms: gpd.GeoDataFrame, total: int) -> dict[str, Any]:
    """Return the table of the page's ``landforms``: one row for each, and the columns that are not empty."""
    attributes = pd.DataFrame(landforms.drop(columns="geometry"))
    columns = [name for name in attributes if name == "id" or not _is_empty(attributes[name])]
    return {
        "total": total,
        "shown": len(landforms),
        "columns": [(name, _is_numeric(attributes[name])) for name in columns],
        "rows": list(zip(*(attributes[name].tolist() for name in columns), strict=True)),
        "empty": [name for name in attributes if name not in columns],
    }


def _is_empty(column: pd.Series) -> bool:
    return bool((column.isna() | (column.astype(str) == "")).all())


def _is_numeric(column: pd.Series) -> bool:
    return is_numeric_dtype(column) and not is_bool_dtype(column)
