"""A split by the outlines' own field."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from shapely import box

from lobate.errors import UserError
from lobate.io.vector import read_layer, write_layers
from lobate.patches.user_split import fold_fields, fold_numbers, read_user_split, split_labels


def outlines(path, folds, polygons="abcd", shift=0.0):
    frame = gpd.GeoDataFrame(
        {"polygon": [*polygons[: len(folds)]], "class": "positive", "fold": folds},
        geometry=[box(n + shift, 0, n + 1, 1) for n in range(len(folds))],
        crs=4326,
    )
    write_layers(path, {"kept": frame})
    return path


def test_only_what_the_field_says_is_seen(tmp_path):
    for name, file in (
        ("one", outlines(tmp_path / "one.gpkg", ["training", None])),
        ("two", outlines(tmp_path / "two.gpkg", [None, "training"], polygons="ba", shift=0.2)),
    ):
        fold_fields(file, tmp_path / f"{name}_seen.gpkg")
    assert (tmp_path / "one_seen.gpkg").read_bytes() == (tmp_path / "two_seen.gpkg").read_bytes()
    assert read_layer(tmp_path / "one_seen.gpkg", "kept")["polygon"].tolist() == ["a", "b"]


def test_blanks_are_left_out_and_case_does_not_matter(tmp_path):
    fold_fields(outlines(tmp_path / "o.gpkg", ["Training", None, " validation ", ""]), tmp_path / "seen.gpkg")
    assert read_user_split(tmp_path / "seen.gpkg") == {"a": "training", "c": "validation"}


def test_without_the_column_the_setting_is_named(tmp_path):
    file = outlines(tmp_path / "o.gpkg", ["training"])
    write_layers(file, {"kept": read_layer(file, "kept").drop(columns="fold")})
    with pytest.raises(UserError, match=r"labels\.fold_field"):
        fold_fields(file, tmp_path / "seen.gpkg")


def test_numbers_are_counted_from_0_in_their_order():
    said = split_labels(np.array(["a", "b", "c", "a"]), {"a": "10", "b": "2"})
    assert said.tolist() == ["10", "2", "", "10"]
    assert fold_numbers(said).tolist() == [1, 0, -1, 1]
    assert fold_numbers(split_labels(np.array(["a", "b"]), {"a": "val"})) is None


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({}, "no outline with patches"),
        ({"elsewhere": "1"}, "no outline with patches"),
        ({"a": "training", "b": "maybe"}, "The outline b has maybe"),
        ({"a": "training", "b": "3"}, "The outline b has 3 .* not both"),
    ],
)
def test_what_is_neither_words_nor_numbers(given, what):
    with pytest.raises(UserError, match=what):
        split_labels(np.array(["a", "b"]), given)
