"""Files of outlines of every format, and what is wrong with some."""

from __future__ import annotations

import logging
import zipfile

import geopandas as gpd
import pytest
import shapely

from lobate.errors import UserError
from lobate.labels.outlines import read_outlines
from lobate.settings.base import PolygonFile


def read(path, **options):
    return read_outlines(path, PolygonFile(path=path.name, **options), "positive")


@pytest.fixture
def shapefile(outlines, tmp_path):
    shapes = [outlines.square(5, 5), outlines.square(30, 5)]
    return outlines.write(tmp_path / "rocks.shp", shapes, name=["a", "b"], number=[1.0, 2.0])


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "kml", "fgb"])
def test_any_format_gives_the_same_outlines(shapefile, tmp_path, suffix):
    path = tmp_path / f"rocks.{suffix}"
    gpd.read_file(shapefile).to_crs(4326).to_file(path, engine="pyogrio")
    rows, expected = read(path, id_field="name"), read(shapefile, id_field="name")
    rows = rows.sort_values("outline")  # FlatGeobuf sorts by place
    assert list(rows["outline"]) == ["a", "b"]
    assert rows.crs.to_epsg() == 4326
    assert shapely.equals_exact(rows.geometry.values, expected.geometry.values, tolerance=1e-7, normalize=True).all()


def test_a_zipped_shapefile_is_read(shapefile, tmp_path):
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in tmp_path.glob("rocks.*"):
            archive.write(file, file.name)
    assert list(read(packed)["outline"]) == ["packed_0", "packed_1"]


def test_made_ids_are_the_features_own_numbers(outlines, tmp_path):
    rocks = outlines.write(
        tmp_path / "rocks.gpkg", [outlines.square(col, 5) for col in (5, 20, 35)], name=["a", "b", "a"]
    )
    assert list(read(rocks, where={"name": "a"})["outline"]) == ["rocks_1", "rocks_3"]
    assert list(read(rocks, layer="rocks")["outline"]) == ["rocks_rocks_1", "rocks_rocks_2", "rocks_rocks_3"]


def test_whole_numbers_lose_their_point_and_blanks_get_made_ids(outlines, tmp_path, caplog):
    rocks = outlines.write(tmp_path / "rocks.gpkg", [outlines.square(5, 5), outlines.square(30, 5)], number=[7.0, None])
    with caplog.at_level(logging.INFO):
        assert list(read(rocks, id_field="number")["outline"]) == ["7", "rocks_2"]
    assert "1 features have no number" in caplog.text


def test_a_lost_shx_is_restored_beside_a_copy_and_told(shapefile, tmp_path, caplog):
    (tmp_path / "rocks.shx").unlink()
    before = sorted(tmp_path.iterdir())
    with caplog.at_level(logging.INFO):
        rows = read(shapefile, id_field="name")
    assert list(rows["outline"]) == ["a", "b"]
    assert "rocks.shp has no .shx" in caplog.text
    assert sorted(tmp_path.iterdir()) == before


def test_mistakes_in_a_restored_copy_name_the_file_itself(shapefile, tmp_path):
    for lost in ("shx", "prj"):
        (tmp_path / f"rocks.{lost}").unlink()
    with pytest.raises(UserError) as caught:
        read(shapefile)
    assert str(shapefile) in str(caught.value)


def test_a_lost_prj_is_a_mistake(shapefile, tmp_path):
    (tmp_path / "rocks.prj").unlink()
    with pytest.raises(UserError, match=r"no coordinate reference system \(a Shapefile needs its \.prj\)"):
        read(shapefile)


def test_an_empty_layer_is_a_mistake(shapefile, tmp_path):
    gpd.read_file(shapefile)[:0].to_file(tmp_path / "empty.gpkg")
    with pytest.raises(UserError, match=r"empty\.gpkg holds no feature"):
        read(tmp_path / "empty.gpkg")


def test_points_are_a_mistake(shapefile, tmp_path):
    frame = gpd.read_file(shapefile)
    frame.set_geometry(frame.centroid).to_file(tmp_path / "points.gpkg")
    with pytest.raises(UserError, match="must hold polygons"):
        read(tmp_path / "points.gpkg")


def test_an_unknown_field_is_a_mistake_that_names_the_nearest(shapefile):
    for options in ({"id_field": "nane"}, {"where": {"nane": "a"}}):
        with pytest.raises(UserError, match=r"rocks\.shp has no field nane.*Did you mean name\?"):
            read(shapefile, **options)


def test_a_filter_that_matches_nothing_is_a_mistake(shapefile):
    with pytest.raises(UserError, match=r"no feature has name = c \(there are a, b\)"):
        read(shapefile, where={"name": "c"})


def test_files_that_are_missing_or_none_are_mistakes(tmp_path):
    (tmp_path / "text.gpkg").write_text("no database")
    for name in ("nowhere.gpkg", "text.gpkg"):
        with pytest.raises(UserError, match=name):
            read(tmp_path / name)


def test_the_polygons_of_a_globes_placemark_with_a_label_are_taken_and_told(shapefile, tmp_path, caplog):
    frame = gpd.read_file(shapefile).to_crs(4326)
    frame.loc[0, "geometry"] = shapely.GeometryCollection([frame.geometry[0].centroid, frame.geometry[0]])
    frame.loc[1, "geometry"] = shapely.force_3d(shapely.MultiPolygon([frame.geometry[1]]), 4000)
    frame.to_file(tmp_path / "globe.kml", driver="KML")
    with caplog.at_level(logging.INFO):
        rows = read(tmp_path / "globe.kml")
    assert list(rows.geom_type) == ["Polygon", "Polygon"]
    assert not rows.has_z.any()
    assert "1 features hold points or lines beside polygons; only the polygons are taken" in caplog.text
