"""Outlines with fewer vertices, that run into no neighbour.

Each is simplified by Douglas and Peucker (1973), doi:10.3138/FM57-6770-U75U-7727, with its rings kept apart; where two
outlines then overlap more than before, both stay as they were.
"""

from __future__ import annotations

import numpy as np
import shapely

from lobate.grid import WGS84

DEGREE_M = np.pi / 180 * WGS84.a
GAIN = 1e-6
"""Two outlines may overlap by this share of the smaller one more than before: rounding, not ground."""


def simplified(outlines: np.ndarray, tolerance_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Return valid outlines (n,) of EPSG:4326 that leave out vertices within ``tolerance_m`` of the new line.

    The second array (n,) tells which could not be simplified: nothing would be left, or they would run into a neighbour.
    A degree counts as one of the equator, of longitude shrunk by the cosine of each outline's middle latitude.
    """
    bounds = shapely.bounds(outlines).reshape(-1, 4)
    metres = np.stack([np.cos(np.radians((bounds[:, 1] + bounds[:, 3]) / 2)), np.ones(len(bounds))], axis=1) * DEGREE_M
    flat = shapely.simplify(_stretched(outlines, metres), tolerance_m, preserve_topology=True)
    simple = _stretched(flat, 1 / metres)
    stuck = ~shapely.is_valid(simple) | (shapely.area(simple) == 0)
    same = shapely.get_num_coordinates(simple) == shapely.get_num_coordinates(outlines)
    simple = np.where(stuck | same, outlines, simple)
    while len(meeting := _meeting(outlines, simple)):
        stuck[meeting] = True
        simple[meeting] = outlines[meeting]
    return simple, stuck


def _stretched(outlines: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Return outlines (n,) with their coordinates multiplied by ``factors`` (n, 2)."""
    places, owner = shapely.get_coordinates(outlines, return_index=True)
    return shapely.set_coordinates(outlines.copy(), places * factors[owner])


def _meeting(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Return the indices of changed outlines that overlap another one more than they did before."""
    left, right = shapely.STRtree(now).query(now, predicate="intersects")
    changed = ~np.equal(before, now)
    once = (left < right) & (changed[left] | changed[right])
    left, right = left[once], right[once]
    gained = _common(now, left, right) - _common(before, left, right)
    smaller = np.minimum(shapely.area(before[left]), shapely.area(before[right]))
    worse = gained > GAIN * smaller
    both = np.union1d(left[worse], right[worse])
    return both[changed[both]]


def _common(outlines: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return shapely.area(shapely.intersection(outlines[left], outlines[right]))
