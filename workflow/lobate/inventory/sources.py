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
from lobate.io.origin import DETECTION_METHOD, REVIEWED
from lobate.io.polygons import polygons_in
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
    frame = read_polygons(path, settings.layer)
    where = f"The inventory {source} ({path}{f', layer {settings.layer}' if settings.layer else ''})"
    for field in [*settings.where, *filter(None, [settings.id_field]), *settings.fields.values()]:
        if field not in frame:
            fields = ", ".join(str(name) for name in frame.columns.drop("geometry"))
            raise UserError(
                f"{where} has no field {field}; it has {fields or 'none'}. Correct inventory.others.{source}."
            )
    ids = _ids(frame, source, settings, where)
    columns: dict[str, list[Any]] = {
        name: _attribute_values(frame, name, field, where) for name, field in settings.fields.items()
    }
    for name in set(NUMERIC_FIELDS) & set(columns):
        columns[name] = [value * TO_CM[settings.velocity_unit] for value in columns[name]]
    outlines = gpd.GeoDataFrame({"source_id": ids, **columns}, geometry=frame.geometry.to_numpy(), crs=frame.crs)
    outlines = outlines[_selected(frame, settings, where)].reset_index(drop=True).to_crs(LONLAT)
    return outlines.assign(source=source, method=settings.method or source, status=MAPPED_STATUS)


def _ids(frame: gpd.GeoDataFrame, source: str, settings: OtherInventory, where: str) -> list[str]:
    if settings.id_field is None:
        log.info("%s has no inventory.others.%s.id_field: its features are numbered", where, source)
        return [f"{source}_{number:05d}" for number in range(len(frame))]
    ids = frame[settings.id_field]
    selected = ids[_selected(frame, settings, where)]
    if selected.isna().any():
        raise UserError(
            f"{where}: feature {selected.index[selected.isna()][0]} has no {settings.id_field}. Give it one."
        )
    repeated = selected[selected.duplicated()].unique()
    if len(repeated):
        raise UserError(
            f"{where}: {len(repeated)} identifiers in the field {settings.id_field} are used more than once "
            f"({', '.join(map(str, repeated[:5]))}). Make them unique, or leave inventory.others.{source}.id_field away."
        )
    return [str(value) for value in ids]


def _attribute_values(frame: gpd.GeoDataFrame, name: str, field: str, where: str) -> list[Any]:
    """Return the values of an attribute; checks that numbers are finite and words are in the vocabulary."""
    if name in VOCABULARIES:
        return list(canonical(frame[field], VOCABULARIES[name], f"{where}, field {field}"))
    if name == "mapping_date":
        return [_parse_date(value, f"{where}, field {field}") for value in frame[field]]
    if name not in NUMERIC_FIELDS:
        return [None if pd.isna(value) else str(value) for value in frame[field]]
    numbers = pd.to_numeric(frame[field], errors="coerce").astype(float)
    wrong = np.flatnonzero((frame[field].notna() & ~np.isfinite(numbers)).to_numpy())
    if len(wrong):
        raise UserError(
            f"{where}, field {field}: feature {wrong[0]} has the value {str(frame[field].iloc[wrong[0]])!r}, which is no "
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
    selected = np.ones(len(frame), dtype=bool)
    for field, wanted in settings.where.items():
        selected &= np.array([_equal(value, wanted) for value in frame[field]], dtype=bool)
    if len(frame) and not selected.any():
        condition = ", ".join(f"{field} = {wanted}" for field, wanted in settings.where.items())
        raise UserError(f"{where} has no feature with {condition}. Correct the setting `where` of this inventory.")
    return selected


def _equal(value: object, wanted: str | int | float | bool) -> bool:
    return bool(value == wanted) or str(value) == str(wanted)


def _names(frame: gpd.GeoDataFrame) -> str:
    names = ", ".join(frame["source_id"].astype(str).iloc[:5])
    return names + (" and others" if len(frame) > 5 else "")
