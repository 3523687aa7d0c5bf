"""Land cover and the scenes rendered from it.

Land cover is the reflectance of rock, debris, grass, snow and the bodies. A scene adds the sun, haze, a cloud with its
shadow, and the edge of the swath of one date.
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
"""Blue, green, red and near infrared: the bands of every reflectance in this module, in this order."""
NODATA, SHADOW, VEGETATION, BARE, WATER, CLOUD_MEDIUM, CLOUD_HIGH, SNOW = 0, 3, 4, 5, 6, 8, 9, 11
"""Classes of the scene classification (SCL)."""

ROCK = (0.125, 0.150, 0.175, 0.215)
RED_ROCK = (0.105, 0.135, 0.190, 0.240)
DEBRIS = (0.150, 0.182, 0.212, 0.255)
GRASS = (0.062, 0.098, 0.095, 0.270)
SNOW_COLOUR = (0.780, 0.760, 0.740, 0.660)
LAKE_COLOUR = (0.085, 0.095, 0.055, 0.020)
ROOF = (0.240, 0.265, 0.295, 0.320)
FIELD = (0.050, 0.095, 0.060, 0.380)
CLOUD_COLOUR = np.array([0.62, 0.61, 0.60, 0.62], dtype=np.float32)[:, None, None]

DIFFUSE = 0.16
"""Share of the light that comes from the sky."""

WHOLE = (slice(None), slice(None))
"""Window of the whole world."""


@dataclass
class LandCover:
    """Reflectance of level ground, (4, height, width), and the class of each pixel, (height, width)."""

    albedo: np.ndarray
    classes: np.ndarray

    def blend(self, window: tuple[slice, slice], colour: npt.ArrayLike, share: np.ndarray) -> None:
        """Mix ``colour`` (4,) or (4, h, w) into a window by ``share`` (h, w)."""
        albedo = self.albedo[(slice(None), *window)]
        tone = np.asarray(colour, dtype=np.float32)
        albedo += share * ((tone if tone.ndim == 3 else tone[:, None, None]) - albedo)


def land_cover(surface: np.ndarray, bodies: list[Body], rng: np.random.Generator) -> LandCover:
    """Return the land cover of a surface with its bodies."""
    cover = _bare_ground(surface, rng)
    for body in bodies:
        PAINTERS[body.kind](cover, body)
    grain = 1 + 0.05 * fractal(surface.shape, rng, 1.2)
    cover.albedo *= np.where(cover.classes == WATER, 1, grain)
    return cover


def _bare_ground(surface: np.ndarray, rng: np.random.Generator) -> LandCover:
    shape = surface.shape
    lithology, patches, moisture = fractal(shape, rng, 3.2), fractal(shape, rng, 2.2), fractal(shape, rng, 2.6)
    steep = slope(surface, 3)
    cover = LandCover(np.zeros((len(BANDS), *shape), np.float32), np.full(shape, BARE, np.uint8))
    cover.blend(WHOLE, ROCK, np.ones(shape))
    cover.blend(WHOLE, RED_ROCK, smoothstep(lithology, 0.2, 0.9))
    cover.blend(WHOLE, DEBRIS, 0.9 * (1 - smoothstep(steep + 0.06 * patches, 0.35, 0.65)))
    cover.albedo *= 1 + 0.09 * patches
    _grass(cover, surface, steep, moisture)
    _snow(cover, surface, patches)
    return cover


def _grass(cover: LandCover, surface: np.ndarray, steep: np.ndarray, moisture: np.ndarray) -> None:
    """Add meadows on gentle, low ground."""
    low = 1 - smoothstep(surface, *np.percentile(surface, [10, 30]))
    share = 0.85 * low * (1 - smoothstep(steep, 0.15, 0.4)) * smoothstep(moisture, -0.4, 0.8)
    cover.blend(WHOLE, GRASS, share)
    cover.classes[share > 0.5] = VEGETATION


def _snow(cover: LandCover, surface: np.ndarray, patches: np.ndarray) -> None:
    """Add snow above a line that lies lower on slopes that face north."""
    northward = np.gradient(ndimage.gaussian_filter(surface, 5), 10.0, axis=0)
    line = np.percentile(surface, 96.5)
    share = smoothstep(surface + 220 * np.clip(northward, -0.8, 0.8) + 55 * patches, line + 60, line + 110)
    cover.blend(WHOLE, SNOW_COLOUR, share)
    cover.classes[share > 0.5] = SNOW


def _rock_glacier(cover: LandCover, body: Body) -> None:
    """Add grey blocks, a little darker in the furrows and at the front; tone alone does not separate them from debris."""
    rng = np.random.default_rng(body.seed + 2)
    tone = np.array(DEBRIS) * rng.uniform(0.80, 1.0) * np.array([1.04, 1.0, rng.uniform(0.94, 0.99), 0.97])
    texture = 1 + 0.07 * furrows(body) * smoothstep(body.edge_distance, 1, 4) - 0.24 * front_steepness(body)
    cover.blend(body.window, tone[:, None, None] * texture, 0.85 * smoothstep(body.edge_distance, -0.5, 1.0))
    cover.classes[body.window][body.mask] = BARE


def _debris_glacier(cover: LandCover, body: Body) -> None:
    """Add ice above, then debris with medial moraines and a few melt ponds."""
    rng = body.rng()
    shape = body.edge_distance.shape
    downslope, edge = body.along / body.length, smoothstep(body.edge_distance, -0.5, 1.0)
    wavy = body.across + 2 * fractal(shape, rng, 3.0, cells=10)
    moraines = 1 + 0.09 * np.sin(2 * np.pi * wavy / rng.uniform(11, 15))
    blocks = 1 + 0.10 * fractal(shape, rng, 1.4, cells=3)
    cover.blend(body.window, np.array(DEBRIS)[:, None, None] * 0.88 * moraines * blocks, 0.9 * edge)
    ice = edge * (1 - smoothstep(downslope + 0.05 * fractal(shape, rng, 2.4), 0.12, 0.30))
    cover.blend(body.window, (0.46, 0.45, 0.43, 0.36), ice)
    ponds = (
        edge * smoothstep(fractal(shape, rng, 2.6, cells=4), 2.1, 2.5) * (downslope > 0.35) * (body.edge_distance > 3)
    )
    cover.blend(body.window, LAKE_COLOUR, ponds)
    cover.classes[body.window][body.mask] = BARE
    cover.classes[body.window][ice > 0.5] = SNOW


def _solifluction(cover: LandCover, body: Body) -> None:
    """Add stripes of earth and grass down the slope, without an edge."""
    shade = 1 + 0.10 * stripes(body)
    tone = (0.7 * np.array(DEBRIS) + 0.3 * np.array(GRASS))[:, None, None] * shade
    cover.blend(body.window, tone, 0.8 * smoothstep(body.edge_distance, -1, 5))
    cover.classes[body.window][body.mask] = BARE


def _lake(cover: LandCover, body: Body) -> None:
    cover.blend(body.window, LAKE_COLOUR, smoothstep(body.edge_distance, -0.3, 1.0))
    cover.classes[body.window][body.mask] = WATER


def _village(cover: LandCover, body: Body) -> None:
    """Add fields in rectangles, and bright roofs between them."""
    rng = body.rng()
    height, width = body.edge_distance.shape
    plots = np.kron(rng.random((height // 5 + 1, width // 4 + 1)), np.ones((5, 4)))[:height, :width]
    roofs = rng.random((height, width)) < 0.5 * np.exp(
        -np.maximum(body.edge_distance.max() - body.edge_distance, 0) / 3
    )
    edge = smoothstep(body.edge_distance, 0, 1.5)
    cover.blend(body.window, np.array(FIELD)[:, None, None] * (0.8 + 0.5 * plots), edge * (plots > 0.25))
    cover.blend(body.window, ROOF, edge * roofs)
    cover.classes[body.window][body.mask & (plots > 0.25) & ~roofs] = VEGETATION


PAINTERS = {
    ROCK_GLACIER: _rock_glacier,
    DEBRIS_GLACIER: _debris_glacier,
    SOLIFLUCTION: _solifluction,
    LAKE: _lake,
    VILLAGE: _village,
}


@dataclass(frozen=True)
class Sky:
    """One date's sun (degrees), haze (reflectance by band), cloud thickness (0 to 1) and pixels in the swath."""

    azimuth: float
    elevation: float
    haze: tuple[float, float, float, float]
    cloud: np.ndarray | None = None
    swath: np.ndarray | None = None


