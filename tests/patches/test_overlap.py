"""Overlaps of footprints in one tile and across tiles and CRSs."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from lobate.io.vector import LONLAT
from lobate.patches.overlap import connected_groups, overlap_matrix, overlapping

from .conftest import grid, make_footprints

windows = st.tuples(*[st.integers(0, 80)] * 2, *[st.integers(1, 30)] * 2)
sides = st.tuples(*[st.integers(4, 40)] * 2)


def table(*frames: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return pd.concat([frame.to_crs(LONLAT) for frame in frames], ignore_index=True)


@settings(deadline=None, max_examples=50)
@given(st.lists(windows, min_size=1, max_size=15))
def test_within_a_tile_sharing_a_pixel_decides(boxes):
    overlap = overlap_matrix(table(make_footprints(boxes))).toarray()
    for i, (row, col, height, width) in enumerate(boxes):
        ground = np.zeros((120, 120), bool)
        ground[row : row + height, col : col + width] = True
        for j, (row2, col2, height2, width2) in enumerate(boxes):
            shares = ground[row2 : row2 + height2, col2 : col2 + width2].any()
            assert overlap[i, j] == (shares and i != j)


def test_touching_is_not_overlapping():
    overlap = overlap_matrix(table(make_footprints([(0, 0, 40, 40), (0, 40, 40, 40), (40, 0, 40, 40)])))
    assert overlap.nnz == 0
    assert connected_groups(overlap).tolist() == [0, 1, 2]


def test_groups_reach_across_tiles_and_crss():
    west = make_footprints(
        [(0, 0, 40, 40), (0, 100, 40, 40)], on=grid(crs=32643, left=780_000, top=3_950_000), name="w"
    )
    place = west.to_crs(32644).geometry[1].bounds
    on = grid(crs=32644, left=place[0], top=place[3])
    east = make_footprints([(10, 10, 60, 60), (10, 65, 30, 30), (200, 200, 20, 20)], on=on, name="e")
    labels = connected_groups(overlap_matrix(table(west, east)))
    assert labels.tolist() == [0, 1, 1, 1, 2]


def test_tiles_on_one_lattice_that_only_touch_do_not_overlap():
    one = make_footprints([(0, 0, 480, 480)], name="a")
    other = make_footprints([(0, 0, 480, 480)], on=grid(left=504_800), name="b")
    frames = [frame.set_geometry(frame.geometry.segmentize(600)) for frame in (one, other)]
    assert overlap_matrix(table(*frames)).nnz == 0


def test_neighbours_are_those_that_overlap_and_are_no_members():
    overlap = overlap_matrix(table(make_footprints([(0, 0, 20, 20), (10, 0, 20, 20), (25, 0, 20, 20), (90, 0, 9, 9)])))
    members = np.array([True, False, False, True])
    assert overlapping(overlap, members).tolist() == [False, True, False, False]


ZONES = grid(crs=32643, left=780_000, top=3_950_000), grid(crs=32644, left=232_000, top=3_950_000)


@settings(deadline=None, max_examples=150)
@given(st.tuples(*[st.integers(0, 90)] * 2, *[st.integers(4, 40)] * 2), st.data())
def test_patches_of_two_utm_zones_share_no_pixel_s_centre_unless_they_overlap(window, data):
    west, east = (Transformer.from_crs(on.crs, LONLAT, always_xy=True) for on in ZONES)
    row, col, height, width = window
    x, y = west.transform(*(ZONES[0].transform @ (col, row)))
    left, top = east.transform(x, y, direction="INVERSE")
    there = ~ZONES[1].transform @ (left, top)  # where the first window's corner lies in the other zone's pixels
    size = data.draw(sides)
    down = data.draw(st.sampled_from([-size[0], height])) + data.draw(
        st.integers(-4, 4)
    )  # they hardly touch, or just do not
    other = (max(0, round(there[1]) + down), max(0, round(there[0]) + data.draw(st.integers(-40, 40))), *size)
    frames = [
        make_footprints([one], on=on, name=name) for one, on, name in zip((window, other), ZONES, "ab", strict=True)
    ]
    rows, cols = np.mgrid[row : row + height, col : col + width] + 0.5
    centres = ZONES[0].transform @ (cols.ravel(), rows.ravel())
    seen_cols, seen_rows = ~ZONES[1].transform @ east.transform(*west.transform(*centres), direction="INVERSE")
    inside = (seen_rows > other[0]) & (seen_rows < other[0] + other[2]) & (seen_cols > other[1])
    inside &= seen_cols < other[1] + other[3]
    assert overlap_matrix(table(*frames)).nnz or not inside.any()
