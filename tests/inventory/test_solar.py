"""The sun on a slope, against published days and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobate.inventory.solar import (
    SOLAR_CONSTANT,
    annual_beams,
    irradiance,
    orbit,
    potential_radiation,
    solar_positions,
)
from lobate.inventory.zonal import Cells

MJ = 86_400 / 1e6
FAO_CONSTANT = 0.0820 * 1e6 / 60
"""FAO 56 takes 0.0820 MJ m-2 min-1."""


def horizontal(day, latitude):
    """A day's MJ m-2 without an atmosphere, by FAO 56 (eq. 21) with this orbit."""
    phi = np.radians(latitude)
    distance, delta = orbit(day)
    sunset = np.arccos(np.clip(-np.tan(phi) * np.tan(delta), -1, 1))
    share = sunset * np.sin(phi) * np.sin(delta) + np.cos(phi) * np.cos(delta) * np.sin(sunset)
    return MJ * SOLAR_CONSTANT * distance * share / np.pi


def taken(day, latitude, slope, aspect, **more):
    beams = solar_positions(day, latitude, moments=2000, **more)
    return MJ * irradiance(beams, np.array([float(slope)]), np.array([float(aspect)]))[0]


@pytest.mark.parametrize(
    ("day", "latitude", "published"),
    [(246, -20, 32.2), (15, 0, 36.2), (196, 40, 40.8), (15, 40, 15.0), (46, -34, 39.2)],
)
def test_days_published_by_fao(day, latitude, published):
    """Allen et al. (1998): example 8 (3 September at 20 S), and mid-months of table 2.6; their orbit is coarser by 1.6 %."""
    ours = taken(day, latitude, 0, 0, transmissivity=1.0) * FAO_CONSTANT / SOLAR_CONSTANT
    assert ours == pytest.approx(published, rel=0.02)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 365), st.floats(-66, 66))
def test_a_horizontal_plane_has_its_closed_form(day, latitude):
    assert taken(day, latitude, 0, 0, transmissivity=1.0) == pytest.approx(horizontal(day, latitude), abs=0.01)


@settings(max_examples=40, deadline=None)
@given(st.floats(20, 60), st.floats(0, 40), st.sampled_from([1, -1]))
def test_a_slope_to_the_equator_is_a_plane_nearer_to_it(latitude, slope, side):
    """On the days of equal night, exactly so (Lee 1963): its sunrise is everybody's."""
    day, aspect = 81, 180 if side > 0 else 0
    there = horizontal(day, side * latitude - side * slope)
    assert taken(day, side * latitude, slope, aspect, transmissivity=1.0) == pytest.approx(there, rel=2e-3)


def test_facing_the_sun_counts_and_the_air_takes_its_part():
    beams = annual_beams(36.0, 4800.0)
    south, east, west, north, flat = irradiance(
        beams, np.array([25, 25, 25, 25, 0.0]), np.array([180, 90, 270, 0, np.nan])
    )
    assert south > flat > north > 0.4 * south
    assert east == pytest.approx(west, rel=1e-6)
    assert irradiance(annual_beams(-36.0, 4800.0), np.array([25.0]), np.array([0.0]))[0] == pytest.approx(
        south, rel=0.02
    )
    low = irradiance(annual_beams(36.0, 0.0), np.zeros(1), np.zeros(1))[0]
    assert 0.5 * 349 < low < flat < 349  # 349 W m-2 without an atmosphere at 36 N


def test_a_year_in_steps_is_a_year_of_days():
    """36 days and every half an hour give what every day and every 43 seconds do."""
    fine = np.hstack([solar_positions(day, 36.0, 4800.0, moments=2000) for day in range(1, 366)]) / 365
    slope, aspect = np.array([0, 30, 30, 50.0]), np.array([0, 0, 135, 300.0])
    assert irradiance(annual_beams(36.0, 4800.0), slope, aspect) == pytest.approx(
        irradiance(fine, slope, aspect), rel=2e-3
    )


def test_polar_night_and_midnight_sun():
    assert taken(355, 80, 0, 0) == 0
    assert taken(172, 80, 0, 0, transmissivity=1.0) > taken(172, 0, 0, 0, transmissivity=1.0)


def cells(slope, aspect, cover):
    n = len(slope)
    return Cells(
        *np.zeros((2, n)), np.array(cover), np.ones(n, bool), np.full(n, 4800.0), np.array(slope), np.array(aspect)
    )


def test_cells_weigh_by_their_covered_part_and_unknown_slopes_are_left_out():
    south, north = (potential_radiation(cells([20.0], [a], [1.0]), 36.0) for a in (180.0, 0.0))
    mixed = potential_radiation(cells([20.0, 20.0, np.nan], [180.0, 0.0, np.nan], [0.75, 0.25, 1.0]), 36.0)
    assert mixed == pytest.approx(0.75 * south + 0.25 * north)
    assert potential_radiation(cells([np.nan], [np.nan], [1.0]), 36.0) is None
