from __future__ import annotations

import time

import geopandas as gpd
import numpy as np
import pytest
from shapely import orient_polygons
from shapely.geometry import MultiPolygon, Point, Polygon, box

from lobate.errors import Mistake
from lobate.grid import WGS84
from lobate.vectors import (
    geodesic_area_m2,
    geodesic_measures,
    geodesic_perimeter_m,
    read_layer,
    read_polygons,
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
    with pytest.raises(Mistake, match="does not exist"):
        read_layer(tmp_path / "no.gpkg")
    (tmp_path / "bad.gpkg").write_text("no")
    with pytest.raises(Mistake, match="cannot be read"):
        read_layer(tmp_path / "bad.gpkg")
    write_layers(tmp_path / "two.gpkg", {"one": SQUARES, "two": SQUARES})
    with pytest.raises(Mistake, match="several layers"):
        read_layer(tmp_path / "two.gpkg")
    with pytest.raises(Mistake, match="no layer three; it has one, two"):
        read_layer(tmp_path / "two.gpkg", "three")
    gpd.GeoDataFrame(geometry=[Point(0, 0)], crs=4326).to_file(tmp_path / "points.gpkg")
    with pytest.raises(Mistake, match="must hold polygons, but feature 0 is a Point"):
        read_polygons(tmp_path / "points.gpkg")
    SQUARES.set_crs(None, allow_override=True).to_file(tmp_path / "bare.shp")
    with pytest.raises(Mistake, match="no coordinate reference system"):
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
    alone = [abs(WGS84.geometry_area_perimeter(orient_polygons(one))[0]) if one else 0 for one in outlines]
    assert area == pytest.approx(alone, rel=1e-9)
    assert perimeter == pytest.approx([WGS84.geometry_length(one.boundary) if one else 0 for one in outlines], rel=1e-9)
    assert geodesic_measures(gpd.GeoSeries([], crs=4326))[0].shape == (0,)
