"""Detections of overlapping tiles merge into whole bodies with pooled statistics and geodesic measures."""

from __future__ import annotations

import tempfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from lobate.errors import UserError
from lobate.io.vector import geodesic_area_m2, read_layer
from lobate.mapping.merge_detections import dissolve, members_by_body, merge_detections, pooled_statistics
from lobate.settings.mapping import Merge

X, Y = 500_000.0, 4_000_000.0  # the middle of UTM zone 44 at 36 N


def merged(workshop, tiles, **settings_of_merge):
    """Merge tiles given as name -> (grid, detections file, probability values)."""
    target = workshop.folder / "merged.gpkg"
    merge_detections(
        [file for _, file, _ in tiles.values()],
        [workshop.probability(name, grid, values) for name, (grid, _, values) in tiles.items()],
        target,
        tiles=list(tiles),
        merge=Merge(**settings_of_merge),
    )
    return read_layer(target, "detections")


def two_tiles(workshop, west, east, values=0, **columns):
    """West and east tile of 100 x 100 px that share 20 columns, with outlines each."""
    grids = {"A": workshop.grid(X, Y, 100, 100), "B": workshop.grid(X + 800, Y, 100, 100)}
    return {
        name: (grid, workshop.detections(name, grid, outlines, **columns.get(name, {})), values)
        for (name, grid), outlines in zip(grids.items(), (west, east), strict=True)
    }


def same_ground(outline, frame, row=0):
    back = frame.to_crs(32644).geometry.iloc[row]
    return back.symmetric_difference(outline).area / outline.area


def test_a_body_across_the_seam_is_one_whole_body(workshop):
    body = shapely.box(X + 700, Y - 600, X + 1100, Y - 500)
    frame = merged(workshop, two_tiles(workshop, [body], [body]))
    assert len(frame) == 1
    assert same_ground(body, frame) < 1e-5
    row = frame.iloc[0]
    assert (row["detection"], row["parts"], row["tiles"], row["seen_by"]) == ("d00001", "A_00000,B_00000", "A,B", "A,B")
    assert not row["touches_edge"]
    assert row["pixels"] == 400
    assert row["area_m2"] == pytest.approx(40_000, rel=1e-3)
    assert row["perimeter_m"] == pytest.approx(1000, rel=1e-3)


def test_a_seam_of_one_pixel_is_enough(workshop):
    grids = workshop.grid(X, Y, 100, 100), workshop.grid(X + 990, Y, 100, 100)
    body = shapely.box(X + 700, Y - 600, X + 1500, Y - 500)
    tiles = {n: (g, workshop.detections(n, g, [body]), 0) for n, g in zip("AB", grids, strict=True)}
    frame = merged(workshop, tiles)
    assert len(frame) == 1
    assert same_ground(body, frame) < 1e-5


def test_tiles_that_only_abut_are_sewn_together_too(workshop):
    """They share a line and no ground; corners that meet there are no body."""
    grids = workshop.grid(X, Y, 100, 100), workshop.grid(X + 1000, Y, 100, 100)
    body, high, low = (
        shapely.union(
            shapely.box(X + 700, Y - 630, X + 1000, Y - 500), shapely.box(X + 1000, Y - 690, X + 1400, Y - 510)
        ),
        shapely.box(X + 700, Y - 300, X + 1000, Y - 200),
        shapely.box(X + 1000, Y - 200, X + 1100, Y - 100),
    )
    tiles = {n: (g, workshop.detections(n, g, [body, high, low]), 0) for n, g in zip("AB", grids, strict=True)}
    frame = merged(workshop, tiles)
    assert frame["tiles"].tolist() == ["B", "A", "A,B"]
    assert same_ground(body, frame, 2) < 1e-5
    assert frame.geometry.geom_type.tolist() == ["Polygon"] * 3


