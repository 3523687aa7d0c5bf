"""Sides or folds that the outlines' own field gives: training and validation in words, or numbers of folds."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np

from lobate.errors import UserError
from lobate.io.decisions import REJECTED_FOLD
from lobate.io.vector import read_layer, write_layers

TRAINING_WORDS, VALIDATION_WORDS = ("training", "train"), ("validation", "validate", "val")


def fold_fields(source: Path, target: Path) -> None:
    """Write what the kept outlines' field says, sorted, and nothing else of them: where they lie is the footprints' matter."""
    outlines = _outlines(source).sort_values("polygon", kind="stable", ignore_index=True)
    nowhere = gpd.GeoSeries([None] * len(outlines), crs=outlines.crs)
    write_layers(target, {"kept": gpd.GeoDataFrame(outlines[["polygon", "fold"]], geometry=nowhere)})


def read_user_split(path: Path) -> dict[str, str]:
    """Return what the field says of each kept polygon, in lower case; those of which it says nothing are left out."""
    outlines = _outlines(path).dropna(subset="fold")
    said = {one: str(fold).strip().lower() for one, fold in zip(outlines["polygon"], outlines["fold"], strict=True)}
    return {polygon: fold for polygon, fold in said.items() if fold}


def _outlines(path: Path) -> gpd.GeoDataFrame:
    outlines = read_layer(path, "kept")
    if missing := {"polygon", "fold"} - set(outlines.columns):
        raise UserError(
            f"The layer kept of {path} has no column {min(missing)}. Make it again with clean-labels, with labels.fold_field "
            "set to the outlines' field that holds their side or fold."
        )
    return outlines


def split_labels(polygons: np.ndarray, given: dict[str, str]) -> np.ndarray:
    """Return what is ``given`` of each patch's polygon, (n,) of str, "" where nothing: all words, or all numbers.

    Of places that were rejected in the review nothing can be. Raises UserError when it says nothing at all, something else, or some of both.
    """
    said = np.array([given.get(polygon, "").replace(REJECTED_FOLD, "") for polygon in polygons], dtype=str)
    found = set(said.tolist()) - {""}
    if not found:
        raise UserError(
            "patches.split.method is field, but no outline with patches has a side or fold. Set labels.fold_field to the "
            "outlines' field that holds training and validation, or numbers of folds."
        )
    numbers = {one for one in found if one.isdecimal()}
    strange = found - numbers - {*TRAINING_WORDS, *VALIDATION_WORDS}
    if strange or numbers not in (set(), found):
        one = min(strange or numbers)
        raise UserError(
            f"The outline {polygons[said == one][0]} has {one} in the field that labels.fold_field names. It may hold the words "
            "training and validation, or numbers of folds, but nothing else and not both. Correct it in the outlines' file."
        )
    return said


def fold_numbers(said: np.ndarray) -> np.ndarray | None:
    """Return the folds numbered from 0 in the order of their numbers, -1 for none said, (n,); None where words are."""
    numbers = sorted({int(one) for one in said if one.isdecimal()})
    if not numbers:
        return None
    return np.array([numbers.index(int(one)) if one else -1 for one in said.tolist()])
