"""Polygons read from the room's own GeoPackage without a library of tables."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely

from lobate.errors import UserError
from lobate.io.vector import read_layer, write_layers
from lobate.labels.tile_polygons import read_geometries


def written(path, crs=4326):
    ring = shapely.Polygon([(80, 35), (80, 36), (81, 35)], [[(80.1, 35.1), (80.1, 35.2), (80.2, 35.1)]])
    shapes = [ring, shapely.MultiPolygon([shapely.box(1, 1, 2, 2), shapely.box(5, 5, 6, 6)]), None, ring]
    kinds = ["positive", "negative", "positive", "positive"]
    write_layers(path, {"kept": gpd.GeoDataFrame({"class": kinds}, geometry=shapes, crs=crs)})
    return path


def test_shapes_are_those_that_geopandas_reads(tmp_path):
    path = written(tmp_path / "it's %41 #1.gpkg")
    expected = read_layer(path, "kept").geometry
    for kind, places in {"positive": [0, 3], "negative": [1]}.items():
        found = read_geometries(path, "kept", f"class = '{kind}'")
        parts = [shapely.get_parts(np.array(some, dtype=object)) for some in (found, expected[places])]
        assert shapely.equals_identical(*parts).all()
        assert len(found) == len(places)


def test_nothing_found_is_an_empty_array(tmp_path):
    assert read_geometries(written(tmp_path / "a.gpkg"), "kept", "class = 'other'").shape == (0,)


def test_what_is_no_such_geopackage_is_a_mistake(tmp_path):
    (tmp_path / "text.gpkg").write_text("no database")
    written(tmp_path / "utm.gpkg", crs=32644)
    for name, layer, words in (
        ("text.gpkg", "kept", "cannot be read as clean polygons"),
        ("none.gpkg", "kept", "cannot be read as clean polygons"),
        ("utm.gpkg", "kept", r"is in EPSG:32644 and must be in EPSG:4326"),
        ("utm.gpkg", "outlines", "cannot be read as clean polygons"),
    ):
        with pytest.raises(UserError, match=words):
            read_geometries(tmp_path / name, layer, "true")
    assert not (tmp_path / "none.gpkg").exists()