def test_the_whole_one_is_taken_for_the_shared_ground(workshop):
    seen_whole = shapely.box(X + 850, Y - 600, X + 1100, Y - 500)
    seen_cut = shapely.box(X + 830, Y - 640, X + 1000, Y - 480)
    frame = merged(workshop, two_tiles(workshop, [seen_cut], [seen_whole], B={"mean": 0.9}))
    assert len(frame) == 1
    assert same_ground(seen_whole, frame) < 1e-5
    assert frame["mean"].iloc[0] == pytest.approx(0.9)
    assert frame["parts"].iloc[0] == "A_00000,B_00000"


def test_two_whole_ones_are_united(workshop):
    one, other = shapely.box(X + 830, Y - 600, X + 900, Y - 500), shapely.box(X + 850, Y - 640, X + 930, Y - 500)
    frame = merged(workshop, two_tiles(workshop, [one], [other], A={"mean": 0.6}, B={"mean": 0.9}))
    assert same_ground(one.union(other), frame) < 1e-5
    assert 0.6 < frame["mean"].iloc[0] < 0.9
    assert frame["deviation"].iloc[0] > 0.1  # pooled: the two means differ as well


def test_the_spread_of_models_is_pooled_where_there_is_one(workshop):
    body, lone = shapely.box(X + 700, Y - 600, X + 1100, Y - 500), shapely.box(X + 100, Y - 900, X + 200, Y - 800)
    tiles = two_tiles(workshop, [body, lone], [body], A={"spread": [0.1, 0.3]}, B={"spread": [0.2]})
    frame = merged(workshop, tiles)
    assert frame["spread"].tolist() == [pytest.approx(0.15), 0.3]  # 30 px of each tile see the body
    mixed = merged(workshop, two_tiles(workshop, [body, lone], [body], B={"spread": [0.2]}))
    assert mixed["spread"].tolist() == [0.2, pytest.approx(np.nan, nan_ok=True)]
    assert "spread" not in merged(workshop, two_tiles(workshop, [body], [body]))


def test_coarse_tiles_of_81_pixels_merge_too(workshop):
    """Pixels of 120 m; three of nine columns are shared."""
    grids = {"A": workshop.grid(X, Y, 9, 9, pixel=120), "B": workshop.grid(X + 720, Y, 9, 9, pixel=120)}
    body = shapely.box(X + 480, Y - 600, X + 1320, Y - 360)
    tiles = {name: (grid, workshop.detections(name, grid, [body]), 0) for name, grid in grids.items()}
    frame = merged(workshop, tiles)
    assert same_ground(body, frame) < 1e-5
    assert frame[["pixels", "tiles", "touches_edge"]].to_numpy().tolist() == [[14, "A,B", False]]


def test_where_the_better_tile_has_nodata_the_cut_one_stays(workshop):
    nodata = np.zeros((100, 100), dtype="uint8")
    nodata[:50] = 255
    tiles = two_tiles(
        workshop,
        [shapely.box(X + 850, Y - 700, X + 1000, Y - 400)],
        [shapely.box(X + 850, Y - 700, X + 1100, Y - 520)],
    )
    tiles["B"] = (*tiles["B"][:2], nodata)
    frame = merged(workshop, tiles)
    expected = shapely.box(X + 850, Y - 700, X + 1100, Y - 520).union(shapely.box(X + 850, Y - 500, X + 1000, Y - 400))
    assert len(frame) == 1  # pieces that would fall apart are united whole
    assert frame.to_crs(32644).geometry.iloc[0].buffer(0.01).covers(expected)


def test_a_detection_that_only_one_of_two_tiles_made_is_kept_and_told(workshop):
    lone = shapely.box(X + 850, Y - 600, X + 900, Y - 500)
    frame = merged(workshop, two_tiles(workshop, [lone], []))
    assert frame[["tiles", "seen_by"]].to_numpy().tolist() == [["A", "A,B"]]


def test_a_tile_with_nodata_there_has_not_seen_it(workshop):
    lone = shapely.box(X + 850, Y - 600, X + 900, Y - 500)
    tiles = two_tiles(workshop, [lone], [])
    tiles["B"] = (*tiles["B"][:2], 255)
    assert merged(workshop, tiles)["seen_by"].tolist() == ["A"]


