"""Reference outlines for the score, known outlines, and the footprints of training patches."""

from __future__ import annotations

import difflib
import logging
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from lobate.errors import UserError
from lobate.io.antimeridian import to_lonlat
from lobate.io.features import read_drawn
from lobate.io.origin import UNMENDED, origins_of, outline_origins
from lobate.io.polygons import make_valid, polygonal, subtract
from lobate.io.values import as_text, column, field_names, matches
from lobate.io.vector import LONLAT, read_layer, read_polygons
from lobate.settings.base import PolygonFile
from lobate.settings.mapping import ReferenceFile

log = logging.getLogger(__name__)
SETTING = "mapping.reference"

REFERENCE_CLASSES = ("activity", "upslope_connection")
"""Fields of the reference by whose values recall is given, where it has them."""


@dataclass(frozen=True)
class Reference:
    """``outlines`` (EPSG:4326, column `reference` is the id), their ``description``, and the number of features ``without_area``.

    ``unmended`` (n,): outlines of a model that nobody mended, EPSG:4326. They are no reference: a model would be judged by a model.
    """

    outlines: gpd.GeoDataFrame
    description: str
    without_area: int
    unmended: np.ndarray


def read_reference(path: Path, file: ReferenceFile | None) -> Reference:
    """Return the user's outlines selected by ``file``, or the positive ones of the cleaned labels when it is None.

    Raises UserError when a field does not exist, or when no outline is left.
    """
    if file is None:
        frame = read_polygons(path, "kept")
        frame = frame[frame["class"] == "positive"].reset_index(drop=True)
        description = "the positive outlines given to training (labels, kept)"
        return _build_reference(frame, frame["polygon"], description, path, origins_of(frame) == UNMENDED)
    frame = select_features(path, file, SETTING)
    if file.id_field:
        names = _column(frame, file.id_field, path, SETTING).map(as_text)
    else:
        names = pd.Series(
            [f"{Path(file.path).stem}_{str(number).replace('/', '_')}" for number in frame.index], dtype=object
        )
    conditions = "".join(f", {field} = {value}" for field, value in file.where.items())
    description = file.path + (f", layer {file.layer_names}" if file.layer else "") + conditions
    frame, names = frame.reset_index(drop=True), names.reset_index(drop=True)
    return _build_reference(frame, names, description, path, outline_origins(frame) == UNMENDED)


def _build_reference(
    frame: gpd.GeoDataFrame, names: pd.Series, description: str, path: Path, unmended: np.ndarray
) -> Reference:
    outlines = valid_polygons(to_lonlat(frame).geometry)
    has_area = shapely.area(outlines) > 0
    usable = has_area & ~unmended
    if not usable.any():
        raise UserError(
            f"There is no outline to score against in {path} ({description}). Check mapping.reference: path, layer and where."
        )
    if not has_area.all():
        log.info("%d reference outlines have no area and are left out.", (~has_area).sum())
    if unmended.any():
        log.warning(
            "%d reference outlines are a model's that nobody mended: they judge nothing, and their ground is left out.",
            unmended.sum(),
        )
    classes = {name: frame[name].astype(object) for name in REFERENCE_CLASSES if name in frame}
    table = gpd.GeoDataFrame({"reference": names.astype(object), **classes}, geometry=outlines, crs=LONLAT)
    without_area = int((~has_area).sum())
    return Reference(table[usable].reset_index(drop=True), description, without_area, outlines[has_area & unmended])


def select_features(path: Path, file: PolygonFile, setting: str) -> gpd.GeoDataFrame:
    """Return the outlines at ``path`` selected by ``file``, the value of ``setting``, in their own CRS.

    Raises UserError when they cannot be read or a field does not exist.
    """
    frame = read_drawn(path, file.layer, encoding=file.encoding)
    for field, value in file.where.items():
        frame = frame[matches(_column(frame, field, path, setting), value)]
    return frame


def _column(frame: gpd.GeoDataFrame, field: str, path: Path, setting: str) -> pd.Series:
    values = column(frame, field)
    if values is not None:
        return values
    near = difflib.get_close_matches(field, field_names(frame), n=1)
    hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(field_names(frame))}."
    raise UserError(f"The file {path} has no field {field}, which {setting} names; {hint}")


def known_outlines(polygons: Path) -> np.ndarray:
    """Return all positive outlines of the labels, EPSG:4326, including those left out of training."""
    layers = [read_layer(polygons, name) for name in ("kept", "removed")]
    positive = [valid_polygons(layer[layer["class"] == "positive"].to_crs(LONLAT).geometry) for layer in layers]
    outlines = np.concatenate(positive)
    return outlines[shapely.area(outlines) > 0]


def removed_outlines(polygons: Path) -> np.ndarray:
    """Return the positive outlines that the labels removed, less ground of the kept ones, EPSG:4326.

    A duplicate of a kept outline lies on its ground, so nothing of it is left.
    """
    kept, removed = (read_layer(polygons, name).to_crs(LONLAT) for name in ("kept", "removed"))
    outlines = valid_polygons(removed[removed["class"] == "positive"].geometry)
    standing = valid_polygons(kept[kept["class"] == "positive"].geometry)
    rest = subtract(outlines, standing)
    return rest[shapely.area(rest) > shapely.area(outlines) / 2]


def seen_footprints(split: Path, mined: Path | None = None) -> np.ndarray:
    """Return the footprints of all patches that the model was trained or chosen on, in EPSG:4326.

    These are the training and validation sides of ``split`` and the negatives in ``mined`` (layer `patches`).
    """
    frame = read_layer(split, "split")
    sides = frame[frame["side"].isin(["training", "validation"])]
    layers = [sides, *([read_layer(mined, "patches")] if mined else [])]
    return np.concatenate([np.asarray(layer.to_crs(LONLAT).geometry.values, dtype=object) for layer in layers])


def valid_polygons(outlines: gpd.GeoSeries) -> np.ndarray:
    """Return the polygons (n,) of possibly missing or invalid outlines; empty where there is no area."""
    return polygonal(make_valid(np.asarray(outlines.values, dtype=object)))
