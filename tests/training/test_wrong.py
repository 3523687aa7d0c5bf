import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from affine import Affine
from rasterio.crs import CRS

from lobate.grid import Grid
from lobate.settings.training import Mining
from lobate.training.wrong import Ground, judge, rank
from lobate.vectors import LONLAT, write_layers

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
    return Ground.read(tmp_path / "polygons.gpkg", tmp_path / "split.gpkg", tmp_path / "vetoes.gpkg")


def reasons(found):
    return [None if pd.isna(one) else one for one in found["reason"]]


def test_ground_is_cut_to_the_grid(ground):
    assert [len(one) for one in ground.all] == [2, 1, 1]
    here = ground.on(GRID)
    assert [len(one) for one in here.all] == [2, 1, 1]
    assert {one.crs.to_epsg() for one in here.all} == {32644}
    assert [len(one) for one in ground.on(FAR).all] == [0, 0, 0]


def test_without_vetoes_there_are_none(ground, tmp_path):
    assert len(Ground.read(tmp_path / "polygons.gpkg", tmp_path / "split.gpkg", None).on(GRID).vetoed) == 0


def test_each_reason(ground):
    found = bodies((10, 10), (10, 110), (0, 200), (210, 10), (210, 110), (210, 210), (300, 300))
    judged = judge(found, GRID, ground.on(GRID), Mining(min_area_km2=0.03), 40)
    assert reasons(judged) == [
        "touches the outline of a landform",
        "touches the outline of a landform",
        None,  # on a drawn negative: wrong all the same
        "on validation ground",
        None,  # on training ground
        "vetoed",
        None,
    ]
    assert judged["area_m2"].to_numpy() == pytest.approx(40_000, rel=2e-3)
    assert [len(one) for one in judged["windows"]] == [0, 0, 1, 0, 1, 0, 1]


def test_small_ones_are_left_alone(ground):
    judged = judge(bodies((300, 300), size=3), GRID, ground.on(GRID), Mining(min_area_km2=0.01), 40)
    assert reasons(judged) == ["smaller than 0.01 km2"]


def test_no_patch_touches_validation_ground(ground):
    near = judge(bodies((222, 0), (260, 0)), GRID, ground.on(GRID), Mining(min_area_km2=0), 96)
    assert reasons(near) == ["no patch round it is free of validation ground", None] or reasons(near) == [None, None]
    for windows in near["windows"]:
        for corner in windows:
            assert corner[0] > 220


def test_no_detection_at_all(ground):
    assert len(judge(bodies(), GRID, ground.on(GRID), Mining(), 40)) == 0


def ranked_of(rows, at_most):
    frame = gpd.GeoDataFrame(rows, geometry="geometry", crs=LONLAT)
    return rank(frame, at_most)


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
    found = ranked_of(
        [row((0, 0), 0.6), row((0, 50), 0.9), row((0, 100), 0.7), row((0, 150), 0.95, reason="vetoed")], 2
    )
    assert found["confidence"].tolist() == [0.95, 0.9, 0.7, 0.6]
    assert reasons(found) == ["vetoed", None, None, "less confident than the 2 that were taken"]


def test_a_body_that_two_tiles_see_is_taken_once():
    found = ranked_of([row((0, 0), 0.6, "A"), row((2, 2), 0.9, "B"), row((0, 100), 0.5, "A")], 9)
    assert reasons(found) == [None, "the same as a detection on tile B", None]


def test_of_equals_the_larger_comes_first_whatever_the_order():
    rows = [row((0, 0), 0.6, area=5.0), row((0, 50), 0.6, area=7.0), row((0, 100), 0.6, "B", area=5.0)]
    for order in ([0, 1, 2], [2, 1, 0]):
        found = ranked_of([rows[n] for n in order], 9)
        assert np.array_equal(found["area_m2"], [7.0, 5.0, 5.0])
        assert found["tile"].tolist() == ["A", "A", "B"]


def test_what_stands_in_the_review_is_vetoed(ground, tmp_path):
    said = gpd.GeoDataFrame(
        {"status": ["accepted", "edited", "rejected", "pending"]},
        geometry=squares((300, 0), (300, 100), (300, 200), (300, 300)),
        crs=LONLAT,
    )
    said.to_file(tmp_path / "said.geojson")
    reviewed = Ground.read(tmp_path / "polygons.gpkg", tmp_path / "split.gpkg", None, [tmp_path / "said.geojson"]).on(
        GRID
    )
    found = bodies((300, 0), (300, 100), (300, 200), (300, 300))
    judged = judge(found, GRID, reviewed, Mining(min_area_km2=0.03), 40)
    assert reasons(judged) == ["vetoed", "vetoed", None, None]
