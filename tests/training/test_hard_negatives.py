from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from shapely import STRtree, union_all
from shapely.geometry import box

from lobate.errors import UserError
from lobate.io.grid import Grid
from lobate.io.vector import LONLAT, write_layers
from lobate.settings.training import Mining
from lobate.training.hard_negatives import (
    Zones,
    classify_detections,
    place_windows,
    read_patch,
    select_top,
)

GRID = Grid(400, 400, Affine(10, 0, 500_000, 0, -10, 4_000_000), CRS.from_epsg(32644))
FAR = Grid(400, 400, Affine(10, 0, 700_000, 0, -10, 4_000_000), CRS.from_epsg(32644))


def squares(*places, crs=LONLAT, size=20):
    """Squares of ``size`` pixels at (row, column)."""
    shapes = gpd.GeoSeries([GRID.crop(*place, size, size).footprint for place in places], crs=GRID.crs)
    return shapes.to_crs(crs)


def bodies(*places, mean=0.8, size=20):
    shapes = squares(*places, crs=GRID.crs, size=size)
    return gpd.GeoDataFrame({"mean": [mean] * len(places), "tile": "A"}, geometry=shapes, crs=GRID.crs)


@pytest.fixture
def ground(tmp_path):
    """A kept positive at (0, 0), a removed one at (0, 100), a negative at (0, 200), validation at (200, 0), a veto at (200, 200)."""
    kept = gpd.GeoDataFrame({"class": ["positive", "negative"]}, geometry=squares((0, 0), (0, 200)), crs=LONLAT)
    removed = gpd.GeoDataFrame({"class": ["positive"]}, geometry=squares((0, 100)), crs=LONLAT)
    write_layers(tmp_path / "polygons.gpkg", {"kept": kept, "removed": removed})
    sides = gpd.GeoDataFrame({"side": ["validation", "training"]}, geometry=squares((200, 0), (200, 100)), crs=LONLAT)
    write_layers(tmp_path / "split.gpkg", {"split": sides})
    vetoes = gpd.GeoDataFrame(geometry=squares((200, 200), crs=32644), crs=32644)
    write_layers(tmp_path / "vetoes.gpkg", {"vetoes": vetoes})
    return Zones.read(tmp_path / "polygons.gpkg", tmp_path / "split.gpkg", tmp_path / "vetoes.gpkg")


def reasons(detections):
    return [None if pd.isna(reason) else reason for reason in detections["reason"]]


def test_ground_is_cut_to_the_grid(ground):
    assert [len(layer) for layer in ground.layers] == [2, 1, 1, 1, 0]
    here = ground.near(GRID)
    assert [len(layer) for layer in here.layers] == [2, 1, 1, 1, 0]
    assert {layer.crs.to_epsg() for layer in here.layers} == {32644}
    assert [len(layer) for layer in ground.near(FAR).layers] == [0] * 5


def test_without_vetoes_there_are_none(ground, tmp_path):
    assert len(Zones.read(tmp_path / "polygons.gpkg", tmp_path / "split.gpkg", None).near(GRID).vetoed) == 0


def test_each_reason(ground):
    detections = bodies((10, 10), (10, 110), (0, 200), (210, 10), (210, 110), (210, 210), (300, 300))
    classified = classify_detections(
        detections, GRID, ground.near(GRID), Mining(min_area_km2=0.03, **{"from": "all"}), 40
    )
    assert reasons(classified) == [
        "touches the outline of a landform",
        "touches the outline of a landform",
        None,  # on a drawn negative: wrong all the same
        "on validation ground",
        None,  # on training ground
        "vetoed",
        None,
    ]
    assert classified["area_m2"].to_numpy() == pytest.approx(40_000, rel=2e-3)
    assert [len(window) for window in classified["windows"]] == [0, 0, 1, 0, 1, 0, 1]


def test_small_ones_are_left_alone(ground):
    classified = classify_detections(bodies((300, 300), size=3), GRID, ground.near(GRID), Mining(min_area_km2=0.01), 40)
    assert reasons(classified) == ["smaller than 0.01 km2"]


