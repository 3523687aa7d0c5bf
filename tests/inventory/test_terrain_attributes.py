"""Sums over cells: weights, circular means, voids and edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobate.inventory.terrain_attributes import circular_mean, summarize_cells
from lobate.inventory.zonal import Cells


def cells(elevation, cover=None, on_dem=None, slope=None, aspect=None) -> Cells:
    z = np.array(elevation, dtype=float)
    count = len(z)
    return Cells(
        x=np.arange(count) + 0.5,
        y=np.full(count, 0.5),
        cover=np.ones(count) if cover is None else np.array(cover, dtype=float),
        on_dem=np.ones(count, dtype=bool) if on_dem is None else np.array(on_dem),
        elevation=z,
        slope=np.full(count, 10.0) if slope is None else np.array(slope, dtype=float),
        aspect=np.full(count, 90.0) if aspect is None else np.array(aspect, dtype=float),
    )


def test_partial_cells_weigh_less():
    values = summarize_cells(cells([100, 200], cover=[1, 0.25]), 0.75).values
    assert values["elevation_mean_m"] == pytest.approx(120)
    assert (values["elevation_min_m"], values["elevation_max_m"], values["elevation_range_m"]) == (100, 200, 100)
    assert (values["dem_share"], values["dem_note"]) == (1, None)


def test_some_voids_are_left_out_and_reported():
    values = summarize_cells(cells([100, np.nan, 100, 100, 100], slope=[10, np.nan, np.nan, 20, 20]), 0.75).values
    assert values["elevation_mean_m"] == 100
    assert values["slope_deg"] == pytest.approx(50 / 3)
    assert values["dem_note"] == "without the 20.0% of it where the DEM is void; slope and aspect from 60.0% of it"


@pytest.mark.parametrize(
    ("under", "note"),
    [
        (None, "no DEM"),
        (cells([100, np.nan, np.nan]), "the DEM is void in 66.7% of it"),
        (cells([100, np.nan], on_dem=[True, False]), "reaches past the DEM (50.0% of it)"),
        (cells([np.nan], on_dem=[False]), "lies outside the DEM"),
    ],
)
def test_what_is_not_known_is_null_with_a_reason(under, note):
    terrain = summarize_cells(under, 0.75)
    assert terrain.values["dem_note"] == note
    assert terrain.cells is None
    assert set(terrain.values) == {"dem_share", "dem_note"}


def test_mean_of_350_and_10_is_north():
    mean, strength = circular_mean(np.array([350.0, 10.0]), np.ones(2))
    assert min(mean, 360 - mean) == pytest.approx(0, abs=1e-9)
    assert strength == pytest.approx(np.cos(np.radians(10)))


def test_opposite_and_flat_have_no_direction():
    assert circular_mean(np.array([0.0, 180.0]), np.ones(2)) == (None, pytest.approx(0, abs=1e-12))
    assert circular_mean(np.array([np.nan]), np.ones(1)) == (None, None)


@given(st.lists(st.tuples(st.floats(0, 359.9), st.floats(0.1, 1)), min_size=1, max_size=20), st.floats(0, 360))
def test_turning_all_turns_the_mean(sample, turn):
    angles, weights = (np.array(part) for part in zip(*sample, strict=True))
    mean, strength = circular_mean(angles, weights)
    turned, same = circular_mean(angles + turn, weights)
    assert 0 <= strength <= 1 + 1e-9
    assert same == pytest.approx(strength, abs=1e-9)
    if strength > 1e-3:
        assert np.cos(np.radians(turned - mean - turn)) == pytest.approx(1, abs=1e-9)
