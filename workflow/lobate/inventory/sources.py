"""Readers of inventories in common columns: the reviewed detections, another inventory by its settings, or a compiled one."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.errors import UserError
from lobate.inventory.attributes import INVENTORY
from lobate.inventory.vocabulary import VOCABULARIES, canonical
from lobate.io.antimeridian import to_lonlat
from lobate.io.features import read_drawn
from lobate.io.origin import DETECTION_METHOD, REVIEWED
from lobate.io.polygons import polygons_in
from lobate.io.values import as_text, column, field_names, selected
from lobate.io.vector import LONLAT, read_polygons
from lobate.settings.inventory import OtherInventory

log = logging.getLogger(__name__)

MAPPED_STATUS = "mapped"
"""Status of a landform of another inventory that no reviewer has looked at."""

NUMERIC_FIELDS = ("velocity", "velocity_error")
TO_CM = {"mm": 0.1, "cm": 1.0, "m": 100.0}
"""Unit of a velocity -> factor to cm."""


def read_source(path: Path, source: str, others: dict[str, OtherInventory]) -> gpd.GeoDataFrame:
    """Return the outlines of ``source`` in EPSG:4326 with ``source``, ``source_id``, ``method`` and its attributes.

    Outlines may still be empty or invalid; see ``repair_outlines``. Raises UserError where file and settings disagree.
    """
    if source == REVIEWED:
        frame = read_polygons(path, REVIEWED).to_crs(LONLAT)
        return frame.assign(source=source, source_id=frame["detection"], method=DETECTION_METHOD)
    if source not in others:
        raise UserError(f"There is no inventory called {source}. Describe it in the setting inventory.others.{source}.")
    return _read_other(path, source, others[source])


def read_compiled(path: Path) -> gpd.GeoDataFrame:
    """Read the records of a compiled inventory. Raises UserError for other files, and for repeated ids."""
    records = read_polygons(path, "inventory")
    missing = [attribute.name for attribute in INVENTORY if attribute.name not in records]
    if missing:
        raise UserError(
            f"{path} is no compiled inventory: it has no field {', '.join(missing)}. Give what compile-inventory wrote."
        )
    repeated = records["id"][records["id"].duplicated()].unique()
    if len(repeated):
        raise UserError(
            f"{path}: {len(repeated)} identifiers stand more than once ({', '.join(map(str, repeated[:5]))}). Make them unique."
        )
    return records


def repair_outlines(frame: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return the outlines as valid polygons, and those without area, with ``reason``.

    An outline that crosses itself is repaired (shapely.make_valid), which keeps all ground inside its line.
    """
    outlines = np.asarray(frame.geometry.values, dtype=object).copy()
    invalid = ~shapely.is_valid(outlines) & ~shapely.is_missing(outlines)
    outlines[invalid] = [shapely.union_all(polygons_in(shapely.make_valid(outline))) for outline in outlines[invalid]]
    if invalid.any():
        log.warning("%d outlines crossed themselves and were repaired: %s", invalid.sum(), _names(frame[invalid]))
    empty = shapely.is_missing(outlines) | shapely.is_empty(outlines)
    if empty.any():
        log.warning("%d features have no area and are left out: %s", empty.sum(), _names(frame[empty]))
    frame = frame.set_geometry(gpd.GeoSeries(outlines, index=frame.index, crs=frame.crs))
    return frame[~empty].reset_index(drop=True), frame[empty].assign(reason="has no area").reset_index(drop=True)


