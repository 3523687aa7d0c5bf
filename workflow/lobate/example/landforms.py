"""The bodies that lie on the terrain: tongues that flow down a slope, and patches that cover one.

A body carries its own coordinates, so that ridges, fronts and stripes can be drawn on it: how far a pixel lies inside its
edge, how far along it and how far to the side.

What each kind of body does to the heights: ridges and a steep front, hummocks, stripes, level water.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from rasterio.features import shapes
from scipy import ndimage
from scipy.spatial import cKDTree
from shapely.geometry import Polygon, shape

from lobate.example.terrain import fractal, smoothstep

ROCK_GLACIER = "rock glacier"
DEBRIS_GLACIER = "debris-covered glacier"
SOLIFLUCTION = "solifluction slope"
LAKE = "lake"
VILLAGE = "village"
ROUND = 8
"""Pixels round a body that its window holds beside it."""


@dataclass(frozen=True, eq=False)
class Body:
    """One landform or look-alike. Arrays cover its window of the world; all lengths are in pixels.

    ``inside`` is the distance to the edge (negative outside), ``along`` the distance from the upper end, ``across`` the
    signed distance from the middle line.
    """

    kind: str
    row: int
    col: int
    inside: np.ndarray
    along: np.ndarray
    across: np.ndarray
    length: float
    seed: int

    @property
    def mask(self) -> np.ndarray:
        """Which pixels of the window belong to it."""
        return self.inside > 0

    @property
    def window(self) -> tuple[slice, slice]:
        """Its window as slices of the world's arrays."""
        height, width = self.inside.shape
        return slice(self.row, self.row + height), slice(self.col, self.col + width)

    @property
    def outline(self) -> Polygon:
        """Its edge along pixel borders; x is the column, y the row, in the world."""
        ((geometry, _),) = shapes(
            self.mask.astype(np.uint8), mask=self.mask, transform=(1, 0, self.col, 0, 1, self.row)
        )
        return shape(geometry)

    def random(self) -> np.random.Generator:
        """Return a fresh generator that belongs to this body alone."""
        return np.random.default_rng(self.seed)


def descent(smooth: np.ndarray, start: tuple[float, float], length: float) -> np.ndarray:
    """Return the way down from ``start`` over a smoothed surface: points (row, col) one pixel apart.

    It keeps some of its direction, as ice and debris do, and ends early on flat ground and at the world's edge.
    """
    here, heading = np.array(start, dtype=float), np.zeros(2)
    way: list[np.ndarray] = []
    while len(way) <= length:
        row, col = np.round(here).astype(int)
        if not (1 <= row < smooth.shape[0] - 1 and 1 <= col < smooth.shape[1] - 1):
            break
        down = -np.array([smooth[row + 1, col] - smooth[row - 1, col], smooth[row, col + 1] - smooth[row, col - 1]])
        if np.hypot(*down) < 1.2:  # metres over two pixels
            break
        heading = 0.85 * heading + 0.15 * down / np.hypot(*down)
        way.append(here)
        here = here + heading / np.hypot(*heading)
    return np.array(way)


def tongue_shape(
    kind: str, way: np.ndarray, half_width: np.ndarray, wobble: float, rng: np.random.Generator
) -> Body | None:
    """Return a body along ``way`` with a half-width in pixels at each point and an edge that wobbles by ``wobble``.

    None when noise has cut it into pieces that are all small.
    """
    row, col = (np.floor(way.min(axis=0) - half_width.max()) - ROUND).astype(int)
    height, width = (np.ceil(way.max(axis=0) + half_width.max()) + ROUND).astype(int) - (row, col)
    rows, cols = np.mgrid[row : row + height, col : col + width]
    distance, nearest = cKDTree(way).query(np.stack([rows, cols], axis=-1))
    ahead = np.gradient(way, axis=0)[nearest]
    side = np.sign(ahead[..., 0] * (cols - way[nearest, 1]) - ahead[..., 1] * (rows - way[nearest, 0]))
    inside = half_width[nearest] - distance + wobble * _noise((height, width), rng)
    body = Body(kind, row, col, inside, nearest.astype(float), side * distance, float(len(way)), _seed(rng))
    return _whole(body, least=0.5 * 2 * half_width.sum())


def patch(kind: str, centre: tuple[int, int], radius: float, down: np.ndarray, rng: np.random.Generator) -> Body | None:
    """Return a blob round ``centre`` of about ``radius`` pixels; ``down`` is the direction of its slope (row, col)."""
    reach = int(1.7 * radius) + ROUND
    rows, cols = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    stretch, turn = rng.uniform(1.0, 1.5), rng.uniform(0, np.pi)
    x, y = np.cos(turn) * cols + np.sin(turn) * rows, np.cos(turn) * rows - np.sin(turn) * cols
    inside = radius - np.hypot(x / stretch, y * stretch) + 0.18 * radius * _noise(rows.shape, rng)
    along, across = rows * down[0] + cols * down[1], cols * down[0] - rows * down[1]
    body = Body(kind, centre[0] - reach, centre[1] - reach, inside, along + reach, across, 2.0 * reach, _seed(rng))
    return _whole(body, least=radius**2)


def _whole(body: Body, least: float) -> Body | None:
    """Keep the largest piece, without holes; one that touches its window's edge or is small is no body."""
    pieces, count = ndimage.label(body.mask)
    if not count:
        return None
    largest = pieces == np.argmax(np.bincount(pieces.ravel())[1:]) + 1
    filled = ndimage.binary_fill_holes(largest)
    border = np.concatenate([filled[0], filled[-1], filled[:, 0], filled[:, -1]])
    if filled.sum() < least or border.any():
        return None
    distance = ndimage.distance_transform_edt(filled) - ndimage.distance_transform_edt(~filled)
    return replace(body, inside=distance - 0.5 * np.sign(distance))


def _noise(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    return fractal(size, rng, 3.0, cells=6)


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def add_relief(surface: np.ndarray, bodies: list[Body]) -> np.ndarray:
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
    bent = body.along + rng.uniform(0.5, 0.9) * body.across**2 / half_width + 2.0 * _noise_in_body(body, rng, 8)
    wavelength = rng.uniform(4.8, 6.5)
    crowding = 0.25 * bent**2 / (2 * body.length)
    return np.sin(2 * np.pi * (bent + crowding) / wavelength).astype(np.float32)


def front_steepness(body: Body) -> np.ndarray:
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
    return np.sin(2 * np.pi * (body.across + 2.5 * _noise_in_body(body, rng, 10)) / rng.uniform(3.6, 4.8)).astype(
        np.float32
    )


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


def _noise_in_body(body: Body, rng: np.random.Generator, cells: float) -> np.ndarray:
    return fractal(body.inside.shape, rng, 3.0, cells=cells)


SHAPES = {
    ROCK_GLACIER: _rock_glacier,
    DEBRIS_GLACIER: _debris_glacier,
    SOLIFLUCTION: _solifluction,
    LAKE: _lake,
    VILLAGE: _village,
}
