"""Names of tiles and inventories that a result has already."""

from __future__ import annotations

import pytest

from lobate.cli.result_names import RULES, _paths, clash


@pytest.mark.parametrize("name", ["split", "stretch", "dem", "N1_scene"])
def test_a_tile_cannot_have_the_name_of_a_fixed_result(name):
    assert clash("tile", name)


@pytest.mark.parametrize("name", ["T44SPC", "splits", "scene", "my_dem", "Split"])
def test_other_names_are_free(name):
    assert clash("tile", name) is None


def test_an_inventory_cannot_be_called_reviewed():
    assert clash("source", "reviewed") == "inventory/described/reviewed.gpkg"
    assert clash("source", "insar") is None


def test_each_fixed_result_in_a_folder_of_tiles_is_a_name_that_is_taken():
    """A rule that is added tomorrow is covered without a list of names."""
    for pattern in _paths("tile", True):
        start, end = pattern.split("{tile}")
        fixed = [path for path in _paths("tile", False) if path.startswith(start) and path.endswith(end)]
        for path in fixed:
            name = path[len(start) : len(path) - len(end)]
            assert "/" in name or clash("tile", name) == path


def test_the_rules_are_found():
    assert (RULES / "common.smk").exists()
    assert {"imagery/{tile}.tif", "patches/{tile}.gpkg"} <= {*_paths("tile", True)}
    assert {"patches/split.gpkg", "imagery/stretch.json"} <= {*_paths("tile", False)}