def test_bodies_that_hardly_overlap_stay_apart(workshop):
    one, other = shapely.box(X + 830, Y - 600, X + 900, Y - 500), shapely.box(X + 895, Y - 600, X + 960, Y - 500)
    assert len(merged(workshop, two_tiles(workshop, [one], [other]))) == 2
    assert len(merged(workshop, two_tiles(workshop, [one], [other]), min_overlap=0.01)) == 1


def test_the_outer_edge_still_cuts_a_body_that_two_tiles_saw(workshop):
    body = shapely.box(X + 700, Y - 100, X + 1100, Y)
    assert merged(workshop, two_tiles(workshop, [body], [body]))["touches_edge"].tolist() == [True]


def test_ids_follow_the_place_whatever_the_order_of_tiles(workshop):
    bodies = [shapely.box(X + x, Y - y - 60, X + x + 60, Y - y) for x, y in ((100, 700), (870, 300), (1400, 90))]
    tiles = two_tiles(workshop, bodies, bodies[::-1])
    first = merged(workshop, tiles)
    again = merged(workshop, dict(reversed(tiles.items())))
    assert first.to_json() == again.to_json()
    assert first.geometry.bounds["maxy"].is_monotonic_decreasing
    assert first["detection"].tolist() == ["d00001", "d00002", "d00003"]


def test_nothing_detected_gives_an_empty_layer_with_columns(workshop):
    frame = merged(workshop, two_tiles(workshop, [], []))
    assert len(frame) == 0
    assert {"detection", "parts", "tiles", "seen_by", "mean", "pixels", "touches_edge", "area_m2"} <= set(frame.columns)


def test_as_many_files_as_tiles_or_a_mistake(workshop):
    with pytest.raises(UserError, match="one file of detections"):
        merge_detections([], [], workshop.folder / "x.gpkg", tiles=["A"], merge=Merge())


def test_detections_of_another_make_are_a_mistake(workshop):
    grid = workshop.grid(X, Y, 10, 10)
    bare = workshop.lonlat([shapely.box(X, Y - 20, X + 20, Y)])
    file = workshop.layers("foreign.gpkg", detections=bare)
    with pytest.raises(UserError, match="lack the fields detection, mean"):
        merged(workshop, {"A": (grid, file, 0)})


@st.composite
def truths(draw):
    """Bodies of several boxes each, at least a pixel apart, and where the seams lie."""
    rows = draw(st.lists(st.integers(0, 1), min_size=1, max_size=4))
    bodies = []
    for n, tall in enumerate(rows):
        left, width = draw(st.integers(0, 180)), draw(st.integers(2, 160))
        arm, height = draw(st.integers(1, 4)), 6 + 4 * tall
        top = 20 * n + 3
        spine = shapely.box(left, top, left + width, top + 2)
        leg = shapely.box(left, top, min(left + arm, left + width), top + height)
        other = shapely.box(left + width - 1, top, left + width, top + height)
        bodies.append(shapely.union_all([spine, leg, other]))
    return bodies, draw(st.integers(1, 60)), draw(st.sampled_from([32644, 32643]))


