"""What lies between ground and satellite on one date: the sun, the air, a cloud, and where the orbit's swath ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from lobate.example.bodies import Body
from lobate.example.fractal import fractal, smoothstep
from lobate.example.surface import Cover
from lobate.example.terrain import illumination

NODATA, SHADOW, CLOUD_MEDIUM, CLOUD_HIGH = 0, 3, 8, 9
"""Classes of the scene classification (SCL)."""
CLOUD_COLOUR = np.array([0.62, 0.61, 0.60, 0.62], dtype=np.float32)[:, None, None]
DIFFUSE = 0.16
"""Share of the light that comes from the sky."""


@dataclass(frozen=True)
class Sky:
    """One date's sun (degrees), haze (reflectance of blue, green, red, near infrared), and thickness of cloud, 0-1."""

    azimuth: float
    elevation: float
    haze: tuple[float, float, float, float]
    cloud: np.ndarray | None = None
    seen: np.ndarray | None = None


def observe(ground: Cover, surface: np.ndarray, sky: Sky, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return reflectance (4, height, width), NaN where nothing was seen, and the SCL classes (height, width)."""
    level = np.sin(np.radians(sky.elevation))
    light = DIFFUSE + (1 - DIFFUSE) * illumination(surface, sky.azimuth, sky.elevation) / level
    seen = ndimage.gaussian_filter(ground.albedo * light, (0, 0.45, 0.45))
    seen += np.array(sky.haze, dtype=np.float32)[:, None, None]
    classes = ground.classes.copy()
    if sky.cloud is not None:
        _veil(seen, classes, sky)
    seen += 0.0015 * rng.standard_normal(seen.shape, dtype=np.float32)
    if sky.seen is not None:
        seen[:, ~sky.seen] = np.nan
        classes[~sky.seen] = NODATA
    return seen, classes


def cloud_over(body: Body, shape: tuple[int, int], radius: float, rng: np.random.Generator) -> np.ndarray:
    """Return a cloud of about ``radius`` pixels, thick (1) over all of ``body``, thinning to 0 at its ragged edge."""
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    row, col = body.row + body.inside.shape[0] / 2, body.col + body.inside.shape[1] / 2
    ragged = np.hypot(rows - row, cols - col) + 0.22 * radius * fractal(shape, rng, 2.8)
    covered = np.zeros(shape, dtype=bool)
    covered[body.window] = body.mask
    return np.maximum(1 - smoothstep(ragged, 0.75 * radius, radius), ndimage.gaussian_filter(_grown(covered), 2))


def swath_east_of(body: Body, shape: tuple[int, int]) -> np.ndarray:
    """Return what an orbit sees whose slanting western edge runs just east of ``body``: all but a wedge."""
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    slant = 0.2
    inside = np.argwhere(body.mask) + np.array([body.row, body.col])
    edge = (inside[:, 1] + slant * inside[:, 0]).max() + 6
    return cols + slant * rows > edge


def _grown(mask: np.ndarray) -> np.ndarray:
    return ndimage.binary_dilation(mask, iterations=8).astype(np.float32)


def _veil(seen: np.ndarray, classes: np.ndarray, sky: Sky) -> None:
    """Throw the cloud's shadow, away from the sun, then lay the cloud over it."""
    height = 45 / np.tan(np.radians(sky.elevation))  # a cloud base 450 m above ground, in pixels
    azimuth = np.radians(sky.azimuth)
    shadow = ndimage.shift(sky.cloud, (height * np.cos(azimuth), -height * np.sin(azimuth)), order=1)
    seen *= 1 - 0.6 * shadow
    seen += sky.cloud * (CLOUD_COLOUR - seen)
    classes[shadow > 0.3] = SHADOW
    classes[sky.cloud > 0.15] = CLOUD_MEDIUM
    classes[sky.cloud > 0.6] = CLOUD_HIGH
