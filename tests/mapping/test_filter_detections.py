"""Detections are removed by each limit with its reason; kept outlines are simplified without new overlaps."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import rasterio.features
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS

from lobate.errors import UserError
from lobate.io.dem import cell_size_m
from lobate.io.grid import Grid
from lobate.io.vector import geodesic_area_m2, read_layer
from lobate.mapping.filter_detections import (
    METRES_PER_DEGREE,
    count_occurrences,
    filter_detections,
    measure_terrain,
    simplify_outlines,
    width_to_length,
)
from lobate.mapping.merge_detections import merge_detections
from lobate.settings.base import PolygonFile
from lobate.settings.mapping import Filter, Merge

X, Y = 500_000.0, 4_000_000.0


def merged(workshop, *sides, mean=0.8):
    """Squares with these sides in metres, a row of them."""
    boxes = [shapely.box(X + 1000 * n, Y, X + 1000 * n + side, Y + side) for n, side in enumerate(sides)]
    columns = {
        "detection": np.array([f"d{n:05d}" for n in range(len(boxes))], dtype=object),
        "mean": np.broadcast_to(np.asarray(mean, dtype=float), len(boxes)).copy(),
    }
    return workshop.layers("merged.gpkg", detections=workshop.lonlat(boxes, **columns))


def filtered(workshop, file, dem=None, **limits):
    target = workshop.folder / "filtered.gpkg"
    filter_detections(file, target, dem, filter_settings=Filter(**limits))
    return read_layer(target, "kept"), read_layer(target, "removed")


def test_small_ones_are_removed_with_their_area(workshop):
    kept, removed = filtered(workshop, merged(workshop, 170, 180))
    assert (kept["detection"].tolist(), removed["detection"].tolist()) == (["d00001"], ["d00000"])
    assert removed["reason"].str.match(r"area 0\.0289\d* km2 < 0\.03 km2").all()


def test_all_reasons_stand_together(workshop):
    _, removed = filtered(workshop, merged(workshop, 100, 300, mean=[0.3, 0.9]), min_probability=0.5)
    assert removed["reason"].tolist() == [removed["reason"].iloc[0]]
    assert removed["reason"].iloc[0].endswith("; mean probability 0.3 < 0.5")


def test_narrow_ones_are_removed_where_asked(workshop):
    kept, removed = filtered(workshop, merged(workshop, 300), min_width_to_length=0.9)
    assert (len(kept), len(removed)) == (1, 0)
    strip = workshop.lonlat([shapely.box(X, Y, X + 900, Y + 100)], detection=["d00001"], mean=[0.8])
    _, removed = filtered(workshop, workshop.layers("merged.gpkg", detections=strip), min_width_to_length=0.2)
    assert removed["reason"].str.match(r"width to length 0\.111\d* < 0\.2").all()


def test_elevation_and_slope_judge_only_where_the_dem_knows(workshop):
    dem = workshop.folder / "dem.tif"
    height = np.full((100, 110), 2500.0)
    height[:, 80:] = 4000 + 40.0 * np.arange(
        30
    )  # the second square lies on a slope of 53 degrees, the third off the DEM
    profile = {"height": 100, "width": 110, "crs": "EPSG:32644", "transform": Affine(30, 0, X - 1700, 0, -30, Y + 1500)}
    with rasterio.open(dem, "w", driver="GTiff", dtype="float32", count=1, **profile) as dataset:
        dataset.write(height.astype("float32"), 1)
    kept, removed = filtered(workshop, merged(workshop, 300, 300, 300), dem, min_elevation_m=3000, max_slope_deg=40)
    assert removed["reason"].tolist() == ["lowest point 2500 m < 3000 m", removed["reason"].iloc[1]]
    assert removed["reason"].iloc[1].startswith("mean slope 53.1")
    assert kept["detection"].tolist() == ["d00002"]
    assert kept["dem_share"].tolist() == [0]
    assert kept["elevation_min_m"].isna().all()


def test_a_limit_of_elevation_without_a_dem_is_a_mistake(workshop):
    with pytest.raises(UserError, match=r"mapping\.filter\.max_slope_deg needs elevations.*inventory\.dem"):
        filtered(workshop, merged(workshop, 300), max_slope_deg=30)


def test_nothing_merged_gives_two_empty_layers(workshop):
    kept, removed = filtered(workshop, merged(workshop))
    assert len(kept) == len(removed) == 0
    assert {"detection", "reason"} <= set(removed.columns)


def test_a_body_of_four_hectares_across_the_seam_survives(workshop):
    """0.02 km2 in each tile is too small; 0.04 km2 together is not."""
    body = shapely.box(X + 700, Y - 600, X + 1100, Y - 500)
    grids = {"A": workshop.grid(X, Y, 100, 90), "B": workshop.grid(X + 890, Y, 100, 100)}
    merge_detections(
        [workshop.detections(name, grid, [body]) for name, grid in grids.items()],
        [workshop.probability(name, grid) for name, grid in grids.items()],
        workshop.folder / "merged.gpkg",
        tiles=list(grids),
        merge=Merge(),
    )
    kept, removed = filtered(workshop, workshop.folder / "merged.gpkg")
    assert (len(kept), len(removed)) == (1, 0)
    assert kept["area_m2"].iloc[0] == pytest.approx(40_000, rel=1e-3)


def test_what_occurs_on_too_few_other_dates_is_removed(workshop):
    dates = [
        workshop.layers(f"{n}.gpkg", kept=workshop.lonlat([shapely.box(X, Y, X + side, Y + 300)]))
        for n, side in enumerate((300, 1300))
    ]
    target, files = workshop.folder / "filtered.gpkg", [PolygonFile(path=str(date)) for date in dates]
    limits = Filter(occurrence_files=files, min_occurrences=2)
    filter_detections(merged(workshop, 300, 300), target, None, dates, filter_settings=limits)
    kept, removed = read_layer(target, "kept"), read_layer(target, "removed")
    assert (kept["occurrences"].tolist(), removed["occurrences"].tolist()) == ([2], [1])
    assert removed["reason"].tolist() == ["occurrences on other dates 1 < 2"]
    with pytest.raises(ValueError, match="must not exceed the number of occurrence_files"):
        Filter(occurrence_files=files, min_occurrences=3)


def test_the_kept_are_simplified_after_the_area_filter_and_the_change_is_told(workshop, caplog):
    """A pixel less at each of four corners: 0.0300 km2 by the pixels, more or less by the simplified outline."""
    side = 174.0
    notched = shapely.box(X, Y, X + side, Y + side)
    for x, y in ((X, Y), (X + side - 10, Y), (X, Y + side - 10), (X + side - 10, Y + side - 10)):
        notched = notched.difference(shapely.box(x, y, x + 10, y + 10))
    column = {"detection": np.array(["d1"], dtype=object), "mean": [0.8], "area_m2": [1.0], "perimeter_m": [1.0]}
    file = workshop.layers("merged.gpkg", detections=workshop.lonlat([notched], **column))
    exact, _ = filtered(workshop, file, min_area_km2=0.0298)
    assert exact["area_m2"].tolist() == [1.0]  # as merged, where nothing is simplified
    assert "area_before_m2" not in exact
    with caplog.at_level("INFO"):
        kept, removed = filtered(workshop, file, min_area_km2=0.0298, simplify_m=15)
    assert (len(kept), len(removed)) == (1, 0)
    assert kept["area_before_m2"].iloc[0] == pytest.approx(notched.area, rel=2e-3)
    assert kept["area_m2"].iloc[0] == pytest.approx(geodesic_area_m2(kept)[0], abs=1e-2)
    assert kept["area_m2"].iloc[0] != pytest.approx(kept["area_before_m2"].iloc[0], rel=1e-3)
    assert shapely.get_num_coordinates(kept.geometry.iloc[0]) < 13
    assert "area changes by" in caplog.text and "most for d1" in caplog.text


def test_coarse_pixels_of_120_m_are_filtered_alike(workshop):
    """Two pixels are 0.0288 km2, three are enough."""
    boxes = [shapely.box(X + 2000 * n, Y, X + 2000 * n + 120 * (n + 2), Y + 120) for n in range(2)]
    columns = {"detection": np.array(["d1", "d2"], dtype=object), "mean": [0.8, 0.8]}
    kept, removed = filtered(workshop, workshop.layers("merged.gpkg", detections=workshop.lonlat(boxes, **columns)))
    assert (kept["detection"].tolist(), removed["detection"].tolist()) == (["d2"], ["d1"])


STEP = 10 / METRES_PER_DEGREE


def stairs(length=40, lat=0.0, lon=0.0, pixel=STEP):
    """A right triangle drawn in pixels of ten metres at the equator: its long side is stairs."""
    mask = np.tril(np.ones((length, length), np.uint8))
    return as_outlines(mask, lon, lat, pixel)[0]


def as_outlines(mask, lon=0.0, lat=0.0, pixel=STEP):
    transform = Affine(pixel, 0, lon, 0, -pixel, lat)
    shapes = rasterio.features.shapes(mask.astype(np.uint8), mask=mask.astype(bool), transform=transform)
    return np.array([shapely.geometry.shape(polygon) for polygon, _ in shapes], dtype=object)


def test_stairs_become_a_line_within_the_tolerance():
    outline = stairs()
    (simple,), (stuck,) = simplify_outlines(np.array([outline]), 10)
    assert not stuck
    assert shapely.get_num_coordinates(simple) < 10
    assert simple.hausdorff_distance(outline) * METRES_PER_DEGREE <= 10 + 1e-6
    assert simple.area == pytest.approx(outline.area, rel=0.03)


def test_metres_are_metres_far_north_too():
    """At 60 N a metre is twice as wide in degrees; a corner 8 m off a side goes at 9 m and stays at 7 m."""
    metres = np.array([(0, 0), (400, 0), (408, 150), (400, 300), (0, 300)])
    outline = shapely.Polygon(metres * [2, 1] / METRES_PER_DEGREE + [80, 60])
    kept, gone = (simplify_outlines(np.array([outline]), tolerance)[0][0] for tolerance in (7, 9))
    assert kept is outline
    assert shapely.get_num_coordinates(gone) == 5


def test_interlocked_neighbours_do_not_run_into_each_other():
    """Two combs, teeth between teeth a metre apart: straightened, each would cover the other's teeth."""
    teeth = [shapely.box(20 * n, 10, 20 * n + 9, 60) for n in range(6)]
    comb = shapely.union_all([shapely.box(0, 0, 120, 10), *teeth])
    other = shapely.union_all(
        [shapely.box(0, 61, 120, 71), *(shapely.box(20 * n + 10, 11, 20 * n + 19, 61) for n in range(6))]
    )
    lone = shapely.transform(comb, lambda xy: xy + np.array([1000, 0]))
    outlines = shapely.transform(np.array([comb, other, lone]), lambda xy: xy * STEP / 10)
    assert shapely.intersects(outlines[0], outlines[1]) == np.False_
    simple, stuck = simplify_outlines(outlines, 60)
    assert stuck.tolist() == [True, True, False]
    assert simple[0] is outlines[0] and simple[1] is outlines[1]
    assert simple[2].area != outlines[2].area


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.3, 0.7), st.sampled_from([3.0, 12.0, 45.0]))
def test_any_map_stays_valid_and_apart(seed, threshold, tolerance):
    noise = np.random.default_rng(seed).random((26, 26))
    smooth = (noise[:-2, :-2] + noise[1:-1, 1:-1] + noise[2:, 2:] + noise[:-2, 2:] + noise[2:, :-2]) / 5
    outlines = as_outlines(smooth > threshold, 81, 36)
    simple, _ = simplify_outlines(outlines, tolerance)
    assert shapely.is_valid(simple).all()
    assert (shapely.area(simple) > 0).all()
    left, right = shapely.STRtree(simple).query(simple, predicate="intersects")
    once = left < right
    common = shapely.area(shapely.intersection(simple[left[once]], simple[right[once]]))
    assert (common <= 1e-6 * np.minimum(shapely.area(outlines[left[once]]), shapely.area(outlines[right[once]]))).all()


