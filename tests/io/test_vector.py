"""Layers, geodesic measures, and zipped or incomplete files, which are read without changing them."""

from __future__ import annotations

import time
import zipfile

import geopandas as gpd
import numpy as np
import pytest
from shapely import orient_polygons
from shapely.geometry import MultiPolygon, Point, Polygon, box

from lobate.errors import UserError
from lobate.io.features import read_drawn
from lobate.io.grid import WGS84
from lobate.io.vector import (
    geodesic_area_m2,
    geodesic_measures,
    geodesic_perimeter_m,
    read_layer,
    read_polygons,
    readable_path,
    write_layers,
)

SQUARES = gpd.GeoDataFrame({"name": ["a", "b"], "n": [1, 2]}, geometry=[box(0, 0, 1, 1), box(2, 2, 3, 3)], crs=4326)


def test_layers_come_back_empty_ones_too(tmp_path):
    write_layers(tmp_path / "a.gpkg", {"kept": SQUARES, "removed": SQUARES.iloc[:0].assign(reason=[])})
    kept, removed = (read_polygons(tmp_path / "a.gpkg", layer) for layer in ("kept", "removed"))
    assert list(kept["name"]) == ["a", "b"]
    assert list(kept.geom_type) == ["Polygon", "Polygon"]
    assert (len(removed), "reason" in removed, removed.crs == kept.crs) == (0, True, True)


def test_same_layers_same_bytes_at_any_time(tmp_path):
    write_layers(tmp_path / "a.gpkg", {"kept": SQUARES})
    time.sleep(1.1)
    write_layers(tmp_path / "b.gpkg", {"kept": SQUARES})
    assert (tmp_path / "a.gpkg").read_bytes() == (tmp_path / "b.gpkg").read_bytes()


def test_bad_files_are_mistakes(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        read_layer(tmp_path / "no.gpkg")
    (tmp_path / "bad.gpkg").write_text("no")
    with pytest.raises(UserError, match="cannot be read"):
        read_layer(tmp_path / "bad.gpkg")
    write_layers(tmp_path / "two.gpkg", {"one": SQUARES, "two": SQUARES})
    with pytest.raises(UserError, match="several layers"):
        read_layer(tmp_path / "two.gpkg")
    with pytest.raises(UserError, match="no layer three; it has one, two"):
        read_layer(tmp_path / "two.gpkg", "three")
    gpd.GeoDataFrame(geometry=[Point(0, 0)], crs=4326).to_file(tmp_path / "points.gpkg")
    with pytest.raises(UserError, match="must hold polygons, but feature 0 is a Point"):
        read_polygons(tmp_path / "points.gpkg")
    SQUARES.set_crs(None, allow_override=True).to_file(tmp_path / "bare.shp")
    with pytest.raises(UserError, match="no coordinate reference system"):
        read_polygons(tmp_path / "bare.shp")


def test_area_of_the_ellipsoid_and_of_a_hole():
    # the whole WGS84 ellipsoid in two hemispheres: 510 065 621.7 km2
    halves = gpd.GeoSeries([box(-180, -90, 0, 90), box(0, -90, 180, 90)], crs=4326).segmentize(1)
    assert geodesic_area_m2(halves).sum() == pytest.approx(510_065_621_724_088, rel=1e-6)
    ring = gpd.GeoSeries(
        [box(0, 0, 1, 1).difference(box(0.2, 0.2, 0.4, 0.4)), box(0, 0, 1, 1), box(0.2, 0.2, 0.4, 0.4)], crs=4326
    )
    outer, whole, hole = geodesic_area_m2(ring)
    assert outer == pytest.approx(whole - hole, rel=1e-9)


def test_measures_do_not_depend_on_the_crs_or_direction():
    small = gpd.GeoSeries([Polygon([(81, 36), (81, 36.01), (81.01, 36.01), (81.01, 36)])], crs=4326).segmentize(0.001)
    utm = small.to_crs(32644)
    assert geodesic_area_m2(utm) == pytest.approx(geodesic_area_m2(small), rel=1e-9)
    assert geodesic_perimeter_m(utm) == pytest.approx(geodesic_perimeter_m(small), rel=1e-9)
    two = gpd.GeoSeries([MultiPolygon([box(0, 0, 1, 1), box(2, 0, 3, 1)])], crs=4326)
    assert geodesic_area_m2(two)[0] == pytest.approx(
        2 * geodesic_area_m2(gpd.GeoSeries([box(0, 0, 1, 1)], crs=4326))[0]
    )
    assert np.isfinite(geodesic_perimeter_m(two)).all()


def test_measures_of_many_are_those_of_one_at_a_time():
    ring = box(81, 36, 81.02, 36.01)
    holed = ring.difference(box(81.005, 36.002, 81.01, 36.006))
    outlines = [ring, holed, MultiPolygon([holed, box(82, -70, 82.1, -69.9)]), Polygon(), None]
    area, perimeter = geodesic_measures(gpd.GeoSeries(outlines, crs=4326))
    alone = [abs(WGS84.geometry_area_perimeter(orient_polygons(outline))[0]) if outline else 0 for outline in outlines]
    assert area == pytest.approx(alone, rel=1e-9)
    assert perimeter == pytest.approx(
        [WGS84.geometry_length(outline.boundary) if outline else 0 for outline in outlines], rel=1e-9
    )
    assert geodesic_measures(gpd.GeoSeries([], crs=4326))[0].shape == (0,)


@pytest.fixture
def files(tmp_path):
    """A Shapefile with its side files, as a dict of names and bytes."""
    folder = tmp_path / "made"
    folder.mkdir()
    shapes = [MultiPolygon([box(80, 35, 81, 36)]), box(82, 35, 83, 36)]
    gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=shapes, crs=4326).to_file(folder / "rocks.shp")
    gpd.GeoDataFrame({"Name": ["a", "b"]}, geometry=shapes, crs=4326).to_file(folder / "doc.kml", driver="KML")
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def packed(path, files, **names):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def shapefile(files, stem):
    return {f"{stem}.{name.split('.')[1]}": content for name, content in files.items() if name.startswith("rocks")}