def test_no_patch_touches_validation_ground(ground):
    near = classify_detections(
        bodies((222, 0), (260, 0)), GRID, ground.near(GRID), Mining(min_area_km2=0, **{"from": "all"}), 96
    )
    assert reasons(near) == ["no patch round it is free of validation ground", None] or reasons(near) == [None, None]
    for windows in near["windows"]:
        for corner in windows:
            assert corner[0] > 220


def test_no_detection_at_all(ground):
    assert len(classify_detections(bodies(), GRID, ground.near(GRID), Mining(), 40)) == 0


def ranked_of(rows, at_most):
    frame = gpd.GeoDataFrame(rows, geometry="geometry", crs=LONLAT)
    return select_top(frame, at_most)


def row(place, confidence, tile="A", reason=None, area=1.0):
    geometry = squares(place)[0]
    return {
        "geometry": geometry,
        "confidence": confidence,
        "tile": tile,
        "reason": reason,
        "area_m2": area,
        "windows": [(0, 0)],
    }


def test_the_most_confident_come_first_and_not_too_many():
    ranked = ranked_of(
        [row((0, 0), 0.6), row((0, 50), 0.9), row((0, 100), 0.7), row((0, 150), 0.95, reason="vetoed")], 2
    )
    assert ranked["confidence"].tolist() == [0.95, 0.9, 0.7, 0.6]
    assert reasons(ranked) == ["vetoed", None, None, "less confident than the 2 that were taken"]


def test_a_body_that_two_tiles_see_is_taken_once():
    ranked = ranked_of([row((0, 0), 0.6, "A"), row((2, 2), 0.9, "B"), row((0, 100), 0.5, "A")], 9)
    assert reasons(ranked) == [None, "the same as a detection on tile B", None]


def test_of_equals_the_larger_comes_first_whatever_the_order():
    rows = [row((0, 0), 0.6, area=5.0), row((0, 50), 0.6, area=7.0), row((0, 100), 0.6, "B", area=5.0)]
    for order in ([0, 1, 2], [2, 1, 0]):
        ranked = ranked_of([rows[n] for n in order], 9)
        assert np.array_equal(ranked["area_m2"], [7.0, 5.0, 5.0])
        assert ranked["tile"].tolist() == ["A", "A", "B"]


def test_what_stands_in_the_review_is_vetoed(ground, tmp_path):
    decisions = gpd.GeoDataFrame(
        {"status": ["accepted", "edited", "rejected", "pending"]},
        geometry=squares((300, 0), (300, 100), (300, 200), (300, 300)),
        crs=LONLAT,
    )
    decisions.to_file(tmp_path / "decisions.geojson")
    reviewed = Zones.read(
        tmp_path / "polygons.gpkg", tmp_path / "split.gpkg", None, [tmp_path / "decisions.geojson"]
    ).near(GRID)
    detections = bodies((300, 0), (300, 100), (300, 200), (300, 300))
    classified = classify_detections(detections, GRID, reviewed, Mining(min_area_km2=0.03, **{"from": "all"}), 40)
    assert reasons(classified) == ["vetoed", "vetoed", None, None]


WINDOW_GRID = Grid(300, 400, Affine(10, 0, 500_000, 0, -10, 4_000_000), CRS.from_epsg(32644))
NOTHING = STRtree([])


def rows_of_ground(row, column, height, width):
    """The ground of a window, in the grid's CRS."""
    return WINDOW_GRID.crop(row, column, height, width).footprint


def test_a_window_is_centred_on_what_fits():
    assert place_windows(rows_of_ground(140, 190, 20, 20), WINDOW_GRID, 96, NOTHING) == [(102, 152)]


def test_at_the_edge_it_stays_inside_the_image():
    assert place_windows(rows_of_ground(0, 380, 20, 20), WINDOW_GRID, 96, NOTHING) == [(0, 304)]
    assert place_windows(rows_of_ground(0, 0, 20, 20), WINDOW_GRID, 512, NOTHING) == [(0, 0)]


