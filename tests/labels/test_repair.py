"""Repair of outlines, and outlines of several parts."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from lobate.labels.repair import explode, repair

ring = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=9)


@settings(max_examples=150, deadline=None)
@given(ring=ring)
def test_what_comes_back_is_valid_or_has_a_reason(ring):
    [shape], [reason] = repair(gpd.GeoSeries([shapely.Polygon(ring)], crs="EPSG:32644"), "rocks")
    if reason:
        assert shape is None
    else:
        assert shape.is_valid
        assert shape.geom_type in ("Polygon", "MultiPolygon")
        assert shape.area > 0


def test_sound_outlines_come_back_as_they_were():
    shape = shapely.Polygon([(0, 0), (0, 3), (4, 3)])
    [repaired], [reason] = repair(gpd.GeoSeries([shape], crs="EPSG:32644"), "rocks")
    assert reason == ""
    assert repaired.equals_exact(shape)


def test_parts_are_numbered_and_rows_without_geometry_stay():
    two = shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(2, 0, 3, 1)])
    rows = gpd.GeoDataFrame(
        {"polygon": ["a", "b", "c"]}, geometry=[two, None, shapely.box(5, 5, 6, 6)], crs="EPSG:32644"
    )
    exploded = explode(rows)
    assert list(exploded["polygon"]) == ["a.1", "a.2", "b", "c"]
    assert exploded.geometry.isna().tolist() == [False, False, True, False]
    assert np.array_equal(exploded.area.dropna(), [1, 1, 1])