def test_a_zip_in_a_folder_of_a_zip_with_what_macs_add(files, tmp_path):
    inside = shapefile(files, "survey/rocks") | {"__MACOSX/survey/._rocks.shp": b"junk", "survey/readme.txt": b"hello"}
    assert list(read_polygons(packed(tmp_path / "a.zip", inside))["name"]) == ["a", "b"]


def test_several_shapefiles_in_a_zip_are_its_layers(files, tmp_path):
    path = packed(tmp_path / "a.zip", shapefile(files, "one") | shapefile(files, "two"))
    assert len(read_layer(path, "two")) == 2
    with pytest.raises(UserError, match=r"a\.zip has several layers \(one, two\)"):
        read_layer(path)


def test_a_kmz_is_a_zipped_kml(files, tmp_path):
    assert list(read_drawn(packed(tmp_path / "a.kmz", {"doc.kml": files["doc.kml"]}))["Name"]) == ["a", "b"]


def test_a_shapefile_in_a_zip_without_prj_is_told_by_the_zips_name(files, tmp_path):
    inside = {name: content for name, content in shapefile(files, "rocks").items() if not name.endswith(".prj")}
    with pytest.raises(UserError, match=r"a\.zip/rocks\.shp has no coordinate reference system") as caught:
        read_layer(packed(tmp_path / "a.zip", inside))
    assert str(tmp_path / "a.zip/rocks.shp") in str(caught.value)


@pytest.mark.parametrize(
    "name", ["../rocks.geojson", "/rocks.geojson", "a/../../rocks.geojson", "a\\..\\..\\rocks.geojson"]
)
def test_nothing_leaves_the_folder(tmp_path, name):
    path = packed(tmp_path / "a.zip", {name: b"{}"})
    with pytest.raises(UserError, match=r"a\.zip would write outside its folder"), readable_path(path):
        pass


def test_a_bomb_is_not_unpacked(tmp_path):
    path = packed(tmp_path / "a.zip", {f"{n}.geojson": b" " * 2**25 for n in range(3)})
    with pytest.raises(UserError, match="would unpack to 96 MiB"), readable_path(path):
        pass


def test_a_size_that_lies_is_found(files, tmp_path):
    path = packed(tmp_path / "a.zip", {"doc.kml": b"x" * 5000})
    content = path.read_bytes()
    path.write_bytes(content.replace((5000).to_bytes(4, "little"), (50).to_bytes(4, "little")))
    with pytest.raises(UserError, match="cannot be unpacked"), readable_path(path):
        pass


def test_what_needs_nothing_is_yielded_as_it_is(files, tmp_path):
    for name in ("rocks.shp", "doc.kml", "none.gpkg", "none.zip"):
        with readable_path(tmp_path / "made" / name) as path:
            assert path == tmp_path / "made" / name


def test_outlines_that_another_program_has_not_saved_yet_are_told(tmp_path):
    square = gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1)], crs=4326)
    square.to_file(tmp_path / "drawn.gpkg")
    (tmp_path / "drawn.gpkg-wal").write_bytes(b"")
    assert len(read_layer(tmp_path / "drawn.gpkg")) == 1
    (tmp_path / "drawn.gpkg-wal").write_bytes(b"not in the file yet")
    with pytest.raises(UserError, match=r"drawn\.gpkg-wal beside it\. Save the edits and close"):
        read_layer(tmp_path / "drawn.gpkg")
