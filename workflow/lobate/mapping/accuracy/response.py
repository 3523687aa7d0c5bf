"""Files that people answer in: points and squares without outline, probability or stratum, in random order.

Layer `places`: at each point, is it on a landform? Layer `squares`: has everything in the square been outlined? Layer
`landforms`: the outlines that a person draws for the squares. A second file repeats a tenth of the units.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely

from lobate.errors import UserError
from lobate.io.antimeridian import to_lonlat
from lobate.io.features import NAME_ENCODING_BESIDE, read_drawn, read_features
from lobate.io.filekind import check_kind
from lobate.io.grid import LONLAT
from lobate.io.polygons import make_valid
from lobate.io.qgis.package import add_styles
from lobate.io.vector import layer_types, write_layers
from lobate.mapping.accuracy.frozen import FrozenSample, Place, Square
from lobate.mapping.accuracy.response_form import form_styles

YES, NO, CANNOT_SAY, DONE = "yes", "no", "cannot_say", "done"
ANSWERS = {"places": (YES, NO, CANNOT_SAY), "squares": (DONE, CANNOT_SAY), "landforms": (YES, CANNOT_SAY)}
"""Answers by layer."""
PERSON_FIELDS = ("answer", "reviewer", "remark")
"""Fields that a person fills."""
SECOND_LOOK_SEED = 10
MOVED_DEG = 2e-6
"""Points farther from their place than this, some 20 cm, were moved."""
SHOWN = 3
"""Units named in a message."""


@dataclass(frozen=True)
class Answers:
    """A person's answers by unit; ``landforms`` in EPSG:4326 with the column ``unsure``; ``imagery`` and ``reviewers`` as named."""

    places: dict[str, str]
    squares: dict[str, str]
    landforms: gpd.GeoDataFrame
    imagery: tuple[str, ...]
    reviewers: tuple[str, ...]


def second_look_units(sample: FrozenSample) -> tuple[list[Place], list[Square]]:
    """Return the units that are looked at twice, the places in another random order than the first time."""
    places = [place for place in sample.places if place.twice]
    order = np.random.default_rng([sample.seed, SECOND_LOOK_SEED]).permutation(len(places))
    return [places[number] for number in order], [square for square in sample.squares if square.twice]


def write_response(path: Path, sample: FrozenSample, places: Sequence[Place], squares: Sequence[Square]) -> None:
    """Write an empty file of answers for these units of a sample, as GeoPackage in EPSG:4326."""
    points = shapely.points([place.lon for place in places], [place.lat for place in places])
    layers = {
        "places": _layer([place.unit for place in places], points, sample),
        "squares": _layer([square.unit for square in squares], shapely.from_wkt([s.outline for s in squares]), sample),
        "landforms": gpd.GeoDataFrame(_empty_fields(0), geometry=[], crs=LONLAT),
    }
    write_layers(path, layers, points=("places",))
    columns = {name: [*frame.columns.drop("geometry")] for name, frame in layers.items()}
    add_styles(path, form_styles(columns, ANSWERS))


def _layer(units: list[str], geometries: np.ndarray, sample: FrozenSample) -> gpd.GeoDataFrame:
    same = {"imagery": [sample.imagery] * len(units), "sample": [sample.name] * len(units)}
    return gpd.GeoDataFrame({"unit": units, **_empty_fields(len(units)), **same}, geometry=geometries, crs=LONLAT)


def _empty_fields(count: int) -> dict[str, pd.Series]:
    return {field: pd.Series([None] * count, dtype=object) for field in PERSON_FIELDS}


def read_answers(path: Path, sample: FrozenSample) -> Answers:
    """Read the answers to all units of a sample. Raises UserError for answers that do not fit the sample, or are missing."""
    return _read(path, sample, sample.places, sample.squares)


def read_second_look(path: Path, sample: FrozenSample) -> Answers:
    """Read the answers to the repeated units of a sample; see ``read_answers``."""
    return _read(path, sample, *second_look_units(sample))


def _read(path: Path, sample: FrozenSample, places: Sequence[Place], squares: Sequence[Square]) -> Answers:
    _check_layers(path)
    points = read_features(path, "places", remedy=NAME_ENCODING_BESIDE).to_crs(LONLAT)
    boxes = read_drawn(path, "squares", remedy=NAME_ENCODING_BESIDE).to_crs(LONLAT)
    for layer, frame, units in (("places", points, places), ("squares", boxes, squares)):
        _check_units(f"{path}, layer {layer}", frame, [unit.unit for unit in units], sample)
        _check_answers(f"{path}, layer {layer}", frame, ANSWERS[layer])
    _check_places(path, points, places)
    _check_squares(path, boxes, squares)
    frames = (points, boxes)
    return Answers(
        dict(zip(points["unit"], points["answer"], strict=True)),
        dict(zip(boxes["unit"], boxes["answer"], strict=True)),
        _landforms(path),
        _texts(frame.get("imagery") for frame in frames),
        _texts(frame.get("reviewer") for frame in frames),
    )


