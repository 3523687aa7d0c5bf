"""Synthetic terrain: a coarse surface of uplift and erosion with the fine relief of rock and debris, and random fields.

The coarse surface follows the stream-power law dh/dt = U - K A^m S in the implicit scheme of Braun and Willett (2013). An
angle of repose limits the slopes. The random fields have a power spectrum of f^-power; heights, tones and outlines use
them.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

PIXEL_M = 10.0
"""Side of a pixel, in metres."""
CELL_M = 120.0
"""Side of a cell of the coarse surface, in metres."""
STEPS, STEP_YEARS = 36, 3e4
UPLIFT, ERODIBILITY, AREA_POWER, REPOSE = 1.2e-3, 1.7e-5, 0.45, 0.78
"""Metres a year, m^(1 - 2m) a year, m, and the steepest slope."""
BASE_M = 4150.0
NEIGHBOURS = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]


def fractal(shape: tuple[int, int], rng: np.random.Generator, power: float = 3.0, *, cells: float = 1.0) -> np.ndarray:
    """Return a float32 field of ``shape`` with mean 0 and deviation 1; a larger ``power`` makes it smoother.

    Waves shorter than ``cells`` pixels are left out. The field is periodic: the inverse Fourier transform of white noise
    times f^(-power / 2).
    """
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None])
    frequency[0, 0] = np.inf
    waves = np.fft.rfft2(rng.standard_normal(shape)) * frequency ** (-power / 2) * (frequency <= 1 / cells)
    field = np.fft.irfft2(waves, shape)
    return ((field - field.mean()) / field.std()).astype(np.float32)


def smoothstep(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return 0 below ``low``, 1 above ``high``, and the cubic 3t^2 - 2t^3 between."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def heights(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return heights in metres, float32, on pixels of 10 m: a range that drains to its northern and southern edge."""
    ratio = int(CELL_M / PIXEL_M)
    pad = 4
    coarse = ndimage.gaussian_filter(_erode((shape[0] // ratio + 2 * pad, shape[1] // ratio + 2 * pad), rng), 0.8)
    rows, cols = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    rows += 10 * fractal(shape, rng)
    cols += 10 * fractal(shape, rng)
    smooth = ndimage.map_coordinates(coarse, [rows / ratio + pad, cols / ratio + pad], order=3, mode="nearest")
    return (BASE_M + smooth + _fine_relief(smooth, rng)).astype(np.float32)


def slope(surface: np.ndarray, sigma: float = 0.0) -> np.ndarray:
    """Return the gradient (metres a metre) of heights on 10 m pixels, after smoothing by ``sigma`` pixels."""
    smooth = ndimage.gaussian_filter(surface, sigma) if sigma else surface
    return np.hypot(*np.gradient(smooth, PIXEL_M))


def illumination(surface: np.ndarray, azimuth: float, elevation: float) -> np.ndarray:
    """Return the cosine between the surface's normal and the sun (degrees; azimuth from north), 0 in its own shadow."""
    towards_south, towards_east = np.gradient(surface, PIXEL_M)
    azimuth, elevation = np.radians(azimuth), np.radians(elevation)
    horizontal = towards_south * np.cos(azimuth) - towards_east * np.sin(azimuth)
    normal = np.sqrt(1 + towards_south**2 + towards_east**2)
    return np.maximum((horizontal * np.cos(elevation) + np.sin(elevation)) / normal, 0).astype(np.float32)


def _fine_relief(smooth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the fine relief in metres: rough on steep rock, smoother on debris below."""
    steep = smoothstep(slope(smooth, 6), 0.3, 0.75)
    gullies = -np.abs(fractal(smooth.shape, rng, 3.0))
    swell, grain = fractal(smooth.shape, rng, 3.6), fractal(smooth.shape, rng, 2.4)
    return 25 * swell + 45 * gullies * (0.12 + steep) + 4 * grain * (0.06 + steep)


def _erode(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return a gentle roof with a winding ridge after uplift and erosion; its northern and southern edge stay at 0."""
    edge = np.zeros(shape, dtype=bool)
    edge[[0, -1]] = True
    row = np.linspace(0, 1, shape[0])[:, None]
    ridge = np.clip(0.45 + 0.2 * fractal(shape, rng, 4.0), 0.15, 0.85)
    surface = 300 * np.minimum(row / ridge, (1 - row) / (1 - ridge)) + 25 * fractal(shape, rng, 3.0) + 40
    surface[edge] = 0
    for _ in range(STEPS):
        surface[~edge] += UPLIFT * STEP_YEARS
        surface = _erosion_step(surface, edge)
        surface = np.where(edge, surface, ndimage.gaussian_filter(surface, 0.5))
    return surface


def _erosion_step(surface: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """Return the surface after one implicit step: from the outlets upstream, each cell is lowered towards its receiver."""
    receiver, distance = _receivers(surface, edge)
    levels = _cells_by_steps(receiver)
    area = np.full(surface.size, CELL_M**2)
    for cells in reversed(levels[1:]):
        np.add.at(area, receiver[cells], area[cells])
    pull = ERODIBILITY * STEP_YEARS * area**AREA_POWER / distance
    flat = surface.ravel().copy()
    for cells in levels[1:]:
        below = flat[receiver[cells]]
        flat[cells] = (flat[cells] + pull[cells] * below) / (1 + pull[cells])
        flat[cells] = np.minimum(flat[cells], below + REPOSE * distance[cells])
    return flat.reshape(surface.shape)


def _receivers(surface: np.ndarray, edge: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each cell's steepest lower neighbour as a flat index (itself in a pit), and the distance to it."""
    number = np.arange(surface.size).reshape(surface.shape)
    height, width = surface.shape
    walled, numbers = np.pad(surface, 1, constant_values=np.inf), np.pad(number, 1)
    receiver, steepest, distance = number.copy(), np.zeros(surface.shape), np.full(surface.shape, CELL_M)
    for dy, dx in NEIGHBOURS:
        window = slice(1 + dy, 1 + dy + height), slice(1 + dx, 1 + dx + width)
        away = CELL_M * np.hypot(dy, dx)
        fall = (surface - walled[window]) / away
        better = (fall > steepest) & ~edge
        steepest[better], receiver[better], distance[better] = fall[better], numbers[window][better], away
    return receiver.ravel(), distance.ravel()


def _cells_by_steps(receiver: np.ndarray) -> list[np.ndarray]:
    """Return the cells by their number of steps to the outlet; each pass doubles the leap."""
    leap, steps = receiver.copy(), (receiver != np.arange(receiver.size)).astype(int)
    while (further := steps + steps[leap]).max() > steps.max():
        steps, leap = further, leap[leap]
    order = np.argsort(steps, kind="stable")
    return np.split(order, np.searchsorted(steps[order], np.arange(1, steps.max() + 1)))