def test_nothing_is_simplified_to_nothing():
    simple, stuck = simplify_outlines(np.array([], dtype=object), 10)
    assert len(simple) == len(stuck) == 0


@pytest.fixture
def ramp(tmp_path):
    """A DEM of 3 arc seconds at 36 N that rises by 1 m in 10 m to the east, from 3000 m; void in its south."""
    grid = Grid(120, 120, Affine(1 / 1200, 0, 81, 0, -1 / 1200, 36.05), CRS.from_epsg(4326))
    width, _, _ = cell_size_m(grid)
    height = 3000 + width * 0.1 * np.arange(120)
    height[100:] = -32768  # and the file does not say that this is a void
    path = tmp_path / "dem.tif"
    with rasterio.open(path, "w", driver="GTiff", dtype="float32", count=1, **grid.profile()) as dataset:
        dataset.write(height.astype("float32"), 1)
    return path


def under(dem, *boxes):
    return measure_terrain(gpd.GeoSeries([shapely.box(*box) for box in boxes], crs=4326), dem)


def test_slope_and_lowest_point_of_a_plane(ramp):
    table = under(ramp, (81.02, 36.02, 81.03, 36.04))
    assert table["slope_mean_deg"].iloc[0] == pytest.approx(np.degrees(np.arctan(0.1)), abs=0.02)
    assert table["elevation_min_m"].iloc[0] == pytest.approx(3000 + 0.1 * 1803, abs=10)
    assert table["dem_share"].iloc[0] == 1


