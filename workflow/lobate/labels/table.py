"""The table of polygons that every step of the room takes and returns: ids, reasons, areas, and the list of removed outlines.

One row for each polygon: ``polygon`` (its id), ``outline`` (the id of the drawn outline, which its parts share), ``class``,
``source`` (file name), ``geometry`` in EPSG:4326 (None where there is nothing usable) and ``reason``. A polygon is kept
while its reason is empty. No step drops a row: what is left out gets its reason.
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
from lobate.io.filekind import check_kind
from lobate.io.spreadsheet import restore_formulas
from lobate.io.text_encoding import read_text
from lobate.io.values import comparable
from lobate.io.vector import geodesic_measures

log = logging.getLogger(__name__)

MAX_NAMES = 10
"""Names in a reason or a message; of more, the rest is counted."""


def set_reason(rows: gpd.GeoDataFrame, condition: np.ndarray, reason: str) -> gpd.GeoDataFrame:
    """Return the rows with ``reason`` where the condition holds; a row that has a reason already keeps it."""
    return rows.assign(reason=rows["reason"].mask(condition & (rows["reason"] == ""), reason))


def areas_and_perimeters(geometry: gpd.GeoSeries) -> tuple[np.ndarray, np.ndarray]:
    """Return geodesic areas in square metres to a tenth and perimeters in metres, 0 without a geometry; both (n,)."""
    shapes = np.array(geometry.values, dtype=object)
    present = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    measured = np.zeros((2, len(geometry)))
    measured[:, present] = geodesic_measures(geometry[present])
    return measured[0].round(1), measured[1]


def area_m2(geometry: gpd.GeoSeries) -> np.ndarray:
    """Return geodesic areas in square metres to a tenth, 0 where there is no geometry, (n,)."""
    return areas_and_perimeters(geometry)[0]


def abbreviate(names: Sequence[str]) -> str:
    """Return the first names, separated by commas, and the number of the rest."""
    rest = len(names) - MAX_NAMES
    return ", ".join(names[:MAX_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def deduplicate_ids(names: Iterable[str], sources: Iterable[str]) -> list[str]:
    """Return the names in order, each only once: the first keeps a name, a later one gets its source's name behind it.

    ``7`` becomes ``7@moraines``, then ``7@moraines_2``; renamed ids are logged.
    """
    taken: set[str] = set()
    last_number: dict[str, int] = {}
    renamed = []
    unique = []
    for name, source in zip(names, sources, strict=True):
        new = name if name not in taken else _first_free(f"{name}@{source.split('.')[0]}", taken, last_number)
        if new != name:
            renamed.append(f"{name} to {new}")
        taken.add(new)
        unique.append(new)
    if renamed:
        log.info("%d ids were taken already and renamed: %s", len(renamed), abbreviate(renamed))
    return unique


def _first_free(name: str, taken: set[str], last_number: dict[str, int]) -> str:
    """Return the name, or the name with the first free number behind it; ``last_number`` saves a search from 2 each time."""
    if name not in taken:
        return name
    number = last_number.get(name, 1) + 1
    while f"{name}_{number}" in taken:
        number += 1
    last_number[name] = number
    return f"{name}_{number}"


def read_removed(path: Path) -> dict[str, str]:
    """Return id -> reason from a CSV with the columns id and reason (comma, semicolon or tab; any case).

    An id in two rows gets both reasons. Raises UserError when a column is missing or an id has no reason.
    """
    check_kind(path)
    try:
        text = read_text(path, f"Write its encoding, for instance GBK or CP1251, into {path.stem}.cpg beside it")
        separator = max(",;\t", key=text.partition("\n")[0].count)
        table = pd.read_csv(StringIO(text), dtype=str, keep_default_na=False, sep=separator)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} cannot be read as CSV ({error}). Write it as text (UTF-8) with the columns id and reason."
        ) from None
    table.columns = [str(column).strip().lower() for column in table.columns]
    if missing := [column for column in ("id", "reason") if column not in table.columns]:
        raise UserError(
            f"{path} lacks the column {' and '.join(missing)} (it has {', '.join(table.columns)}). Its first line must name "
            "the columns id and reason."
        )
    table = table.apply(lambda column: column.str.strip().map(restore_formulas))
    table = table[table["id"] != ""].drop_duplicates(["id", "reason"])
    if without_reason := table["id"][table["reason"] == ""].tolist():
        raise UserError(
            f"{path}: {abbreviate(without_reason)} has no reason. Write one, so that others can follow why it was left out."
        )
    return table.groupby("id", sort=False)["reason"].agg("; ".join).to_dict()


def remove_listed(rows: gpd.GeoDataFrame, reasons: dict[str, str]) -> gpd.GeoDataFrame:
    """Return the rows with the user's ``reasons`` by id, and the column ``listed``, which is true for them.

    An id names an outline with all its parts, or one part. Ids that name nothing are logged.
    """
    if not reasons:
        return rows.assign(listed=False)
    named = _as_the_rows_name_them(rows, reasons)
    by_outline, by_polygon = (rows[column].map(named) for column in ("outline", "polygon"))
    reason = by_polygon.where(by_polygon.notna(), by_outline)
    listed = reason.notna().to_numpy()
    newly = listed & (rows["reason"] == "").to_numpy()
    unknown = sorted(set(named) - set(rows["outline"]) - set(rows["polygon"]))
    log.info("%d of %d ids of the list of removed outlines were found", len(reasons) - len(unknown), len(reasons))
    if unknown:
        log.warning("%d ids of the list of removed outlines name no outline: %s", len(unknown), abbreviate(unknown))
    return rows.assign(listed=listed, reason=np.where(newly, reason, rows["reason"]))


def _as_the_rows_name_them(rows: gpd.GeoDataFrame, reasons: dict[str, str]) -> dict[str, str]:
    """Return the reasons by the rows' own ids, where a list writes an id otherwise: 7.0 for 7, or é of two letters."""
    known = {*rows["outline"], *rows["polygon"]}
    if known.issuperset(reasons):
        return reasons
    alike = {comparable(name): name for name in sorted(known)}
    return {name if name in known else alike.get(comparable(name), name): reason for name, reason in reasons.items()}
