"""What `lobate init` finds in a file of outlines: layer, identifiers, landform, kinds, and what a person must say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from lobate.errors import UserError
from lobate.io.antimeridian import to_lonlat
from lobate.io.features import read_features
from lobate.io.text_encoding import EncodingError
from lobate.io.vector import READ_ERRORS, layer_types, readable_path

LANDFORMS = {
    r"rock.?glac|rockgl|\brgik?\b|blockgletscher|roca?.?glaciar|glaciar.?rocos": "rock glacier",
    r"glacier|glac_|rgi\d|rgiid|glims|gletscher|glaciar": "glacier",
    r"landslide|land_slide|slump|rutsch": "landslide",
    r"moraine|moraene": "moraine",
    r"lake|lagun|\bsee\b": "lake",
    r"pingo": "pingo",
    r"talus|scree": "talus slope",
}
"""Words in names of files, layers, fields and values -> landform; the first that occurs counts."""
ID_NAMES = (r"(primary)?_?id", r".*id", r"id.*", r"(code|key|number|nr|no)", r".*(code|name).*")
"""Names of fields that hold identifiers, the likeliest first."""
MAX_KINDS = 12


@dataclass(frozen=True)
class FoundOutlines:
    """One file of outlines: its entry in a configuration, notes, questions, landform ("" where nothing tells) and bounds."""

    path: Path
    layer: str | None = None
    id_field: str | None = None
    landform: str = ""
    notes: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    boxes: np.ndarray | None = None
    """(n, 4), west, south, east and north in degrees."""


def find_outlines(path: Path) -> FoundOutlines:
    """Return what a file of outlines says of itself. Raises UserError for a file that cannot be read as outlines."""
    try:
        with readable_path(path) as whole:
            types = layer_types(whole)
    except READ_ERRORS as error:
        raise UserError(
            f"{path} cannot be read as outlines: {' '.join(str(error).split())}. Name another file."
        ) from None
    layers = [name for name, kind in types.items() if kind and "olygon" in kind]
    chosen = _layer(layers)
    if len(layers) > 1 and chosen is None:
        return FoundOutlines(
            path, questions=(f"which layer holds the outlines: {', '.join(layers)}? Write it as layer: ...",)
        )
    layer = chosen if len(types) > 1 else None
    frame, question = _read(path, layer)
    table = pd.DataFrame(frame.drop(columns="geometry"))
    id_field, others = _id_fields(table)
    return FoundOutlines(
        path,
        layer,
        id_field,
        _landform(path, chosen or "", table),
        (f"{path.name}: {len(frame)} outlines", *_kinds(table, id_field)),
        (*question, *_id_questions(table, id_field, others)),
        _boxes(frame),
    )


def _read(path: Path, layer: str | None) -> tuple[gpd.GeoDataFrame, tuple[str, ...]]:
    """Return the features, and a question where nothing says the encoding of their fields, which are left out then."""
    try:
        return read_features(path, layer), ()
    except EncodingError:
        question = "in which encoding are its fields? Write it as encoding: ..., for instance GBK or CP1251"
        return read_features(path, layer, attributes=False), (question,)


def _layer(layers: list[str]) -> str | None:
    """Return the layer of outlines: the only one with polygons, or the only one with a landform in its name."""
    named = [name for name in layers if any(re.search(words, name, re.I) for words in LANDFORMS)]
    return next((some[0] for some in (layers, named) if len(some) == 1), None)


def _id_fields(table: pd.DataFrame) -> tuple[str | None, list[str]]:
    """Return the likeliest field of identifiers, unique and without gaps, and all others that could be it."""
    usable = [name for name in table if not pd.api.types.is_float_dtype(table[name]) and _is_unique(table[name])]
    ranked = [name for words in ID_NAMES for name in usable if re.fullmatch(words, str(name), re.I)]
    return next(iter(ranked), None), list(dict.fromkeys(map(str, ranked[1:])))


def _is_text(column: pd.Series) -> bool:
    return bool(pd.api.types.is_string_dtype(column) or column.dtype == object)


def _is_unique(column: pd.Series) -> bool:
    texts = column.dropna().astype(str).str.strip()
    return len(texts) == len(column) > 0 and (texts != "").all() and texts.is_unique


def _id_questions(table: pd.DataFrame, id_field: str | None, others: list[str]) -> tuple[str, ...]:
    if id_field is None and len(table.columns):
        return (f"which field names the outlines? None of {', '.join(map(str, table))} is unique; they are numbered",)
    if others := [name for name in others if name != id_field]:
        return (f"is {id_field} the identifier? {', '.join(others[:4])} would do as well",)
    return ()


def _kinds(table: pd.DataFrame, id_field: str | None) -> list[str]:
    """Return the fields that tell kinds of outlines apart, with their values."""
    notes = []
    for name in table:
        texts = table[name].dropna().astype(str)
        if name != id_field and _is_text(table[name]) and 1 < texts.nunique() <= min(MAX_KINDS, len(texts) // 2):
            counts = ", ".join(f"{value} ({count})" for value, count in texts.value_counts().sort_index().items())
            notes.append(f"{name} has the values {counts}; where: {{{name}: ...}} takes those of one value")
    return notes


def _landform(path: Path, layer: str, table: pd.DataFrame) -> str:
    """Return the landform that names of file, layer and fields, or a field's values, tell; "" where nothing does."""
    few = [name for name in table if _is_text(table[name]) and table[name].nunique() <= MAX_KINDS]
    values = [str(value) for name in few for value in table[name].dropna().unique()]
    for text in (f"{path.stem} {layer}", path.parent.name, " ".join(map(str, table)), " ".join(values)):
        for words, landform in LANDFORMS.items():
            if re.search(words, text.replace("-", "_"), re.I):
                return landform
    return ""


def _boxes(frame: gpd.GeoDataFrame) -> np.ndarray:
    bounds = to_lonlat(frame).bounds.to_numpy()
    return bounds[np.isfinite(bounds).all(axis=1)]
