"""The inventory as a table to sort and filter; the map's outlines are bound to its rows."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

MOST = 5000
"""Landforms shown in the page; the largest ones where there are more."""


def top_n(inventory: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the landforms that the page shows, in the inventory's order."""
    if len(inventory) <= MOST:
        return inventory.reset_index(drop=True)
    rows = inventory["area_km2"].nlargest(MOST, keep="first").index
    return inventory.loc[sorted(rows)].reset_index(drop=True)


def inventory_facts(landforms: gpd.GeoDataFrame, total: int) -> dict[str, Any]:
    """Return the table of the ``landforms`` shown: one row for each, and the columns that hold anything at all."""
    attributes = pd.DataFrame(landforms.drop(columns="geometry"))
    columns = [name for name in attributes if name == "id" or not _blank(attributes[name])]
    return {
        "total": total,
        "shown": len(landforms),
        "columns": [(name, _numeric(attributes[name])) for name in columns],
        "rows": list(zip(*(attributes[name].tolist() for name in columns), strict=True)),
        "empty": [name for name in attributes if name not in columns],
    }


def _blank(column: pd.Series) -> bool:
    return bool((column.isna() | (column.astype(str) == "")).all())


def _numeric(column: pd.Series) -> bool:
    return is_numeric_dtype(column) and not is_bool_dtype(column)