def _check_layers(path: Path) -> None:
    check_kind(path)
    if not path.exists():
        raise UserError(f"The file of answers {path} does not exist. Check its path in mapping.accuracy.")
    try:
        names = {*layer_types(path)}
    except (pyogrio.errors.DataSourceError, RuntimeError, ValueError):
        return  # read_features raises the error
    if missing := sorted({"places", "squares", "landforms"} - names):
        raise UserError(
            f"The file of answers {path} has no layer {', '.join(missing)}. Name the file that `lobate sample` wrote, with "
            "your answers in it."
        )


def _check_units(where: str, frame: gpd.GeoDataFrame, units: list[str], sample: FrozenSample) -> None:
    if missing := sorted({"unit", "answer", "sample"} - set(frame.columns)):
        raise UserError(f"{where} lacks the field {', '.join(missing)}. Answer in the file that `lobate sample` wrote.")
    if others := sorted({str(name) for name in frame["sample"]} - {sample.name}):
        raise UserError(
            f"{where} answers the sample {others[0]}, but mapping.accuracy.frozen is the sample {sample.name}. Name the frozen "
            "sample and the answers of one draw."
        )
    found = [str(unit) for unit in frame["unit"]]
    flaws = {
        "units that are not in the sample": sorted(set(found) - set(units)),
        "no row for units of the sample": sorted(set(units) - set(found)),
        "several rows for one unit": sorted(unit for unit, rows in Counter(found).items() if rows > 1),
    }
    for flaw, names in flaws.items():
        if names:
            raise UserError(
                f"{where} has {flaw}: {_some(names)}. Each drawn unit needs exactly one row; restore the rows from the file that "
                "`lobate sample` wrote."
            )


def _check_answers(where: str, frame: gpd.GeoDataFrame, allowed: tuple[str, ...]) -> None:
    missing = frame["answer"].isna() | (frame["answer"].astype(str).str.strip() == "")
    if missing.any():
        raise UserError(
            f"{where}: {int(missing.sum())} of {len(frame)} units have no answer: {_some(frame['unit'][missing])}. Units without "
            f"an answer would be a sample of their own. Answer each one; where the imagery does not show it, the answer is {CANNOT_SAY}."
        )
    wrong = ~frame["answer"].isin(allowed)
    if wrong.any():
        raise UserError(
            f"{where}: the answer {frame['answer'][wrong].iloc[0]!r} of unit {frame['unit'][wrong].iloc[0]} is none of "
            f"{', '.join(allowed)}. Correct it."
        )


def _check_places(path: Path, points: gpd.GeoDataFrame, places: Sequence[Place]) -> None:
    where = {place.unit: (place.lon, place.lat) for place in places}
    expected = shapely.points([where[unit] for unit in points["unit"]])
    moved = ~(shapely.distance(np.asarray(points.geometry.values, dtype=object), expected) <= MOVED_DEG)
    _refuse_moved(f"{path}, layer places", points["unit"][moved])


def _check_squares(path: Path, boxes: gpd.GeoDataFrame, squares: Sequence[Square]) -> None:
    where = {square.unit: square.outline for square in squares}
    expected = shapely.from_wkt([where[unit] for unit in boxes["unit"]])
    distance = shapely.hausdorff_distance(np.asarray(boxes.geometry.values, dtype=object), expected)
    _refuse_moved(f"{path}, layer squares", boxes["unit"][~(distance <= MOVED_DEG)])


def _refuse_moved(where: str, units: pd.Series) -> None:
    if len(units):
        raise UserError(
            f"{where}: {len(units)} units were moved: {_some(units)}. A sample holds for the drawn places only; restore them "
            "from the file that `lobate sample` wrote."
        )


def _landforms(path: Path) -> gpd.GeoDataFrame:
    """Return the outlines that a person drew, valid, with ``unsure`` where the answer is cannot_say."""
    frame = to_lonlat(read_drawn(path, "landforms", remedy=NAME_ENCODING_BESIDE))
    answers = frame["answer"] if "answer" in frame else pd.Series([None] * len(frame), index=frame.index, dtype=object)
    wrong = ~(answers.isna() | answers.isin([*ANSWERS["landforms"], ""]))
    if wrong.any():
        raise UserError(
            f"{path}, layer landforms: the answer {answers[wrong].iloc[0]!r} is none of {', '.join(ANSWERS['landforms'])}. Correct it, or leave "
            "it empty for a landform that you are sure of."
        )
    shapes = make_valid(np.asarray(frame.geometry.values, dtype=object))
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    if empty.any():
        raise UserError(
            f"{path}, layer landforms: feature {frame.index[empty][0]} has no area. Draw it again, or delete it."
        )
    return gpd.GeoDataFrame({"unsure": (answers == CANNOT_SAY).to_numpy(dtype=bool)}, geometry=shapes, crs=LONLAT)


def _texts(columns: Iterable[pd.Series | None]) -> tuple[str, ...]:
    texts = {str(text).strip() for column in columns if column is not None for text in column.dropna()}
    return tuple(sorted(texts - {""}))


def _some(units: Iterable[object]) -> str:
    names = [str(unit) for unit in units]
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