def test_a_void_and_ground_off_the_dem_have_no_elevation(ramp):
    table = under(ramp, (81.02, 35.955, 81.03, 35.96), (82, 36, 82.01, 36.01), (80.99, 36.0, 81.01, 36.02))
    assert table["dem_share"].tolist()[:2] == [0, 0]
    assert table["dem_share"].iloc[2] == pytest.approx(0.5, abs=1e-3)
    assert table["elevation_min_m"].isna().tolist() == [True, True, False]
    assert table["elevation_min_m"].iloc[2] >= 3000


def test_no_outlines_no_table(ramp):
    assert len(under(ramp)) == 0


def test_a_dem_without_end_is_read_under_the_outlines_alone(tmp_path):
    """A sparse file of 300,000 x 300,000 pixels of 3 m; all of it would take 700 GB of memory."""
    path, step = tmp_path / "dem.tif", 1 / 30_000
    side = {"height": 300_000, "width": 300_000, "tiled": True, "blockxsize": 4096, "blockysize": 4096}
    profile = {
        "driver": "GTiff",
        "dtype": "float32",
        "count": 1,
        "crs": "EPSG:4326",
        "sparse_ok": True,
        "bigtiff": "YES",
    }
    with rasterio.open(path, "w", transform=Affine(step, 0, 80, 0, -step, 40), **profile, **side):
        pass
    table = under(path, (81.02, 36.02, 81.03, 36.03), (88.02, 31.02, 88.03, 31.03))
    assert table["elevation_min_m"].tolist() == [0, 0]


