"""Reading one file of outlines into the room's table, with what the configuration says of it."""

from __future__ import annotations

import difflib
import logging
from pathlib import Path, PurePosixPath

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from pyproj.exceptions import CRSError, ProjError

from lobate.errors import UserError
from lobate.io.polygons import POLYGONAL, polygonal
from lobate.io.vector import LONLAT, read_layer, readable
from lobate.labels.make_valid import make_valid, repair
from lobate.settings.base import PolygonFile

log = logging.getLogger(__name__)

GEOMETRY = "geometry"


def read_outlines(path: Path, file: PolygonFile, kind: str, fold_field: str | None = None) -> gpd.GeoDataFrame:
    """Return the outlines of one file as rows of class ``kind``, mended and in EPSG:4326, one row for each feature.

    ``path`` is where the file lies now, ``file`` what the configuration says of it; ``fold`` is what ``fold_field`` holds,
    as people write it, "" for nothing. UserError when it is empty, has no CRS,
    holds anything but polygons, or lacks a field that the configuration names.
    """
    with readable(path) as whole:
        frame = _with_polygons(read_layer(whole, file.layer), file)
        numbers = _feature_numbers(whole, file.layer)
    frame = frame.set_index(numbers)
    if frame.empty:
        raise UserError(
            f"{_where(file)} holds no feature. Draw outlines in it, or take it out of labels.{kind}s in the configuration."
        )
    frame = frame[matching(frame, file)]
    geometry, reason = repair(frame.geometry, _where(file))
    rows = gpd.GeoDataFrame(
        {
            "outline": _names(frame, file),
            "class": kind,
            "source": PurePosixPath(file.path).name,
            "reason": reason,
            "fold": _field(frame, fold_field, file).map(_text).to_numpy(dtype=object) if fold_field else "",
            "geometry": geometry.array,
        },
        crs=frame.crs,
    )
    return _in_lonlat(rows, file)


def _with_polygons(frame: gpd.GeoDataFrame, file: PolygonFile) -> gpd.GeoDataFrame:
    """Return the features; of one that holds points or lines beside polygons, as globes draw labels, only the polygons.

    UserError when a feature holds no polygon.
    """
    shapes = np.array(frame.geometry.values, dtype=object)
    mixed = np.flatnonzero(shapely.get_type_id(shapes) == shapely.GeometryType.GEOMETRYCOLLECTION)
    if len(mixed):
        log.info("%s: of %d features that hold more than polygons only these are taken", _where(file), len(mixed))
        shapes[mixed] = polygonal(shapes[mixed])
    wrong = np.flatnonzero(~np.isin(shapely.get_type_id(shapes), (*POLYGONAL, -1)))
    if len(wrong):
        raise UserError(
            f"{_where(file)} must hold polygons, but feature {wrong[0]} is a {shapes[wrong[0]].geom_type} ({len(wrong)} such "
            "features). Draw outlines as polygons, or name another layer."
        )
    return frame.assign(geometry=gpd.GeoSeries(shapes, index=frame.index, crs=frame.crs))


def _in_lonlat(rows: gpd.GeoDataFrame, file: PolygonFile) -> gpd.GeoDataFrame:
    """Return the rows in EPSG:4326; where rounding made a ring touch itself, it is mended again."""
    try:
        rows = rows.to_crs(LONLAT)
    except (ProjError, CRSError) as error:
        raise UserError(
            f"{_where(file)} is in a coordinate reference system that has no place on Earth ({rows.crs.name}): {error}. "
            "Assign the right one in QGIS and save it again."
        ) from error
    return rows.assign(geometry=make_valid(np.array(rows.geometry.values, dtype=object)))


def _where(file: PolygonFile) -> str:
    return file.path + (f", layer {file.layer}" if file.layer else "")


def _feature_numbers(path: Path, layer: str | None) -> pd.Index:
    """Return the features' own numbers (FID), which stay when another feature is deleted."""
    return pyogrio.read_dataframe(path, layer=layer, columns=[], read_geometry=False, fid_as_index=True).index


def _field(frame: pd.DataFrame, name: str, file: PolygonFile) -> pd.Series:
    fields = [column for column in frame.columns if column != GEOMETRY]
    if name not in fields:
        near = difflib.get_close_matches(name, fields, n=1)
        raise UserError(
            f"{_where(file)} has no field {name}; it has {', '.join(fields) or 'none'}. "
            + (f"Did you mean {near[0]}?" if near else "Correct id_field, where or fold_field in the configuration.")
        )
    return frame[name]


def matching(frame: pd.DataFrame, file: PolygonFile) -> np.ndarray:
    """Return which features have all the values that ``where`` asks for; UserError when none has."""
    matching = np.ones(len(frame), dtype=bool)
    for name, value in file.where.items():
        column = _field(frame, name, file)
        matching &= column.map(_text).to_numpy() == _text(value)
        if not matching.any():
            present = sorted({_text(one) for one in column.unique()})
            raise UserError(
                f"{_where(file)}: no feature has {name} = {value} (there are {', '.join(present[:12])}). Correct where in "
                "the configuration."
            )
    if file.where:
        log.info("%s: %d of %d features match the filter", _where(file), matching.sum(), len(frame))
    return matching


def _text(value: object) -> str:
    """Return a field's value as people write it: 7 for 7.0, and nothing for a missing value."""
    if pd.isna(value):
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def _names(frame: gpd.GeoDataFrame, file: PolygonFile) -> list[str]:
    """Return an id for each feature: its field, or file name (and layer) and feature number."""
    stem = PurePosixPath(file.path).name.split(".")[0] + (f"_{file.layer}" if file.layer else "")
    made = [f"{stem}_{number}" for number in frame.index]
    if file.id_field is None:
        return made
    given = [_text(value) for value in _field(frame, file.id_field, file)]
    if blank := given.count(""):
        log.info(
            "%s: %d features have no %s; their ids are made from the file's name", _where(file), blank, file.id_field
        )
    return [name or other for name, other in zip(given, made, strict=True)]
