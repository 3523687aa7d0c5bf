"""Map scale, true north, lengths of scale bars, and the graticule. All sizes are true at the middle of the map."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log10

import numpy as np
from rasterio.crs import CRS
from rasterio.warp import transform as warp_points
from rasterio.warp import transform_bounds

from lobate.io.grid import WGS84

Bounds = tuple[float, float, float, float]
LONLAT = CRS.from_epsg(4326)


@dataclass(frozen=True)
class MapLine:
    """One meridian or parallel on the map; ``label_at`` is its label's place along the frame, None for no label."""

    label: str
    x: np.ndarray
    y: np.ndarray
    label_at: float | None


def metres_per_unit(bounds: Bounds, crs: CRS) -> tuple[float, float]:
    """Return how many metres on the ground one unit of ``crs`` is, east and north, at the middle of ``bounds``."""
    x, y = _middle(bounds)
    step_x, step_y = (bounds[2] - bounds[0]) / 100, (bounds[3] - bounds[1]) / 100
    lons, lats = warp_points(crs, LONLAT, [x, x + step_x, x], [y, y, y + step_y])
    east = WGS84.inv(lons[0], lats[0], lons[1], lats[1])[2] / step_x
    north = WGS84.inv(lons[0], lats[0], lons[2], lats[2])[2] / step_y
    return east, north


def north_direction(bounds: Bounds, crs: CRS) -> float:
    """Return the direction of true north on the map, in degrees clockwise from up."""
    x, y = _middle(bounds)
    (lon,), (lat,) = warp_points(crs, LONLAT, [x], [y])
    (x1,), (y1,) = warp_points(LONLAT, crs, [lon], [lat + 0.01])
    return float(np.degrees(np.arctan2(x1 - x, y1 - y)))


def round_length(longest: float) -> float:
    """Return the largest length of 1, 2 or 5 times a power of ten up to ``longest``."""
    power = 10 ** floor(log10(longest))
    return max(step * power for step in (1, 2, 5) if step * power <= longest * (1 + 1e-9))


def length_label(metres: float) -> str:
    """Return a length as text in km, or in m below 1 km."""
    return f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"


def meridians(bounds: Bounds, crs: CRS, most: int) -> list[MapLine]:
    """Return about ``most`` meridians or fewer, labelled where they cross the lower edge."""
    west, south, east, north = transform_bounds(crs, LONLAT, *bounds)
    along = np.linspace(south - 0.1 * (north - south), north + 0.1 * (north - south), 60)
    lines = []
    for lon, label in _graticule_steps(west, east, most, "EW"):
        x, y = _warp(np.full(60, lon), along, crs)
        lines.append(MapLine(label, x, y, _crossing(x, y, bounds[1], bounds[0], bounds[2])))
    return lines


def parallels(bounds: Bounds, crs: CRS, most: int) -> list[MapLine]:
    """Return about ``most`` parallels or fewer, labelled where they cross the left edge."""
    west, south, east, north = transform_bounds(crs, LONLAT, *bounds)
    along = np.linspace(west - 0.1 * (east - west), east + 0.1 * (east - west), 60)
    lines = []
    for lat, label in _graticule_steps(south, north, most, "NS"):
        x, y = _warp(along, np.full(60, lat), crs)
        lines.append(MapLine(label, x, y, _crossing(y, x, bounds[0], bounds[1], bounds[3])))
    return lines


def _graticule_steps(lowest: float, highest: float, most: int, letters: str) -> list[tuple[float, str]]:
    """Return round degrees between two values, with their labels."""
    ladder = [d * 10.0**p for p in range(-4, 2) for d in (1, 2, 5)]
    step = next((size for size in ladder if (highest - lowest) / size <= most), ladder[-1])
    decimals = max(0, -floor(log10(step) + 1e-9))
    numbers = range(floor(lowest / step) + 1, floor(highest / step) + 1)
    return [(n * step, _degrees(n * step, decimals, letters)) for n in numbers]


def _degrees(value: float, decimals: int, letters: str) -> str:
    letter = letters[0] if value > 0 else letters[1] if value < 0 else ""
    return f"{abs(value):.{decimals}f}\N{DEGREE SIGN}{letter}"


def _warp(lons: np.ndarray, lats: np.ndarray, crs: CRS) -> tuple[np.ndarray, np.ndarray]:
    x, y = warp_points(LONLAT, crs, lons, np.clip(lats, -89.9, 89.9))
    return np.asarray(x), np.asarray(y)


def _crossing(along: np.ndarray, across: np.ndarray, edge: float, low: float, high: float) -> float | None:
    """Return the place where a line meets an edge of the frame; None outside it or near its corners."""
    order = np.argsort(across)
    if not across[order[0]] <= edge <= across[order[-1]]:
        return None
    place = float(np.interp(edge, across[order], along[order]))
    margin = 0.02 * (high - low)
    return place if low + margin < place < high - margin else None


def _middle(bounds: Bounds) -> tuple[float, float]:
    return (bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2
