"""Label rasters: the pixels of gdal_rasterize, from the polygons on the tile alone; pixel coordinates and metres of a grid."""

from __future__ import annotations

import shutil
import subprocess

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.features import rasterize
from shapely.affinity import translate

from lobate.errors import UserError
from lobate.io.grid import Grid
from lobate.labels import rasterize_labels as module
from lobate.labels.rasterize_labels import buffer_px, pixel_size_m, polygons_on_image, rasterize_labels, to_pixels


def label_of(image, polygons, target, ring_m=0.0):
    rasterize_labels(image, polygons, target, ring_m=ring_m)
    with rasterio.open(target) as dataset:
        return dataset.read(1)


def blobs(count, seed=0, extent=(500_000, 3_998_800, 501_500, 4_000_000)):
    """Ragged polygons with holes, some past the image's edge."""
    rng = np.random.default_rng(seed)
    west, south, east, north = extent
    for x, y in zip(rng.uniform(west, east, count), rng.uniform(south, north, count), strict=True):
        angle = np.linspace(0, 2 * np.pi, 23)[:-1]
        radius = rng.uniform(20, 90, 22)
        hole = [(x + 8 * np.cos(a), y + 8 * np.sin(a)) for a in angle[::4]]
        yield shapely.Polygon(np.column_stack([x + radius * np.cos(angle), y + radius * np.sin(angle)]), [hole])


@pytest.mark.parametrize("rows", [7, 1024])
def test_pixels_are_those_of_gdal(outlines, tmp_path, monkeypatch, rows):
    monkeypatch.setattr(module, "ROWS", rows)
    image = outlines.write_image(tmp_path / "T1.tif")
    rocks = outlines.write(tmp_path / "rocks.gpkg", list(blobs(40)))
    result = outlines.clean(tmp_path, [rocks], images={"T1": image})
    label = label_of(image, result.path, tmp_path / "label.tif")
    with rasterio.open(image) as dataset:
        shapes = result.kept.to_crs(dataset.crs).geometry
        expected = rasterize(shapes, out_shape=dataset.shape, transform=dataset.transform)
    assert np.array_equal(label, expected)
    assert 0.1 < label.mean() < 0.9


def cells(count, seed):
    """Every second cell of a tessellation that reaches past the image on all sides: neighbours touch; some have holes."""
    rng = np.random.default_rng(seed)
    points = np.column_stack([rng.uniform(499_800, 501_700, count), rng.uniform(3_998_600, 4_000_200, count)])
    tiled = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(points)))[::2]
    return [cell.difference(cell.centroid.buffer(25)) if n % 3 else cell for n, cell in enumerate(tiled)]


def by_gdal(result, image, target, *options):
    """Burn the kept polygons with gdal_rasterize on the image's grid; return the pixels."""
    result.kept.to_crs("EPSG:32644").to_file(target.with_suffix(".gpkg"))
    with rasterio.open(image) as dataset:
        extent = ["-te", *map(repr, dataset.bounds), "-tr", *map(repr, dataset.res)]
    files = [target.with_suffix(".gpkg"), target]
    subprocess.run(["gdal_rasterize", "-q", "-burn", "1", "-ot", "Byte", *extent, *options, *files], check=True)
    with rasterio.open(target) as dataset:
        return dataset.read(1)


@pytest.mark.skipif(shutil.which("gdal_rasterize") is None, reason="no gdal_rasterize on this machine")
@pytest.mark.parametrize("rows", [13, 512])
@pytest.mark.parametrize(
    "shapes",
    [list(blobs(40, seed=1)), cells(60, seed=2), [shapely.box(500_003, 3_999_990, 500_009, 3_999_998)]],
    ids=["over edges with holes", "touching", "half a pixel"],
)
def test_pixels_are_those_of_the_program_itself(outlines, tmp_path, monkeypatch, rows, shapes):
    monkeypatch.setattr(module, "ROWS", rows)
    image = outlines.write_image(tmp_path / "T1.tif", left=500_000.3, top=4_000_000.7, metres=9.7)
    rocks = outlines.write(tmp_path / "rocks.gpkg", shapes)
    result = outlines.clean(tmp_path, [rocks], images={"T1": image}, min_area_m2=0)
    expected = by_gdal(result, image, tmp_path / "expected.tif")
    assert np.array_equal(label_of(image, result.path, tmp_path / "label.tif"), expected)
    assert expected.any()


