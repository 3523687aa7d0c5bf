"""Scale, north and graticule, against geodesy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS

from lobate.figures.drawing.cartography import (
    length_label,
    meridians,
    metres_per_unit,
    north_direction,
    parallels,
    round_length,
)

UTM, LONLAT, MERCATOR = CRS.from_epsg(32644), CRS.from_epsg(4326), CRS.from_epsg(3857)


def test_scale_is_that_of_the_ground():
    assert metres_per_unit((490_000, 3_990_000, 510_000, 4_010_000), UTM) == pytest.approx((1, 1), rel=1e-3)
    east, north = metres_per_unit((80, 35.9, 80.2, 36.1), LONLAT)
    assert (east, north) == pytest.approx((111_320 * np.cos(np.radians(36)), 110_960), rel=2e-3)
    assert metres_per_unit((8.9e6, 4.3e6, 8.91e6, 4.31e6), MERCATOR) == pytest.approx((0.81, 0.81), abs=0.01)


def test_north_leans_as_the_meridians_do():
    assert north_direction((490_000, 3_990_000, 510_000, 4_010_000), UTM) == pytest.approx(0, abs=1e-6)
    assert north_direction((690_000, 3_990_000, 710_000, 4_010_000), UTM) == pytest.approx(-1.31, abs=0.05)


@given(st.floats(1e-3, 1e7))
def test_round_lengths(longest):
    length = round_length(longest)
    assert 0.39 * longest <= length <= longest * (1 + 1e-6)
    assert f"{length:e}"[0] in "125"


def test_labels():
    assert (length_label(500), length_label(1000), length_label(20_000)) == ("500 m", "1 km", "20 km")


@pytest.mark.parametrize("size", [300, 3e3, 3e4, 3e5])
def test_a_few_lines_with_labels_inside_the_frame(size):
    bounds = (500_000, 4_000_000, 500_000 + size, 4_000_000 + size)
    for lines, low in ((meridians(bounds, UTM, 6), bounds[0]), (parallels(bounds, UTM, 6), bounds[1])):
        labelled = [line for line in lines if line.label_at is not None]
        assert 1 <= len(labelled) <= 7
        assert all(low < line.label_at < low + size for line in labelled)
        assert len({line.label for line in labelled}) == len(labelled)


def test_south_and_west():
    bounds = (-70.0, -33.0, -69.0, -32.0)
    assert {line.label[-1] for line in meridians(bounds, LONLAT, 6)} == {"W"}
    assert {line.label[-1] for line in parallels(bounds, LONLAT, 6)} == {"S"}
