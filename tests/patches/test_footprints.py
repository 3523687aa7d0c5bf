"""Layers of footprints, written and read."""

from __future__ import annotations

import pytest
from shapely import box

from lobate.errors import UserError
from lobate.io.vector import LONLAT, geodesic_area_m2, read_layer, write_layers
from lobate.patches.footprints import PATCH_COLUMNS, REMOVED_COLUMNS, footprint_layer, read_all_footprints
from lobate.patches.overlap import overlap_matrix

from .conftest import grid, make_footprints


def test_an_empty_layer_has_all_columns_and_the_grid_s_crs(tmp_path):
    write_layers(
        tmp_path / "f.gpkg",
        {
            "patches": footprint_layer([], PATCH_COLUMNS, grid()),
            "removed": footprint_layer([], REMOVED_COLUMNS, grid()),
        },
    )
    patches = read_layer(tmp_path / "f.gpkg", "patches")
    assert [*patches.columns] == [*PATCH_COLUMNS, "geometry"]
    assert patches.crs == grid().crs
    assert [*read_layer(tmp_path / "f.gpkg", "removed").columns] == [*REMOVED_COLUMNS, "geometry"]


def test_a_row_without_window_brings_its_own_geometry():
    row = {"tile": "t1", "polygon": "p", "class": "positive", "reason": "off the image", "window": None}
    frame = footprint_layer([row | {"geometry": box(0, 0, 1, 1)}], REMOVED_COLUMNS, grid())
    assert frame[["height", "valid"]].to_numpy().tolist() == [[0, 0]]
    assert frame.geometry[0].equals(box(0, 0, 1, 1))


def test_tiles_of_any_crs_come_together_in_degrees(tmp_path):
    one = make_footprints([(0, 0, 48, 48), (40, 0, 48, 48)], name="b")
    other = make_footprints([(0, 0, 30, 48)], name="a", on=grid(crs=32643, left=700_000))
    empty = make_footprints([], name="c")
    paths = [tmp_path / f"{name}.gpkg" for name in "bac"]
    for path, frame in zip(paths, (one, other, empty), strict=True):
        write_layers(path, {"patches": frame})
    table = read_all_footprints(paths)
    assert table.crs == LONLAT
    assert table["patch"].tolist() == ["a_00000", "b_00000", "b_00001"]
    assert geodesic_area_m2(table) == pytest.approx([144_000, 230_400, 230_400], rel=2e-3)


def test_footprints_given_twice(tmp_path):
    write_layers(tmp_path / "f.gpkg", {"patches": make_footprints([(0, 0, 9, 9)])})
    with pytest.raises(UserError, match="t1_00000 comes twice"):
        read_all_footprints([tmp_path / "f.gpkg"] * 2)


def test_another_table_is_no_footprints(tmp_path):
    write_layers(tmp_path / "f.gpkg", {"patches": make_footprints([(0, 0, 9, 9)]).drop(columns="height")})
    with pytest.raises(UserError, match="no column height"):
        read_all_footprints([tmp_path / "f.gpkg"])


def test_no_footprints():
    with pytest.raises(UserError, match="No footprints"):
        read_all_footprints([])


def test_ground_across_the_antimeridian_stays_in_one_piece(tmp_path):
    grids = {"a": grid(crs=32660, left=636_800, top=7_300_000), "b": grid(crs=32601, left=362_500, top=7_300_000)}
    for name, on in grids.items():
        write_layers(tmp_path / f"{name}.gpkg", {"patches": make_footprints([(0, 0, 48, 48)], on=on, name=name)})
    table = read_all_footprints([tmp_path / "a.gpkg", tmp_path / "b.gpkg"])
    assert table.total_bounds[0] > 179.9
    assert table.total_bounds[2] < 180.1
    assert overlap_matrix(table).nnz == 2
