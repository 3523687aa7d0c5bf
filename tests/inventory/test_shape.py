"""Length along the fall line and mean width, on shapes measured by hand."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from shapely.geometry import box

from lobate.grid import WGS84
from lobate.inventory.shape import ends, length_along, longer_side, to_plane

OUTLINE = box(80, 36, 80.01, 36.03)
NORTH_SOUTH = WGS84.inv(80.005, 36, 80.005, 36.03)[2]
EAST_WEST = WGS84.inv(80, 36.015, 80.01, 36.015)[2]


def test_length_follows_the_fall_line_not_the_longer_side():
    assert length_along(OUTLINE, (80.005, 36.028), (80.005, 36.002)) == pytest.approx(NORTH_SOUTH, rel=1e-3)
    assert length_along(OUTLINE, (80.009, 36.015), (80.001, 36.015)) == pytest.approx(EAST_WEST, rel=1e-3)


def test_longer_side_of_a_turned_rectangle():
    turned = shapely.affinity.rotate(box(0, 0, 0.001, 0.003), 30)  # at the equator degrees are alike in both directions
    assert longer_side(turned) == pytest.approx(0.003 * 111_000, rel=0.01)


def test_plane_keeps_distances_from_its_centre():
    plane = to_plane(np.array([[80.01, 36.0], [80.0, 36.01]]), (80.0, 36.0))
    assert plane[0] == pytest.approx([WGS84.inv(80, 36, 80.01, 36)[2], 0], abs=0.1)
    assert plane[1] == pytest.approx([0, WGS84.inv(80, 36, 80, 36.01)[2]], abs=1e-6)


def test_ends_are_the_highest_and_lowest_tenth():
    x, y = np.arange(20.0), np.zeros(20)
    top, bottom = ends(x, y, elevation=5000 - x, cover=np.ones(20))
    assert top[0] == pytest.approx(0.5, abs=0.51)
    assert bottom[0] == pytest.approx(18.5, abs=0.51)


def test_ends_of_a_single_cell():
    one = np.ones(1)
    assert ends(one, one, one, one) == ((1, 1), (1, 1))