@settings(max_examples=25, deadline=None)
@given(truths())
def test_tiles_cut_from_one_truth_give_the_truth_back(workshop_in, truth):
    bodies, overlap, other_crs = truth
    with tempfile.TemporaryDirectory() as folder:
        workshop = workshop_in(Path(folder))
        place = [shapely.transform(b, lambda xy: xy * [10, -10] + [X - 200_000, Y]) for b in bodies]
        width = 180
        grids = [
            workshop.grid(X - 200_000, Y, 90, width),
            workshop.grid(X - 200_000 + 10 * (width - overlap), Y, 90, 300),
        ]
        tiles = {n: (g, workshop.detections(n, g, place), 0) for n, g in zip("AB", grids, strict=True)}
        if other_crs != 32644:
            tiles["B"] = (*_in_zone(workshop, tiles["B"][:2], other_crs), 0)
        frame = merged(workshop, tiles).to_crs(32644)
    assert len(frame) == len(bodies)
    for outline in place:
        nearest = min(frame.geometry, key=lambda merged_outline: merged_outline.symmetric_difference(outline).area)
        assert nearest.symmetric_difference(outline).area < 1e-3 * outline.area


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12), st.floats(0.4, 0.65))
def test_bodies_of_tiles_merge_to_the_bodies_of_the_whole(workshop_in, seed, overlap, threshold):
    """Pixels and all: corners that touch, holes, bodies that cross the seam to and fro."""
    from lobate.network.polygonize import polygonize

    noise = np.random.default_rng(seed).random((26, 42))
    smooth = (noise[:-2, :-2] + noise[1:-1, 1:-1] + noise[2:, 2:] + noise[:-2, 2:] + noise[2:, :-2]) / 5
    values = np.where(smooth > threshold, 200, 10).astype("uint8")
    seam = 20
    with tempfile.TemporaryDirectory() as folder:
        workshop = workshop_in(Path(folder))
        whole = polygonize(workshop.probability("W", workshop.grid(X, Y, *values.shape), values), 0.5)
        cuts = {"A": values[:, : seam + overlap], "B": values[:, seam:]}
        tiles = {}
        for name, part in cuts.items():
            grid = workshop.grid(X + 10 * seam * (name == "B"), Y, *part.shape)
            found = polygonize(workshop.probability(name, grid, part), 0.5)
            found.insert(0, "detection", np.array([f"{name}_{n}" for n in range(len(found))], dtype=object))
            tiles[name] = (grid, workshop.layers(f"{name}.gpkg", detections=found), part)
        frame = merged(workshop, tiles).to_crs(32644)
    assert sorted(frame["pixels"]) == sorted(whole["pixels"])
    for outline in whole.geometry:
        assert min(frame.geometry.symmetric_difference(outline).area) < 1e-3 * outline.area


def _in_zone(workshop, tile, epsg):
    """Return a tile as its neighbour zone would have it: detections reprojected, the grid's corners round them."""
    grid, file = tile
    layer = read_layer(file, "detections").to_crs(epsg)
    left, bottom, right, top = shapely.bounds(workshop.lonlat([grid.footprint]).to_crs(epsg).geometry.iloc[0])
    round_it = workshop.grid(left, top, int((top - bottom) / 10) + 1, int((right - left) / 10) + 1, epsg=epsg)
    return round_it, workshop.layers("B_detections.gpkg", detections=layer)


def quadrangle_m2(west, south, east, north):
    """Area of a quadrangle of meridians and parallels on WGS84, by the authalic latitude (Snyder 1987, 3-12)."""
    geod = Geod(ellps="WGS84")
    e = geod.es**0.5

    def q(latitude):
        s = np.sin(np.radians(latitude))
        return (1 - geod.es) * (s / (1 - geod.es * s**2) - np.log((1 - e * s) / (1 + e * s)) / (2 * e))

    return abs(geod.a**2 * np.radians(east - west) * (q(north) - q(south)) / 2)


def rim_m(west, south, east, north):
    """Length round such a quadrangle: parallels N cos(lat) dlon, meridians by Simpson's rule over M (Snyder 1987, 4-18/20)."""
    geod = Geod(ellps="WGS84")
    latitude = np.radians(np.linspace(south, north, 101))
    along = geod.a * np.cos(latitude) / np.sqrt(1 - geod.es * np.sin(latitude) ** 2) * np.radians(east - west)
    across = geod.a * (1 - geod.es) / (1 - geod.es * np.sin(latitude) ** 2) ** 1.5
    weights = np.array([1, *[4, 2] * 49, 4, 1]) / 300
    return along[0] + along[-1] + 2 * (weights * across).sum() * np.radians(north - south)


