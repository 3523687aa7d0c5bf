"""Reading of one file of outlines into the room's table, with the options of its setting: layer, id field and filter."""

from __future__ import annotations

import difflib
import logging
from pathlib import Path, PurePosixPath

import geopandas as gpd
import numpy as np
import pandas as pd

from lobate.errors import UserError
from lobate.io.antimeridian import to_lonlat
from lobate.io.drawn import is_drawn_later
from lobate.io.features import polygons_only, read_features
from lobate.io.origin import outline_origins
from lobate.io.values import as_text, column, field_names, matches
from lobate.labels.repair import repair, repair_polygons
from lobate.settings.base import PolygonFile

log = logging.getLogger(__name__)


def read_outlines(path: Path, file: PolygonFile, kind: str, fold_field: str | None = None) -> gpd.GeoDataFrame:
    """Return the outlines of one file as rows of class ``kind``, repaired and in EPSG:4326, one row for each feature.

    ``path`` is the file's place now, ``file`` its entry in the configuration. The column ``fold`` holds the value of
    ``fold_field`` as people write it, "" for none, and ``origin`` says whether an outline came from a model (see
    ``lobate.io.origin``). Raises UserError when the file is empty, has no CRS, holds anything but
    polygons, or lacks a field that the configuration names.
    """
    frame = polygons_only(read_features(path, file.layer, encoding=file.encoding), _file_and_layer(file))
    if frame.empty and not (isinstance(file.layer, str) and is_drawn_later(file.path, file.layer)):
        raise UserError(
            f"{_file_and_layer(file)} holds no feature. Draw outlines in it, or take it out of labels.{kind}s in the "
            "configuration."
        )
    frame = frame[matches_where(frame, file)]
    geometry, reason = repair(frame.geometry, _file_and_layer(file))
    rows = gpd.GeoDataFrame(
        {
            "outline": _outline_ids(frame, file),
            "class": kind,
            "source": PurePosixPath(file.path).name,
            "reason": reason,
            "fold": _field(frame, fold_field, file).map(as_text).to_numpy(dtype=object) if fold_field else "",
            "origin": outline_origins(frame).astype(object),
            "geometry": geometry.array,
        },
        crs=frame.crs,
    )
    rows = to_lonlat(rows)
    # a ring that touches itself after rounding is repaired again
    return rows.assign(geometry=repair_polygons(np.array(rows.geometry.values, dtype=object)))


def _file_and_layer(file: PolygonFile) -> str:
    return file.path + (f", layer {file.layer_names}" if file.layer else "")


def _field(frame: pd.DataFrame, name: str, file: PolygonFile) -> pd.Series:
    values = column(frame, name)
    if values is None:
        fields = field_names(frame)
        near = difflib.get_close_matches(name, fields, n=1)
        raise UserError(
            f"{_file_and_layer(file)} has no field {name}; it has {', '.join(fields) or 'none'}. "
            + (f"Did you mean {near[0]}?" if near else "Correct id_field, where or fold_field in the configuration.")
        )
    return values


def matches_where(frame: pd.DataFrame, file: PolygonFile) -> np.ndarray:
    """Return which features have all values of the filter ``where``, (n,) of bool; raises UserError when none has."""
    matching = np.ones(len(frame), dtype=bool)
    for name, value in file.where.items():
        values = _field(frame, name, file)
        matching &= matches(values, value)
        if not matching.any():
            present = sorted({text for distinct in values if (text := as_text(distinct))})
            raise UserError(
                f"{_file_and_layer(file)}: no feature has {name} = {value} (there are {', '.join(present[:12])}). Correct where in "
                "the configuration."
            )
    if file.where:
        log.info("%s: %d of %d features match the filter", _file_and_layer(file), matching.sum(), len(frame))
    return matching


def _outline_ids(frame: gpd.GeoDataFrame, file: PolygonFile) -> list[str]:
    """Return an id for each feature: its field, or file name (and layer) and feature number."""
    stem = PurePosixPath(file.path).name.split(".")[0] + (f"_{file.layer}" if isinstance(file.layer, str) else "")
    default_ids = [f"{stem}_{str(number).replace('/', '_')}" for number in frame.index]
    if file.id_field is None:
        return default_ids
    ids = [as_text(value) for value in _field(frame, file.id_field, file)]
    if blank := ids.count(""):
        log.info(
            "%s: %d features have no %s; their ids come from the file's name",
            _file_and_layer(file),
            blank,
            file.id_field,
        )
    return [own or default for own, default in zip(ids, default_ids, strict=True)]
