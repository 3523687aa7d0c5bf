"""Potential incoming solar radiation of a slope: the direct beam under a clear sky, as a mean over the year.

    S = mean over day d and time t of  I0 E0(d) psi^(P / (P0 cos Z)) cos(theta)    where cos Z > 0 and cos(theta) > 0

(Hock 1999, J. Glaciol. 45(149), eq. 3, after Garnier and Ohmura 1968, with the clear sky's transmissivity psi = 0.75 from
there): Z is the sun's zenith angle, theta its angle to the slope's normal, P / P0 the standard atmosphere's pressure at the
slope's altitude over that at sea level, E0 the inverse square of the distance to the sun and with the declination after
Spencer (1971), as in Iqbal (1983, eqs. 1.2.1 and 1.3.1); I0 = 1361 W m-2 (Kopp and Lean 2011).

A slope shades itself; shadows of other terrain and diffuse radiation are left out. Without an atmosphere (psi = 1) the day
of a horizontal plane is the closed form of FAO 56 (Allen et al. 1998, eq. 21); the tests compare the two.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from lobate.inventory.zonal import Cells

SOLAR_CONSTANT = 1361.0
"""W m-2 at the mean distance of the sun."""

TRANSMISSIVITY = 0.75
DAYS_PER_YEAR = 36
MOMENTS_PER_DAY = 48
CELLS_AT_ONCE = 4096
"""Cells computed at once, to bound memory."""


def potential_radiation(cells: Cells, latitude: float) -> float | None:
    """Return the annual mean over the cells with a slope, in W m-2, nights included; None without such cells.

    Cells are weighted by their covered part; the altitude is their mean. ``latitude`` in degrees.
    """
    known = np.isfinite(cells.slope)
    if not known.any():
        return None
    cover = cells.cover[known]
    altitude = float(np.average(cells.elevation[known], weights=cover))
    beams = annual_beams(round(latitude, 3), round(altitude, -1))
    return float(np.average(irradiance(beams, cells.slope[known], cells.aspect[known]), weights=cover))


def irradiance(beams: np.ndarray, slope: np.ndarray, aspect: np.ndarray) -> np.ndarray:
    """Return W m-2 on slopes (degrees; aspect clockwise from north, NaN where flat) from ``beams`` (3, m); (n,)."""
    tilt, facing = np.radians(slope), np.radians(np.nan_to_num(aspect))
    normals = np.column_stack([np.sin(tilt) * np.sin(facing), np.sin(tilt) * np.cos(facing), np.cos(tilt)])
    parts = (normals[start : start + CELLS_AT_ONCE] @ beams for start in range(0, len(normals), CELLS_AT_ONCE))
    return np.concatenate([np.clip(part, 0, None, out=part).sum(axis=1) for part in parts])


@lru_cache(maxsize=64)
def annual_beams(latitude: float, altitude: float) -> np.ndarray:
    """Return the sun's beams of a year at a latitude (degrees) and altitude (m), shape (3, m).

    Rows are east, north and up, in W m-2 over the number of moments.
    """
    days = 0.5 + (np.arange(DAYS_PER_YEAR) + 0.5) / DAYS_PER_YEAR * 365
    return np.hstack([solar_positions(day, latitude, altitude) for day in days]) / DAYS_PER_YEAR


def solar_positions(
    day: float,
    latitude: float,
    altitude: float = 0.0,
    *,
    transmissivity: float = TRANSMISSIVITY,
    moments: int = MOMENTS_PER_DAY,
) -> np.ndarray:
    """Return the beams of one day of the year (1 to 365), as ``annual_beams``.

    Their sum is the day's mean on a plane that always faces the sun.
    """
    phi = np.radians(latitude)
    distance, delta = orbit(day)
    hour = (np.arange(moments) + 0.5) / moments * 2 * np.pi - np.pi
    east = -np.cos(delta) * np.sin(hour)
    north = np.sin(delta) * np.cos(phi) - np.cos(delta) * np.sin(phi) * np.cos(hour)
    up = np.sin(phi) * np.sin(delta) + np.cos(phi) * np.cos(delta) * np.cos(hour)
    day_time = up > 0
    pressure = max(0.0, 1 - 2.25577e-5 * altitude) ** 5.25588
    strength = SOLAR_CONSTANT * distance * transmissivity ** (pressure / up[day_time]) / moments
    return np.stack([east, north, up])[:, day_time] * strength


def orbit(day: float) -> tuple[float, float]:
    """Return the inverse square of the relative distance to the sun and the declination in radians (Spencer 1971)."""
    angle = 2 * np.pi * (day - 1) / 365
    c, s, c2, s2, c3, s3 = (trig(turns * angle) for turns in (1, 2, 3) for trig in (np.cos, np.sin))
    distance = 1.000110 + 0.034221 * c + 0.001280 * s + 0.000719 * c2 + 0.000077 * s2
    delta = 0.006918 - 0.399912 * c + 0.070257 * s - 0.006758 * c2 + 0.000907 * s2 - 0.002697 * c3 + 0.00148 * s3
    return float(distance), float(delta)