def _read_other(path: Path, source: str, settings: OtherInventory) -> gpd.GeoDataFrame:
    frame = read_drawn(path, settings.layer, encoding=settings.encoding)
    where = f"The inventory {source} ({path}{f', layer {settings.layer_names}' if settings.layer else ''})"
    for field in [*settings.where, *filter(None, [settings.id_field]), *settings.fields.values()]:
        if column(frame, field) is None:
            fields = ", ".join(field_names(frame))
            raise UserError(
                f"{where} has no field {field}; it has {fields or 'none'}. Correct inventory.others.{source}."
            )
    ids = _ids(frame, source, settings, where)
    columns: dict[str, list[Any]] = {
        name: _attribute_values(frame, name, field, where) for name, field in settings.fields.items()
    }
    if velocities := [name for name in NUMERIC_FIELDS if name in columns]:
        factor = TO_CM[settings.unit_of_velocities()]
        columns |= {name: [value * factor for value in columns[name]] for name in velocities}
    outlines = gpd.GeoDataFrame({"source_id": ids, **columns}, geometry=frame.geometry.to_numpy(), crs=frame.crs)
    outlines = to_lonlat(outlines[_selected(frame, settings, where)].reset_index(drop=True))
    return outlines.assign(source=source, method=settings.method or source, status=MAPPED_STATUS)


def _ids(frame: gpd.GeoDataFrame, source: str, settings: OtherInventory, where: str) -> list[str]:
    if settings.id_field is None:
        log.info("%s has no inventory.others.%s.id_field: its features are numbered", where, source)
        return [f"{source}_{_padded(number)}" for number in frame.index]
    ids = _field(frame, settings.id_field).map(as_text)
    used = ids[_selected(frame, settings, where)]
    if (used == "").any():
        raise UserError(f"{where}: feature {used.index[used == ''][0]} has no {settings.id_field}. Give it one.")
    repeated = used[used.duplicated()].unique()
    if len(repeated):
        raise UserError(
            f"{where}: {len(repeated)} identifiers in the field {settings.id_field} are used more than once "
            f"({', '.join(map(str, repeated[:5]))}). Make them unique, or leave inventory.others.{source}.id_field away."
        )
    return list(ids)


def _padded(number: int | str) -> str:
    """Return a feature's number with five digits; that of several layers, as in ``north/7``, as it is."""
    return f"{number:05d}" if isinstance(number, int) else number


def _field(frame: gpd.GeoDataFrame, name: str) -> pd.Series:
    values = column(frame, name)
    if values is None:
        raise KeyError(name)
    return values


def _attribute_values(frame: gpd.GeoDataFrame, name: str, field: str, where: str) -> list[Any]:
    """Return the values of an attribute; checks that numbers are finite and words are in the vocabulary."""
    values = _field(frame, field)
    if name in VOCABULARIES:
        return list(canonical(values, VOCABULARIES[name], f"{where}, field {field}"))
    if name == "mapping_date":
        return [_parse_date(value, f"{where}, field {field}") for value in values]
    if name not in NUMERIC_FIELDS:
        return [as_text(value) or None for value in values]
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    wrong = np.flatnonzero((values.notna() & ~np.isfinite(numbers)).to_numpy(dtype=bool))
    if len(wrong):
        raise UserError(
            f"{where}, field {field}: feature {values.index[wrong[0]]} has the value {str(values.iloc[wrong[0]])!r}, which is no "
            f"number ({len(wrong)} such features). Correct it, or leave it empty."
        )
    return list(numbers)


def _parse_date(value: object, where: str) -> str | None:
    """Return a year, month or day in ISO 8601."""
    if pd.isna(value) or not str(value).strip():
        return None
    match = re.match(r"\d{4}(-\d{2}){0,2}(?=$|[T .])", str(value).strip())
    if not match:
        raise UserError(
            f"{where}: {str(value)!r} is no date. Write it as 2018, 2018-07 or 2018-07-11, or leave it empty."
        )
    return match[0]


def _selected(frame: gpd.GeoDataFrame, settings: OtherInventory, where: str) -> np.ndarray:
    """Return which features meet the setting ``where``, (n,) bool."""
    chosen = selected(frame, settings.where)
    if len(frame) and not chosen.any():
        condition = ", ".join(f"{field} = {wanted}" for field, wanted in settings.where.items())
        raise UserError(f"{where} has no feature with {condition}. Correct the setting `where` of this inventory.")
    return chosen


def _names(frame: gpd.GeoDataFrame) -> str:
    names = ", ".join(frame["source_id"].astype(str).iloc[:5])
    return names + (" and others" if len(frame) > 5 else "")
