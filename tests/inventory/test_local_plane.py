"""The plane of metres round a point."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobate.inventory.local_plane import from_plane, to_plane
from lobate.io.grid import WGS84


def test_plane_keeps_distances_from_its_centre():
    plane = to_plane(np.array([[80.01, 36.0], [80.0, 36.01]]), (80.0, 36.0))
    assert plane[0] == pytest.approx([WGS84.inv(80, 36, 80.01, 36)[2], 0], abs=0.1)
    assert plane[1] == pytest.approx([0, WGS84.inv(80, 36, 80, 36.01)[2]], abs=1e-6)


@given(st.floats(-179, 179), st.floats(-80, 80), st.floats(-0.05, 0.05), st.floats(-0.05, 0.05))
def test_back_from_the_plane(longitude, latitude, east, north):
    point = (longitude + east, latitude + north)
    there = to_plane(np.array([point]), (longitude, latitude))[0]
    assert from_plane((there[0], there[1]), (longitude, latitude)) == pytest.approx(point, abs=1e-8)