@pytest.mark.skipif(shutil.which("gdal_rasterize") is None, reason="no gdal_rasterize on this machine")
def test_pixels_whose_centres_lie_on_outlines_are_those_of_the_program(outlines, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROWS", 13)
    image = outlines.write_image(tmp_path / "T1.tif")
    shapes = [
        translate(outlines.square(10 * n, 10 * (n % 3), 9 + n % 2), 5.0 * (n % 4), -5.0 * (n % 5)) for n in range(12)
    ]
    result = outlines.clean(tmp_path, [outlines.write(tmp_path / "rocks.gpkg", shapes)], images={"T1": image})
    expected = by_gdal(result, image, tmp_path / "expected.tif")
    assert np.array_equal(label_of(image, result.path, tmp_path / "label.tif"), expected)


def test_nodata_and_unrecognisable_are_ignored_and_negatives_are_not_burned(outlines, tmp_path):
    image = outlines.write_image(tmp_path / "T1.tif", void=12)
    shapes = [outlines.square(5, 5, 10), outlines.square(30, 5, 10), outlines.square(34, 5, 10)]
    rocks = outlines.write(tmp_path / "rocks.gpkg", shapes, name=["kept", "cloudy", "over"])
    water = outlines.write(tmp_path / "water.gpkg", [outlines.square(60, 5, 10)])
    listed = tmp_path / "removed.csv"
    listed.write_text("id,reason\ncloudy,cloud\n")
    result = outlines.clean(tmp_path, [(rocks, {"id_field": "name"})], [water], images={"T1": image}, listed=listed)
    label = label_of(image, result.path, tmp_path / "label.tif")
    expected = np.zeros_like(label)
    expected[5:15, 5:15] = 1
    expected[5:15, 30:40] = 255
    expected[5:15, 34:44] = 1
    expected[:, :12] = 255
    assert np.array_equal(label, expected)


def test_the_ring_ignores_what_is_near_an_outline(outlines, tmp_path):
    image = outlines.write_image(tmp_path / "T1.tif")
    rocks = outlines.write(tmp_path / "rocks.gpkg", [outlines.square(50, 50, 20)])
    result = outlines.clean(tmp_path, [rocks], images={"T1": image})
    label = label_of(image, result.path, tmp_path / "label.tif", ring_m=20.0)
    assert (label[60, [46, 48, 51, 52, 67, 68, 71, 73]] == [0, 255, 255, 1, 1, 255, 255, 0]).all()
    assert label[48, 60] == label[51, 60] == 255
    assert label[47, 60] == 0


def test_a_tile_without_polygons_is_all_background(outlines, tmp_path):
    image = outlines.write_image(tmp_path / "T1.tif")
    other = outlines.write_image(tmp_path / "T2.tif", left=600_000.0)
    rocks = outlines.write(tmp_path / "rocks.gpkg", [outlines.square(5, 5)])
    result = outlines.clean(tmp_path, [rocks], images={"T1": image, "T2": other})
    assert not label_of(other, result.path, tmp_path / "label.tif").any()


def test_moving_a_polygon_leaves_the_view_of_another_tile_as_it_was(outlines, tmp_path):
    images = {
        "T1": outlines.write_image(tmp_path / "T1.tif"),
        "T2": outlines.write_image(tmp_path / "T2.tif", left=500_000.0 + 1400),
    }
    here, there, between = outlines.square(20, 20), outlines.square(200, 20), outlines.square(141, 60, 8)
    views = []
    for moved in (here, translate(here, 30, 0)):
        rocks = outlines.write(tmp_path / "rocks.gpkg", [moved, there, between])
        result = outlines.clean(tmp_path, [rocks], images=images)
        views.append({})
        for name, image in images.items():
            polygons_on_image(result.path, tmp_path / "view.gpkg", image)
            views[-1][name] = (tmp_path / "view.gpkg").read_bytes()
    assert views[0]["T2"] == views[1]["T2"]
    assert views[0]["T1"] != views[1]["T1"]


def test_the_view_holds_both_layers_and_just_what_touches(outlines, tmp_path):
    image = outlines.write_image(tmp_path / "T1.tif")
    shapes = [outlines.square(5, 5), outlines.square(145, 50), outlines.square(151, 70), outlines.square(5, 5)]
    rocks = outlines.write(tmp_path / "rocks.gpkg", shapes)
    large = outlines.write_image(tmp_path / "large.tif", 300, 300)
    result = outlines.clean(tmp_path, [rocks], images={"T1": large})
    polygons_on_image(result.path, tmp_path / "view.gpkg", image)
    kept, removed = (gpd.read_file(tmp_path / "view.gpkg", layer=layer) for layer in ("kept", "removed"))
    assert list(kept["polygon"]) == ["rocks_1", "rocks_2"]
    assert list(removed["polygon"]) == ["rocks_4"]
    polygons_on_image(result.path, tmp_path / "view.gpkg", image, ring_m=20.0)
    assert len(gpd.read_file(tmp_path / "view.gpkg", layer="kept")) == 3


def test_labels_from_the_view_are_those_from_all(outlines, tmp_path):
    image = outlines.write_image(tmp_path / "T1.tif")
    large = outlines.write_image(tmp_path / "large.tif", 300, 300)
    rocks = outlines.write(tmp_path / "rocks.gpkg", list(blobs(60, extent=(500_000, 3_997_000, 503_000, 4_000_000))))
    result = outlines.clean(tmp_path, [rocks], images={"T1": large})
    polygons_on_image(result.path, tmp_path / "view.gpkg", image, ring_m=15.0)
    seen = label_of(image, tmp_path / "view.gpkg", tmp_path / "a.tif", ring_m=15.0)
    assert np.array_equal(seen, label_of(image, result.path, tmp_path / "b.tif", ring_m=15.0))


def test_a_truncated_image_is_a_mistake_and_leaves_nothing(outlines, tmp_path):
    image = outlines.write_image(tmp_path / "T1.tif", 2000, 400)
    result = outlines.clean(
        tmp_path, [outlines.write(tmp_path / "rocks.gpkg", [outlines.square(5, 5)])], images={"T1": image}
    )
    image.write_bytes(image.read_bytes()[:1_200_000])
    with pytest.raises(UserError, match=r"T1\.tif cannot be read"):
        rasterize_labels(image, result.path, tmp_path / "label.tif", ring_m=0.0)
    assert not list(tmp_path.glob("label*"))


def write_record(path, image, cut=0):
    """Write a record of ``image``, by ``cut`` columns too narrow."""
    with rasterio.open(image) as dataset:
        pixels, profile = dataset.read(), {**dataset.profile, "count": 1}
    seen = pixels.any(axis=0).astype(np.uint8)[:, : pixels.shape[2] - cut]
    with rasterio.open(path, "w", **{**profile, "width": seen.shape[1]}) as target:
        target.write(seen, 1)
    return path


def test_a_record_says_where_the_image_is_nodata(outlines, tmp_path):
    image = outlines.write_image(tmp_path / "T1.tif", void=12)
    result = outlines.clean(tmp_path, [outlines.write(tmp_path / "rocks.gpkg", list(blobs(10)))], images={"T1": image})
    alone = label_of(image, result.path, tmp_path / "alone.tif")
    record = write_record(tmp_path / "record.tif", image)
    rasterize_labels(image, result.path, tmp_path / "with.tif", record, ring_m=0.0)
    with rasterio.open(tmp_path / "with.tif") as dataset:
        assert np.array_equal(dataset.read(1), alone)
    assert {0, 1, 255} == set(np.unique(alone))


def test_a_record_of_another_grid_is_a_mistake(outlines, tmp_path):
    image = outlines.write_image(tmp_path / "T1.tif")
    result = outlines.clean(tmp_path, [outlines.write(tmp_path / "rocks.gpkg", list(blobs(3)))], images={"T1": image})
    with pytest.raises(UserError, match="not on the grid of the image"):
        rasterize_labels(
            image, result.path, tmp_path / "label.tif", write_record(tmp_path / "r.tif", image, cut=1), ring_m=0.0
        )
    assert not (tmp_path / "label.tif").exists()


UTM = CRS.from_epsg(32644)


@settings(deadline=None)
@given(
    left=st.floats(100_000, 900_000),
    top=st.floats(0, 9_000_000),
    metres=st.floats(0.5, 100),
    turn=st.sampled_from([0.0, 30.0]),
)
def test_pixel_coordinates_undo_the_transform(left, top, metres, turn):
    grid = Grid(100, 80, Affine.translation(left, top) @ Affine.rotation(turn) @ Affine.scale(metres, -metres), UTM)
    [pixels] = to_pixels(np.array([grid.footprint]), grid)
    assert shapely.get_coordinates(pixels)[:4] == pytest.approx(
        np.array([(0, 0), (80, 0), (80, 100), (0, 100)]), abs=1e-4
    )


def test_metres_of_a_pixel_in_degrees_differ_by_axis():
    grid = Grid(100, 100, rasterio.transform.from_origin(80, 60.5, 0.01, 0.01), CRS.from_epsg(4326))
    width, height = pixel_size_m(grid)
    assert width == pytest.approx(0.01 * 111_320 * 0.5, rel=0.01)
    assert height == pytest.approx(0.01 * 111_412, rel=0.01)


def test_a_ring_has_the_width_asked_for():
    grid = Grid(100, 100, rasterio.transform.from_origin(500_000, 4_000_000, 10, 10), UTM)
    [ring] = buffer_px(np.array([shapely.box(20, 20, 40, 40)]), 15.0, grid)
    assert ring.bounds == pytest.approx((18.5, 18.5, 41.5, 41.5), abs=0.01)
    assert not ring.contains(shapely.Point(30, 30))