def test_it_moves_off_forbidden_ground_or_is_not_cut():
    body = rows_of_ground(140, 190, 20, 20)
    forbidden = STRtree([rows_of_ground(90, 150, 14, 100)])  # overlaps the upper rim of the centred window
    ((row, column),) = place_windows(body, WINDOW_GRID, 96, forbidden)
    assert row > 104
    assert row <= 140
    assert column == 152
    assert place_windows(body, WINDOW_GRID, 96, STRtree([rows_of_ground(130, 150, 40, 100)])) == []


@given(
    st.integers(0, 280),
    st.integers(0, 380),
    st.integers(1, 250),
    st.integers(1, 250),
    st.sampled_from([48, 96]),
    st.lists(st.tuples(st.integers(0, 280), st.integers(0, 380)), max_size=6),
)
@settings(max_examples=80, deadline=None)
def test_windows_cover_the_body_and_never_touch_forbidden_ground(row, column, height, width, side, places):
    body = rows_of_ground(row, column, min(height, 300 - row), min(width, 400 - column))
    forbidden = [rows_of_ground(*place, 20, 20) for place in places]
    windows = [
        rows_of_ground(*corner, side, side) for corner in place_windows(body, WINDOW_GRID, side, STRtree(forbidden))
    ]
    assert not any(window.intersects(zone) for window in windows for zone in forbidden)
    if not places:
        assert union_all(windows).buffer(1e-6).covers(body)
    corners = place_windows(body, WINDOW_GRID, side, STRtree(forbidden))
    assert all(0 <= r <= 300 - side and 0 <= c <= 400 - side for r, c in corners)


@pytest.fixture
def rasters(tmp_path):
    random = np.random.default_rng(0)
    image, label = tmp_path / "image.tif", tmp_path / "label.tif"
    pixels = random.integers(1, 255, (3, *WINDOW_GRID.shape), dtype=np.uint8)
    labels = random.integers(0, 2, (1, *WINDOW_GRID.shape), dtype=np.uint8)
    for path, array in ((image, pixels), (label, labels)):
        with rasterio.open(
            path, "w", driver="GTiff", count=len(array), dtype="uint8", **WINDOW_GRID.profile()
        ) as target:
            target.write(array)
    return image, label, pixels, labels


def test_a_patch_is_what_lies_there(rasters):
    image, label, pixels, labels = rasters
    patch = read_patch(image, label, (20, 30), 48, [])
    assert np.array_equal(patch[..., :3], np.moveaxis(pixels[:, 20:68, 30:78], 0, -1))
    assert np.array_equal(patch[..., 3], labels[0, 20:68, 30:78])


def test_past_the_image_it_is_ignored(rasters):
    patch = read_patch(*rasters[:2], (280, 390), 48, [])
    assert (patch[20:, :, 3] == 255).all()
    assert (patch[:, 10:, 3] == 255).all()
    assert (patch[20:, :, :3] == 0).all()
    assert np.array_equal(patch[:20, :10, 3], rasters[3][0, 280:, 390:])


def test_vetoed_ground_is_ignored(rasters):
    patch = read_patch(*rasters[:2], (20, 30), 48, [rows_of_ground(30, 40, 5, 5), rows_of_ground(200, 200, 5, 5)])
    drawn = rasters[3][0, 30:35, 40:45] == 1
    assert np.array_equal(patch[10:15, 10:15, 3], np.where(drawn, 1, 255)), "outlined pixels stay landform"
    assert (patch[17:, :, 3] < 255).all()


def test_image_and_label_on_two_grids_are_told(rasters, tmp_path):
    shifted = tmp_path / "shifted.tif"
    with rasterio.open(
        shifted, "w", driver="GTiff", count=1, dtype="uint8", **WINDOW_GRID.crop(1, 0, 300, 400).profile()
    ) as target:
        target.write(rasters[3])
    with pytest.raises(UserError, match="not on the grid"):
        read_patch(rasters[0], shifted, (0, 0), 48, [])


def test_a_box_is_not_needed_to_be_a_window():
    assert place_windows(box(*WINDOW_GRID.bounds).centroid.buffer(100), WINDOW_GRID, 96, NOTHING) == [(102, 152)]
