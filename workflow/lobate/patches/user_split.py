"""A split of the user's own: the outlines' field with training and validation in words, or with numbers of folds."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np

from lobate.errors import UserError
from lobate.io.decisions import REJECTED_FOLD
from lobate.io.vector import read_layer, write_layers

TRAINING_WORDS, VALIDATION_WORDS = ("training", "train"), ("validation", "validate", "val")


def fold_fields(source: Path, target: Path) -> None:
    """Write to ``target`` the id and fold of the kept outlines, sorted, without geometry: moves do not change the split."""
    outlines = _outlines(source).sort_values("polygon", kind="stable", ignore_index=True)
    missing = gpd.GeoSeries([None] * len(outlines), crs=outlines.crs)
    write_layers(target, {"kept": gpd.GeoDataFrame(outlines[["polygon", "fold"]], geometry=missing)})


def read_user_split(path: Path) -> dict[str, str]:
    """Return polygon -> value of the field in lower case, for the kept polygons that have one."""
    outlines = _outlines(path).dropna(subset="fold")
    folds = outlines["fold"].astype(str).str.strip().str.lower()
    return {polygon: fold for polygon, fold in zip(outlines["polygon"], folds, strict=True) if fold}


def _outlines(path: Path) -> gpd.GeoDataFrame:
    outlines = read_layer(path, "kept")
    if missing := {"polygon", "fold"} - set(outlines.columns):
        raise UserError(
            f"The layer kept of {path} has no column {min(missing)}. Make it again with clean-labels, with labels.fold_field "
            "set to the outlines' field that holds their side or fold."
        )
    return outlines


def split_labels(polygons: np.ndarray, field_values: dict[str, str]) -> np.ndarray:
    """Return the field's value for each patch's polygon, (n,) of str, "" for none: all words, or all numbers.

    Places that were rejected in the review have none. Raises UserError when no patch has a value, when a value is neither a
    side nor a number, or when there are both.
    """
    labels = np.array([field_values.get(polygon, "").replace(REJECTED_FOLD, "") for polygon in polygons], dtype=str)
    values = set(labels.tolist()) - {""}
    if not values:
        raise UserError(
            "patches.split.method is field, but no outline with patches has a side or fold. Set labels.fold_field to the "
            "outlines' field that holds training and validation, or numbers of folds."
        )
    numbers = {value for value in values if value.isdecimal()}
    unknown = values - numbers - {*TRAINING_WORDS, *VALIDATION_WORDS}
    if unknown or numbers not in (set(), values):
        wrong = min(unknown or numbers)
        raise UserError(
            f"The outline {polygons[labels == wrong][0]} has {wrong} in the field that labels.fold_field names. It may hold the words "
            "training and validation, or numbers of folds, but nothing else and not both. Correct it in the outlines' file; "
            "test takes effect with patches.split.test.method: field."
        )
    return labels


def fold_numbers(labels: np.ndarray) -> np.ndarray | None:
    """Return the fold of each patch, (n,), counted from 0 in the order of the numbers, -1 for none; None for words."""
    numbers = sorted({int(label) for label in labels if label.isdecimal()})
    if not numbers:
        return None
    return np.array([numbers.index(int(label)) if label else -1 for label in labels.tolist()])
