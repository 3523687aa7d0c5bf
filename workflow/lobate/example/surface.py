"""What covers the ground and how much light it gives back: rock, debris, grass, snow, and the bodies on it.

What lies between ground and satellite on one date: the sun, the air, a cloud, and where the orbit's swath ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from lobate.example.landforms import (
    DEBRIS_GLACIER,
    LAKE,
    ROCK_GLACIER,
    SOLIFLUCTION,
    VILLAGE,
    Body,
    front_steepness,
    furrows,
    stripes,
)
from lobate.example.terrain import fractal, illumination, slope, smoothstep

BANDS = ("B02", "B03", "B04", "B08")
"""Blue, green, red and near infrared; every reflectance here has these four, in this order."""
VEGETATION, BARE, WATER, SNOW = 4, 5, 6, 11
"""Classes of the scene classification (SCL)."""

ROCK = (0.125, 0.150, 0.175, 0.215)
RED_ROCK = (0.105, 0.135, 0.190, 0.240)
DEBRIS = (0.150, 0.182, 0.212, 0.255)
GRASS = (0.062, 0.098, 0.095, 0.270)
SNOW_COLOUR = (0.780, 0.760, 0.740, 0.660)
LAKE_COLOUR = (0.085, 0.095, 0.055, 0.020)
ROOF = (0.240, 0.265, 0.295, 0.320)
FIELD = (0.050, 0.095, 0.060, 0.380)


@dataclass
class Cover:
    """Reflectance of level ground, (4, height, width), and the class of each pixel, (height, width)."""

    albedo: np.ndarray
    classes: np.ndarray

    def blend(self, window: tuple[slice, slice], colour: npt.ArrayLike, share: np.ndarray) -> None:
        """Lay ``colour`` (4,) or (4, h, w) over a window, with this share (h, w)."""
        part = self.albedo[(slice(None), *window)]
        tone = np.asarray(colour, dtype=np.float32)
        part += share * ((tone if tone.ndim == 3 else tone[:, None, None]) - part)


def cover(surface: np.ndarray, bodies: list[Body], rng: np.random.Generator) -> Cover:
    """Return the cover of a surface (with its bodies on it)."""
    ground = _bare(surface, rng)
    for body in bodies:
        PAINT[body.kind](ground, body)
    grain = 1 + 0.05 * fractal(surface.shape, rng, 1.2)
    ground.albedo *= np.where(ground.classes == WATER, 1, grain)
    return ground


def _bare(surface: np.ndarray, rng: np.random.Generator) -> Cover:
    shape = surface.shape
    lithology, patches, moisture = fractal(shape, rng, 3.2), fractal(shape, rng, 2.2), fractal(shape, rng, 2.6)
    steep = slope(surface, 3)
    ground = Cover(np.zeros((len(BANDS), *shape), np.float32), np.full(shape, BARE, np.uint8))
    everywhere = (slice(None), slice(None))
    ground.blend(everywhere, ROCK, np.ones(shape))
    ground.blend(everywhere, RED_ROCK, smoothstep(lithology, 0.2, 0.9))
    ground.blend(everywhere, DEBRIS, 0.9 * (1 - smoothstep(steep + 0.06 * patches, 0.35, 0.65)))
    ground.albedo *= 1 + 0.09 * patches
    _grass(ground, surface, steep, moisture)
    _snow(ground, surface, patches)
    return ground


def _grass(ground: Cover, surface: np.ndarray, steep: np.ndarray, moisture: np.ndarray) -> None:
    """Meadows on gentle, low ground."""
    low = 1 - smoothstep(surface, *np.percentile(surface, [10, 30]))
    share = 0.85 * low * (1 - smoothstep(steep, 0.15, 0.4)) * smoothstep(moisture, -0.4, 0.8)
    ground.blend((slice(None), slice(None)), GRASS, share)
    ground.classes[share > 0.5] = VEGETATION


def _snow(ground: Cover, surface: np.ndarray, patches: np.ndarray) -> None:
    """Snow above a line that lies lower on slopes that look north."""
    northward = np.gradient(ndimage.gaussian_filter(surface, 5), 10.0, axis=0)
    line = np.percentile(surface, 96.5)
    share = smoothstep(surface + 220 * np.clip(northward, -0.8, 0.8) + 55 * patches, line + 60, line + 110)
    ground.blend((slice(None), slice(None)), SNOW_COLOUR, share)
    ground.classes[share > 0.5] = SNOW


def _rock_glacier(ground: Cover, body: Body) -> None:
    """Grey blocks, a little darker in the furrows and at the front; the tone alone does not give it away."""
    rng = np.random.default_rng(body.seed + 2)
    tone = np.array(DEBRIS) * rng.uniform(0.80, 1.0) * np.array([1.04, 1.0, rng.uniform(0.94, 0.99), 0.97])
    texture = 1 + 0.07 * furrows(body) * smoothstep(body.inside, 1, 4) - 0.24 * front_steepness(body)
    ground.blend(body.window, tone[:, None, None] * texture, 0.85 * smoothstep(body.inside, -0.5, 1.0))
    ground.classes[body.window][body.mask] = BARE


def _debris_glacier(ground: Cover, body: Body) -> None:
    """Ice above, then debris with medial moraines and a few melt ponds."""
    rng = body.random()
    shape = body.inside.shape
    downslope, edge = body.along / body.length, smoothstep(body.inside, -0.5, 1.0)
    wavy = body.across + 2 * fractal(shape, rng, 3.0, cells=10)
    moraines = 1 + 0.09 * np.sin(2 * np.pi * wavy / rng.uniform(11, 15))
    blocks = 1 + 0.10 * fractal(shape, rng, 1.4, cells=3)
    ground.blend(body.window, np.array(DEBRIS)[:, None, None] * 0.88 * moraines * blocks, 0.9 * edge)
    ice = edge * (1 - smoothstep(downslope + 0.05 * fractal(shape, rng, 2.4), 0.12, 0.30))
    ground.blend(body.window, (0.46, 0.45, 0.43, 0.36), ice)
    ponds = edge * smoothstep(fractal(shape, rng, 2.6, cells=4), 2.1, 2.5) * (downslope > 0.35) * (body.inside > 3)
    ground.blend(body.window, LAKE_COLOUR, ponds)
    ground.classes[body.window][body.mask] = BARE
    ground.classes[body.window][ice > 0.5] = SNOW


def _solifluction(ground: Cover, body: Body) -> None:
    """Stripes of earth and grass down the slope, without an edge."""
    shade = 1 + 0.10 * stripes(body)
    tone = (0.7 * np.array(DEBRIS) + 0.3 * np.array(GRASS))[:, None, None] * shade
    ground.blend(body.window, tone, 0.8 * smoothstep(body.inside, -1, 5))
    ground.classes[body.window][body.mask] = BARE


def _lake(ground: Cover, body: Body) -> None:
    ground.blend(body.window, LAKE_COLOUR, smoothstep(body.inside, -0.3, 1.0))
    ground.classes[body.window][body.mask] = WATER


def _village(ground: Cover, body: Body) -> None:
    """Fields in rectangles, and bright roofs between them."""
    rng = body.random()
    height, width = body.inside.shape
    plots = np.kron(rng.random((height // 5 + 1, width // 4 + 1)), np.ones((5, 4)))[:height, :width]
    roofs = rng.random((height, width)) < 0.5 * np.exp(-np.maximum(body.inside.max() - body.inside, 0) / 3)
    edge = smoothstep(body.inside, 0, 1.5)
    ground.blend(body.window, np.array(FIELD)[:, None, None] * (0.8 + 0.5 * plots), edge * (plots > 0.25))
    ground.blend(body.window, ROOF, edge * roofs)
    ground.classes[body.window][body.mask & (plots > 0.25) & ~roofs] = VEGETATION


PAINT = {
    ROCK_GLACIER: _rock_glacier,
    DEBRIS_GLACIER: _debris_glacier,
    SOLIFLUCTION: _solifluction,
    LAKE: _lake,
    VILLAGE: _village,
}


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


def render_scene(
    ground: Cover, surface: np.ndarray, sky: Sky, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return reflectance (4, height, width), NaN where nothing was seen, and the SCL classes (height, width)."""
    level = np.sin(np.radians(sky.elevation))
    light = DIFFUSE + (1 - DIFFUSE) * illumination(surface, sky.azimuth, sky.elevation) / level
    seen = ndimage.gaussian_filter(ground.albedo * light, (0, 0.45, 0.45))
    seen += np.array(sky.haze, dtype=np.float32)[:, None, None]
    classes = ground.classes.copy()
    if sky.cloud is not None:
        _veil(seen, classes, sky, sky.cloud)
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


def _veil(seen: np.ndarray, classes: np.ndarray, sky: Sky, cloud: np.ndarray) -> None:
    """Throw the cloud's shadow, away from the sun, then lay the cloud over it."""
    height = 45 / np.tan(np.radians(sky.elevation))  # a cloud base 450 m above ground, in pixels
    azimuth = np.radians(sky.azimuth)
    shadow = ndimage.shift(cloud, (height * np.cos(azimuth), -height * np.sin(azimuth)), order=1)
    seen *= 1 - 0.6 * shadow
    seen += cloud * (CLOUD_COLOUR - seen)
    classes[shadow > 0.3] = SHADOW
    classes[cloud > 0.15] = CLOUD_MEDIUM
    classes[cloud > 0.6] = CLOUD_HIGH
