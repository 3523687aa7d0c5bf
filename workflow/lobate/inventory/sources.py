"""Outlines of one source in common columns: the reviewed detections, or another inventory as its settings describe it."""

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
from lobate.io.polygons import polygons_in
from lobate.io.vector import LONLAT, read_polygons
from lobate.settings.inventory import OtherInventory

log = logging.getLogger(__name__)

REVIEWED = "reviewed"
"""Name of the source that is the reviewed detections."""

DETECTION_METHOD = "deep learning"
"""Method of the reviewed detections."""

MAPPED_STATUS = "mapped"
"""Status of what another inventory knows and no reviewer has looked at."""

NUMERIC_FIELDS = ("velocity", "velocity_error")
TO_CM = {"mm": 0.1, "cm": 1.0, "m": 100.0}
"""Unit of a velocity -> cm."""


def read_source(path: Path, source: str, others: dict[str, OtherInventory]) -> gpd.GeoDataFrame:
    """Return the outlines of ``source`` in EPSG:4326 with ``source``, ``source_id``, ``method`` and what it knows of them.

    Outlines may still be empty or invalid; see ``mend``. Raises UserError where file, fields and settings disagree.
    """
    if source == REVIEWED:
        frame = read_polygons(path, REVIEWED).to_crs(LONLAT)
        return frame.assign(source=source, source_id=frame["detection"], method=DETECTION_METHOD)
    if source not in others:
        raise UserError(f"There is no inventory called {source}. Describe it in the setting inventory.others.{source}.")
    return _read_other(path, source, others[source])


def repair_outlines(frame: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return outlines that are valid polygons, and those that cannot be, with ``reason``.

    An outline that crosses itself is repaired (shapely.make_valid), which keeps all ground inside its line.
    """
    outlines = np.asarray(frame.geometry.values, dtype=object).copy()
    wrong = ~shapely.is_valid(outlines) & ~shapely.is_missing(outlines)
    outlines[wrong] = [shapely.union_all(polygons_in(shapely.make_valid(one))) for one in outlines[wrong]]
    if wrong.any():
        log.warning("%d outlines crossed themselves and were repaired: %s", wrong.sum(), _names(frame[wrong]))
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
    columns: dict[str, list[Any]] = {name: _known(frame, name, field, where) for name, field in settings.fields.items()}
    for name in set(NUMERIC_FIELDS) & set(columns):
        columns[name] = [one * TO_CM[settings.velocity_unit] for one in columns[name]]
    outlines = gpd.GeoDataFrame({"source_id": ids, **columns}, geometry=frame.geometry.to_numpy(), crs=frame.crs)
    outlines = outlines[_chosen(frame, settings, where)].reset_index(drop=True).to_crs(LONLAT)
    return outlines.assign(source=source, method=settings.method, status=MAPPED_STATUS)


def _ids(frame: gpd.GeoDataFrame, source: str, settings: OtherInventory, where: str) -> list[str]:
    if settings.id_field is None:
        log.info("%s has no inventory.others.%s.id_field: its features are called by their number", where, source)
        return [f"{source}_{number:05d}" for number in range(len(frame))]
    ids = frame[settings.id_field]
    chosen = ids[_chosen(frame, settings, where)]
    if chosen.isna().any():
        raise UserError(f"{where}: feature {chosen.index[chosen.isna()][0]} has no {settings.id_field}. Give it one.")
    twice = chosen[chosen.duplicated()].unique()
    if len(twice):
        raise UserError(
            f"{where}: {len(twice)} identifiers in the field {settings.id_field} are used more than once "
            f"({', '.join(map(str, twice[:5]))}). Make them unique, or leave inventory.others.{source}.id_field away."
        )
    return [str(one) for one in ids]


def _known(frame: gpd.GeoDataFrame, name: str, field: str, where: str) -> list[Any]:
    """Values of an attribute, checked: numbers are finite, words are in the vocabulary."""
    if name in VOCABULARIES:
        return list(canonical(frame[field], VOCABULARIES[name], f"{where}, field {field}"))
    if name == "mapping_date":
        return [_date(value, f"{where}, field {field}") for value in frame[field]]
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


def _date(value: object, where: str) -> str | None:
    """A year, month or day, as ISO 8601 writes it."""
    if pd.isna(value) or not str(value).strip():
        return None
    found = re.match(r"\d{4}(-\d{2}){0,2}(?=$|[T .])", str(value).strip())
    if not found:
        raise UserError(
            f"{where}: {str(value)!r} is no date. Write it as 2018, 2018-07 or 2018-07-11, or leave it empty."
        )
    return found[0]


def _chosen(frame: gpd.GeoDataFrame, settings: OtherInventory, where: str) -> np.ndarray:
    chosen = np.ones(len(frame), dtype=bool)
    for field, value in settings.where.items():
        chosen &= np.array([_equal(one, value) for one in frame[field]], dtype=bool)
    if len(frame) and not chosen.any():
        asked = ", ".join(f"{field} = {value}" for field, value in settings.where.items())
        raise UserError(f"{where} has no feature with {asked}. Correct its setting where.")
    return chosen


def _equal(found: object, asked: str | int | float | bool) -> bool:
    return bool(found == asked) or str(found) == str(asked)


def _names(frame: gpd.GeoDataFrame) -> str:
    shown = ", ".join(frame["source_id"].astype(str).iloc[:5])
    return shown + (" and others" if len(frame) > 5 else "")


def read_compiled(path: Path) -> gpd.GeoDataFrame:
    """Read the records of a compiled inventory. Raises UserError for anything else, and where two ids are alike."""
    records = read_polygons(path, "inventory")
    missing = [one.name for one in INVENTORY if one.name not in records]
    if missing:
        raise UserError(
            f"{path} is no compiled inventory: it has no field {', '.join(missing)}. Give what compile-inventory wrote."
        )
    twice = records["id"][records["id"].duplicated()].unique()
    if len(twice):
        raise UserError(
            f"{path}: {len(twice)} identifiers stand more than once ({', '.join(map(str, twice[:5]))}). Make them unique."
        )
    return records
