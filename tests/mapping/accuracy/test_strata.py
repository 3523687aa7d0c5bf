"""Strata and squares against a plain look at every pixel of the whole map."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from tests.mapping.accuracy.truth import landform_by_stratum

from lobate.errors import UserError
from lobate.io.grid import LONLAT
from lobate.io.vector import geodesic_area_m2, read_layer, write_layers
from lobate.mapping.accuracy.squares import square_grid
from lobate.mapping.accuracy.strata import STRATA, MappedGround, count_strata, locate_pixels
from lobate.mapping.valid_area import ValidArea

from .conftest import EPSG, LEFT, TOP, MadeMap


def every_pixel(made_map: MadeMap) -> tuple[np.ndarray, np.ndarray]:
    """Return the centres of all mapped pixels (n, 2) in the map's CRS, and their strata (n,), by geometry alone."""
    columns, rows = np.meshgrid(np.arange(520), np.arange(320))
    has_data = np.ones(columns.shape, dtype=bool)
    has_data[:7, :50] = False  # the hole of the second tile lies on ground that the first has
    x, y = LEFT + 10 * columns + 5, TOP - 10 * rows - 5
    kept, removed = (
        read_layer(made_map.files.detections, name).to_crs(EPSG).geometry.union_all() for name in ("kept", "removed")
    )
    truth = made_map.truth.to_crs(EPSG).union_all()
    detected = shapely.contains_xy(kept, x, y)
    near = shapely.contains_xy(removed, x, y) | shapely.contains_xy(truth, x, y)  # the network sees all of the truth
    for row, column in zip(*np.nonzero(detected), strict=True):
        near[max(0, row - 3) : row + 4, max(0, column - 3) : column + 4] = True
    strata = np.where(detected, 0, np.where(near, 1, 2))
    return np.column_stack([x[has_data], y[has_data]]), strata[has_data]


def test_the_strata_of_every_pixel(made_map):
    _, strata = every_pixel(made_map)
    census = count_strata(MappedGround.read(made_map.files.detections, made_map.files.probabilities))
    assert census.sizes.tolist() == np.bincount(strata, minlength=3).tolist()
    assert census.sizes.sum() == 520 * 320 - 350, "ground that both tiles show counts once"
    assert census.probability[0] == pytest.approx(200 / 254)
    assert census.probability[2] == 0


def test_every_number_of_a_pixel_is_one_place_of_its_stratum(made_map):
    ground = MappedGround.read(made_map.files.detections, made_map.files.probabilities)
    census = count_strata(ground)
    located = locate_pixels(ground, census, [np.arange(size) for size in census.sizes])
    places, strata = every_pixel(made_map)
    for number, points in enumerate(located):
        local = gpd.GeoSeries(gpd.points_from_xy(*points.T), crs=LONLAT).to_crs(EPSG)
        found = np.round(np.column_stack([local.x, local.y])).astype(int)
        expected = places[strata == number].astype(int)
        assert sorted(map(tuple, found)) == sorted(map(tuple, expected)), STRATA[number]


def test_landform_by_stratum_adds_up(made_map):
    ground = MappedGround.read(made_map.files.detections, made_map.files.probabilities)
    table = landform_by_stratum(ground, made_map.truth)
    places, strata = every_pixel(made_map)
    landform = shapely.contains_xy(made_map.truth.to_crs(EPSG).union_all(), *places.T)
    assert [table[name][1] for name in STRATA] == np.bincount(strata[landform], minlength=3).tolist()


def test_squares_have_one_area_do_not_overlap_and_are_on_the_map(made_map):
    areas = [ValidArea.of(path) for path in made_map.files.probabilities]
    grid = square_grid(areas)
    outlines = grid.outlines(np.arange(len(grid.squares)))
    assert geodesic_area_m2(outlines) == pytest.approx(1e6, rel=1e-3)
    local = outlines.to_crs(EPSG)
    assert local.union_all().area == pytest.approx(local.area.sum(), rel=1e-6)
    assert len(grid.squares) == 6 * 4, "those with their centre on 5.2 x 3.2 km"
    centres = np.asarray(local.centroid.to_crs(LONLAT).values, dtype=object)
    assert np.any([area.has_data_at(centres) for area in areas], axis=0).all()


def test_people_see_the_mapped_part_of_a_square(made_map, sample):
    """Landforms off the map are none that it missed."""
    parts = gpd.GeoSeries(shapely.from_wkt([square.outline for square in sample.squares]), crs=LONLAT).to_crs(EPSG)
    mapped = shapely.box(LEFT, TOP - 3200, LEFT + 5200, TOP).buffer(1)
    assert parts.within(mapped).all()
    assert (parts.area < 0.99e6).any() and (parts.area > 0.99e6).any()


def test_a_map_without_detections_cannot_be_sampled(made_map, tmp_path):
    kept, removed = (read_layer(made_map.files.detections, name) for name in ("kept", "removed"))
    write_layers(tmp_path / "none.gpkg", {"kept": kept[:0], "removed": removed})
    with pytest.raises(UserError, match="has no detection"):
        MappedGround.read(tmp_path / "none.gpkg", made_map.files.probabilities)
    write_layers(tmp_path / "other.gpkg", {"kept": kept.drop(columns="mean"), "removed": removed})
    with pytest.raises(UserError, match="lacks the field mean"):
        MappedGround.read(tmp_path / "other.gpkg", made_map.files.probabilities)


def test_tiles_with_pixels_of_two_sizes_cannot_be_sampled_together(made_map, workshop):
    coarse = workshop.probability("coarse", workshop.grid(LEFT, TOP, 60, 60, pixel=30.0))
    with pytest.raises(UserError, match="needs one size for the whole region"):
        MappedGround.read(made_map.files.detections, [made_map.files.probabilities[0], coarse])