@pytest.mark.parametrize(
    ("latitude", "zones"), [(0.0, (32643, 32644)), (36.0, (32643, 32644)), (-70.0, (32743, 32744))]
)
def test_area_is_geodesic_to_a_millionth_across_a_zone_border(workshop, latitude, zones):
    """Zones 43 and 44 meet at 78 E; each tile has its own CRS and sees the body up to 0.02 degrees past the border."""
    west, south, east, north = 77.96, latitude - 0.01, 78.03, latitude + 0.015
    tiles = {}
    for name, zone, (left, right) in zip("AB", zones, ((77.9, 78.02), (77.98, 78.1)), strict=True):
        ring = shapely.segmentize(shapely.box(max(left, west), south, min(right, east), north), 2e-4)
        seen = workshop.lonlat([ring], epsg=4326).to_crs(zone).geometry.iloc[0]
        area = shapely.segmentize(shapely.box(left, south - 0.1, right, north + 0.1), 1e-2)
        x0, y0, x1, y1 = workshop.lonlat([area], epsg=4326).to_crs(zone).total_bounds
        grid = workshop.grid(x0, y1, int((y1 - y0) / 50), int((x1 - x0) / 50), pixel=50, epsg=zone)
        tiles[name] = (grid, workshop.detections(name, grid, [seen], touches_edge=[True]), 0)
    frame = merged(workshop, tiles)
    assert len(frame) == 1
    assert frame["area_m2"].iloc[0] == pytest.approx(quadrangle_m2(west, south, east, north), rel=1e-6)
    assert frame["perimeter_m"].iloc[0] == pytest.approx(rim_m(west, south, east, north), rel=1e-6)
    assert geodesic_area_m2(frame)[0] == pytest.approx(frame["area_m2"].iloc[0], rel=1e-9)


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=9), min_size=1, max_size=4))
def test_statistics_of_parts_are_those_of_their_pixels_together(samples):
    parts = gpd.GeoDataFrame(
        {
            "mean": [np.mean(sample) for sample in samples],
            "median": [np.median(sample) for sample in samples],
            "minimum": [min(sample) for sample in samples],
            "deviation": [np.std(sample) for sample in samples],
        }
    )
    weight, pooled = np.array([len(sample) for sample in samples], dtype=float), np.concatenate(samples)
    (row,) = pooled_statistics(parts, weight, np.zeros(len(samples), dtype=int)).to_dict("records")
    assert row["mean"] == pytest.approx(pooled.mean(), abs=2e-6)
    assert row["deviation"] == pytest.approx(pooled.std(), abs=2e-4)
    assert row["minimum"] == pooled.min()
    assert pooled.min() - 1e-6 <= row["median"] <= pooled.max() + 1e-6


def test_parts_that_add_nothing_do_not_count():
    parts = gpd.GeoDataFrame({"mean": [0.9, 0.1], "median": [0.9, 0.1], "minimum": [0.8, 0.0], "deviation": [0.1, 0.3]})
    table = pooled_statistics(parts, np.array([10.0, 0.0]), np.array([0, 0]))
    assert table.to_numpy().tolist() == [[0.9, 0.9, 0.8, 0.1]]


def test_holes_below_a_pixel_close_and_real_ones_stay():
    left = shapely.box(0, 0, 10, 10).difference(shapely.box(2, 2, 5, 5)).difference(shapely.box(9.8, 4, 10, 4.2))
    parts = np.array([left, shapely.box(10, 0, 20, 10)])
    (united,) = dissolve(parts, parts, [np.array([0, 1])], np.array([1.0]))
    assert len(united.interiors) == 1
    assert united.area == pytest.approx(200 - 9)


def test_loose_pieces_are_united_whole():
    outlines = np.array([shapely.box(0, 0, 10, 10), shapely.box(2, 2, 4, 4)])
    own = np.array([shapely.box(6, 0, 10, 10), outlines[1]])
    (united,) = dissolve(outlines, own, [np.array([0, 1])], np.array([1.0]))
    assert united.equals(outlines[0])


@given(st.lists(st.integers(0, 5), max_size=20))
def test_grouped_gives_each_its_own(numbers):
    body = np.unique(numbers, return_inverse=True)[1].astype(int)
    members = members_by_body(body)
    assert sorted(np.concatenate([*members, []])) == list(range(len(numbers)))
    assert all(set(body[which]) == {number} for number, which in enumerate(members))
