"""The inventory as a table to sort and filter; the map's outlines are bound to its rows."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from lobate.figures.report_page.markup import Markup, Section, concat, escaped, paragraph, to_html

MOST = 5000
"""Landforms shown in the page; the largest ones where there are more."""


def top_n(inventory: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the landforms that the page shows, in the inventory's order."""
    if len(inventory) <= MOST:
        return inventory.reset_index(drop=True)
    rows = inventory["area_km2"].nlargest(MOST, keep="first").index
    return inventory.loc[sorted(rows)].reset_index(drop=True)


def inventory_section(landforms: gpd.GeoDataFrame, total: int) -> Section:
    """Return the section: one row for each landform, columns that hold anything at all."""
    attributes = pd.DataFrame(landforms.drop(columns="geometry"))
    columns = [name for name in attributes if name == "id" or not _blank(attributes[name])]
    empty = [name for name in attributes if name not in columns]
    some = f" These are the {len(landforms)} largest; inventory.csv has all of them." if len(landforms) < total else ""
    text = f"{total} landforms.{some} Sort by a column's heading; the id shows a landform on the map."
    without = paragraph(f"Columns that are empty throughout: {', '.join(empty)}.") if empty and len(landforms) else ""
    return Section("inventory", "Inventory", concat(paragraph(text), _filter(), _table(attributes[columns]), without))


def _blank(column: pd.Series) -> bool:
    return bool((column.isna() | (column.astype(str) == "")).all())


def _filter() -> Markup:
    return Markup(
        '<p class="filter"><label for="filter">Filter</label> <input id="filter" type="search" spellcheck="false" '
        'placeholder="words; or area_km2 &gt; 0.5" aria-describedby="matches"> '
        '<output id="matches" for="filter" aria-live="polite"></output></p>\n'
    )


def _table(attributes: pd.DataFrame) -> Markup:
    numbers = {
        name for name in attributes if is_numeric_dtype(attributes[name]) and not is_bool_dtype(attributes[name])
    }
    heads = "".join(
        f'<th scope="col"{" class=number" if name in numbers else ""}><button type="button">{escaped(name)}</button></th>'
        for name in attributes
    )
    columns = [[to_html(value) for value in attributes[name].tolist()] for name in attributes]
    kinds = [" class=number" if name in numbers else "" for name in attributes]
    rows = "\n".join(_row(number, cells, kinds) for number, cells in enumerate(zip(*columns, strict=True)))
    return Markup(
        '<div class="wide tall" tabindex="0" role="region" aria-label="Inventory"><table id="landforms">'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>\n"
        '<p class="printed">On paper no more than the first 9 columns; inventory.csv has all of them.</p>\n'
    )


def _row(number: int, cells: tuple[str, ...], kinds: list[str]) -> str:
    first, *rest = cells
    others = "".join(f"<td{kind}>{one}</td>" for one, kind in zip(rest, kinds[1:], strict=True))
    return f'<tr data-row="{number}"><th scope="row"><button type="button">{first or number + 1}</button></th>{others}</tr>'
