"""Zipped outlines and Shapefiles without an index, read without touching them."""

from __future__ import annotations

import zipfile

import geopandas as gpd
import pytest
from shapely.geometry import MultiPolygon, box

from lobate.errors import Mistake
from lobate.vectorfile import readable
from lobate.vectors import read_layer, read_polygons


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
    with pytest.raises(Mistake, match=r"a\.zip has several layers \(one, two\)"):
        read_layer(path)


def test_a_kmz_is_a_zipped_kml(files, tmp_path):
    assert list(read_polygons(packed(tmp_path / "a.kmz", {"doc.kml": files["doc.kml"]}))["Name"]) == ["a", "b"]


def test_a_shapefile_in_a_zip_without_prj_is_told_by_the_zips_name(files, tmp_path):
    inside = {name: content for name, content in shapefile(files, "rocks").items() if not name.endswith(".prj")}
    with pytest.raises(Mistake, match=r"a\.zip/rocks\.shp has no coordinate reference system") as told:
        read_layer(packed(tmp_path / "a.zip", inside))
    assert str(tmp_path / "a.zip/rocks.shp") in str(told.value)


@pytest.mark.parametrize(
    "name", ["../rocks.geojson", "/rocks.geojson", "a/../../rocks.geojson", "a\\..\\..\\rocks.geojson"]
)
def test_nothing_leaves_the_folder(tmp_path, name):
    path = packed(tmp_path / "a.zip", {name: b"{}"})
    with pytest.raises(Mistake, match=r"a\.zip wants to write outside its folder"), readable(path):
        pass


def test_a_bomb_is_not_unpacked(tmp_path):
    path = packed(tmp_path / "a.zip", {f"{n}.geojson": b" " * 2**25 for n in range(3)})
    with pytest.raises(Mistake, match="would unpack to 96 MiB"), readable(path):
        pass


def test_a_size_that_lies_is_found(files, tmp_path):
    path = packed(tmp_path / "a.zip", {"doc.kml": b"x" * 5000})
    content = path.read_bytes()
    path.write_bytes(content.replace((5000).to_bytes(4, "little"), (50).to_bytes(4, "little")))
    with pytest.raises(Mistake, match="cannot be unpacked"), readable(path):
        pass


def test_what_needs_nothing_is_yielded_as_it_is(files, tmp_path):
    for name in ("rocks.shp", "doc.kml", "none.gpkg", "none.zip"):
        with readable(tmp_path / "made" / name) as path:
            assert path == tmp_path / "made" / name


def test_outlines_that_another_program_has_not_saved_yet_are_told(tmp_path):
    square = gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1)], crs=4326)
    square.to_file(tmp_path / "drawn.gpkg")
    (tmp_path / "drawn.gpkg-wal").write_bytes(b"")
    assert len(read_layer(tmp_path / "drawn.gpkg")) == 1
    (tmp_path / "drawn.gpkg-wal").write_bytes(b"not in the file yet")
    with pytest.raises(Mistake, match=r"drawn\.gpkg-wal beside it\. Save the edits and close"):
        read_layer(tmp_path / "drawn.gpkg")
