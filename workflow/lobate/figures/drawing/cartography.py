"""What makes a picture a map: graticule, scale bar, north arrow. All sizes are true at the middle of the map."""

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
    """One meridian or parallel on the map, and where its label stands on the frame (``None``: nowhere)."""

    label: str
    x: np.ndarray
    y: np.ndarray
    at: float | None


def metres_per_unit(bounds: Bounds, crs: CRS) -> tuple[float, float]:
    """Return how many metres on the ground one unit of ``crs`` is, east and north, at the middle of ``bounds``."""
    x, y = _middle(bounds)
    step_x, step_y = (bounds[2] - bounds[0]) / 100, (bounds[3] - bounds[1]) / 100
    lons, lats = warp_points(crs, LONLAT, [x, x + step_x, x], [y, y, y + step_y])
    east = WGS84.inv(lons[0], lats[0], lons[1], lats[1])[2] / step_x
    north = WGS84.inv(lons[0], lats[0], lons[2], lats[2])[2] / step_y
    return east, north


def north_direction(bounds: Bounds, crs: CRS) -> float:
    """Return where true north is on the map, in degrees clockwise from up."""
    x, y = _middle(bounds)
    (lon,), (lat,) = warp_points(crs, LONLAT, [x], [y])
    (x1,), (y1,) = warp_points(LONLAT, crs, [lon], [lat + 0.01])
    return float(np.degrees(np.arctan2(x1 - x, y1 - y)))


def round_length(longest: float) -> float:
    """Return the greatest of 1, 2 and 5 times a power of ten that is not more than ``longest``."""
    power = 10 ** floor(log10(longest))
    return max(step * power for step in (1, 2, 5) if step * power <= longest * (1 + 1e-9))


def length_label(metres: float) -> str:
    """Return a length in km, or in m below one."""
    return f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"


def meridians(bounds: Bounds, crs: CRS, most: int) -> list[MapLine]:
    """Return at most ``most`` or so meridians, labelled where they cross the lower edge."""
    west, south, east, north = transform_bounds(crs, LONLAT, *bounds)
    along = np.linspace(south - 0.1 * (north - south), north + 0.1 * (north - south), 60)
    lines = []
    for lon, label in _steps(west, east, most, "EW"):
        x, y = _warp(np.full(60, lon), along, crs)
        lines.append(MapLine(label, x, y, _crossing(x, y, bounds[1], bounds[0], bounds[2])))
    return lines


def parallels(bounds: Bounds, crs: CRS, most: int) -> list[MapLine]:
    """Return at most ``most`` or so parallels, labelled where they cross the left edge."""
    west, south, east, north = transform_bounds(crs, LONLAT, *bounds)
    along = np.linspace(west - 0.1 * (east - west), east + 0.1 * (east - west), 60)
    lines = []
    for lat, label in _steps(south, north, most, "NS"):
        x, y = _warp(along, np.full(60, lat), crs)
        lines.append(MapLine(label, x, y, _crossing(y, x, bounds[0], bounds[1], bounds[3])))
    return lines


def _steps(lowest: float, highest: float, most: int, letters: str) -> list[tuple[float, str]]:
    """Round degrees between two values with their labels, at least one step apart."""
    ladder = [d * 10.0**p for p in range(-4, 2) for d in (1, 2, 5)]
    step = next((one for one in ladder if (highest - lowest) / one <= most), ladder[-1])
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
    """Where a line meets an edge of the frame, if it does so well within it."""
    order = np.argsort(across)
    if not across[order[0]] <= edge <= across[order[-1]]:
        return None
    at = float(np.interp(edge, across[order], along[order]))
    margin = 0.02 * (high - low)
    return at if low + margin < at < high - margin else None


def _middle(bounds: Bounds) -> tuple[float, float]:
    return (bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2
