"""The table of polygons on which the whole room works, and what every step does with it.

One row for each polygon: ``polygon`` (its id), ``outline`` (the id of the drawn outline, which several parts of one
share), ``class``, ``source`` (file name), ``geometry`` in EPSG:4326 (None where there is nothing usable) and ``reason``,
which is empty as long as the polygon is kept. Nothing ever leaves the table: what is left out gets its reason.

Ids that are unique over all files, and the user's list of ids to leave out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.errors import UserError
from lobate.io.vector import geodesic_measures

SHOWN = 10
"""So many names stand in a reason or a message."""


def set_reason(rows: gpd.GeoDataFrame, holds: np.ndarray, words: str) -> gpd.GeoDataFrame:
    """Return the rows with ``words`` as reason where ``holds``; what has a reason already keeps it."""
    return rows.assign(reason=rows["reason"].mask(holds & (rows["reason"] == ""), words))


def measures(geometry: gpd.GeoSeries) -> tuple[np.ndarray, np.ndarray]:
    """Return geodesic areas in square metres to a tenth and perimeters in metres, 0 without a geometry; both (n,)."""
    shapes = np.array(geometry.values, dtype=object)
    known = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    found = np.zeros((2, len(geometry)))
    found[:, known] = geodesic_measures(geometry[known])
    return found[0].round(1), found[1]


def area_m2(geometry: gpd.GeoSeries) -> np.ndarray:
    """Return geodesic areas in square metres to a tenth, 0 where there is no geometry, (n,)."""
    return measures(geometry)[0]


def abbreviate(names: Sequence[str]) -> str:
    """Return the first names in words, and how many there are besides."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


log = logging.getLogger(__name__)


def deduplicate_ids(names: Iterable[str], sources: Iterable[str]) -> list[str]:
    """Return the names in order, each only once: the first keeps a name, a later one gets its source's name behind it.

    ``7`` becomes ``7@moraines``, then ``7@moraines_2``; what was renamed is told.
    """
    seen: set[str] = set()
    last: dict[str, int] = {}
    renamed = []
    result = []
    for name, source in zip(names, sources, strict=True):
        new = name if name not in seen else _unused(f"{name}@{source.split('.')[0]}", seen, last)
        if new != name:
            renamed.append(f"{name} to {new}")
        seen.add(new)
        result.append(new)
    if renamed:
        log.info("%d ids were taken already and renamed: %s", len(renamed), abbreviate(renamed))
    return result


def _unused(name: str, seen: set[str], last: dict[str, int]) -> str:
    """Return the name, or the name with the first free number behind it; ``last`` remembers how far each name has come."""
    if name not in seen:
        return name
    number = last.get(name, 1) + 1
    while f"{name}_{number}" in seen:
        number += 1
    last[name] = number
    return f"{name}_{number}"


def read_removed(path: Path) -> dict[str, str]:
    """Return id -> reason from a CSV with the columns id and reason (comma or semicolon; any case).

    An id that stands there twice gets both reasons. UserError when a column is missing or an id has no reason.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig")
        separator = max(",;\t", key=lines.partition("\n")[0].count)
        table = pd.read_csv(StringIO(lines), dtype=str, keep_default_na=False, sep=separator)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} cannot be read as CSV ({error}); write it as text (UTF-8) with the columns id and reason."
        ) from None
    table.columns = [str(column).strip().lower() for column in table.columns]
    if missing := [column for column in ("id", "reason") if column not in table.columns]:
        raise UserError(
            f"{path} lacks the column {' and '.join(missing)} (it has {', '.join(table.columns)}); its first line must name "
            "the columns id and reason."
        )
    table = table.apply(lambda column: column.str.strip())
    table = table[table["id"] != ""].drop_duplicates(["id", "reason"])
    if bare := table["id"][table["reason"] == ""].tolist():
        raise UserError(
            f"{path}: {abbreviate(bare)} has no reason; write one, so that others can follow why it was left out."
        )
    return table.groupby("id", sort=False)["reason"].agg("; ".join).to_dict()


def remove_listed(rows: gpd.GeoDataFrame, listed: dict[str, str]) -> gpd.GeoDataFrame:
    """Return the rows with the list's reasons, and ``listed`` true for them; ids that name nothing are told.

    An id names an outline with all its parts, or one part.
    """
    if not listed:
        return rows.assign(listed=False)
    by_outline, by_polygon = (rows[column].map(listed) for column in ("outline", "polygon"))
    reason = by_polygon.where(by_polygon.notna(), by_outline)
    named = reason.notna().to_numpy()
    fresh = named & (rows["reason"] == "").to_numpy()
    unknown = sorted(set(listed) - set(rows["outline"]) - set(rows["polygon"]))
    log.info("%d of %d ids of the list of removed outlines were found", len(listed) - len(unknown), len(listed))
    if unknown:
        log.warning("%d ids of the list of removed outlines name no outline: %s", len(unknown), abbreviate(unknown))
    return rows.assign(listed=named, reason=np.where(fresh, reason, rows["reason"]))