def render_scene(
    cover: LandCover, surface: np.ndarray, sky: Sky, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return reflectance (4, height, width), NaN outside the swath, and the SCL classes (height, width)."""
    level = np.sin(np.radians(sky.elevation))
    light = DIFFUSE + (1 - DIFFUSE) * illumination(surface, sky.azimuth, sky.elevation) / level
    reflectance = ndimage.gaussian_filter(cover.albedo * light, (0, 0.45, 0.45))
    reflectance += np.array(sky.haze, dtype=np.float32)[:, None, None]
    classes = cover.classes.copy()
    if sky.cloud is not None:
        _add_cloud(reflectance, classes, sky, sky.cloud)
    reflectance += 0.0015 * rng.standard_normal(reflectance.shape, dtype=np.float32)
    if sky.swath is not None:
        reflectance[:, ~sky.swath] = np.nan
        classes[~sky.swath] = NODATA
    return reflectance, classes


def cloud_over(body: Body, shape: tuple[int, int], radius: float, rng: np.random.Generator) -> np.ndarray:
    """Return a cloud of about ``radius`` pixels: 1 over all of ``body``, and down to 0 at its ragged edge."""
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    row, col = body.row + body.edge_distance.shape[0] / 2, body.col + body.edge_distance.shape[1] / 2
    ragged = np.hypot(rows - row, cols - col) + 0.22 * radius * fractal(shape, rng, 2.8)
    covered = np.zeros(shape, dtype=bool)
    covered[body.window] = body.mask
    dilated = ndimage.binary_dilation(covered, iterations=8).astype(np.float32)
    return np.maximum(1 - smoothstep(ragged, 0.75 * radius, radius), ndimage.gaussian_filter(dilated, 2))


def swath_east_of(body: Body, shape: tuple[int, int]) -> np.ndarray:
    """Return the pixels in the swath of an orbit; its slanting western edge runs just east of ``body``."""
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    slant = 0.2
    pixels = np.argwhere(body.mask) + np.array([body.row, body.col])
    edge = (pixels[:, 1] + slant * pixels[:, 0]).max() + 6
    return cols + slant * rows > edge


def _add_cloud(reflectance: np.ndarray, classes: np.ndarray, sky: Sky, cloud: np.ndarray) -> None:
    """Darken the cloud's shadow, away from the sun, then blend the cloud over it."""
    height = 45 / np.tan(np.radians(sky.elevation))  # a cloud base 450 m above ground, in pixels
    azimuth = np.radians(sky.azimuth)
    shadow = ndimage.shift(cloud, (height * np.cos(azimuth), -height * np.sin(azimuth)), order=1)
    reflectance *= 1 - 0.6 * shadow
    reflectance += cloud * (CLOUD_COLOUR - reflectance)
    classes[shadow > 0.3] = SHADOW
    classes[cloud > 0.15] = CLOUD_MEDIUM
    classes[cloud > 0.6] = CLOUD_HIGH