def test_a_rotated_dem_is_a_mistake(tmp_path):
    path = tmp_path / "dem.tif"
    transform = Affine.rotation(10) @ Affine(1, 0, 81, 0, -1, 36)
    with rasterio.open(
        path, "w", driver="GTiff", dtype="float32", count=1, height=3, width=3, transform=transform, crs="EPSG:4326"
    ):
        pass
    with pytest.raises(UserError, match="rotated"):
        under(path, (81, 35, 82, 36))


def test_a_dem_of_other_ground_judges_nothing_and_that_is_a_mistake(ramp):
    with pytest.raises(UserError, match="the ground of none of the 2 detections"):
        under(ramp, (82, 36, 82.01, 36.01), (83, 36, 83.01, 36.01))


def square(x, side=200.0):
    return shapely.box(X + x, Y, X + x + side, Y + side)


def test_it_is_counted_on_how_many_dates_each_occurs(workshop):
    here = np.asarray(workshop.lonlat([square(0), square(1000), square(2000)]).geometry.values, dtype=object)
    grade = np.array(["sure", "sure", "odd"], dtype=object)
    dates = [
        workshop.layers("a.gpkg", kept=workshop.lonlat([square(50), square(1190)])),  # a twentieth in common is nothing
        workshop.layers("b.gpkg", kept=workshop.lonlat([square(0), square(1020, 20), square(2000)], grade=grade)),
        workshop.layers("c.gpkg", kept=workshop.lonlat([])),
    ]
    files = [
        PolygonFile(path="a.gpkg"),
        PolygonFile(path="b.gpkg", where={"grade": "sure"}),
        PolygonFile(path="c.gpkg"),
    ]
    assert count_occurrences(here, dates, files).tolist() == [2, 1, 0]


def test_other_files_than_the_setting_names_are_a_mistake(workshop):
    with pytest.raises(UserError, match="names 1 files, but 0 were given"):
        count_occurrences(np.array([], dtype=object), [], [PolygonFile(path="a.gpkg")])


def test_a_field_that_is_not_there_is_told_with_its_setting(workshop):
    date = workshop.layers("a.gpkg", kept=workshop.lonlat([square(50)], grade=["x"]))
    with pytest.raises(
        UserError, match=r"no field grad, which mapping\.filter\.occurrence_files names; did you mean grade"
    ):
        count_occurrences(np.array([square(0)]), [date], [PolygonFile(path="a.gpkg", where={"grad": 1})])


def test_proportions_do_not_depend_on_latitude_or_direction():
    box = shapely.affinity.rotate(shapely.box(0, 0, 4000, 1000), 30)
    for epsg, x in ((32644, 500_000), (32744, 500_000)):
        moved = gpd.GeoSeries([shapely.affinity.translate(box, x, 2_300_000)], crs=epsg)
        np.testing.assert_allclose(width_to_length(moved), 0.25, rtol=5e-3)
    assert len(width_to_length(gpd.GeoSeries([], crs=4326))) == 0
