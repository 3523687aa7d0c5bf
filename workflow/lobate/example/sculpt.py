"""What each kind of body does to the heights: ridges and a steep front, hummocks, stripes, level water."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from lobate.example.bodies import DEBRIS_GLACIER, LAKE, ROCK_GLACIER, SOLIFLUCTION, VILLAGE, Body
from lobate.example.fractal import fractal, smoothstep


def sculpt(surface: np.ndarray, bodies: list[Body]) -> np.ndarray:
    """Return the heights (metres, 10 m pixels) with all bodies on them."""
    shaped = surface.copy()
    for body in bodies:
        shaped[body.window] = SHAPES[body.kind](shaped[body.window], body)
    return shaped


def furrows(body: Body) -> np.ndarray:
    """Return the ridges and furrows of a rock glacier between -1 and 1, bent downslope in the middle.

    phase = 2 pi (s + b d^2 / w) / wavelength, with s along, d across, w the half-width; waves shorten towards the front.
    """
    rng = body.random()
    half_width = max(np.abs(body.across[body.mask]).max(), 1.0)
    bent = body.along + rng.uniform(0.5, 0.9) * body.across**2 / half_width + 2.0 * _ripple(body, rng, 8)
    wavelength = rng.uniform(4.8, 6.5)
    crowding = 0.25 * bent**2 / (2 * body.length)
    return np.sin(2 * np.pi * (bent + crowding) / wavelength).astype(np.float32)


def frontness(body: Body) -> np.ndarray:
    """Return how much a pixel belongs to the steep front: the outer three pixels of the lower part."""
    rim = smoothstep(body.inside, -0.5, 0.5) * (1 - smoothstep(body.inside, 2.0, 4.0))
    return rim * smoothstep(body.along / body.length, 0.35, 0.8)


def _rock_glacier(surface: np.ndarray, body: Body) -> np.ndarray:
    rng = np.random.default_rng(body.seed + 1)
    thickness, ridge = rng.uniform(16, 28), rng.uniform(1.6, 2.6)
    downslope = np.clip(body.along / body.length, 0, 1)
    raised = thickness * smoothstep(body.inside, -0.5, 3.5) * (0.4 + 0.6 * smoothstep(downslope, 0.05, 0.5))
    waves = ridge * furrows(body) * smoothstep(body.inside, 1.0, 4.0) * (0.65 + 0.35 * downslope)
    return _smoothed(surface, body, 5) + raised + waves


def _debris_glacier(surface: np.ndarray, body: Body) -> np.ndarray:
    rng = body.random()
    half_width = np.abs(body.across[body.mask]).max()
    hummocks = 2.6 * fractal(body.inside.shape, rng, 1.6, cells=5) * smoothstep(body.along / body.length, 0.1, 0.35)
    hollow = -8 * smoothstep(body.inside, 2, 0.5 * half_width)
    moraine = 9 * np.exp(-((body.inside - 1.0) ** 2) / 4)
    return _smoothed(surface, body, 6) + smoothstep(body.inside, -1, 2) * (hummocks + hollow) + moraine


def _solifluction(surface: np.ndarray, body: Body) -> np.ndarray:
    return _smoothed(surface, body, 4) + 0.5 * stripes(body) * smoothstep(body.inside, 0, 4)


def stripes(body: Body) -> np.ndarray:
    """Return stripes that run down the slope, between -1 and 1, as sorted ground has them."""
    rng = body.random()
    return np.sin(2 * np.pi * (body.across + 2.5 * _ripple(body, rng, 10)) / rng.uniform(3.6, 4.8)).astype(np.float32)


def _lake(surface: np.ndarray, body: Body) -> np.ndarray:
    level = float(np.percentile(surface[body.mask], 25))
    share = smoothstep(body.inside, -4, 1)
    return surface * (1 - share) + level * share


def _village(surface: np.ndarray, body: Body) -> np.ndarray:
    return _smoothed(surface, body, 6)


def _smoothed(surface: np.ndarray, body: Body, sigma: float) -> np.ndarray:
    """Fine debris hides the rough ground below a body."""
    share = smoothstep(body.inside, -2, 2)
    return surface * (1 - share) + ndimage.gaussian_filter(surface, sigma) * share


def _ripple(body: Body, rng: np.random.Generator, cells: float) -> np.ndarray:
    return fractal(body.inside.shape, rng, 3.0, cells=cells)


SHAPES = {
    ROCK_GLACIER: _rock_glacier,
    DEBRIS_GLACIER: _debris_glacier,
    SOLIFLUCTION: _solifluction,
    LAKE: _lake,
    VILLAGE: _village,
}
